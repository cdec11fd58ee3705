"""From which score on a detection counts, per class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detector_runtime.checks import check_number
from detector_runtime.errors import ConfigurationError

DEFAULT_CONFIDENCE = 0.35


@dataclass(frozen=True)
class Thresholds:
    """Lowest score that counts: `per_class` by class name, `default` for all others; 0 to 1."""

    default: float = DEFAULT_CONFIDENCE
    per_class: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in {"default": self.default, **self.per_class}.items():
            check_number(f"the threshold '{name}'", value, 0, 1)

    def for_classes(self, class_names: Sequence[str]) -> NDArray[np.float32]:
        """One threshold per class index, shape `(len(class_names),)`.

        Raises:
            ConfigurationError: a threshold for a class that the model does not have.
        """
        unknown = sorted(set(self.per_class) - set(class_names))
        if unknown:
            raise ConfigurationError(
                f"thresholds for classes that the model does not have: {', '.join(unknown)}",
                f"Its classes are: {', '.join(class_names)}.",
            )
        return np.array(
            [self.per_class.get(name, self.default) for name in class_names], np.float32
        )

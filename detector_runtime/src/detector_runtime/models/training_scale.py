"""At which size a model learned things, as its file and its bundle state it.

An ONNX file says so in its metadata (`metadata_props`), three texts::

    detector_runtime.trained_on    "frame" or "tile"
    detector_runtime.scale         input pixels per pixel of the image in training, "1.0"
    detector_runtime.image_size    width and height of the images of training, "320x320"

Files without the first say nothing, as those of other makers, and are looked at as ever: whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast, get_args

from detector_runtime.errors import ModelLoadError
from detector_runtime.geometry.letterbox import Size
from detector_runtime.models.base import LARGEST_SCALE, SMALLEST_SCALE, TrainedOn

TRAINED_ON_KEY = "detector_runtime.trained_on"
SCALE_KEY = "detector_runtime.scale"
IMAGE_SIZE_KEY = "detector_runtime.image_size"


@dataclass(frozen=True)
class TrainingScale:
    """At which size a model learned things.

    Attributes:
        trained_on: "frame": images were whole screenshots, so things have the right size where a
            whole screenshot fills the input. "tile": they were parts of screenshots in the game's
            own pixels, so things have it at `scale`, however large the screenshot is.
        scale: input pixels per pixel of the images of training, from 1/64 to 64.
        image_size: width and height of most images of training, in their own pixels.
    """

    trained_on: TrainedOn
    scale: float
    image_size: Size

    def to_metadata(self) -> dict[str, str]:
        """The three texts that an ONNX file carries."""
        return {
            TRAINED_ON_KEY: self.trained_on,
            SCALE_KEY: repr(float(self.scale)),
            IMAGE_SIZE_KEY: f"{self.image_size[0]}x{self.image_size[1]}",
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> TrainingScale | None:
        """What an ONNX file says; None where it says nothing.

        Raises:
            ModelLoadError: it says something that cannot be understood.
        """
        trained_on = metadata.get(TRAINED_ON_KEY)
        if trained_on is None:
            return None
        size = re.fullmatch(r"(\d{1,5})x(\d{1,5})", metadata.get(IMAGE_SIZE_KEY, ""))
        scale = _number(metadata.get(SCALE_KEY, ""))
        if size and SMALLEST_SCALE <= scale <= LARGEST_SCALE and trained_on in get_args(TrainedOn):
            return cls(cast(TrainedOn, trained_on), scale, (int(size[1]), int(size[2])))
        said = {key: text for key, text in metadata.items() if key.startswith("detector_runtime.")}
        raise ModelLoadError(
            f"the model's metadata does not say clearly how large it learned things: {said}",
            "Export the weights again with Outpost, or update: pip install --upgrade "
            "detector-runtime.",
        )


def _number(text: str) -> float:
    """The number in a text; 0 where there is none."""
    try:
        return float(text)
    except ValueError:
        return 0.0

"""What a detector returns."""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from detector_runtime.errors import MissingDependencyError

SERIALS_PER_CLASS = 1_000_000

UNKNOWN_OWNER = "unknown"
"""Owner of what was looked at, where no owner is likely enough."""

ModelKind = Literal["bundle", "onnx", "pt", "mock"]


@dataclass(frozen=True)
class ModelSource:
    """Which model made a result."""

    kind: ModelKind
    name: str
    version: str = ""

    @property
    def is_mock(self) -> bool:
        """True when nothing was looked at: the entities are made up."""
        return self.kind == "mock"

    def __str__(self) -> str:
        return " ".join(part for part in (self.kind, self.name, self.version) if part)


@dataclass(frozen=True)
class Timings:
    """Milliseconds that the stages of one call took."""

    preprocess_ms: float = 0.0
    inference_ms: float = 0.0
    postprocess_ms: float = 0.0
    tracking_ms: float = 0.0

    @property
    def total_ms(self) -> float:
        """All stages together."""
        return self.preprocess_ms + self.inference_ms + self.postprocess_ms + self.tracking_ms


@dataclass(frozen=True)
class DetectedEntity:
    """One thing on the screen.

    `bbox` is (x1, y1, x2, y2) and `center` (x, y), in pixels of the image from its upper left
    corner; `confidence` lies between 0 and 1; `area` is in square pixels. `id` is the class name at
    first sight and a number, `sheep_0`, and keeps its meaning over frames while tracking is on.
    `tentative` marks what the tracker has seen only once, of a detector that gives false
    detections. `owner` is the colour of its player, "nature" of what belongs to nobody, "unknown"
    where no owner is likely enough, and None of a model that cannot tell owners;
    `owner_confidence` lies between 0 and 1.
    """

    id: str
    class_name: str
    bbox: tuple[float, float, float, float]
    center: tuple[float, float]
    confidence: float
    area: float = 0.0
    tentative: bool = False
    owner: str | None = None
    owner_confidence: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON or a prompt: pixels to 0.01, confidence to 0.0001."""
        return {
            "id": self.id,
            "class_name": self.class_name,
            "bbox": [round(value, 2) for value in self.bbox],
            "center": [round(value, 2) for value in self.center],
            "confidence": round(self.confidence, 4),
            "area": round(self.area, 2),
            "tentative": self.tentative,
            "owner": self.owner,
            "owner_confidence": round(self.owner_confidence, 4),
        }


@dataclass(frozen=True, eq=False)
class Detections(Sequence[DetectedEntity]):
    """The entities of one image: a sequence, with the arrays that it stands on.

    `boxes` (n, 4) float32 in pixels of the image, `scores` (n,) float32 from 0 to 1, `class_ids`
    (n,) indices into `class_names`, `ids` n strings. `image_size` is (width, height).
    `scale_ratio` says how much larger (above 1) or smaller the model saw things than it did in
    training. `truncated` is True when the model reported all that it can: more may be there.
    `owner_names` are the colours of the players, then "nature"; empty of a model that cannot tell
    owners. `owner_probabilities` (n, owners) float32 goes with them, and `owner_threshold` is the
    least probability of an owner that is named.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.intp]
    class_names: tuple[str, ...]
    ids: tuple[str, ...]
    source: ModelSource
    image_size: tuple[int, int]
    tentative: NDArray[np.bool_]
    timings: Timings = field(default_factory=Timings)
    scale_ratio: float = 1.0
    truncated: bool = False
    owner_names: tuple[str, ...] = ()
    owner_probabilities: NDArray[np.float32] | None = None
    owner_threshold: float = 0.5

    @property
    def owners(self) -> tuple[str | None, ...]:
        """The owner of each entity; see `DetectedEntity`."""
        return tuple(owner for owner, _ in self._owners())

    @cached_property
    def entities(self) -> list[DetectedEntity]:
        """The entities, made from the arrays when first asked for."""
        x1, y1, x2, y2 = self.boxes.astype(np.float64).T
        columns = (
            self.ids,
            self.class_ids.tolist(),
            self.boxes.tolist(),
            ((x1 + x2) / 2).tolist(),
            ((y1 + y2) / 2).tolist(),
            self.scores.tolist(),
            ((x2 - x1) * (y2 - y1)).tolist(),
            self.tentative.tolist(),
            self._owners(),
        )
        return [
            DetectedEntity(
                name, self.class_names[class_id], tuple(box), (x, y), score, area, new, *owner
            )
            for name, class_id, box, x, y, score, area, new, owner in zip(*columns)  # noqa: B905
        ]

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, index: int) -> DetectedEntity: ...
    @overload
    def __getitem__(self, index: slice) -> list[DetectedEntity]: ...
    def __getitem__(self, index: int | slice) -> DetectedEntity | list[DetectedEntity]:
        return self.entities[index]

    def __repr__(self) -> str:
        return f"<Detections: {len(self)} entities from {self.source}>"

    def where(self, mask: NDArray[np.bool_]) -> Detections:
        """Only the entities for which `mask` (n,) is True."""
        chosen = np.flatnonzero(mask)
        return replace(
            self,
            boxes=self.boxes[chosen],
            scores=self.scores[chosen],
            class_ids=self.class_ids[chosen],
            ids=tuple(self.ids[index] for index in chosen),
            tentative=self.tentative[chosen],
            owner_probabilities=(
                None if self.owner_probabilities is None else self.owner_probabilities[chosen]
            ),
        )

    def confirmed(self) -> Detections:
        """Without what is tentative."""
        return self.where(~self.tentative)

    def find_entity_by_id(self, entity_id: str) -> DetectedEntity | None:
        """The entity with this id, or None."""
        return next((entity for entity in self.entities if entity.id == entity_id), None)

    def find_entities_by_class(self, class_name: str) -> list[DetectedEntity]:
        """All entities of a class, in the order of the sequence."""
        return [entity for entity in self.entities if entity.class_name == class_name]

    def find_nearest_entity(
        self, x: float, y: float, class_name: str | None = None
    ) -> DetectedEntity | None:
        """The entity whose centre is nearest to (x, y) in pixels; None when there is none."""
        return next(iter(self.find_entities_within(x, y, math.inf, class_name)), None)

    def find_entities_within(
        self, x: float, y: float, radius: float, class_name: str | None = None
    ) -> list[DetectedEntity]:
        """Entities whose centre lies within `radius` pixels of (x, y), nearest first."""
        candidates = [each for each in self.entities if class_name in (None, each.class_name)]
        distances = [
            ((entity.center[0] - x) ** 2 + (entity.center[1] - y) ** 2, index)
            for index, entity in enumerate(candidates)
        ]
        return [candidates[index] for square, index in sorted(distances) if square <= radius**2]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: the entities, which model made them, and how long it took."""
        return {
            "source": {**asdict(self.source), "mock": self.source.is_mock},
            "image_size": list(self.image_size),
            "scale_ratio": round(self.scale_ratio, 3),
            "truncated": self.truncated,
            "timings_ms": {
                name.removesuffix("_ms"): round(value, 3)
                for name, value in {**asdict(self.timings), "total": self.timings.total_ms}.items()
            },
            "entities": [entity.to_dict() for entity in self.entities],
        }

    def to_json(self, indent: int | None = None) -> str:
        """`to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=indent)

    def to_supervision(self) -> Any:
        """As `supervision.Detections`; the string ids are in `data["entity_id"]`.

        Raises:
            MissingDependencyError: supervision is not installed.
        """
        try:
            supervision = importlib.import_module("supervision")
        except ImportError as error:
            raise MissingDependencyError(
                "supervision is not installed", "pip install supervision"
            ) from error
        names = np.array(self.class_names, dtype=object)
        return supervision.Detections(
            xyxy=self.boxes.copy(),
            confidence=self.scores.copy(),
            class_id=self.class_ids.astype(np.int64),
            tracker_id=np.array([self._serial(name) for name in self.ids], np.int64),
            data={
                "class_name": names[self.class_ids].astype(str),
                "entity_id": np.array(self.ids, dtype=str),
                **({"owner": np.array(self.owners, dtype=str)} if self.owner_names else {}),
            },
        )

    def _owners(self) -> list[tuple[str | None, float]]:
        """Owner and its probability of each entity."""
        found = self.owner_probabilities
        if not self.owner_names or found is None:
            return [(None, 0.0)] * len(self)
        best = found.argmax(axis=1).tolist()
        return [
            (self.owner_names[index] if sure >= self.owner_threshold else UNKNOWN_OWNER, sure)
            for index, sure in zip(best, found.max(axis=1).tolist())  # noqa: B905
        ]

    def _serial(self, entity_id: str) -> int:
        # Numbers count within a class, supervision wants them unique over all.
        class_name, number = entity_id.rsplit("_", 1)
        return self.class_names.index(class_name) * SERIALS_PER_CLASS + int(number)

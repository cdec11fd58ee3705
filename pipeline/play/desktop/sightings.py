"""What a detector sees on the screen, as entities of a session, and which of them a click means.

Places are in pixels of the map: the tracker's world, at one scale for every resolution. Of a game
that draws everything larger on a larger screen, the screen's height is MAP_ROWS of them; of one
that shows more of the map instead, they are those of the screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from detector_runtime.results import Detections

from pipeline.play.recordings.events import MOST_ENTITIES, NOT_KNOWN, EntitiesEvent
from pipeline.play.simulator.observation import STATUS, Column

MAP_ROWS = 1080
IN_SIGHT = 1
MOST_PLACE = 2**15 - 1
MOST_NUMBERS = 2**15


class Aim(NamedTuple):
    """What a click means: an entity and the pixels of the map from its middle, or a place."""

    entity: int | None
    x: int
    y: int


class EntityNumbers:
    """Numbers for the tracker's ids, in the order in which these are first seen."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def of(self, ids: Sequence[str]) -> list[int]:
        """One number for each id, or NOT_KNOWN once all numbers have been given."""
        for name in ids:
            if name not in self._numbers and len(self._numbers) < MOST_NUMBERS:
                self._numbers[name] = len(self._numbers)
        return [self._numbers.get(name, NOT_KNOWN) for name in ids]


@dataclass(frozen=True, eq=False)
class Look:
    """One look of the detector, n entities.

    Attributes:
        time: of the image, nanoseconds since the session began.
        numbers, kinds: (n,).
        boxes: (n, 4), pixels of the recorded part of the screen.
        camera: where its upper left corner is in the tracker's world, in the same pixels.
        scale: pixels of the map for one of the screen.
    """

    time: int
    numbers: npt.NDArray[np.intp]
    kinds: npt.NDArray[np.intp]
    boxes: npt.NDArray[np.float64]
    camera: tuple[float, float]
    scale: float

    @property
    def centres(self) -> npt.NDArray[np.float64]:
        """(n, 2), pixels of the map."""
        middles = (self.boxes[:, :2] + self.boxes[:, 2:]) / 2
        return (middles + self.camera) * self.scale

    def event(self) -> EntitiesEvent:
        """As an event; what a detector cannot know is NOT_KNOWN."""
        rows = np.full((len(self.numbers), len(Column)), NOT_KNOWN, np.int64)
        rows[:, Column.ID], rows[:, Column.KIND] = self.numbers, self.kinds
        places = np.clip(np.rint(self.centres), -MOST_PLACE, MOST_PLACE)
        rows[:, [Column.X, Column.Y]] = places
        rows[:, Column.KNOWN], rows[:, Column.AGE] = IN_SIGHT, 0
        return EntitiesEvent(rows=rows.tolist(), status=[NOT_KNOWN] * len(STATUS))

    def aim(self, x: int, y: int) -> Aim:
        """The entity at a pixel: of those whose boxes hold it, the one with the smallest box."""
        place = (np.array((x, y)) + self.camera) * self.scale
        inside = ((self.boxes[:, :2] <= (x, y)) & (self.boxes[:, 2:] > (x, y))).all(axis=1)
        if not inside.any():
            return Aim(None, *np.rint(place).astype(int).tolist())
        sides = self.boxes[:, 2:] - self.boxes[:, :2]
        chosen = int(np.argmin(np.where(inside, sides.prod(axis=1), np.inf)))
        offset = np.rint(place - self.centres[chosen]).astype(int).tolist()
        return Aim(int(self.numbers[chosen]), *offset)


def look_of(
    detections: Detections,
    numbers: EntityNumbers,
    time: int,
    camera: tuple[float, float],
    scale: float,
) -> Look:
    """A look from what a detector returned; what its tracker does not believe in yet is left out.

    Args:
        time, camera, scale: as in `Look`.
    """
    confirmed = detections.confirmed()
    known = np.array(numbers.of(confirmed.ids), np.intp)
    kept = np.flatnonzero(known != NOT_KNOWN)[:MOST_ENTITIES]
    return Look(
        time,
        known[kept],
        confirmed.class_ids[kept],
        confirmed.boxes[kept].astype(np.float64),
        camera,
        scale,
    )


def scale_of(height: int, *, shows_more: bool) -> float:
    """Pixels of the map for one of a screen of so many rows."""
    return 1.0 if shows_more else MAP_ROWS / height

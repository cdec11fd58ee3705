"""Tracks of CVAT that stand still although the image under them changes.

A track without a last key frame "outside" goes on to the end of the job, in the export too
(cvat#8932, #9468, #7001): the boxes of a unit that has died or walked off stay where it was seen
last. Buildings stand still as well, but then the image under the box stays the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.labels.boxes import Box
from pipeline.labels.inspection.findings import LabelFinding

STILL_FRAMES = 10
"""Frames in a row with the same box before anything is said."""
STILL_PIXELS = 0.5
"""By which each side of a box may move and still stand."""
CHANGED_CORRELATION = 0.7
"""Below it, an image is another one than where the box came to stand.

Correlation leaves out brightness, so a building that goes into the fog of war is the same; an
animation changes a few of the cells that are compared.
"""
LOOK_SIDE = 8

Thumbnail = npt.NDArray[np.float32]


class TrackedBox(NamedTuple):
    """A box of a track in one frame.

    Attributes:
        track: tells it from other tracks of the batch.
        is_key: a person has set the box in this frame.
        thumbnail: of the image under the box, see `thumbnail_of`.
    """

    frame: str
    track: tuple[str, str, str]
    class_name: str
    box: Box
    is_key: bool
    thumbnail: Thumbnail


@dataclass(frozen=True)
class _StillRun:
    """Frames in a row in which a track has stood still."""

    first: TrackedBox
    last: TrackedBox
    frames: int
    changed: int
    """Those in which the image is another than in the first."""
    changed_last: int
    """The same, of those in a row that the run ends with."""


class TrackWatch:
    """Sees the boxes of all tracks, frame by frame, and keeps those that seem to be forgotten."""

    def __init__(self) -> None:
        self._runs: dict[tuple[str, str, str], _StillRun] = {}
        self._findings: list[LabelFinding] = []

    def see(self, seen: TrackedBox) -> None:
        """The next frame of a track; frames come in the order of the video."""
        run = self._runs.get(seen.track)
        if run is not None and not seen.is_key and _stands(run.first, seen):
            differs = _differ(run.first.thumbnail, seen.thumbnail)
            self._runs[seen.track] = replace(
                run,
                last=seen,
                frames=run.frames + 1,
                changed=run.changed + differs,
                changed_last=run.changed_last + 1 if differs else 0,
            )
            return
        if run is not None:
            self._findings += _finding_of(run)
        self._runs[seen.track] = _StillRun(seen, seen, frames=1, changed=0, changed_last=0)

    def findings(self) -> tuple[LabelFinding, ...]:
        """One for each track that stands still while the image changes, once all is seen."""
        at_the_end = [finding for run in self._runs.values() for finding in _finding_of(run)]
        return (*self._findings, *at_the_end)


def thumbnail_of(image: Image.Image, box: Box) -> Thumbnail:
    """The image under a box: float32 [64], grey values of eight by eight cells.

    Args:
        box: at least a pixel of it lies in the image.
    """
    around = (int(box.x1), int(box.y1), int(np.ceil(box.x2)), int(np.ceil(box.y2)))
    cells = image.crop(around).convert("L").resize((LOOK_SIDE, LOOK_SIDE), Image.Resampling.BOX)
    return np.asarray(cells, dtype=np.float32).ravel()


def _stands(first: TrackedBox, seen: TrackedBox) -> bool:
    moved = max(abs(a - b) for a, b in zip(first.box, seen.box, strict=True))
    return seen.class_name == first.class_name and moved <= STILL_PIXELS


def _differ(one: Thumbnail, other: Thumbnail) -> bool:
    """Whether two thumbnails are of different things; where both are plain, that is never known."""
    a, b = one - one.mean(), other - other.mean()
    lengths = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    if min(lengths) < LOOK_SIDE:  # Less than one grey value a cell.
        return max(lengths) > 4 * LOOK_SIDE
    return float(a @ b) / (lengths[0] * lengths[1]) < CHANGED_CORRELATION


def _finding_of(run: _StillRun) -> Iterator[LabelFinding]:
    # A unit may stand still for long before it dies: then only the end of the run has changed.
    mostly_changed = run.frames >= STILL_FRAMES and 2 * run.changed >= run.frames
    if not mostly_changed and run.changed_last < STILL_FRAMES:
        return
    yield LabelFinding(
        kind="still track",
        frame=run.first.frame,
        class_name=run.first.class_name,
        box=run.first.box,
        problem=(
            f"track {run.first.track[-1]} does not move over {run.frames} frames, to "
            f"{run.last.frame}, while the image under it changes; end it in CVAT where the object "
            "is gone"
        ),
    )

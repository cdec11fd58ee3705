"""Boxes of drawn and of real images, brought to one scale, so that they can be compared."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from pipeline.labels.batches import Frame
from pipeline.labels.boxes import Box
from pipeline.scenes.dataset.reader import WrittenScene

EDGE = 1.5
"""Pixels from the image's edge within which a box counts as cut by it."""


@dataclass(frozen=True)
class SeenBox:
    """A labelled box as if its image had the size of a drawn scene.

    Attributes:
        image: the image's name, by which boxes of one image are told.
        box: what is visible, in pixels of a scene.
        middle: of the box, as shares of the image's width and height.
        cut: whether the image's edge may have cut it.
        scale: drawn size over the sprite's own; 1 for a real image, of which nobody knows it.
    """

    class_name: str
    image: str
    box: Box
    middle: tuple[float, float]
    cut: bool
    scale: float = 1.0

    @property
    def side(self) -> float:
        """The square root of its area."""
        return math.sqrt(self.box.area)


def synthetic_boxes(scenes: Iterable[WrittenScene]) -> Iterator[SeenBox]:
    """The visible boxes of what is labelled in drawn scenes, whichever box their labels have."""
    for scene in scenes:
        size = (scene.width, scene.height)
        for item in scene.objects:
            if item.dropped is None and item.visible is not None:
                seen = _seen(item.class_name, scene.name, item.visible, size)
                yield replace(seen, scale=item.scale)


def real_boxes(
    frames: Iterable[Frame],
    class_names: Sequence[str],
    scene_size: tuple[int, int],
    frame_scale: float | None = None,
) -> Iterator[SeenBox]:
    """The boxes of annotated frames, scaled as a detector sees them.

    Args:
        frames: of export batches.
        class_names: of the game pack, in the order of their ids.
        scene_size: width and height of a drawn scene.
        frame_scale: pixels of a scene for one of a frame; None makes their longer sides equal, as
            for a detector that takes both whole. It is 1 where scenes are drawn as parts of a
            screen.
    """
    for frame in frames:
        scale = frame_scale or max(scene_size) / max(frame.width, frame.height)
        for labelled in frame.boxes:
            name, size = class_names[labelled.class_id], (frame.width, frame.height)
            yield _seen(name, frame.name, labelled.box, size, scale)


def _seen(name: str, image: str, box: Box, size: tuple[int, int], scale: float = 1.0) -> SeenBox:
    width, height = size
    cut = min(box.x1, box.y1) < EDGE or box.x2 > width - EDGE or box.y2 > height - EDGE
    return SeenBox(
        class_name=name,
        image=image,
        box=Box(box.x1 * scale, box.y1 * scale, box.x2 * scale, box.y2 * scale),
        middle=((box.x1 + box.x2) / 2 / width, (box.y1 + box.y2) / 2 / height),
        cut=cut,
    )

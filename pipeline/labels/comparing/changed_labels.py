"""How much of a batch is new to whoever has seen it before: labels by labels, not their number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from pipeline.labels.batches import Batch, Frame
from pipeline.labels.boxes import LabelledBox
from pipeline.labels.comparing.box_differences import box_differences


def count_changed_boxes(now: Batch, then: Batch) -> int:
    """Boxes of frames that are new, and those that were added, moved, relabelled or taken out.

    Frames are the same where their files have the same bytes. Those that are not there any more
    don't count.
    """
    before, after = _boxes_by_image(then.frames), _boxes_by_image(now.frames)
    emptied = {frame.sha256: () for frame in now.unlabelled if frame.sha256 not in after}
    return sum(
        len(box_differences(boxes, before.get(image, ()), now.class_names))
        for image, boxes in {**after, **emptied}.items()
    )


def _boxes_by_image(frames: Iterable[Frame]) -> dict[str, tuple[LabelledBox, ...]]:
    """Sorted, so that their order in an export changes nothing."""
    boxes: dict[str, list[LabelledBox]] = defaultdict(list)
    for frame in frames:
        boxes[frame.sha256] += frame.boxes
    return {image: tuple(sorted(found)) for image, found in boxes.items()}

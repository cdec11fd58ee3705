"""Which tasks a batch becomes: blind frames apart and without boxes, all others with theirs."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.annotation.annotation_batch import AnnotationBatch, ChosenFrame
from pipeline.annotation.prelabels import (
    Prelabel,
    PrelabelError,
    PrelabelledFrame,
    PrelabelledFrames,
    Prelabels,
)
from pipeline.annotation.tasks.task_plan import plan_tasks
from pipeline.labels.boxes import Box

FOLDER = Path("batch")


def batch_of(blind: list[bool]) -> AnnotationBatch:
    frames = (
        ChosenFrame(
            name=f"shot_{number:03d}.png",
            source=f"shot_{number:03d}.png",
            sha256=f"{number:064x}",
            width=100,
            height=80,
            blind=is_blind,
            expected_boxes=1.0,
        )
        for number, is_blind in enumerate(blind)
    )
    return AnnotationBatch(FOLDER, tuple(frames))


def prelabels_of(batch: AnnotationBatch, *boxes: Box) -> Prelabels:
    found = tuple(Prelabel(class_name="sheep", box=box, score=0.5) for box in boxes)
    frames = tuple(
        PrelabelledFrame(
            name=frame.name,
            sha256=frame.sha256,
            width=frame.width,
            height=frame.height,
            blind=frame.blind,
            boxes=found,
        )
        for frame in batch.frames
    )
    content = PrelabelledFrames(class_names=("sheep",), model="mock", frames=frames)
    return Prelabels(FOLDER, content)


@given(st.lists(st.booleans(), max_size=20), st.integers(0, 3))
def test_every_frame_is_in_one_task_and_no_blind_one_has_a_box(
    blind: list[bool], count: int
) -> None:
    batch = batch_of(blind)
    boxes = [Box(10 * n, 5, 10 * n + 8, 20) for n in range(count)]
    planned = plan_tasks("b", batch, prelabels_of(batch, *boxes))
    sent = [image.name for task in planned for image in task.images]
    assert sorted(sent) == [frame.name for frame in batch.frames]
    assert all(task.images for task in planned)
    for task in planned:
        assert task.name == ("b_blind" if task.is_blind else "b")
        assert task.box_count == (0 if task.is_blind else count * len(task.images))
    shown = {image.name for task in planned if task.is_blind for image in task.images}
    assert shown == {frame.name for frame in batch.frames if frame.blind}


def test_boxes_end_at_the_image() -> None:
    batch = batch_of([False])
    outside, partly = Box(200, 5, 220, 20), Box(-5, 70, 10, 95)
    (task,) = plan_tasks("b", batch, prelabels_of(batch, outside, partly))
    assert [one.box for one in task.boxes["shot_000.png"]] == [Box(0, 70, 10, 80)]


def test_without_prelabels_all_go_out_empty() -> None:
    (seen, blind) = plan_tasks("b", batch_of([False, True]), None)
    assert (seen.box_count, blind.box_count, blind.subset) == (0, 0, "Validation")


def test_corrected_frames_train_although_blind_ones_of_their_session_validate() -> None:
    (seen, blind) = plan_tasks("b", batch_of([False, True]), None)
    assert (seen.subset, blind.subset) == ("Train", "Validation")
    (alone,) = plan_tasks("b", batch_of([False, False]), None)
    assert (alone.subset, alone.is_blind) == ("", False)


def test_boxes_of_other_frames_are_refused() -> None:
    with pytest.raises(PrelabelError, match=r"shot_002\.png is not among them"):
        plan_tasks("b", batch_of([False] * 3), prelabels_of(batch_of([False] * 2)))


def test_boxes_of_a_choice_in_which_other_frames_were_blind_are_refused() -> None:
    earlier = prelabels_of(batch_of([False, True]))
    with pytest.raises(PrelabelError, match="was not blind"):
        plan_tasks("b", batch_of([True, False]), earlier)

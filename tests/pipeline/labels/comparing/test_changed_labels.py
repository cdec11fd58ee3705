"""What is counted as new of a batch that was seen before."""

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from pipeline.labels.batches import Batch, Frame
from pipeline.labels.boxes import Box, LabelledBox
from pipeline.labels.comparing.changed_labels import count_changed_boxes

NAMES = ("sheep", "wolf")
LABELS = st.lists(
    st.builds(
        lambda class_id, column: LabelledBox(
            class_id, Box(20.0 * column, 4, 20.0 * column + 12, 20)
        ),
        st.integers(0, 1),
        st.integers(0, 4),
    ),
    max_size=5,
    unique_by=lambda one: one.box,
)
IMAGES = st.dictionaries(st.sampled_from("abcd"), LABELS)


def frame(name: str, boxes: list[LabelledBox]) -> Frame:
    digest = sha256(name.encode()).hexdigest()
    return Frame(f"{name}.png", f"{name}.png", 128, 96, digest, "0" * 16, tuple(boxes))


def batch(images: dict[str, list[LabelledBox]], empty: str = "") -> Batch:
    frames = tuple(frame(name, boxes) for name, boxes in images.items())
    unlabelled = tuple(frame(name, []) for name in empty)
    return Batch(NAMES, frames, unlabelled, (), ())


@given(IMAGES, st.randoms(use_true_random=False))
def test_another_order_is_no_change(images: dict[str, list[LabelledBox]], random) -> None:
    shuffled = {
        name: random.sample(images[name], len(images[name]))
        for name in random.sample(sorted(images), len(images))
    }
    assert count_changed_boxes(batch(shuffled), batch(images)) == 0


@given(IMAGES)
def test_of_a_batch_that_nobody_has_seen_every_box_is_new(
    images: dict[str, list[LabelledBox]],
) -> None:
    assert count_changed_boxes(batch(images), batch({})) == sum(map(len, images.values()))
    assert count_changed_boxes(batch({}), batch(images)) == 0


@given(LABELS, LABELS)
def test_every_place_that_differs_counts_once(
    now: list[LabelledBox], then: list[LabelledBox]
) -> None:
    """Boxes of these labels lie in the same place or apart."""
    places = {one.box: one.class_id for one in then}
    others = {one.box: one.class_id for one in now}
    differ = sum(places.get(box) != others.get(box) for box in {*places, *others})
    assert count_changed_boxes(batch({"a": now}), batch({"a": then})) == differ


def test_a_frame_that_lost_all_labels_counts_them() -> None:
    wolf = LabelledBox(1, Box(4, 4, 20, 20))
    assert count_changed_boxes(batch({}, empty="a"), batch({"a": [wolf]})) == 1

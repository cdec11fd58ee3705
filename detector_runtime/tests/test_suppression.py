from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector_runtime.geometry.overlap import pair_iou, pairs_between, pairs_within
from detector_runtime.geometry.suppression import (
    drop_cut_duplicates,
    outscored_by_pieces,
    rank,
    suppress_same_box,
    suppress_same_class,
)


def scene(seed: int, count: int, classes: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 200, (count, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(5, 80, (count, 2))], 1)
    boxes = boxes.astype(np.float32)
    scores = rng.choice(np.linspace(0.1, 1, 20), count).astype(np.float32)
    class_ids = rng.integers(0, classes, count)
    order = rank(boxes, scores, class_ids)
    return boxes[order], scores[order], class_ids[order]


def slow_suppression(boxes: np.ndarray, class_ids: np.ndarray, limit: float) -> np.ndarray:
    """The textbook's loop, as an oracle."""
    stays = np.ones(len(boxes), bool)
    for i in range(len(boxes)):
        for j in range(i):
            if not stays[j] or class_ids[i] != class_ids[j]:
                continue
            if pair_iou(boxes[i : i + 1], boxes[j : j + 1])[0] > limit:
                stays[i] = False
    return stays


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(0, 60), limit=st.floats(0.1, 0.9))
def test_equals_the_textbook_loop(seed: int, count: int, limit: float) -> None:
    boxes, _, class_ids = scene(seed, count)
    np.testing.assert_array_equal(
        suppress_same_class(boxes, class_ids, limit), slow_suppression(boxes, class_ids, limit)
    )
    np.testing.assert_array_equal(
        suppress_same_box(boxes, limit), slow_suppression(boxes, np.zeros(count), limit)
    )


@pytest.mark.slow
def test_equals_torchvision() -> None:
    torch = pytest.importorskip("torch")
    ops = pytest.importorskip("torchvision.ops")
    boxes, _, class_ids = scene(4, 400, classes=5)
    kept = ops.batched_nms(
        torch.from_numpy(boxes), torch.arange(400, 0, -1.0), torch.from_numpy(class_ids), 0.5
    )
    np.testing.assert_array_equal(
        np.flatnonzero(suppress_same_class(boxes, class_ids, 0.5)), np.sort(kept.numpy())
    )


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), first=st.integers(0, 40), second=st.integers(0, 40))
def test_every_meeting_pair_is_found_once(seed: int, first: int, second: int) -> None:
    a, b = scene(seed, first)[0], scene(seed + 1, second)[0]
    expected = {
        (i, j)
        for i in range(first)
        for j in range(second)
        if pair_iou(a[i : i + 1], b[j : j + 1])[0] > 0
    }
    found = list(zip(*(x.tolist() for x in pairs_between(a, b)), strict=True))
    assert len(found) == len(set(found))
    assert set(found) == expected
    inside = [frozenset(p) for p in zip(*(x.tolist() for x in pairs_within(a)), strict=True)]
    assert len(inside) == len(set(inside))
    assert set(inside) == {
        frozenset((i, j))
        for i in range(first)
        for j in range(i)
        if pair_iou(a[i : i + 1], a[j : j + 1])[0] > 0
    }


def test_equal_starts_meet_once() -> None:
    box = np.array([[0, 0, 10, 10]], np.float32)
    assert [x.tolist() for x in pairs_between(box, box)] == [[0], [0]]
    assert len(pairs_within(np.repeat(box, 3, 0))[0]) == 3


def test_a_piece_gives_way_to_the_whole_and_a_whole_stays() -> None:
    boxes = np.array([[0, 0, 100, 100], [60, 0, 100, 100], [70, 70, 90, 90]], np.float32)
    classes = np.array([0, 0, 0])
    cut = np.array([False, True, False])
    assert drop_cut_duplicates(boxes, classes, cut).tolist() == [True, False, True]
    assert drop_cut_duplicates(boxes, np.array([0, 1, 0]), cut).all()


def test_an_unsure_look_at_the_whole_takes_no_sure_piece_away() -> None:
    boxes = np.array([[0, 0, 100, 100], [0, 0, 100, 100], [300, 0, 400, 100]], np.float32)
    scores, classes = np.array([0.5, 0.4, 0.1], np.float32), np.array([0, 0, 0])
    piece = np.array([[60, 0, 100, 100]], np.float32), np.array([0.9], np.float32)
    said = outscored_by_pieces(boxes, scores, classes, (*piece, np.array([0])))
    assert said.tolist() == [False, True, False]
    assert not outscored_by_pieces(boxes, scores, classes, (*piece, np.array([1]))).any()
    none = piece[0][:0], piece[1][:0], np.array([], int)
    assert not outscored_by_pieces(boxes, scores, classes, none).any()


def test_equal_scores_have_one_order() -> None:
    boxes, scores, class_ids = scene(1, 50)
    shuffled = np.random.default_rng(0).permutation(50)
    order = rank(boxes[shuffled], scores[shuffled], class_ids[shuffled])
    np.testing.assert_array_equal(boxes[shuffled][order], boxes)

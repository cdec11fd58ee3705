"""What tiles cut is reported once and whole, wherever it lies and however large it is."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector_runtime import Detections, Detector, DetectorSettings, ModelSource
from detector_runtime.geometry.letterbox import Size, letterbox
from detector_runtime.geometry.suppression import join_pieces
from detector_runtime.images import Frame
from detector_runtime.models.base import Inference, ModelFacts

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels."""

LEAST_VISIBLE = 0.2
"""Of a thing that a part of the image must show for the oracle to report what it sees of it."""

SCREEN = (480, 270)
TILE = (160, 160)
"""A quarter of 1920x1080 in tiles of 640; they share 16 pixels."""
UNCUT = 16 - 2 * 2
"""A thing no larger than this lies in one of two tiles, clear of its edge."""


class Oracle:
    """A model that answers perfectly with what it is shown of what `painted` painted."""

    def __init__(self, boxes: Sequence[Box], input_size: Size, **facts: Any) -> None:
        source = ModelSource("mock", "oracle")
        self.facts = ModelFacts(source, ("thing",), input_size, max_rows=300, **facts)
        self._areas = [(right - left) * (bottom - top) for left, top, right, bottom in boxes]

    def infer(self, frames: Sequence[Frame], floor: float) -> Inference:
        scales = [letterbox((f.width, f.height), self.facts.input_size).scale for f in frames]
        return Inference([self._rows(frame.pixels[:, :, 0]) for frame in frames], scales)

    def close(self) -> None:
        pass

    def _rows(self, values: NDArray[np.uint8]) -> NDArray[np.float32]:
        rows = []
        for value in np.unique(values[values > 0]).tolist():
            here = values == value
            y, x = np.flatnonzero(here.any(axis=1)), np.flatnonzero(here.any(axis=0))
            left, top, right, bottom = int(x[0]), int(y[0]), int(x[-1]) + 1, int(y[-1]) + 1
            if (right - left) * (bottom - top) >= LEAST_VISIBLE * self._areas[value - 1]:
                rows.append((left, top, right, bottom, 0.9, 0))
        return np.array(rows, np.float32).reshape(-1, 6)


def painted(size: Size, boxes: Sequence[Box]) -> NDArray[np.uint8]:
    """An image of things, each in a shade of its own."""
    image = np.zeros((size[1], size[0], 3), np.uint8)
    for number, (left, top, right, bottom) in enumerate(boxes, 1):
        image[top:bottom, left:right, 0] = number
    return image


@pytest.fixture(autouse=True)
def _no_warnings(caplog: pytest.LogCaptureFixture) -> None:
    """Tiles show a model of frames things too large, and it says so every time."""
    caplog.set_level(logging.ERROR)


@st.composite
def places(draw: st.DrawFn, largest: int) -> Box:
    """A thing somewhere on the screen; not so thin that a piece of it is a speck."""
    width = draw(st.integers(6, min(largest, SCREEN[0])))
    height = draw(st.integers(max(6, width // 3), min(largest, width * 3, SCREEN[1])))
    left = draw(st.integers(0, SCREEN[0] - width))
    top = draw(st.integers(0, SCREEN[1] - height))
    return left, top, left + width, top + height


def looks(boxes: Sequence[Box], **facts: object) -> list[Detections]:
    """A look at all tiles, then one where things were."""
    image = painted(SCREEN, boxes)
    detector = Detector(Oracle(boxes, TILE, **facts), DetectorSettings(tracking="none"))
    return [detector.detect(image), detector.detect_adaptive(image)]


def found(result: Detections) -> list[Box]:
    return sorted(tuple(box) for box in result.boxes.astype(int).tolist())


def test_a_large_building_is_found_at_every_place_of_a_large_screen() -> None:
    rng = np.random.default_rng(0)
    for x, y in zip(
        rng.integers(0, 1470, 60).tolist(), rng.integers(0, 680, 60).tolist(), strict=True
    ):
        thing = (x, y, x + 450, y + 400)
        detector = Detector(Oracle([thing], (640, 640)), DetectorSettings(tracking="none"))
        assert found(detector.detect(painted((1920, 1080), [thing]))) == [thing]


@settings(max_examples=80, deadline=None)
@example(thing=(125, 75, 215, 150))
@given(thing=places(largest=270))
def test_a_thing_of_any_size_is_found_once_and_whole(thing: Box) -> None:
    for result in looks([thing]):
        assert found(result) == [thing]


@settings(max_examples=80, deadline=None)
@example(thing=(100, 100, 200, 200))
@given(thing=places(largest=150))
def test_without_a_look_at_the_whole_pieces_are_joined(thing: Box) -> None:
    (result, _) = looks([thing], trained_on="tile")
    assert len(result) == 1
    left, top, right, bottom = thing
    x1, y1, x2, y2 = result.boxes[0].tolist()
    assert left <= x1 <= x2 <= right
    assert top <= y1 <= y2 <= bottom
    # A piece of which less is seen than the oracle reports is missing.
    assert (x2 - x1) * (y2 - y1) >= 0.5 * (right - left) * (bottom - top)


@settings(max_examples=80, deadline=None)
@example(thing=(90, 60, 180, 100))
@given(thing=places(largest=150))
def test_where_tiles_share_enough_the_joined_pieces_are_the_whole(thing: Box) -> None:
    for result in looks([thing], trained_on="tile", scale=1.0, keeps_scale=True):
        assert found(result) == [thing]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 60), side=st.integers(4, UNCUT))
def test_of_small_things_none_is_lost_and_none_doubled(seed: int, count: int, side: int) -> None:
    rng = np.random.default_rng(seed)
    cells = rng.permutation((SCREEN[0] // (side + 1)) * (SCREEN[1] // (side + 1)))[:count]
    columns = SCREEN[0] // (side + 1)
    corners = [(int(c % columns) * (side + 1), int(c // columns) * (side + 1)) for c in cells]
    things = [(x, y, x + side, y + side) for x, y in corners]
    for facts in ({}, {"trained_on": "tile"}):
        for result in looks(things, **facts):
            assert found(result) == sorted(things)


class CoarseOracle(Oracle):
    """One that is sure of what it sees of a whole screen, and 6 pixels off on every side."""

    def infer(self, frames: Sequence[Frame], floor: float) -> Inference:
        seen = super().infer(frames, floor)
        for frame, rows in zip(frames, seen.rows):  # noqa: B905
            if (frame.width, frame.height) == SCREEN:
                rows[:, :5] += np.array([-6, -6, 6, 6, 0.05], np.float32)
        return seen


def test_what_a_tile_shows_uncut_is_reported_as_the_tile_shows_it() -> None:
    thing = (20, 20, 60, 60)
    image = painted(SCREEN, [thing])
    detector = Detector(CoarseOracle([thing], TILE), DetectorSettings(tracking="none"))
    assert found(detector.detect_fast(image)) == [(14, 14, 66, 66)]
    assert found(detector.detect(image)) == [thing]
    assert found(detector.detect_adaptive(image)) == [thing]


def test_neighbours_of_one_class_are_not_joined() -> None:
    # One ends at the edge of its tile and one begins at that of the next, but they do not agree.
    boxes = np.array([[50, 0, 160, 40], [144, 30, 250, 90]], np.float32)
    cut = np.array([[False, False, True, False], [True, False, False, False]])
    scores, classes = np.array([0.5, 0.4], np.float32), np.array([0, 0])
    assert len(join_pieces(boxes, scores, classes, cut)[0]) == 2
    boxes[1] = [144, 2, 250, 41]
    joined, best, _, ends = join_pieces(boxes, scores, classes, cut)
    assert joined.tolist() == [[50, 0, 250, 41]]
    assert best.tolist() == [0.5]
    assert not ends.any()
    assert len(join_pieces(boxes, scores, np.array([0, 1]), cut)[0]) == 2


def test_of_two_neighbours_that_an_edge_cuts_neither_takes_the_end_of_the_other() -> None:
    # Left parts end at 160, right ones begin at 144; both pairs agree, and so do they crosswise.
    boxes = np.array(
        [[100, 0, 160, 40], [144, 0, 200, 40], [110, 6, 160, 46], [144, 6, 230, 46]], np.float32
    )
    cut = np.array([[False, False, True, False], [True, False, False, False]] * 2)
    scores = np.array([0.9, 0.8, 0.7, 0.6], np.float32)
    joined, best, _, ends = join_pieces(boxes, scores, np.zeros(4, np.intp), cut)
    assert joined.tolist() == [[100, 0, 200, 40], [110, 6, 230, 46]]
    assert best.tolist() == pytest.approx([0.9, 0.7])
    assert not ends.any()

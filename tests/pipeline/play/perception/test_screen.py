"""Only what has changed on a screen is drawn and looked at, and it looks as on the whole screen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from detector_runtime.geometry.tiling import Region
from hypothesis import given
from hypothesis import strategies as st

from pipeline.demo_game.interface import TOP_HEIGHT
from pipeline.play.perception.screen import (
    CLEAR,
    SIZE,
    changes,
    parts_around,
    touched,
    whole_screen,
)
from pipeline.play.simulator.games import Games
from pipeline.play.simulator.view import draw_shown, shown_to


def test_nothing_else_changes_than_the_parts_that_are_looked_at(
    moments: tuple[Games, Games],
) -> None:
    before, now = (shown_to(games, 0, 0) for games in moments)
    # Light alone is no change.
    before = replace(before, lit=now.lit, explored=now.explored)
    screens = [whole_screen(shown)[TOP_HEIGHT:] for shown in (before, now)]
    differs = (screens[0] != screens[1]).any(axis=2)
    assert differs.sum() > 1000
    changed = changes(before, now)
    parts = parts_around(changed, np.empty((0, 4), np.float32))
    boxes = [(part.left, part.top, part.right, part.bottom) for part in parts]
    for looked_at in (changed.astype(int).tolist(), boxes):
        left = differs.copy()
        for x1, y1, x2, y2 in looked_at:
            left[y1:y2, x1:x2] = False
        assert not left.any()
    assert sum(part.width * part.height for part in parts) < 0.3 * differs.size


def test_a_part_is_drawn_as_on_the_whole_screen(moments: tuple[Games, Games]) -> None:
    shown = shown_to(moments[1], 0, 1)
    whole = whole_screen(shown)[TOP_HEIGHT:].astype(int)
    assert whole.shape == (SIZE[1], SIZE[0], 3)
    for part in (Region(512, 256, 320, 256), Region(768, 448, 256, 166), Region(0, 0, 64, 64)):
        drawn = draw_shown(shown, part).astype(int)
        expected = whole[part.top : part.bottom, part.left : part.right]
        # Sums of floats, which decide how dark a pixel is, may end in another bit.
        assert np.abs(drawn - expected).max() <= 1


def test_a_first_look_is_at_everything_and_one_at_the_same_at_nothing(
    moments: tuple[Games, Games],
) -> None:
    shown = shown_to(moments[0], 0, 0)
    nothing = np.empty((0, 4), np.float32)
    everything = changes(None, shown)
    assert everything.tolist() == [[0, 0, *SIZE]]
    assert parts_around(everything, nothing) == [Region(0, 0, *SIZE)]
    assert len(changes(shown, shown_to(moments[0], 0, 0))) == 0
    assert parts_around(nothing, nothing) == []


corners = st.integers(0, SIZE[0] - 1), st.integers(0, SIZE[1] - 1)
sides = st.integers(1, 150)


def boxes_of(corners: list[tuple[int, int, int, int]]) -> np.ndarray:
    """Inside the screen."""
    boxes = np.array([(x, y, x + w, y + h) for x, y, w, h in corners], np.float32).reshape(-1, 4)
    return np.minimum(boxes, np.array([*SIZE, *SIZE], np.float32))


@given(
    st.lists(st.tuples(*corners, sides, sides), max_size=6),
    st.lists(st.tuples(*corners, sides, sides), max_size=8),
)
def test_changes_and_what_stands_there_are_seen_whole(changed: list, things: list) -> None:
    rectangles = boxes_of(changed)
    boxes = boxes_of(things)
    boxes = boxes[touched(boxes, rectangles)]
    parts = parts_around(rectangles, boxes)
    for number, one in enumerate(parts):
        assert one.left >= 0
        assert one.right <= SIZE[0]
        for other in parts[:number]:
            apart_x = other.right <= one.left or one.right <= other.left
            assert apart_x or other.bottom <= one.top or one.bottom <= other.top
    whole = [(*one, 1) for one in rectangles.tolist()] + [(*one, CLEAR) for one in boxes.tolist()]
    for left, top, right, bottom, clear in whole:
        assert any(
            part.left <= max(left - clear, 0)
            and part.top <= max(top - clear, 0)
            and part.right >= min(right + clear, SIZE[0])
            and part.bottom >= min(bottom + clear, SIZE[1])
            for part in parts
        )


@given(
    st.lists(st.tuples(*corners, sides, sides), max_size=6),
    st.lists(st.tuples(*corners, sides, sides), max_size=6),
)
def test_what_is_touched(some: list, others: list) -> None:
    boxes, rest = boxes_of(some), boxes_of(others)
    expected = [
        any(
            x1 < right and left < x2 and y1 < bottom and top < y2
            for left, top, right, bottom in rest
        )
        for x1, y1, x2, y2 in boxes
    ]
    assert touched(boxes, rest).tolist() == expected

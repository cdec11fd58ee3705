"""Rules over pixels read what the game draws: colours, bars, marks and numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.demo_game.game_folder import TEAM_COLOURS
from pipeline.demo_game.interface import draw_bar, draw_ellipse, draw_resources
from pipeline.play.perception.reading import bar_above, colour_counts, mark_around, read_amounts
from pipeline.play.perception.sight import AMOUNTS_AT, AMOUNTS_PITCH, AMOUNTS_TOP

COLOURS = np.array(list(TEAM_COLOURS.values())[:2])
GRASS = (98, 130, 57)


def ground() -> np.ndarray:
    return np.full((80, 120, 3), GRASS, np.uint8)


@given(st.floats(0.3, 1.0), st.integers(0, 1))
def test_a_colour_is_known_in_any_light(light: float, player: int) -> None:
    image = ground()
    image[10:20, 10:30] = np.rint(COLOURS[player] * light)
    counts = colour_counts(image, COLOURS)
    assert counts[player] == 200
    assert counts[1 - player] == 0


def test_ground_water_and_night_have_no_players_colour() -> None:
    for colour in (GRASS, (49, 100, 143), (226, 240, 244), (143, 111, 72), (0, 0, 0), (12, 12, 12)):
        assert not colour_counts(np.full((8, 8, 3), colour, np.uint8), COLOURS).any()


@given(st.integers(10, 36), st.floats(0.02, 1.0), st.integers(-2, 2), st.integers(-2, 2))
def test_a_bar_is_read_to_a_pixel(width: int, share: float, dx: int, dy: int) -> None:
    image = ground()
    draw_bar(image, 60, 30, width, share)
    box = np.array([50 + dx, 34 + dy, 70 + dx, 64])
    bar = bar_above(image, box)
    assert bar is not None
    assert bar.share == pytest.approx(share, abs=1 / width)
    assert bar.middle == 60


def test_what_is_no_bar_is_not_read_as_one() -> None:
    box = np.array([50, 34, 70, 64])
    image = ground()
    assert bar_above(image, box) is None
    image[28:34, 40:80] = (128, 24, 20)  # A red cloak without a frame.
    image[30, 45:60] = (64, 214, 62)
    assert bar_above(image, box) is None


def test_of_two_bars_that_in_the_middle_counts() -> None:
    image = ground()
    draw_bar(image, 60, 30, 12, 0.5)
    draw_bar(image, 75, 30, 12, 1.0)
    bar = bar_above(image, np.array([50, 34, 70, 64]))
    assert bar is not None
    assert bar.share == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("radius", [10, 15, 32])
@pytest.mark.parametrize("off", [(0, 0), (-4, 1), (8, -3)])
def test_a_mark_is_found_where_bodies_and_shadows_lie_on_it(
    radius: int, off: tuple[int, int]
) -> None:
    image = ground()
    assert mark_around(image, (60, 40), radius) is None
    draw_ellipse(image, (60, 40), radius, (244, 244, 236))
    image[20:38, 52:68] = (30, 30, 30)
    image[:, 66:] = np.rint(image[:, 66:] * 0.55)
    found = mark_around(image, (60 + off[0], 40 + off[1]), radius)
    assert found is not None
    assert np.abs(np.subtract(found, (60, 40))).max() <= 1
    assert mark_around(image, (60, 70), radius) is None
    assert mark_around(image, (119, 79), radius) is None


@given(st.lists(st.integers(0, 9_999_999), min_size=4, max_size=4))
def test_numbers_are_read(amounts: list[int]) -> None:
    line = np.zeros((13, 320, 3), np.uint8)
    draw_resources(line, tuple(amounts))
    assert read_amounts(line, 4, AMOUNTS_AT, AMOUNTS_PITCH, AMOUNTS_TOP) == amounts


def test_a_number_that_cannot_be_read_is_none() -> None:
    line = np.zeros((13, 320, 3), np.uint8)
    draw_resources(line, (1, 2, 3, 4))
    line[:, 100:120] = 0
    assert read_amounts(line, 4, AMOUNTS_AT, AMOUNTS_PITCH, AMOUNTS_TOP) == [1, 2, None, 4]


def test_a_number_with_a_digit_that_cannot_be_read_is_none() -> None:
    line = np.zeros((13, 320, 3), np.uint8)
    draw_resources(line, (1, 2, 345, 4))
    line[6:, 109:112] = 0  # Lower half of its second digit.
    assert read_amounts(line, 4, AMOUNTS_AT, AMOUNTS_PITCH, AMOUNTS_TOP) == [1, 2, None, 4]

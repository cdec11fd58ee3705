"""Team colours replace the colour of weighted pixels and keep their light."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.sprites.recolour import recolour

RED = (255, 0, 0)


def one_pixel(*rgba: int) -> np.ndarray:
    return np.array([[rgba]], np.uint8)


def weight(value: int) -> np.ndarray:
    return np.array([[value]], np.uint8)


@pytest.mark.parametrize(
    ("pixel", "k", "expected"),
    [
        ((10, 20, 250, 255), 0, (10, 20, 250, 255)),
        ((255, 255, 255, 255), 255, (255, 0, 0, 255)),
        ((128, 128, 128, 255), 255, (128, 0, 0, 255)),
        ((0, 0, 0, 255), 255, (0, 0, 0, 255)),
        ((0, 100, 0, 7), 255, (59, 0, 0, 7)),
        ((200, 200, 200, 255), 51, (200, 160, 160, 255)),
    ],
)
def test_weight_decides_between_the_pixel_and_the_teams_colour_in_its_light(
    pixel: tuple[int, ...], k: int, expected: tuple[int, ...]
) -> None:
    assert recolour(one_pixel(*pixel), weight(k), RED)[0, 0].tolist() == list(expected)


def test_the_sprite_itself_is_left_alone() -> None:
    rgba = one_pixel(255, 255, 255, 255)
    recolour(rgba, weight(255), RED)
    assert (rgba == 255).all()

"""The letters of the inventory's texts."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import pytest

from pipeline.demo_game.inventory.lettering import GLYPHS, draw_text, text_size
from pipeline.demo_game.inventory.screens import inventory_rules

GOLDEN = "6d5bc0cbc7bd3a7f3e62b316aa739838202c657a2bd1202d0ac583b77399c032"
"""Pixels of all letters in three heights, the same on every machine."""


def written(text: str, height: int) -> np.ndarray:
    width, line = text_size(text, height)
    image = np.zeros((line + 2, width + 4, 3), np.uint8)
    draw_text(image, (1, 1), text, height, (255, 255, 255))
    return image


def test_they_are_the_same_on_every_machine() -> None:
    pixels = b"".join(written("".join(GLYPHS), height).tobytes() for height in (7, 12, 31))
    assert sha256(pixels).hexdigest() == GOLDEN


def test_every_text_of_the_pack_can_be_written() -> None:
    for texts in inventory_rules().text_slots.values():
        for text in (*texts, *inventory_rules().icons):
            assert set(text) <= {*GLYPHS, " "}


@pytest.mark.parametrize("char", GLYPHS)
def test_every_letter_is_seen_and_stays_in_its_line(char: str) -> None:
    for height in (6, 11, 24):
        image = written(char, height)
        assert image.max() > 120
        assert not image[0].any()
        assert not image[-1].any()


def test_no_two_letters_are_the_same() -> None:
    assert len({written(char, 20).tobytes() for char in GLYPHS}) == len(GLYPHS)


def test_what_leaves_the_image_is_cut_off() -> None:
    image = np.zeros((5, 9, 3), np.uint8)
    draw_text(image, (3, 2), "Xebec", 10, (255, 255, 255))
    assert image.any()

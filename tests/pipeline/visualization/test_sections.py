"""Sheets with headings: whole texts, and tiles that lie in rows."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.visualization.sections import (
    GROUND,
    SHEET_WIDTH,
    Section,
    Tile,
    draw_sections,
    tile_width,
)


def tile(*lines: str, height: int = 40) -> Tile:
    return Tile(Image.new("RGB", (tile_width(3), height), (200, 0, 0)), lines)


def red(sheet: Image.Image) -> np.ndarray:
    pixels = np.asarray(sheet)
    return (pixels[:, :, 0] == 200) & (pixels[:, :, 1] == 0)


def test_tiles_stand_beside_and_below_each_other() -> None:
    sheet = draw_sections([Section("one", tuple(tile("a") for _ in range(4)))], 3)
    assert sheet.width == SHEET_WIDTH
    assert red(sheet).sum() == 4 * 40 * tile_width(3)
    assert not red(sheet)[:, -12:].any()


def test_a_long_text_makes_its_row_higher_and_hides_nothing() -> None:
    short = draw_sections([Section("one", (tile("a"),))], 3)
    long = draw_sections([Section("one", (tile("a", "word " * 30),))], 3)
    assert long.height > short.height
    assert red(long).sum() == red(short).sum()


@settings(deadline=None, max_examples=40)
@given(st.lists(st.text(max_size=80), max_size=4), st.text(max_size=120))
def test_any_text_can_be_written(lines: list[str], title: str) -> None:
    sheet = draw_sections([Section(title, (tile(*lines), tile()))], 3)
    beside = np.asarray(sheet)[:, 2 * (tile_width(3) + 12) + 12 :]
    below = beside[48:]
    assert (below == GROUND).all(), "a text stays below its own image"

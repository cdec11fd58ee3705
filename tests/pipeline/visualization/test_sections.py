"""Sheets with headings: whole texts, and tiles that lie in rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.visualization.annotators import font_of
from pipeline.visualization.sections import (
    CUT_OFF,
    FAINT,
    FONT_SIZE,
    GROUND,
    INK,
    MOST_LINES,
    SHEET_WIDTH,
    Tile,
    TileGroup,
    _lines,
    draw_sections,
    tile_of_png,
    tile_width,
)


def tile(*lines: str, height: int = 40) -> Tile:
    return Tile(Image.new("RGB", (tile_width(3), height), (200, 0, 0)), lines)


def red(sheet: Image.Image) -> np.ndarray:
    pixels = np.asarray(sheet)
    return (pixels[:, :, 0] == 200) & (pixels[:, :, 1] == 0)


def test_tiles_stand_beside_and_below_each_other() -> None:
    sheet = draw_sections([TileGroup("one", tuple(tile("a") for _ in range(4)))], 3)
    assert sheet.width == SHEET_WIDTH
    assert red(sheet).sum() == 4 * 40 * tile_width(3)
    assert not red(sheet)[:, -12:].any()


def test_a_long_text_makes_its_row_higher_and_hides_nothing() -> None:
    short = draw_sections([TileGroup("one", (tile("a"),))], 3)
    long = draw_sections([TileGroup("one", (tile("a", "word " * 30),))], 3)
    assert long.height > short.height
    assert red(long).sum() == red(short).sum()


def test_a_file_becomes_no_larger_than_its_place_and_empty_texts_take_no_line(
    tmp_path: Path,
) -> None:
    wide, small = tmp_path / "wide.png", tmp_path / "small.png"
    Image.new("RGBA", (1000, 500), (200, 0, 0, 255)).save(wide)
    Image.new("L", (10, 20)).save(small)
    shown = tile_of_png(wide, 3, ("Sapphire", "", "neck"))
    assert shown.image.size == (tile_width(3), tile_width(3) // 2)
    assert shown.lines == ("Sapphire", "neck")
    assert tile_of_png(small, 3, ()).image.size == (10, 20)


def test_a_text_that_is_cut_off_stays_below_its_own_image_and_says_so() -> None:
    lines = _lines(tile("Sapphire Longsword", "Emerald Longsword " * 9), 106)
    assert len(lines) == MOST_LINES
    assert lines[-1][0].endswith(CUT_OFF)
    assert all(font_of(FONT_SIZE).getlength(line) <= 106 for line, _ in lines)
    assert [colour for _, colour in lines] == [INK] * 2 + [FAINT] * 4


@settings(deadline=None, max_examples=40)
@given(st.lists(st.text(max_size=80), max_size=4), st.text(max_size=120))
def test_any_text_can_be_written(lines: list[str], title: str) -> None:
    sheet = draw_sections([TileGroup(title, (tile(*lines), tile()))], 3)
    beside = np.asarray(sheet)[:, 2 * (tile_width(3) + 12) + 12 :]
    below = beside[48:]
    assert (below == GROUND).all(), "a text stays below its own image"

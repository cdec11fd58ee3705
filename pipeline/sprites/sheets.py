"""Contact sheets: every class at a glance, to be checked by eye in a minute."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import PurePosixPath

from PIL import Image, ImageDraw, ImageFont

from pipeline.sprites.library import DISTRACTOR, OpenLibrary, Pixels, Sprite, SpriteEntry
from pipeline.sprites.recolour import recolour
from pipeline.sprites.select import spread

PER_ROW = 8
CELL = 96
"""Side of a sprite's square in pixels; larger sprites are reduced to fit."""
LABEL_WIDTH = 190
TEXT_HEIGHT = 24
ROW_HEIGHT = CELL + TEXT_HEIGHT

GROUND = (96, 110, 78)
INK = (255, 255, 255)
WARNING = (255, 190, 120)
TEAM = (40, 80, 230)
"""Player colour in which owned parts are shown, so that a wrong weight is seen."""


def contact_sheet(library: OpenLibrary, class_names: Sequence[str]) -> bytes:
    """Draw one row per class: its name and count, then sprites with source file and size.

    Args:
        library: up to eight of each class are shown, spread over its files; no others are read.
        class_names: rows, in this order; a class without sprites keeps its row and says so.
            Distractors follow at the end if there are any.

    Returns:
        A PNG file's bytes.
    """
    by_class: dict[str, list[SpriteEntry]] = {name: [] for name in class_names}
    for entry in library.entries.values():
        by_class.setdefault(entry.class_name or DISTRACTOR, []).append(entry)
    order = [*class_names, *([DISTRACTOR] if DISTRACTOR in by_class else [])]
    width = LABEL_WIDTH + PER_ROW * CELL
    sheet = Image.new("RGB", (width, max(1, len(order)) * ROW_HEIGHT), GROUND)
    for row, name in enumerate(order):
        chosen = _chosen(by_class[name])
        _draw_label(sheet, row * ROW_HEIGHT, name, by_class[name])
        for column, entry in enumerate(chosen):
            _draw_cell(sheet, LABEL_WIDTH + column * CELL, row * ROW_HEIGHT, library[entry.id])
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _chosen(entries: Sequence[SpriteEntry]) -> list[SpriteEntry]:
    """A few sprites of a class: of as many files as there is room for, in different headings."""
    files: dict[str, list[SpriteEntry]] = {}
    for entry in entries:
        files.setdefault(entry.source, []).append(entry)
    if len(files) < PER_ROW:
        return [entries[index] for index in spread(PER_ROW, len(entries))]
    names = sorted(files)
    shown = [files[names[index]] for index in spread(PER_ROW, len(names))]
    return [of_file[column * 5 % len(of_file)] for column, of_file in enumerate(shown)]


def _draw_label(sheet: Image.Image, top: int, name: str, entries: Sequence[SpriteEntry]) -> None:
    pen = ImageDraw.Draw(sheet)
    pen.line((0, top, sheet.width, top), fill=INK)
    files = len({entry.source for entry in entries})
    count = f"{len(entries)} sprites of {files} files" if entries else "no sprites"
    colour = INK if entries else WARNING
    pen.multiline_text((6, top + 6), f"{name}\n{count}", fill=colour, font=_font(13))


def _draw_cell(sheet: Image.Image, left: int, top: int, sprite: Sprite) -> None:
    picture = Image.fromarray(_in_team_colour(sprite))
    picture.thumbnail((CELL - 4, CELL - 4))
    place = (left + (CELL - picture.width) // 2, top + 2 + (CELL - picture.height) // 2)
    sheet.paste(picture, place, picture)
    height, width = sprite.rgba.shape[:2]
    source = _shortened(PurePosixPath(sprite.source).stem, 15)
    pen = ImageDraw.Draw(sheet)
    text = f"{source}\n{width}x{height} h{sprite.heading} s{sprite.step}"
    pen.multiline_text((left + 2, top + CELL), text, fill=INK, font=_font(10), spacing=1)


def _in_team_colour(sprite: Sprite) -> Pixels:
    if sprite.player_weight is None:
        return sprite.rgba
    return recolour(sprite.rgba, sprite.player_weight, TEAM)


def _shortened(name: str, length: int) -> str:
    """The end of a name: its beginning is what the files of a class have in common."""
    return name if len(name) <= length else f"…{name[-length + 1 :]}"


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)

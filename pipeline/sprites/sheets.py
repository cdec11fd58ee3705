"""Contact sheets: every class at a glance, to be checked by eye in a minute."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from PIL import Image, ImageDraw, ImageFont

from pipeline.sprites.library import DISTRACTOR, Pixels, Sprite, folder_of
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


def contact_sheet(sprites: Iterable[Sprite], class_names: Sequence[str]) -> bytes:
    """Draw one row per class: its name and count, then sprites with source file and size.

    Args:
        sprites: of a library; up to eight of each class are shown, spread over its files.
        class_names: rows, in this order; a class without sprites keeps its row and says so.
            Distractors follow at the end if there are any.

    Returns:
        A PNG file's bytes.
    """
    by_class: dict[str, list[Sprite]] = {name: [] for name in class_names}
    for sprite in sprites:
        by_class.setdefault(folder_of(sprite), []).append(sprite)
    order = [*class_names, *([DISTRACTOR] if DISTRACTOR in by_class else [])]
    width = LABEL_WIDTH + PER_ROW * CELL
    sheet = Image.new("RGB", (width, max(1, len(order)) * ROW_HEIGHT), GROUND)
    for row, name in enumerate(order):
        _draw_row(sheet, row * ROW_HEIGHT, name, by_class[name])
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _draw_row(sheet: Image.Image, top: int, name: str, sprites: Sequence[Sprite]) -> None:
    pen = ImageDraw.Draw(sheet)
    pen.line((0, top, sheet.width, top), fill=INK)
    files = len({sprite.source for sprite in sprites})
    count = f"{len(sprites)} sprites of {files} files" if sprites else "no sprites"
    colour = INK if sprites else WARNING
    pen.multiline_text((6, top + 6), f"{name}\n{count}", fill=colour, font=_font(13))
    for column, index in enumerate(spread(PER_ROW, len(sprites)) if sprites else []):
        _draw_cell(sheet, LABEL_WIDTH + column * CELL, top, sprites[index])


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

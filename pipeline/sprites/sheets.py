"""Contact sheets: every class at a glance, to be checked by eye in a minute."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import PurePosixPath

from PIL import Image, ImageDraw

from pipeline.sprites.library import DISTRACTOR, OpenLibrary, Sprite, SpriteEntry
from pipeline.sprites.recolour import recolour
from pipeline.subsampling import spread_over
from pipeline.visualization.annotators import font_of

PER_ROW = 8
CELL = 96
"""Pixels along a sprite's square; larger sprites are reduced to fit, rows of small ones doubled."""
ROOM = CELL - 4
LABEL_WIDTH = 190
TEXT_HEIGHT = 36
LETTERS = 16
"""Of a file's name in one line, of which there are two."""
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
        _draw_label(sheet, row * ROW_HEIGHT, name, by_class[name])
        shown = [library[entry.id] for entry in _chosen(by_class[name])]
        zoom = 2 if all(2 * max(sprite.rgba.shape[:2]) <= ROOM for sprite in shown) else 1
        for column, sprite in enumerate(shown):
            left = LABEL_WIDTH + column * CELL
            _draw_cell(sheet, (left, row * ROW_HEIGHT), sprite, zoom)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _chosen(entries: Sequence[SpriteEntry]) -> list[SpriteEntry]:
    """A few sprites of a class: of as many files as there is room for, in different headings."""
    files: dict[str, list[SpriteEntry]] = {}
    for entry in entries:
        files.setdefault(entry.source, []).append(entry)
    if len(files) < PER_ROW:
        return spread_over(entries, PER_ROW)
    shown = [files[name] for name in spread_over(sorted(files), PER_ROW)]
    return [of_file[column * 5 % len(of_file)] for column, of_file in enumerate(shown)]


def _draw_label(sheet: Image.Image, top: int, name: str, entries: Sequence[SpriteEntry]) -> None:
    pen = ImageDraw.Draw(sheet)
    pen.line((0, top, sheet.width, top), fill=INK)
    files = len({entry.source for entry in entries})
    count = f"{len(entries)} sprites of {files} files" if entries else "no sprites"
    colour = INK if entries else WARNING
    pen.multiline_text((6, top + 6), f"{name}\n{count}", fill=colour, font=font_of(13))


def _draw_cell(sheet: Image.Image, corner: tuple[int, int], sprite: Sprite, zoom: int) -> None:
    left, top = corner
    pixels = sprite.rgba
    if sprite.player_weight is not None:
        pixels = recolour(pixels, sprite.player_weight, TEAM)
    image = Image.fromarray(pixels.repeat(zoom, axis=0).repeat(zoom, axis=1))
    image.thumbnail((ROOM, ROOM))
    place = (left + (CELL - image.width) // 2, top + 2 + (CELL - image.height) // 2)
    sheet.paste(image, place, image)
    height, width = sprite.rgba.shape[:2]
    pen = ImageDraw.Draw(sheet)
    # The file as the pack's rules name it: without what all names end with.
    name = PurePosixPath(sprite.source).stem.removesuffix("_x1")
    lines = [*_two_lines(name), f"{width}x{height} h{sprite.heading} s{sprite.step}"]
    pen.multiline_text(
        (left + 2, top + CELL), "\n".join(lines), fill=INK, font=font_of(10), spacing=1
    )


def _two_lines(name: str) -> tuple[str, str]:
    """A name broken at an underscore; of a longer one the end, as beginnings are much alike."""
    if len(name) <= LETTERS:
        return name, ""
    cut = max(name.rfind("_", 0, LETTERS) + 1, len(name) - LETTERS)
    first = name[:cut]
    # The beginning is what the files of a class have in common.
    return first if cut <= LETTERS else f"…{first[-LETTERS + 1 :]}", name[cut:]

"""A moment of a game twice: as the policies know it, and as it is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from pipeline.demo_game.interface import TOP_HEIGHT
from pipeline.demo_game.world import FLATTENING
from pipeline.play.perception.memory import ALLY, ENEMY, IN_SIGHT, NOBODY, OWN
from pipeline.play.perception.screen import whole_screen
from pipeline.play.simulator.observation import Column
from pipeline.play.simulator.rules import FOG_CELLS, MAP_SIDE, NOTHING, Kind, Order
from pipeline.play.simulator.view import Shown
from pipeline.visualization.annotators import draw_label, font_of
from pipeline.visualization.palette import GREEN, GREY, SKY_BLUE, VERMILION, YELLOW
from pipeline.visualization.tiles import create_tiles

OWNER_COLOURS: Mapping[int, str] = {OWN: SKY_BLUE, ALLY: GREEN, ENEMY: VERMILION, NOBODY: YELLOW}
FONT_SIZE = 9
TITLE_AT = (200, 0)

Rows = npt.NDArray[np.int32]


def compare_sights(shown: Shown, seen: Rows, true: Rows) -> Image.Image:
    """The screen on the left with what is seen, on the right with what there is.

    Only as much of it as is explored.

    Args:
        seen, true: int32 [slots, 12], by `observation.Column`.
    """
    screen = Image.fromarray(whole_screen(shown))
    tiles = [screen.copy(), screen.copy()]
    for tile, rows, title in zip(tiles, (seen, true), ("seen", "true"), strict=True):
        for row in rows[rows[:, Column.ID] != NOTHING].tolist():
            _draw(tile, row)
        ImageDraw.Draw(tile).text(TITLE_AT, title, fill="white", font=font_of(FONT_SIZE))
    part = _explored(shown)
    return create_tiles([tile.crop(part) for tile in tiles], columns=2, gap=4)


def _explored(shown: Shown) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is explored, and of the line above it."""
    rows, columns = np.nonzero(shown.explored)
    side = MAP_SIDE / FOG_CELLS
    left, right = int(columns.min() * side), int((columns.max() + 1) * side)
    bottom = int((rows.max() + 1) * side * FLATTENING) + TOP_HEIGHT
    return min(left, TITLE_AT[0] - 20), 0, max(right, TITLE_AT[0] + 40), bottom


def _draw(tile: Image.Image, row: list[int]) -> None:
    """A ring where it stands, and what is known of it."""
    pen = ImageDraw.Draw(tile)
    x, y = row[Column.X], round(row[Column.Y] * FLATTENING) + TOP_HEIGHT
    colour = OWNER_COLOURS.get(row[Column.OWNER], GREY)
    pen.ellipse((x - 6, y - 4, x + 6, y + 4), outline=colour)
    words = [Kind(row[Column.KIND]).name.lower().replace("_", " ")]
    words += [str(row[Column.HIT_POINTS])] if row[Column.HIT_POINTS] > 0 else []
    words += [Order(row[Column.ORDER]).name.lower()] if row[Column.ORDER] > 0 else []
    words += ["selected"] if row[Column.SELECTED] == 1 else []
    words += [] if row[Column.KNOWN] == IN_SIGHT else ["remembered"]
    draw_label(pen, " ".join(words), (x + 8, y + 4), colour, FONT_SIZE)

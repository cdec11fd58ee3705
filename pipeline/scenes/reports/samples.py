"""Pictures of a written set for people: annotated samples."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np

from pipeline.games.pack import LabelPolicy
from pipeline.labels.boxes import Box
from pipeline.scenes.dataset.layout import SceneSetError
from pipeline.scenes.dataset.reader import WrittenObject, WrittenScene
from pipeline.scenes.dataset.synthetic_set import SyntheticSet
from pipeline.scenes.sources.catalogue import Colour
from pipeline.sprites.library import Pixels

COLUMNS = 3
TILE_WIDTH = 400
TILE_GAP = 6
SHEET_QUALITY = 88
DROPPED: Colour = (150, 150, 150)
MOSTLY_VISIBLE = 0.95
"""What hides less than this is not worth a word."""


def class_colour(class_id: int) -> Colour:
    """RGB of a class: neighbouring ids get hues far apart."""
    hue = class_id * 0.618034 % 1.0
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.75 + 0.25 * (class_id % 2), 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)


def sample_sheet(
    synthetic: SyntheticSet, class_names: Sequence[str], policy: LabelPolicy, count: int = 12
) -> bytes:
    """A JPEG of pictures spread evenly over the set, with their objects outlined.

    Labels are drawn in their class's colour with its name; the extent that something covers is
    drawn thin in the same colour, with the share that is visible; objects without a label are thin
    and grey, with the reason.

    Raises:
        SceneSetError: the set has no pictures, or one cannot be read.
    """
    tiles = [_tile(scene, class_names, policy) for scene in synthetic.some_scenes(count)]
    if not tiles:
        raise SceneSetError(
            f"{synthetic.folder} holds no pictures.", "Materialize the synthetic set again."
        )
    sheet = cv2.cvtColor(_grid(tiles), cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, SHEET_QUALITY])[1])


def _tile(scene: WrittenScene, class_names: Sequence[str], policy: LabelPolicy) -> Pixels:
    picture = cv2.imread(str(scene.picture), cv2.IMREAD_COLOR_RGB)
    if picture is None:
        raise SceneSetError(
            f"{scene.picture} cannot be read.", "Materialize the synthetic set again."
        )
    zoom = TILE_WIDTH / scene.width
    tile = cv2.resize(picture, (TILE_WIDTH, round(scene.height * zoom)))
    for item in sorted(scene.objects, key=lambda item: item.dropped is None):
        _outline(tile, item, zoom, class_names.index(item.class_name), policy)
    return np.asarray(tile, dtype=np.uint8)


def _outline(
    tile: Pixels, item: WrittenObject, zoom: float, class_id: int, policy: LabelPolicy
) -> None:
    if item.dropped is not None:
        _frame(tile, item.visible or item.full, zoom, DROPPED)
        _write(tile, item.dropped, item.visible or item.full, zoom, DROPPED)
        return
    colour = class_colour(class_id)
    box = item.visible if policy.box == "visible" else item.full
    if item.covered_by:
        _frame(tile, item.full, zoom, colour)
    _frame(tile, box, zoom, colour, thickness=2)
    _write(tile, _caption(item), box, zoom, colour)


def _caption(item: WrittenObject) -> str:
    """The class, and how much is to be seen where that is not all of it."""
    if item.visible_fraction >= MOSTLY_VISIBLE:
        return item.class_name
    return f"{item.class_name} {item.visible_fraction:.0%}"


def _frame(tile: Pixels, box: Box | None, zoom: float, colour: Colour, thickness: int = 1) -> None:
    if box is not None:
        x1, y1, x2, y2 = (round(v * zoom) for v in (box.x1, box.y1, box.x2, box.y2))
        cv2.rectangle(tile, (x1, y1), (x2 - 1, y2 - 1), colour, thickness)


def _write(tile: Pixels, text: str, box: Box | None, zoom: float, colour: Colour) -> None:
    """Text above a box, on a dark ground, inside the picture."""
    if box is None:
        return
    size, _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.33, 1)
    left = max(0, min(round(box.x1 * zoom), tile.shape[1] - size[0]))
    bottom = max(size[1] + 2, round(box.y1 * zoom) - 2)
    tile[bottom - size[1] - 1 : bottom + 2, left : left + size[0]] //= 3
    ink = [(value + 255) // 2 for value in colour]  # Dark hues cannot be read on a dark ground.
    cv2.putText(tile, text, (left, bottom), cv2.FONT_HERSHEY_SIMPLEX, 0.33, ink, 1, cv2.LINE_AA)


def _grid(tiles: Sequence[Pixels]) -> Pixels:
    height, width = (side + TILE_GAP for side in tiles[0].shape[:2])
    columns = min(COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    sheet = np.full((rows * height, columns * width, 3), 24, np.uint8)
    for number, tile in enumerate(tiles):
        top, left = number // columns * height, number % columns * width
        sheet[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return sheet

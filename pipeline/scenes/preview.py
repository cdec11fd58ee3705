"""Pictures of a written set for people: annotated samples, and the sizes of its boxes."""

from __future__ import annotations

import colorsys
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

import cv2
import numpy as np

from pipeline.games.pack import LabelPolicy
from pipeline.labels.boxes import Box
from pipeline.labels.synthetic import SUBSETS
from pipeline.scenes.read import WrittenObject, WrittenScene, read_scene, read_scenes
from pipeline.scenes.stock import Colour
from pipeline.scenes.write import SceneSetError
from pipeline.sprites.library import Pixels

COLUMNS = 3
TILE_WIDTH = 400
TILE_GAP = 6
SHEET_QUALITY = 88
DROPPED: Colour = (150, 150, 150)
ROW_HEIGHT = 16
NAME_WIDTH = 150
PLOT_WIDTH = 420
SIDES = (4, 8, 16, 32, 64, 128, 256, 512, 1024)


def class_colour(class_id: int) -> Colour:
    """RGB of a class: neighbouring ids get hues far apart."""
    hue = class_id * 0.618034 % 1.0
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.75 + 0.25 * (class_id % 2), 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)


def sample_sheet(
    folder: Path, class_names: Sequence[str], policy: LabelPolicy, count: int = 12
) -> bytes:
    """A JPEG of pictures spread evenly over the set, with their objects outlined.

    Labels are drawn in their class's colour with its name; the extent that something covers is
    drawn thin in the same colour, and objects without a label thin and grey with the reason.

    Raises:
        SceneSetError: the set has no pictures, or one cannot be read.
    """
    names = [
        (subset, file.stem)
        for subset in SUBSETS
        for file in sorted((folder / "objects" / subset).glob("*.json"))
    ]
    if not names:
        raise SceneSetError(f"{folder} holds no pictures.", "Materialize the synthetic set again.")
    count = min(count, len(names))
    picks = [names[number * len(names) // count] for number in range(count)]
    tiles = [_tile(read_scene(folder, *pick), class_names, policy) for pick in picks]
    sheet = cv2.cvtColor(_grid(tiles), cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, SHEET_QUALITY])[1])


def size_plot_svg(folder: Path, class_names: Sequence[str], policy: LabelPolicy) -> str:
    """An SVG with a row per class: the middle 80% of its labels' box sides, and their median.

    The side of a box is the square root of its area; the scale is logarithmic, in pixels.
    """
    sides = _label_sides(folder, policy)
    height = ROW_HEIGHT * (len(class_names) + 3)
    rows = "".join(
        _plot_row(name, class_id, sides.get(name, [])) for class_id, name in enumerate(class_names)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{NAME_WIDTH + PLOT_WIDTH + 70}" '
        f'height="{height}" font-family="sans-serif" font-size="11">'
        f'<rect width="100%" height="100%" fill="white"/>{_plot_axis(height)}{rows}</svg>\n'
    )


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
    _write(tile, item.class_name, box, zoom, colour)


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
    cv2.putText(tile, text, (left, bottom), cv2.FONT_HERSHEY_SIMPLEX, 0.33, colour, 1, cv2.LINE_AA)


def _grid(tiles: Sequence[Pixels]) -> Pixels:
    height, width = (side + TILE_GAP for side in tiles[0].shape[:2])
    columns = min(COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    sheet = np.full((rows * height, columns * width, 3), 24, np.uint8)
    for number, tile in enumerate(tiles):
        top, left = number // columns * height, number % columns * width
        sheet[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return sheet


def _label_sides(folder: Path, policy: LabelPolicy) -> dict[str, list[float]]:
    sides: dict[str, list[float]] = {}
    for name, box in _label_boxes(folder, policy):
        sides.setdefault(name, []).append(box.area**0.5)
    return sides


def _label_boxes(folder: Path, policy: LabelPolicy) -> Iterator[tuple[str, Box]]:
    for scene in read_scenes(folder):
        for item in scene.objects:
            box = item.visible if policy.box == "visible" else item.full
            if item.dropped is None and box is not None:
                yield item.class_name, box


def _plot_axis(height: int) -> str:
    lines = "".join(
        f'<line x1="{_x(side):.1f}" x2="{_x(side):.1f}" y1="{ROW_HEIGHT * 2}" y2="{height - 8}" '
        f'stroke="#dddddd"/><text x="{_x(side):.1f}" y="{ROW_HEIGHT * 1.7:.1f}" '
        f'text-anchor="middle" fill="#666666">{side}</text>'
        for side in SIDES
    )
    return f'<text x="8" y="{ROW_HEIGHT * 0.9:.1f}">Side of the labels, pixels</text>{lines}'


def _plot_row(name: str, class_id: int, sides: Sequence[float]) -> str:
    y = ROW_HEIGHT * (class_id + 2.7)
    text = (
        f'<text x="8" y="{y + 4:.1f}">{escape(name)}</text>'
        f'<text x="{NAME_WIDTH + PLOT_WIDTH + 60}" y="{y + 4:.1f}" text-anchor="end" '
        f'fill="#666666">{len(sides)}</text>'
    )
    if not sides:
        return text
    low, middle, high = (_x(float(side)) for side in np.quantile(sides, (0.1, 0.5, 0.9)))
    red, green, blue = class_colour(class_id)
    return text + (
        f'<rect x="{low:.1f}" y="{y - 4:.1f}" width="{max(high - low, 1.0):.1f}" height="8" '
        f'fill="rgb({red},{green},{blue})"/>'
        f'<rect x="{middle - 1:.1f}" y="{y - 6:.1f}" width="2" height="12" fill="black"/>'
    )


def _x(side: float) -> float:
    """Where a side lies on the logarithmic scale."""
    steps = np.log2(max(side, SIDES[0]) / SIDES[0]) / np.log2(SIDES[-1] / SIDES[0])
    return NAME_WIDTH + PLOT_WIDTH * min(float(steps), 1.0)

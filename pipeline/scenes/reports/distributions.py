"""How large and where the objects of a synthetic set are, beside those of real frames: an SVG.

Boxes come from `reports.box_sizes`, which brings both to the scale of a drawn scene. Every
figure is drawn whether there are real frames or not; without any, their half stays empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np
import numpy.typing as npt
from detector_runtime.tools.palette import class_colour

from pipeline.scenes.reports.box_sizes import SeenBox

Grid = npt.NDArray[np.float64]

ROW_HEIGHT = 22
NAME_WIDTH = 150
PLOT_WIDTH = 420
COUNT_WIDTH = 130
HEAD_HEIGHT = 44
MAP_HEIGHT = 150
MAP_GAP = 20
CELLS = (9, 16)
"""Rows and columns of the maps of positions."""
SIDES = (4, 8, 16, 32, 64, 128, 256, 512, 1024)
QUANTILES = (0.1, 0.5, 0.9)
REAL = "#222222"
INK = "#666666"


def distribution_svg(
    synthetic: Iterable[SeenBox], real: Iterable[SeenBox], class_names: Sequence[str]
) -> str:
    """Sizes by class, and where boxes lie, of drawn and of real images.

    A class has a row: the middle 80% of its boxes' sides and their median, drawn ones in the
    class's colour, real ones in black below; beside it how many there are of each in an image.
    Below stand two maps of the images: the darker a cell, the more boxes have their middle there.
    """
    drawn, seen = tuple(synthetic), tuple(real)
    top = HEAD_HEIGHT + ROW_HEIGHT * len(class_names)
    height = top + MAP_HEIGHT + 2 * MAP_GAP + 20
    rows = "".join(
        _row(name, number, (_of(drawn, name), _of(seen, name)), (drawn, seen))
        for number, name in enumerate(class_names)
    )
    maps = _map(drawn, "drawn", NAME_WIDTH, top + MAP_GAP + 16) + _map(
        seen, "real", NAME_WIDTH + PLOT_WIDTH // 2 + MAP_GAP, top + MAP_GAP + 16
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{NAME_WIDTH + PLOT_WIDTH + COUNT_WIDTH}" '
        f'height="{height}" font-family="sans-serif" font-size="11">'
        f'<rect width="100%" height="100%" fill="white"/>{_axis(top)}{rows}{maps}'
        f"{_closing(drawn, seen, height)}</svg>\n"
    )


def position_distance(first: Sequence[SeenBox], second: Sequence[SeenBox]) -> float | None:
    """How differently two sets of boxes lie: 0 the same, 1 nowhere alike; None without boxes.

    Half the sum of the differences of the maps' cells, their total variation distance.
    """
    if not first or not second:
        return None
    return float(np.abs(_density(first) - _density(second)).sum() / 2)


def _of(boxes: Sequence[SeenBox], name: str) -> tuple[SeenBox, ...]:
    return tuple(box for box in boxes if box.class_name == name)


def _density(boxes: Sequence[SeenBox]) -> Grid:
    """Share of the boxes in each cell, float64 [rows, columns]."""
    rows, columns = CELLS
    counts = np.zeros(CELLS, np.float64)
    for box in boxes:
        x, y = (min(max(at, 0.0), 1 - 1e-9) for at in box.middle)
        counts[int(y * rows), int(x * columns)] += 1
    return counts / max(len(boxes), 1)


def _axis(bottom: int) -> str:
    lines = "".join(
        f'<line x1="{_x(side):.1f}" x2="{_x(side):.1f}" y1="{HEAD_HEIGHT - 8}" y2="{bottom}" '
        f'stroke="#dddddd"/><text x="{_x(side):.1f}" y="{HEAD_HEIGHT - 14}" text-anchor="middle" '
        f'fill="{INK}">{side}</text>'
        for side in SIDES
    )
    right = NAME_WIDTH + PLOT_WIDTH + COUNT_WIDTH - 8
    return (
        '<text x="8" y="14">Side of the visible boxes, pixels of a drawn scene: '
        "colour drawn, black real</text>"
        f'<text x="{right}" y="14" text-anchor="end" fill="{INK}">'
        f"an image: drawn / real</text>{lines}"
    )


def _row(
    name: str,
    class_id: int,
    boxes: tuple[Sequence[SeenBox], Sequence[SeenBox]],
    every: tuple[Sequence[SeenBox], Sequence[SeenBox]],
) -> str:
    y = HEAD_HEIGHT + ROW_HEIGHT * class_id + 10
    red, green, blue = class_colour(class_id)
    rates = " / ".join(_rate(found, whole) for found, whole in zip(boxes, every, strict=True))
    right = NAME_WIDTH + PLOT_WIDTH + COUNT_WIDTH - 8
    return (
        f'<text x="8" y="{y + 4}">{escape(name)}</text>'
        f'<text x="{right}" y="{y + 4}" text-anchor="end" fill="{INK}">{rates}</text>'
        + _bar(boxes[0], y - 6, f"rgb({red},{green},{blue})")
        + _bar(boxes[1], y + 3, REAL)
    )


def _rate(found: Sequence[SeenBox], whole: Sequence[SeenBox]) -> str:
    images = _images(whole)
    return f"{len(found) / images:.2f}" if images else "-"


def _images(boxes: Sequence[SeenBox]) -> int:
    return len({box.image for box in boxes})


def _bar(boxes: Sequence[SeenBox], top: float, colour: str) -> str:
    if not boxes:
        return ""
    sides = np.quantile([box.side for box in boxes], QUANTILES)
    low, middle, high = (_x(float(side)) for side in sides)
    return (
        f'<rect x="{low:.1f}" y="{top}" width="{max(high - low, 1.0):.1f}" height="7" '
        f'fill="{colour}" fill-opacity="0.6"/>'
        f'<rect x="{middle - 1:.1f}" y="{top - 1}" width="2" height="9" fill="black"/>'
    )


def _map(boxes: Sequence[SeenBox], title: str, left: int, top: int) -> str:
    rows, columns = CELLS
    width = (PLOT_WIDTH - MAP_GAP) // 2 / columns
    height = (MAP_HEIGHT - 20) / rows
    density = _density(boxes)
    most = max(float(density.max()), 1e-9)
    cells = "".join(
        f'<rect x="{left + column * width:.1f}" y="{top + row * height:.1f}" '
        f'width="{width:.1f}" height="{height:.1f}" fill="#1f4e79" '
        f'fill-opacity="{density[row, column] / most:.2f}"/>'
        for row in range(rows)
        for column in range(columns)
    )
    frame = (
        f'<rect x="{left}" y="{top}" width="{columns * width:.1f}" height="{rows * height:.1f}" '
        f'fill="none" stroke="{INK}"/>'
    )
    return (
        f'<text x="{left}" y="{top - 5}">Where boxes lie, {title}: {len(boxes)} in '
        f"{_images(boxes)} images</text>{cells}{frame}"
    )


def _closing(drawn: Sequence[SeenBox], seen: Sequence[SeenBox], height: int) -> str:
    away = position_distance(drawn, seen)
    text = (
        "No real frames to compare with."
        if away is None
        else f"The two maps differ by {away:.2f} (0 the same, 1 nowhere alike)."
    )
    return f'<text x="{NAME_WIDTH}" y="{height - 8}" fill="{INK}">{text}</text>'


def _x(side: float) -> float:
    """Where a side lies on the logarithmic scale."""
    steps = np.log2(max(side, SIDES[0]) / SIDES[0]) / np.log2(SIDES[-1] / SIDES[0])
    return NAME_WIDTH + PLOT_WIDTH * min(float(steps), 1.0)

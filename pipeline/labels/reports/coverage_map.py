"""The coverage matrix as an image: boxes of every class by split and source."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise

from pipeline.labels.coverage import (
    SPLITS,
    CoverageColumn,
    SourceCoverage,
    Split,
    coverage_columns,
    real_boxes,
)

WIDTH = 480
"""Pixels that an asset's page has, so that texts are not reduced."""
NAME_WIDTH = 124
RIGHT = 6
ROW_HEIGHT = 15
HEAD_HEIGHT = 132
FOOT_HEIGHT = 52
SPLIT_GAP = 6
"""Pixels between the sums, and the splits of the sources."""
WIDEST_CELL = 44
MOST_COLUMNS = 11
"""Of sources; with more, no cell could hold its number."""
LONGEST_NAME = 16
"""Letters of a source; classes may have a few more."""
REAL = "31,90,150"
SYNTHETIC = "120,110,100"
MISSING = "#d55e00"
UNVALIDATED = "#b8860b"
INK = "#333333"
FAINT = "#888888"
TITLES: Mapping[Split, str] = {"train": "train", "val": "val", "held_out": "held out"}


def coverage_svg(sources: Sequence[SourceCoverage], class_names: Sequence[str]) -> str:
    """A heat map, classes down, sources across, by split; the darker the more boxes.

    First stand the sums of all batches. A class without a real label, and one without a real label
    in validation, are marked by a sign and a colour. Where there are many batches, those with the
    fewest boxes share a column.
    """
    sums = [
        CoverageColumn(split, "all batches", real_boxes(sources, split), is_real=True)
        for split in SPLITS
    ]
    columns = [*sums, *coverage_columns(sources, MOST_COLUMNS)]
    gaps = _gaps(columns, len(sums))
    cell = min(WIDEST_CELL, (WIDTH - NAME_WIDTH - gaps[-1] - RIGHT) / len(columns))
    lefts = [NAME_WIDTH + number * cell + gap for number, gap in enumerate(gaps)]
    most = max((count for one in columns for count in one.boxes.values()), default=1)
    height = HEAD_HEIGHT + ROW_HEIGHT * len(class_names) + FOOT_HEIGHT
    heads = "".join(_head(one, left, cell) for one, left in zip(columns, lefts, strict=True))
    rows = "".join(
        _name(name, sums, HEAD_HEIGHT + ROW_HEIGHT * number)
        + "".join(
            _cell(one, name, (left, HEAD_HEIGHT + ROW_HEIGHT * number, cell), most)
            for one, left in zip(columns, lefts, strict=True)
        )
        for number, name in enumerate(class_names)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="10">'
        f'<rect width="100%" height="100%" fill="white"/>{heads}{rows}'
        f"{_foot(sums, class_names, height)}</svg>\n"
    )


def _gaps(columns: Sequence[CoverageColumn], sums: int) -> list[int]:
    """Pixels of gaps to the left of each column, those before others included."""
    gaps = [0] * sums
    for before, one in pairwise(columns[sums - 1 :]):
        starts = len(gaps) == sums or one.split != before.split
        gaps.append(gaps[-1] + (SPLIT_GAP if starts else 0))
    return gaps


def _head(column: CoverageColumn, left: float, cell: float) -> str:
    """Split and source, written upwards so that any name fits."""
    x, colour = left + cell / 2 + 3, INK if column.is_real else SYNTHETIC
    fill = colour if colour.startswith("#") else f"rgb({colour})"
    text = f"{TITLES[column.split]}: {shortened(column.source)}"
    return (
        f'<text transform="translate({x:.1f},{HEAD_HEIGHT - 6}) rotate(-90)" fill="{fill}">'
        f"{escape(text)}</text>"
    )


def _name(name: str, sums: Sequence[CoverageColumn], y: int) -> str:
    real = {one.split: one.boxes.get(name, 0) for one in sums}
    colour, sign = INK, ""
    if not real["train"] and not real["val"]:
        colour, sign = MISSING, "\N{MULTIPLICATION SIGN} "
    elif not real["val"]:
        colour, sign = UNVALIDATED, "\N{WHITE CIRCLE} "
    return (
        f'<text x="{NAME_WIDTH - 5}" y="{y + 11}" text-anchor="end" fill="{colour}">'
        f"{sign}{escape(shortened(name, LONGEST_NAME + 4))}</text>"
    )


def _cell(column: CoverageColumn, name: str, place: tuple[float, float, float], most: int) -> str:
    left, top, width = place
    count = column.boxes.get(name, 0)
    middle = left + width / 2
    if not count:
        return (
            f'<text x="{middle:.1f}" y="{top + 11}" text-anchor="middle" fill="{FAINT}">'
            "\N{MIDDLE DOT}</text>"
        )
    # By magnitude: a hundred boxes and a thousand differ as much as ten and a hundred.
    share = 0.12 + 0.88 * math.log1p(count) / math.log1p(most)
    colour = REAL if column.is_real else SYNTHETIC
    return (
        f'<rect x="{left + 0.5:.1f}" y="{top + 0.5}" width="{width - 1:.1f}" '
        f'height="{ROW_HEIGHT - 1}" fill="rgb({colour})" fill-opacity="{share:.2f}"/>'
        f'<text x="{middle:.1f}" y="{top + 11}" text-anchor="middle" font-size="9" '
        f'fill="{"white" if share > 0.55 else INK}">{_number(count)}</text>'
    )


def _number(count: int) -> str:
    """At most four letters."""
    if count < 1000:
        return str(count)
    if count < 9950:
        return f"{count / 1000:.1f}k"
    return f"{round(count / 1000)}k" if count < 999_500 else f"{count / 1e6:.1f}M"


def shortened(name: str, longest: int = LONGEST_NAME) -> str:
    """A name without its middle if it is long: beginning and end tell batches apart."""
    if len(name) <= longest:
        return name
    kept = longest - 1
    return f"{name[: kept - kept // 2]}\N{HORIZONTAL ELLIPSIS}{name[len(name) - kept // 2 :]}"


def _foot(sums: Sequence[CoverageColumn], class_names: Sequence[str], height: int) -> str:
    train, val, _ = (one.boxes for one in sums)
    missing = sum(not train.get(name) and not val.get(name) for name in class_names)
    unvalidated = sum(bool(train.get(name)) and not val.get(name) for name in class_names)
    return (
        f'<text x="8" y="{height - 36}" fill="{MISSING}">\N{MULTIPLICATION SIGN} {missing} of '
        f"{len(class_names)} classes have no real label in training or validation</text>"
        f'<text x="8" y="{height - 22}" fill="{UNVALIDATED}">\N{WHITE CIRCLE} {unvalidated} more '
        "have none in validation, so nothing tells how well they are found</text>"
        f'<text x="8" y="{height - 8}" fill="{FAINT}">Boxes, each image once: blue of real, '
        "brown of synthetic images.</text>"
    )

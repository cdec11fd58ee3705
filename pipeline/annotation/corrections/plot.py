"""What became of the model's boxes, per class, as a small SVG."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from pipeline.annotation.corrections.summary import (
    ClassCorrections,
    CorrectionSummary,
    shares,
    totals,
)

COLOURS: Mapping[str, str] = {
    "kept": "#059669",
    "moved": "#2563eb",
    "relabelled": "#9333ea",
    "deleted": "#dc2626",
    "added": "#d97706",
}
GREY = "#6b7280"
WIDTH, NAMES, NUMBERS, ROW, TOP = 660, 150, 120, 18, 40
BAR = WIDTH - NAMES - NUMBERS
MOST_CLASSES = 24
MOST_LETTERS = 24


def corrections_svg(summary: CorrectionSummary) -> str | None:
    """A bar for each class in the frames that people saw boxes in; None where there is none.

    A bar's parts are shares of the model's boxes of that class. The classes with most boxes are
    shown, at most 24, and all together first. Text and rectangles alone, a few kilobytes.
    """
    rows = [row for row in summary.shown if row.found or row.added]
    if not rows:
        return None
    largest = sorted(rows, key=lambda row: (-row.found - row.added, row.class_name))
    shown = [totals(rows), *largest[:MOST_CLASSES]]
    height = TOP + ROW * len(shown) + 10
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="10">'
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
        f"{''.join(_legend())}{''.join(_bars(shown))}</svg>"
    )


def _legend() -> Iterator[str]:
    yield _text(4, 14, GREY, "what became of the boxes that people saw")
    for number, (name, colour) in enumerate(COLOURS.items()):
        yield _text(NAMES + number * 80, 30, colour, name)


def _bars(rows: Sequence[ClassCorrections]) -> Iterator[str]:
    for number, row in enumerate(rows):
        top = TOP + number * ROW
        name = row.class_name
        short = name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS - 1]}…"
        yield _text(4, top + 11, "#111827", short)
        left = float(NAMES)
        for part, share in shares(row).items():
            width = share * BAR
            yield (
                f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{ROW - 4}" '
                f'fill="{COLOURS[part]}"/>'
            )
            left += width
        yield _text(NAMES + BAR + 6, top + 11, GREY, f"of {row.found}")
        yield _text(NAMES + BAR + 54, top + 11, COLOURS["added"], f"{row.added} added")


def _text(x: float, y: float, colour: str, text: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" fill="{colour}">{escape(text)}</text>'

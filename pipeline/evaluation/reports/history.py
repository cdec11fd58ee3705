"""The figure of record of all models of a game, one after the other, as a small SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from pipeline.evaluation.metrics.intervals import Interval

LEFT, TOP, HEIGHT, STEP = 36, 14, 180, 34
BLUE, GREY = "#0072b2", "#6b7280"
MOST_SHOWN = 30


@dataclass(frozen=True)
class PastModel:
    """What one model scored on real frames, on those that there were then.

    Attributes:
        label: for people, for example the day.
        f1: real micro-F1.
        interval: None where it was not kept.
    """

    label: str
    f1: float
    interval: Interval | None


def history_svg(models: Sequence[PastModel]) -> str:
    """Points with their intervals, the newest on the right; up to 30 of them.

    Args:
        models: at least one, oldest first.
    """
    shown = models[-MOST_SHOWN:]
    width, height = LEFT + STEP * len(shown) + 10, TOP + HEIGHT + 62
    grid = "".join(
        f'<line x1="{LEFT}" x2="{width - 8}" y1="{_y(mark):.1f}" y2="{_y(mark):.1f}" '
        f'stroke="#e5e7eb"/><text x="{LEFT - 5}" y="{_y(mark) + 3:.1f}" text-anchor="end" '
        f'fill="{GREY}">{mark:g}</text>'
        for mark in (0, 0.25, 0.5, 0.75, 1)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" font-size="10">'
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>{grid}'
        f"{''.join(part for index, one in enumerate(shown) for part in _point(index, one))}</svg>"
    )


def _point(index: int, model: PastModel) -> Iterator[str]:
    x = LEFT + STEP * (index + 0.5)
    if model.interval is not None:
        yield (
            f'<line x1="{x}" x2="{x}" y1="{_y(model.interval.low):.1f}" '
            f'y2="{_y(model.interval.high):.1f}" stroke="{BLUE}" stroke-width="2" opacity="0.5"/>'
        )
    y = _y(model.f1)
    yield f'<circle cx="{x}" cy="{y:.1f}" r="3.5" fill="{BLUE}"/>'
    yield f'<text x="{x + 5}" y="{y - 4:.1f}" fill="{BLUE}">{model.f1:.2f}</text>'
    bottom = TOP + HEIGHT + 12
    yield (
        f'<text x="{x}" y="{bottom}" fill="{GREY}" text-anchor="end" '
        f'transform="rotate(-45 {x} {bottom})">{escape(model.label)}</text>'
    )


def _y(value: float) -> float:
    return TOP + (1 - value) * HEIGHT

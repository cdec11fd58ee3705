"""What other confidences of single classes would gain, as a small SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from pipeline.evaluation.metrics.fitted_thresholds import FittedThreshold

LEFT, TOP, WIDTH, STEP = 150, 16, 300, 20
GREEN, GREY = "#009e73", "#6b7280"
LEAST_RANGE = 0.05


def gains_svg(classes: Sequence[FittedThreshold]) -> str:
    """The gain in F1 of every class with its interval, one a line; green where it is justified.

    Args:
        classes: at least one.
    """
    far = max(LEAST_RANGE, *(abs(end) for one in classes for end in _ends(one)))
    bottom = TOP + STEP * len(classes)
    marks = "".join(
        f'<line x1="{_x(mark, far):.1f}" x2="{_x(mark, far):.1f}" y1="{TOP}" y2="{bottom}" '
        f'stroke="{GREY if mark == 0 else "#e5e7eb"}"/><text x="{_x(mark, far):.1f}" '
        f'y="{bottom + 14}" text-anchor="middle" fill="{GREY}">{mark:+.2f}</text>'
        for mark in (-far, -far / 2, 0.0, far / 2, far)
    )
    lines = "".join(part for row, one in enumerate(classes) for part in _line(row, one, far))
    width, height = LEFT + WIDTH + 24, bottom + 24
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" font-size="10">'
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>{marks}{lines}</svg>'
    )


def _line(row: int, one: FittedThreshold, far: float) -> Iterator[str]:
    y, colour = TOP + STEP * (row + 0.5), GREEN if one.is_justified else GREY
    low, high = _ends(one)
    yield (
        f'<text x="{LEFT - 8}" y="{y + 3}" text-anchor="end" fill="{colour}">'
        f"{escape(one.name)} ({one.truths})</text>"
    )
    yield (
        f'<line x1="{_x(low, far):.1f}" x2="{_x(high, far):.1f}" y1="{y}" y2="{y}" '
        f'stroke="{colour}" stroke-width="2" opacity="0.5"/>'
    )
    yield f'<circle cx="{_x(one.gain.value, far):.1f}" cy="{y}" r="3.5" fill="{colour}"/>'


def _ends(one: FittedThreshold) -> tuple[float, float]:
    interval, value = one.gain.interval, one.gain.value
    return (interval.low, interval.high) if interval else (value, value)


def _x(value: float, far: float) -> float:
    return LEFT + (value / far + 1) / 2 * WIDTH

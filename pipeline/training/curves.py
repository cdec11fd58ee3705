"""Curves of a training as a small SVG: losses on the left, mAP on the right, stages in a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from pipeline.jobs.events import EpochEvent
from pipeline.training.results import EpochMetrics

PANEL_WIDTH = 330
PANEL_HEIGHT = 190
MARGIN = 36
TOP, BOTTOM = 22, PANEL_HEIGHT - MARGIN
RIGHT = PANEL_WIDTH - 10
COLOURS = ("#2563eb", "#dc2626", "#059669", "#9333ea", "#d97706", "#0891b2")
GREY = "#6b7280"
CHARACTER_WIDTH = 5
"""Pixels, about, of a letter of ten pixels."""


@dataclass(frozen=True)
class Curve:
    """A named line: one value an epoch, None where there is none."""

    name: str
    colour: str
    values: tuple[float | None, ...]
    dashes: str = ""


@dataclass(frozen=True)
class CurvePanel:
    """A drawing of some curves, from the floor to the ceiling or to the largest value."""

    title: str
    curves: tuple[Curve, ...]
    ceiling: float | None = None
    floor: float = 0.0


def curves_svg(epochs: Sequence[EpochMetrics]) -> str:
    """Losses (validation dashed) and mAP over epochs, as the text of an SVG.

    Text and lines alone, a few kilobytes, so that it fits into an event of the run. Where a stage
    of training follows another, a line stands between them and each begins with its name.
    """
    maps = (
        Curve("mAP50", COLOURS[0], tuple(epoch.map50 for epoch in epochs)),
        Curve("mAP50-95", COLOURS[2], tuple(epoch.map50_95 for epoch in epochs)),
    )
    panels = (
        CurvePanel("loss (dashed: validation)", _loss_curves(epochs)),
        CurvePanel("mAP on the validation list", maps, ceiling=1.0),
    )
    return draw_panels(panels, epochs)


def draw_panels(panels: Sequence[CurvePanel], epochs: Sequence[EpochEvent]) -> str:
    """Curves over the epochs of any training, beside each other, as the text of an SVG."""
    starts = _starts(epochs)
    marks = "".join(_marks(epochs, starts))
    drawn = [_panel(panel, starts) + marks for panel in panels]
    placed = (
        f'<g transform="translate({index * PANEL_WIDTH},0)">{panel}</g>'
        for index, panel in enumerate(drawn)
    )
    width = PANEL_WIDTH * len(panels)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {PANEL_HEIGHT}" '
        f'width="{width}" height="{PANEL_HEIGHT}" font-family="sans-serif" font-size="10">'
        f'<rect width="{width}" height="{PANEL_HEIGHT}" fill="#ffffff"/>{"".join(placed)}</svg>'
    )


def _loss_curves(epochs: Sequence[EpochMetrics]) -> tuple[Curve, ...]:
    names = sorted({name for epoch in epochs for name in epoch.train_losses})
    curves = []
    for name, colour in zip(names, COLOURS, strict=False):
        train = tuple(epoch.train_losses.get(name) for epoch in epochs)
        validation = tuple(epoch.val_losses.get(name) for epoch in epochs)
        curves.append(Curve(name, colour, train))
        curves.append(Curve("", colour, validation, dashes="3 2"))
    return tuple(curves)


def _starts(epochs: Sequence[EpochEvent]) -> list[int]:
    """Where the first epoch of each stage stands."""
    return [
        index
        for index, epoch in enumerate(epochs)
        if index == 0 or epoch.stage != epochs[index - 1].stage
    ]


def _marks(epochs: Sequence[EpochEvent], starts: Sequence[int]) -> Iterator[str]:
    """Where each stage begins and where all ends; names where there are several stages."""
    taken = 0.0
    for index in starts:
        x = _x_of(index, len(epochs))
        # The name of a stage of few epochs reaches to where the next one begins.
        if x >= taken:
            yield _axis_label(x, epochs[index].epoch)
        taken = x + 12 + CHARACTER_WIDTH * len(epochs[index].stage)
        if len(starts) > 1:
            yield (
                f'<text x="{x + 7:.1f}" y="{BOTTOM + 13}" fill="{GREY}">'
                f"{escape(epochs[index].stage)}</text>"
            )
        if index > 0:
            path = f'<path d="M{x:.1f} {TOP}V{BOTTOM}" class="stage" stroke="{GREY}" '
            yield f'{path}stroke-dasharray="2 3"/>'
    if epochs and starts[-1] != len(epochs) - 1:
        yield _axis_label(RIGHT, epochs[-1].epoch)


def _x_of(index: int, count: int) -> float:
    """Where the value of an epoch stands."""
    return MARGIN + (RIGHT - MARGIN) * (index / (count - 1) if count > 1 else 0.5)


def _panel(panel: CurvePanel, starts: Sequence[int]) -> str:
    known = [value for curve in panel.curves for value in curve.values if value is not None]
    top = panel.ceiling or max(known, default=1.0) or 1.0
    ends = (panel.floor, max(top, panel.floor + 1e-9))
    parts = [f'<text x="{MARGIN}" y="14" fill="{GREY}">{escape(panel.title)}</text>', *_axes(ends)]
    parts += [_line(curve, starts, ends) for curve in panel.curves]
    parts += _legend([curve for curve in panel.curves if curve.name])
    return "".join(parts)


def _axes(ends: tuple[float, float]) -> Iterator[str]:
    floor, top = ends
    for fraction in (0.0, 0.5, 1.0):
        y = BOTTOM - fraction * (BOTTOM - TOP)
        yield f'<path d="M{MARGIN} {y:.1f}H{RIGHT}" stroke="#e5e7eb"/>'
        yield (
            f'<text x="{MARGIN - 4}" y="{y + 3:.1f}" text-anchor="end" fill="{GREY}">'
            f"{_told(floor + fraction * (top - floor))}</text>"
        )


def _told(value: float) -> str:
    """Three digits, and all of those before the point."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _axis_label(x: float, epoch: int) -> str:
    return f'<text x="{x:.1f}" y="{BOTTOM + 13}" text-anchor="middle" fill="{GREY}">{epoch}</text>'


def _line(curve: Curve, starts: Sequence[int], ends: tuple[float, float]) -> str:
    """A path through the values, broken where one is missing and where a stage begins.

    A dot where it has one point.
    """
    floor, top = ends
    commands, pen_down, points = [], False, []
    for index, value in enumerate(curve.values):
        pen_down = pen_down and index not in starts
        if value is None:
            pen_down = False
            continue
        x = _x_of(index, len(curve.values))
        share = min(max((value - floor) / (top - floor), 0.0), 1.0)
        y = BOTTOM - share * (BOTTOM - TOP)
        commands.append(f"{'L' if pen_down else 'M'}{x:.1f} {y:.1f}")
        points.append((x, y))
        pen_down = True
    if len(points) == 1:
        x, y = points[0]
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{curve.colour}"/>'
    dashes = f' stroke-dasharray="{curve.dashes}"' if curve.dashes else ""
    return f'<path d="{"".join(commands)}" fill="none" stroke="{curve.colour}"{dashes}/>'


def _legend(curves: Sequence[Curve]) -> Iterator[str]:
    x, y = MARGIN, PANEL_HEIGHT - 6
    for curve in curves:
        yield f'<text x="{x}" y="{y}" fill="{curve.colour}">{escape(curve.name)}</text>'
        x += 14 + 7 * len(curve.name)

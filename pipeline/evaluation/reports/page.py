"""A report as a page that any browser opens from the disk: figures, curves, confusion, frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from markdown_it import MarkdownIt

from pipeline.evaluation.metrics.scores import Confusion, CurvePoint
from pipeline.evaluation.reports.report import EvaluationReport
from pipeline.evaluation.reports.tables import markdown

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;
color:#1f2937;background:#fff}
table{border-collapse:collapse;margin:.6rem 0}td,th{border:1px solid #d1d5db;padding:.15rem .5rem}
img{max-width:100%;display:block}figure{margin:1rem 0}th{background:#f3f4f6}
.scroll{overflow-x:auto}.frames{display:flex;flex-wrap:wrap;gap:1rem}.frames figure{margin:0}
"""
LEFT, TOP, WIDTH, HEIGHT = 36, 12, 480, 220
COLOURS = {"precision": "#0072b2", "recall": "#d55e00", "F1": "#009e73"}
MOST_CONFUSED = 20
"""Classes that the table of confusion shows; those with most errors."""


def report_page(report: EvaluationReport, worst: Sequence[tuple[str, str]] = ()) -> str:
    """The page's HTML.

    Args:
        worst: file, relative to the page, and caption of drawings, worst first.
    """
    text = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown(report))
    parts = (
        "<h1>Evaluation</h1>",
        text,
        "<h2>By the confidence that counts</h2>",
        curves_svg(report.real.curve),
        "<h2>What was taken for what</h2>",
        f'<div class="scroll">{_confusion(report.real.confusion)}</div>',
        "<h2>Worst frames</h2>",
        f'<div class="frames">{"".join(_frames(worst))}</div>',
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Evaluation</title>'
        f"<style>{STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def curves_svg(points: Sequence[CurvePoint]) -> str:
    """Precision, recall and F1 over the least confidence, as the text of an SVG."""
    lines = "".join(_line(name, points) for name in COLOURS)
    legend = "".join(
        f'<text x="{LEFT + 8 + 80 * index}" y="{TOP + HEIGHT + 34}" fill="{colour}">{name}</text>'
        for index, (name, colour) in enumerate(COLOURS.items())
    )
    marks = "".join(
        f'<text x="{_x(mark):.1f}" y="{TOP + HEIGHT + 14}" text-anchor="middle">{mark:g}</text>'
        f'<text x="{LEFT - 6}" y="{_y(mark) + 4:.1f}" text-anchor="end">{mark:g}</text>'
        for mark in (0, 0.25, 0.5, 0.75, 1)
    )
    width, height = LEFT + WIDTH + 12, TOP + HEIGHT + 42
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" font-size="11">'
        f'<rect x="{LEFT}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}" fill="#f9fafb" '
        f'stroke="#d1d5db"/>{marks}{lines}{legend}</svg>'
    )


def _line(name: str, points: Sequence[CurvePoint]) -> str:
    values = {
        "precision": [point.precision for point in points],
        "recall": [point.recall for point in points],
        "F1": [point.f1 for point in points],
    }[name]
    known = " ".join(
        f"{_x(point.confidence):.1f},{_y(value):.1f}"
        for point, value in zip(points, values, strict=True)
        if value is not None
    )
    return f'<polyline points="{known}" fill="none" stroke="{COLOURS[name]}" stroke-width="1.5"/>'


def _x(confidence: float) -> float:
    return LEFT + confidence * WIDTH


def _y(value: float) -> float:
    return TOP + (1 - value) * HEIGHT


def _confusion(confusion: Confusion) -> str:
    """Rows are true classes, columns what was detected; classes without errors are left out."""
    counts, last = confusion.counts, len(confusion.labels) - 1
    errors = [
        sum(counts[i]) + sum(row[i] for row in counts) - 2 * counts[i][i] for i in range(last)
    ]
    chosen = sorted(range(last), key=lambda i: (-errors[i], i))[:MOST_CONFUSED]
    shown = [*sorted(index for index in chosen if errors[index]), last]
    head = "".join(f"<th>{escape(confusion.labels[index])}</th>" for index in shown)
    rows = "".join(
        f"<tr><th>{escape(confusion.labels[i])}</th>"
        + "".join(f"<td>{counts[i][j] or ''}</td>" for j in shown)
        + "</tr>"
        for i in shown
    )
    return f"<table><tr><th>true, and detected as</th>{head}</tr>{rows}</table>"


def _frames(worst: Sequence[tuple[str, str]]) -> Iterator[str]:
    if not worst:
        yield "<p>No frame has an error.</p>"
    for file, caption in worst:
        yield (
            f'<figure><img src="{escape(file)}" alt=""><figcaption>{escape(caption)}'
            "</figcaption></figure>"
        )

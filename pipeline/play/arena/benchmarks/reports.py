"""A benchmark's report: Markdown, with an image of shares and their intervals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from itertools import cycle
from pathlib import Path

from pipeline.files import replacing, write_json, write_text
from pipeline.play.arena.benchmarks.verdicts import BenchmarkResult, Criterion, Share

CHART_FILE, REPORT_FILE, RESULT_FILE = "shares.svg", "report.md", "result.json"
MOST_DRAWN = 66
"""Shares in the image; the first ones."""
ROW, LEFT, TOP, WIDTH, BOTTOM = 16, 300, 30, 700, 24
COLOURS = ("#2563eb", "#dc2626", "#059669", "#9333ea", "#d97706", "#0891b2")
GREY = "#6b7280"
LETTER = 6
"""Pixels, about, of a letter."""


def write_report(result: BenchmarkResult, folder: Path) -> Path:
    """Write the report, its image, and the result as JSON; the report's file.

    Raises:
        OSError: the folder cannot be written to.
    """
    for name, text in ((CHART_FILE, chart_of(result)), (REPORT_FILE, markdown_of(result))):
        with replacing(folder / name) as fresh:
            write_text(fresh, text)
    with replacing(folder / RESULT_FILE) as fresh:
        write_json(fresh, result.model_dump(mode="json"))
    return folder / REPORT_FILE


def markdown_of(result: BenchmarkResult) -> str:
    """The whole report; its image lies beside it as `CHART_FILE`."""
    parts = [
        f"# {result.benchmark.capitalize()}: {result.verdict}",
        f"{result.about} `{result.player}` was measured.",
        _criteria(result.criteria),
        *result.notes,
        f"![Shares with 95% intervals]({CHART_FILE})",
        _shares(result.shares),
        "Run with:",
        f"```json\n{json.dumps(result.settings, indent=1, sort_keys=True)}\n```",
    ]
    return "\n\n".join(parts) + "\n"


def chart_of(result: BenchmarkResult) -> str:
    """Shares as points on lines that are their intervals, as the text of an SVG."""
    drawn = result.shares[:MOST_DRAWN]
    conditions = list(dict.fromkeys(share.condition for share in drawn))
    height = TOP + ROW * len(drawn) + BOTTOM
    parts = [*_legend(conditions), *_grid(height)]
    for number, share in enumerate(drawn):
        colour = COLOURS[conditions.index(share.condition) % len(COLOURS)]
        y = TOP + ROW * number + ROW // 2
        # What several conditions have in common is named once.
        if number == 0 or drawn[number - 1].name != share.name:
            parts.append(f'<text x="8" y="{y + 4}" fill="{GREY}">{escape(share.name)}</text>')
        parts += _row(share, y, colour)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="11">'
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>{"".join(parts)}</svg>\n'
    )


def _criteria(criteria: tuple[Criterion, ...]) -> str:
    head = "| criterion | asked | measured | 95% interval | verdict |\n|---|---|---|---|---|"
    rows = [
        f"| {one.name} | {one.direction} {one.bound:.3f} | {one.measured:.3f} | "
        f"{one.interval or 'counted exactly'} | **{one.verdict}** |"
        for one in criteria
    ]
    return "\n".join([head, *rows])


def _shares(shares: tuple[Share, ...]) -> str:
    head = "| played | condition | count | of | share | 95% interval |\n|---|---|---|---|---|---|"
    rows = [
        f"| {one.name} | {one.condition} | {one.count} | {one.of} | {one.rate:.3f} | "
        f"{one.interval} |"
        for one in shares
    ]
    return "\n".join([head, *rows])


def _legend(conditions: list[str]) -> Iterator[str]:
    """The conditions in their colours, along the top."""
    x = 8
    for condition, colour in zip(conditions, cycle(COLOURS), strict=False):
        yield f'<text x="{x}" y="13" fill="{colour}">{escape(condition)}</text>'
        x += LETTER * len(condition) + 20


def _grid(height: int) -> Iterator[str]:
    for percent in range(0, 101, 25):
        x = _place(percent / 100)
        yield f'<path d="M{x} {TOP - 4}V{height - BOTTOM}" stroke="#d1d5db" fill="none"/>'
        yield f'<text x="{x - 10}" y="{height - 8}" fill="{GREY}">{percent}%</text>'


def _row(share: Share, y: int, colour: str) -> Iterator[str]:
    interval = share.interval
    low, high = _place(interval.low), _place(interval.high)
    yield f'<path d="M{low} {y}H{high}" stroke="{colour}" stroke-width="3" opacity="0.5"/>'
    yield f'<circle cx="{_place(share.rate)}" cy="{y}" r="4" fill="{colour}"/>'


def _place(rate: float) -> float:
    return round(LEFT + rate * (WIDTH - LEFT - 20), 1)

"""A league as images: who beats whom, and ratings and exploitability over rounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from pipeline.play.arena.league.standing import LeagueStanding, interval_of
from pipeline.training.curves import COLOURS, Curve, CurvePanel, draw_panels

CELL_WIDTH, CELL_HEIGHT = 74, 34
LEFT, TOP = 92, 46
GREY = "#6b7280"
WON, LOST = (5, 150, 105), (220, 38, 38)
"""Colours of cells, in which all games or none are won."""


def matrix_svg(standing: LeagueStanding) -> str:
    """The share of games that each player (row) wins against each other (column), as an SVG.

    Green where more is won than by the other, red where less; white where as much.
    """
    names = standing.players
    width, height = LEFT + CELL_WIDTH * len(names) + 8, TOP + CELL_HEIGHT * len(names) + 8
    parts = [
        f'<text x="8" y="14" fill="{GREY}">share of games that the row wins against the column '
        "(95% below)</text>"
    ]
    for column, name in enumerate(names):
        x = LEFT + CELL_WIDTH * (column + 0.5)
        parts.append(f'<text x="{x:.0f}" y="{TOP - 8}" text-anchor="middle">{escape(name)}</text>')
    for row, name in enumerate(names):
        y = TOP + CELL_HEIGHT * (row + 0.5) + 4
        parts.append(f'<text x="{LEFT - 8}" y="{y:.0f}" text-anchor="end">{escape(name)}</text>')
        parts += _cells(standing, names, row)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="sans-serif" font-size="10">'
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>{"".join(parts)}</svg>'
    )


def curves_svg(standing: LeagueStanding) -> str:
    """Ratings with intervals, the bound and the proxy over rounds, as an SVG."""
    last = standing.rounds[-1].number
    policies = [one.name for one in standing.rounds]
    rated = [interval_of(standing, name) for name in policies]
    elo = {one.player: one.rating for one in standing.elo}
    responses = [one.response for one in standing.rounds]
    lows = [interval.low for _rating, interval in rated] + [elo[name] for name in policies]
    panels = (
        CurvePanel(f"rating over rounds 0 to {last} (dashed: 95%)", (
            Curve("Bradley-Terry", COLOURS[0], tuple(rating for rating, _interval in rated)),
            Curve("", COLOURS[0], tuple(interval.low for _rating, interval in rated), "3 2"),
            Curve("", COLOURS[0], tuple(interval.high for _rating, interval in rated), "3 2"),
            Curve("Elo", COLOURS[1], tuple(elo[name] for name in policies)),
        ), floor=min(lows) - 20, ceiling=_highest(standing) + 20),
        CurvePanel("wins of who was trained against the policy (dashed: 95%)", (
            Curve("wins", COLOURS[4], tuple(r.share for r in responses)),
            Curve("bound", COLOURS[3], tuple(r.bound for r in responses), "3 2"),
            Curve("", COLOURS[4], tuple(r.win_rate.high for r in responses), "3 2"),
        ), ceiling=1.0),
        CurvePanel("exploitability proxy, in the pool of all others", (
            Curve("proxy", COLOURS[2], tuple(standing.proxies.get(name) for name in policies)),
        )),
    )  # fmt: skip
    return draw_panels(panels, [])


def _cells(standing: LeagueStanding, names: Sequence[str], row: int) -> Iterator[str]:
    """The cells of a row."""
    y = TOP + CELL_HEIGHT * row
    for column, name in enumerate(names):
        match = standing.match_of(names[row], name)
        if match is None:
            continue
        played, interval = match.seen_by(names[row]), match.win_interval(names[row])
        x = LEFT + CELL_WIDTH * column
        middle = x + CELL_WIDTH / 2
        yield (
            f'<rect x="{x}" y="{y}" width="{CELL_WIDTH - 2}" height="{CELL_HEIGHT - 2}" '
            f'fill="{_colour(played.win_rate - played.loss_rate)}"/>'
            f'<text x="{middle:.0f}" y="{y + 14}" text-anchor="middle" font-size="12">'
            f"{played.win_rate:.0%}</text>"
            f'<text x="{middle:.0f}" y="{y + 26}" text-anchor="middle" font-size="8" '
            f'fill="#374151">{interval.low:.0%} to {interval.high:.0%}</text>'
        )


def _colour(lead: float) -> str:
    """From all lost (-1) by white to all won (1)."""
    end = WON if lead > 0 else LOST
    mixed = (round(255 + (channel - 255) * abs(lead) * 0.8) for channel in end)
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def _highest(standing: LeagueStanding) -> float:
    policies = {one.name for one in standing.rounds}
    rated = [one.interval.high for one in standing.bradley_terry if one.player in policies]
    return max([*rated, *(one.rating for one in standing.elo if one.player in policies)])

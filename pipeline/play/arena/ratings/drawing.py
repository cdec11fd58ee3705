"""Ratings as an image: each player's with its interval, and where Elo ends by the order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from pipeline.play.arena.ratings.bradley_terry import BradleyTerryRating

WIDTH, LEFT, RIGHT, TOP, ROW, BOTTOM = 700, 150, 30, 34, 26, 28
BLUE, RED, GREY = "#2563eb", "#dc2626", "#6b7280"
STEP = 100
"""Points from one line of the grid to the next."""


def ratings_svg(
    ratings: Sequence[BradleyTerryRating], elo: Mapping[str, tuple[float, float]]
) -> str:
    """Players from the strongest to the weakest, as the text of an SVG.

    Args:
        ratings: at least one.
        elo: by player, the lowest and the highest rating by the order of the games.
    """
    ends = [end for one in ratings for end in (one.interval.low, one.interval.high)]
    ends += [end for one in ratings for end in elo.get(one.player, ())]
    low, high = STEP * (min(ends) // STEP), STEP * (max(ends) // STEP + 1)
    height = TOP + ROW * len(ratings) + BOTTOM

    def place(rating: float) -> float:
        return round(LEFT + (rating - low) / (high - low) * (WIDTH - LEFT - RIGHT), 1)

    parts = [
        f'<text x="8" y="14" fill="{BLUE}">Bradley-Terry, 95%</text>',
        f'<text x="{LEFT}" y="14" fill="{RED}">Elo, by the order of the games</text>',
    ]
    for number in range(int(low), int(high) + 1, STEP):
        x = place(number)
        parts.append(f'<path d="M{x} {TOP - 8}V{height - BOTTOM}" stroke="#d1d5db"/>')
        parts.append(
            f'<text x="{x}" y="{height - 10}" fill="{GREY}" text-anchor="middle">{number}</text>'
        )
    for row, one in enumerate(ratings):
        y = TOP + ROW * row + ROW // 2
        parts.append(f'<text x="8" y="{y + 3}">{escape(one.player)}</text>')
        low_end, high_end = place(one.interval.low), place(one.interval.high)
        parts += _range((low_end, high_end), y - 4, BLUE)
        parts.append(f'<circle cx="{place(one.rating)}" cy="{y - 4}" r="4" fill="{BLUE}"/>')
        if one.player in elo:
            lowest, highest = elo[one.player]
            parts += _range((place(lowest), place(highest)), y + 6, RED)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="11">'
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>{"".join(parts)}</svg>\n'
    )


def _range(ends: tuple[float, float], y: float, colour: str) -> Iterator[str]:
    yield f'<path d="M{ends[0]} {y}H{ends[1]}" stroke="{colour}" stroke-width="3" opacity="0.6"/>'

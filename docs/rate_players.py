"""Writes the tables and the image of docs/explanation/arena.md: how strong scripted players are.

    uv run python docs/rate_players.py

Every two play 400 games one against one and 200 games of two against two. Some of the games are
rated by Elo in 100 orders, beside Bradley-Terry, which knows no order. `BASELINE_RATINGS` and
`TEAM_BASELINE_RATINGS` of `pipeline.play.arena.ratings.elo` are what it finds, rounded. It takes
three minutes on one core. An exhaustive test compares the page with what this finds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import combinations
from pathlib import Path

import numpy as np

from pipeline.files import write_text
from pipeline.play.arena.matches.evaluation import EvaluationResult, run_episodes_with_model
from pipeline.play.arena.ratings.bradley_terry import BradleyTerryRating, bradley_terry
from pipeline.play.arena.ratings.elo import EloRegistry, expected_score
from pipeline.play.arena.ratings.results import PairResult
from pipeline.play.simulator.scripted import SKILLS

PAGE = Path(__file__).parent / "explanation" / "arena.md"
IMAGE = Path(__file__).parent / "images" / "ratings.svg"
BEGIN, END = "<!-- made by docs/rate_players.py -->\n", "<!-- end -->\n"
GAMES = {1: 400, 2: 200}
"""Of every two, by players a side."""
ORDERS, GAMES_IN_ORDER = 100, 40

WIDTH, ROW, LEFT, RIGHT, TOP = 640, 44, 110, 20, 40
COLOURS = ("#2563eb", "#dc2626")

Results = Mapping[tuple[str, str], EvaluationResult]
Ranges = Mapping[str, tuple[float, float]]


def play_all(players_a_side: int, games: int) -> Results:
    """How every two do against each other."""
    settings = {"players_a_side": players_a_side}
    return {
        (first, second): run_episodes_with_model(first, second, games, seed=0, env_kwargs=settings)
        for first, second in combinations(SKILLS, 2)
    }


def pair_results(results: Results) -> list[PairResult]:
    """The same for ratings."""
    return [
        PairResult(
            first=first, second=second, points=one.wins + one.draws / 2, games=one.n_episodes
        )
        for (first, second), one in results.items()
    ]


def single_games(results: Results, games: int) -> list[PairResult]:
    """Some games of every two, one by one, in the shares in which all ended."""
    found = []
    for (first, second), one in results.items():
        wins, draws = (round(games * share) for share in (one.win_rate, one.draw_rate))
        scores = [1.0] * wins + [0.5] * draws + [0.0] * (games - wins - draws)
        found += [PairResult(first=first, second=second, points=s, games=1) for s in scores]
    return found


def elo_ranges(games: Sequence[PairResult]) -> Ranges:
    """The lowest and highest rating that each player has after the same games in many orders."""
    rng, ratings = np.random.default_rng(0), list[dict[str, float]]()
    for _order in range(ORDERS):
        registry = EloRegistry(None)
        registry.baselines = {}  # Nobody's rating is fixed here.
        for number in rng.permutation(len(games)):
            one = games[number]
            registry.update_both(one.first, one.second, one.points)
        ratings.append(registry.all_ratings())
    return {
        name: (min(one[name] for one in ratings), max(one[name] for one in ratings))
        for name in SKILLS
    }


def baselines_table(rated: Sequence[Sequence[BradleyTerryRating]]) -> str:
    """Ratings one against one and of teams, in Markdown."""
    columns = [{one.player: one for one in column} for column in rated]
    rows = [
        f"| `{name}` | " + " | ".join(_in_words(column[name]) for column in columns) + " |"
        for name in SKILLS
    ]
    return "\n".join(["| | one against one | two against two |", "|---|---|---|", *rows]) + "\n"


def misfit(results: Sequence[PairResult], rated: Sequence[BradleyTerryRating]) -> str:
    """The two of whom one scores most otherwise than their ratings say, in Markdown."""
    ratings = {one.player: one.rating for one in rated}

    def gap(one: PairResult) -> float:
        expected = expected_score(ratings[one.first], ratings[one.second])
        return abs(one.points / one.games - expected)

    worst = max(results, key=gap)
    expected = expected_score(ratings[worst.second], ratings[worst.first])
    return (
        f"\nOne number a player does not tell all: one against one, `{worst.second}` should score "
        f"{expected:.0%} against `{worst.first}` by their ratings, and it scores "
        f"{1 - worst.points / worst.games:.0%}. No two are farther from it.\n"
    )


def orders_table(rated: Sequence[BradleyTerryRating], ranges: Ranges) -> str:
    """Ratings that know no order beside those that do, in Markdown."""
    by_name = {one.player: one for one in rated}
    rows = [
        f"| `{name}` | {_in_words(by_name[name])} | {low:.0f} to {high:.0f} |"
        for name, (low, high) in ranges.items()
    ]
    widest = max(high - low for low, high in ranges.values())
    told = f"\nThe order alone moves a rating by up to {widest:.0f} points.\n"
    head = f"| | Bradley-Terry (95% interval) | Elo after {ORDERS} orders, lowest to highest |"
    return "\n".join([head, "|---|---|---|", *rows]) + "\n" + told


def image(rated: Sequence[BradleyTerryRating], ranges: Ranges) -> str:
    """Both as bars, as the text of an SVG."""
    bars = {one.player: (one.interval.low, one.interval.high) for one in rated}
    ends = [end for bar in (*bars.values(), *ranges.values()) for end in bar]
    low, high = min(ends) - 20, max(ends) + 20
    height = TOP + ROW * len(SKILLS) + 24

    def place(rating: float) -> float:
        return round(LEFT + (rating - low) / (high - low) * (WIDTH - LEFT - RIGHT), 1)

    parts = [
        f'<text x="{LEFT}" y="18" fill="{COLOURS[0]}">Bradley-Terry, 95% interval</text>',
        f'<text x="{LEFT + 220}" y="18" fill="{COLOURS[1]}">Elo, range over {ORDERS} orders</text>',
    ]
    for number, name in enumerate(SKILLS):
        y = TOP + ROW * number
        parts.append(f'<text x="8" y="{y + 16}" fill="#6b7280">{escape(name)}</text>')
        for offset, colour, (begin, end) in zip(
            (4, 16), COLOURS, (bars[name], ranges[name]), strict=True
        ):
            parts.append(
                f'<rect x="{place(begin)}" y="{y + offset}" height="8" '
                f'width="{round(place(end) - place(begin), 1)}" fill="{colour}"/>'
            )
    for rating in range(int(-(-low // 100)) * 100, int(high) + 1, 100):
        x = place(rating)
        parts.append(f'<path d="M{x} {TOP - 6}V{height - 22}" stroke="#d1d5db" fill="none"/>')
        parts.append(f'<text x="{x - 12}" y="{height - 8}" fill="#6b7280">{rating}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="12">\n' + "\n".join(parts) + "\n</svg>\n"
    )


def made() -> tuple[str, str]:
    """The page and the image, from games that are played for it."""
    played = {a_side: play_all(a_side, games) for a_side, games in GAMES.items()}
    results = [pair_results(one) for one in played.values()]
    rated = [bradley_terry(one) for one in results]
    some = single_games(played[1], GAMES_IN_ORDER)
    ranges, of_some = elo_ranges(some), bradley_terry(some)
    tables = (
        baselines_table(rated) + misfit(results[0], rated[0]),
        orders_table(of_some, ranges),
    )
    before, *parts = PAGE.read_text("utf-8").split(BEGIN)
    rest = [part.split(END, 1)[1] for part in parts]
    page = before + "".join(
        BEGIN + table + END + text for table, text in zip(tables, rest, strict=True)
    )
    return page, image(of_some, ranges)


def main() -> None:
    """Write the page and the image again."""
    page, drawn = made()
    write_text(PAGE, page)
    write_text(IMAGE, drawn)


def _in_words(one: BradleyTerryRating) -> str:
    return f"{one.rating:.0f} ({one.interval.low:.0f} to {one.interval.high:.0f})"


if __name__ == "__main__":
    main()

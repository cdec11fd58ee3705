"""Battles of the past: whether they end here as they did, and as they were recorded to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.evaluation.metrics.intervals import difference_interval
from pipeline.manifests import Record
from pipeline.play.arena.benchmarks.battles import (
    ATTACKER,
    Battle,
    Battles,
    RecordedGames,
    read_battles,
)
from pipeline.play.arena.benchmarks.verdicts import (
    BenchmarkError,
    BenchmarkResult,
    Criterion,
    Share,
)
from pipeline.play.arena.matches.players import (
    Contestant,
    EpisodeSettings,
    load_contestant,
    seat,
)
from pipeline.play.policies.judging import play_games
from pipeline.play.simulator.hand_made.scenarios import start_games
from pipeline.play.simulator.matches import Player
from pipeline.play.simulator.rules import SIDES
from pipeline.progress import Report, silent, track

Pairs = Sequence[tuple[Battle, RecordedGames]]
"""Battles, and how their games have ended."""
AT_ONCE = 25
"""Battles whose games are played in one batch."""
LARGER = 1.25
"""Times the other side's strength, from which a side counts as the larger one."""


class HistoricalSettings(Record):
    """What is asked of the game, and of who plays the attackers."""

    agreement: float = Field(
        0.5, ge=0, le=1, description="Share of battles that the side wins that won, at least."
    )


def run_historical(
    player: Contestant | None = None,
    battles: Battles | None = None,
    settings: HistoricalSettings | None = None,
    report: Report = silent,
) -> BenchmarkResult:
    """Play every battle as often as it was recorded, in the same games, and compare.

    Args:
        player: who has the attackers in place of the recorded player.
        battles: those of this package without.

    Raises:
        BenchmarkError: battles were not recorded.

    Others are those of `load_contestant`.
    """
    chosen = battles or read_battles()
    unrecorded = [battle.name for battle in chosen.battles if battle.recorded is None]
    if unrecorded:
        raise BenchmarkError(
            f"How games of {unrecorded[0]} end was not recorded.",
            "Record it: uv run python docs/record_battles.py.",
        )
    played = play_battles(chosen, player, report)
    name = chosen.players[ATTACKER] if player is None else _name(player)
    return judge_historical(name, chosen, played, settings or HistoricalSettings())


def play_battles(
    battles: Battles, player: Contestant | None = None, report: Report = silent
) -> tuple[RecordedGames, ...]:
    """How games of all battles end, in their order.

    Args:
        player: who has the attackers; the one of the file without.
    """
    numbers = range(0, len(battles.battles), AT_ONCE)
    parts = track(numbers, len(numbers), "play the battles", report)
    return tuple(
        games
        for begin in parts
        for games in play_some(battles, range(len(battles.battles))[begin:][:AT_ONCE], player)
    )


def play_some(
    battles: Battles, numbers: range, player: Contestant | None = None
) -> Iterator[RecordedGames]:
    """The same of some of the battles, by their places in the file."""
    count = len(battles.battles)
    # So that `start_games` gives each of these games the set-up of its battle.
    turns = range(battles.games // SIDES)
    seeds = [
        SIDES * (turn * count + number) + one
        for number in numbers
        for turn in turns
        for one in range(SIDES)
    ]
    games = start_games(seeds, battles.scenarios)
    outcomes = play_games(
        "the attackers", games, _players(battles, player, seeds), _sides(seeds, ATTACKER)
    ).outcomes.reshape(len(numbers), battles.games)
    for mine in outcomes:
        wins, draws, losses = (int((mine == outcome).sum()) for outcome in (1, 0, -1))
        yield RecordedGames(wins=wins, draws=draws, losses=losses)


def judge_historical(
    player: str,
    battles: Battles,
    played: Sequence[RecordedGames],
    settings: HistoricalSettings,
) -> BenchmarkResult:
    """Compare games with history, and with what was recorded.

    Args:
        played: by battle.
    """
    pairs = list(zip(battles.battles, played, strict=True))
    agrees = _agreement("all battles", pairs)
    history = Criterion(
        name="battles that the side wins that won them",
        measured=agrees.rate,
        interval=agrees.interval,
        direction="at least",
        bound=settings.agreement,
    )
    is_same_player = player == battles.players[ATTACKER]
    compared = _unchanged(pairs) if is_same_player else _beside_recorded(pairs)
    return BenchmarkResult(
        benchmark="historical",
        about="Do battles of the past end here as they did, and as they were recorded to end here?",
        player=player,
        settings={
            **settings.model_dump(mode="json"),
            "players": [player, battles.players[1 - ATTACKER]],
            "games": battles.games,
            "battles": len(pairs),
        },
        shares=(agrees, *_groups(pairs), *_by_battle(pairs)),
        criteria=(history, compared),
        notes=(f"Battles and their winners: {battles.source}.", *_guesses(pairs)),
    )


def _players(battles: Battles, player: Contestant | None, seeds: list[int]) -> list[Player]:
    own = battles.players[ATTACKER] if player is None else player
    both = ((own, ATTACKER), (battles.players[1 - ATTACKER], 1 - ATTACKER))
    how = EpisodeSettings(deterministic=False)
    return [seat(load_contestant(one), seeds, _sides(seeds, side), how) for one, side in both]


def _sides(seeds: list[int], side: int) -> npt.NDArray[np.int_]:
    return np.full(len(seeds), side)


def _agreement(name: str, pairs: Pairs) -> Share:
    same = sum(games.winner == battle.winner for battle, games in pairs)
    return Share(name=name, condition="battles that end as in history", count=same, of=len(pairs))


def _groups(pairs: Pairs) -> Iterator[Share]:
    """The same by who was larger, and by ground."""
    named: dict[str, Callable[[float], bool]] = {
        "attacker larger": lambda ratio: ratio >= LARGER,
        "about as large": lambda ratio: 1 / LARGER < ratio < LARGER,
        "defender larger": lambda ratio: ratio <= 1 / LARGER,
    }
    for name, belongs in named.items():
        yield _agreement(name, [pair for pair in pairs if belongs(_ratio(pair[0]))])
    for ground in sorted({battle.map for battle, _games in pairs}):
        yield _agreement(f"on {ground}", [pair for pair in pairs if pair[0].map == ground])


def _by_battle(pairs: Pairs) -> Iterator[Share]:
    for battle, games in pairs:
        yield Share(
            name=f"{battle.name}, {battle.year} (won by the {battle.winner})",
            condition="games that the attacker wins",
            count=games.wins,
            of=games.wins + games.draws + games.losses,
        )


def _unchanged(pairs: Pairs) -> Criterion:
    same = sum(games == battle.recorded for battle, games in pairs)
    return Criterion(
        name="battles whose games all end as recorded",
        measured=same / len(pairs),
        interval=None,
        direction="at least",
        bound=1.0,
    )


def _beside_recorded(pairs: Pairs) -> Criterion:
    """Whether somebody else plays the attackers as well as it was recorded."""
    recorded = [battle.recorded for battle, _games in pairs if battle.recorded is not None]
    own, other = _counted([games for _battle, games in pairs]), _counted(recorded)
    return Criterion(
        name="games that the attacker wins, less those recorded",
        measured=own[0] / own[1] - other[0] / other[1],
        interval=difference_interval(own, other),
        direction="at least",
        bound=0.0,
    )


def _counted(games: Sequence[RecordedGames]) -> tuple[int, int]:
    """Wins, and all."""
    return sum(one.wins for one in games), sum(one.wins + one.draws + one.losses for one in games)


def _guesses(pairs: Pairs) -> Iterator[str]:
    """How often simple guesses are right, to read agreement beside."""
    attackers = sum(battle.winner == "attacker" for battle, _games in pairs)
    larger = sum(
        battle.winner == ("attacker" if _ratio(battle) >= 1 else "defender")
        for battle, _games in pairs
    )
    yield (
        f"That the attacker wins is right of {attackers / len(pairs):.0%} of these battles, and "
        f"that the larger side does of {larger / len(pairs):.0%}."
    )


def _ratio(battle: Battle) -> float:
    """The attacker's strength by the defender's."""
    return battle.attacker.strength / battle.defender.strength


def _name(player: Contestant) -> str:
    return Path(player).name if isinstance(player, str | Path) else type(player).__name__

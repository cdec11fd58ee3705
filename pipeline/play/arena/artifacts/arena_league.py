"""A league as an artifact: policies of all rounds, who was trained against them, all matches."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from pydantic import Field

from pipeline.errors import OutpostError
from pipeline.files import read_json, write_json
from pipeline.manifests import Record, sha256_of
from pipeline.play.arena.league.settings import LeagueSettings
from pipeline.play.arena.league.standing import (
    CURVES_FILE,
    MATCHES_FOLDER,
    MATRIX_FILE,
    STANDING_FILE,
    LeagueRound,
    LeagueStanding,
)
from pipeline.play.arena.matches.watching import FilmedPlayer, film_match
from pipeline.progress import Report, silent

FACTS_FILE, FILM_FILE = "league-facts.json", "match.webp"
MATERIALIZE = "Materialize arena/league again."


class ArenaLeagueError(OutpostError):
    """A folder that does not hold a league."""


class ArenaLeagueFacts(Record):
    """What `league-facts.json` holds."""

    rounds: int = Field(ge=1, description="That were asked for.")
    games: int = Field(ge=2, description="Of every two players, as asked for.")
    film_result: str = Field(description="Who has won in the film, in words.")


@dataclass(frozen=True)
class ArenaLeague:
    """The artifact of `arena/league`.

    round-<n>/policy.safetensors     the policy after a round; 0 is what it begins as
    round-<n>/response.safetensors   who was trained against it
    standing.json                    rounds, all matches, ratings, exploitability
    matches/                         a file a match, known by what its players are
    league-matrix.svg                who wins how often against whom
    league-curves.svg                ratings and exploitability over rounds
    match.webp                       the last round against what it began as, as a film
    league-facts.json                what was asked for
    """

    folder: Path
    facts: ArenaLeagueFacts
    standing: LeagueStanding

    @classmethod
    def open(cls, folder: Path) -> ArenaLeague:
        """Read what `write` wrote.

        Raises:
            ArenaLeagueError: a file is missing or damaged.
        """
        for name in (MATRIX_FILE, CURVES_FILE, FILM_FILE):
            if not (folder / name).is_file():
                raise _damaged(folder / name, FileNotFoundError("there is no such file"))
        return cls(
            folder,
            read_json(folder / FACTS_FILE, ArenaLeagueFacts, _damaged),
            read_json(folder / STANDING_FILE, LeagueStanding, _damaged),
        )

    @classmethod
    def write(
        cls,
        folder: Path,
        settings: LeagueSettings,
        work: Path,
        film_seed: int = 7,
        report: Report = silent,
    ) -> ArenaLeague:
        """Play a league in a working folder, or go on with it; keep it in an empty folder.

        Raises:
            As `league.rounds.play_league`.
        """
        from pipeline.play.arena.league.rounds import play_league

        standing = play_league(work, settings, report)
        for one in standing.rounds:
            file = work / one.policy
            kept = folder / one.policy
            kept.parent.mkdir()
            shutil.copyfile(file, kept)
            shutil.copyfile(_response_of(file), _response_of(kept))
        shutil.copytree(
            work / MATCHES_FOLDER,
            folder / MATCHES_FOLDER,
            ignore=shutil.ignore_patterns("*.lock", ".*"),
        )
        for name in (STANDING_FILE, MATRIX_FILE, CURVES_FILE):
            shutil.copyfile(work / name, folder / name)
        first, last = standing.rounds[0], standing.rounds[-1]
        result = film_match(
            folder / FILM_FILE,
            FilmedPlayer(last.name, folder / last.policy),
            FilmedPlayer(first.name, folder / first.policy),
            film_seed,
            report,
        )
        facts = ArenaLeagueFacts(rounds=settings.rounds, games=settings.games, film_result=result)
        write_json(folder / FACTS_FILE, facts.model_dump(mode="json"))
        return cls(folder, facts, standing)

    @property
    def matrix(self) -> str:
        """Who wins how often against whom, as the text of an SVG."""
        return (self.folder / MATRIX_FILE).read_text(encoding="utf-8")

    @property
    def curves(self) -> str:
        """Ratings and exploitability over rounds, as the text of an SVG."""
        return (self.folder / CURVES_FILE).read_text(encoding="utf-8")

    @property
    def film(self) -> bytes:
        """One game, an animated WebP."""
        return (self.folder / FILM_FILE).read_bytes()

    @property
    def matches(self) -> Path:
        """The folder of all matches, with which others may go on."""
        return self.folder / MATCHES_FOLDER

    def policy_of(self, one: LeagueRound) -> Path:
        """The policy after a round."""
        return self.folder / one.policy

    @property
    def last(self) -> Path:
        """The policy after the last round."""
        return self.policy_of(self.standing.rounds[-1])


def completeness_problems(league: ArenaLeague) -> list[str]:
    """What is missing of a league, or is there twice, or is not what was rated."""
    return [*_missing_rounds(league), *_match_problems(league)]


def exploitability_problems(league: ArenaLeague) -> list[str]:
    """Whether the last round is certainly easier to beat than what the league began as.

    By who was trained against each: the proxy is of a pool, and grows while a policy leaves its
    weaker opponents behind.
    """
    first, last = league.standing.rounds[0], league.standing.rounds[-1]
    if last.response.win_rate.low <= first.response.win_rate.high:
        return []
    return [
        f"who was trained against {last.name} wins {last.response.share:.0%} of the games "
        f"({last.response.win_rate}), and against {first.name} only {first.response.share:.0%} "
        f"({first.response.win_rate})"
    ]


def rating_fall_problems(league: ArenaLeague) -> list[str]:
    """Whether the last round is certainly weaker than what the league began as."""
    rated = {one.player: one for one in league.standing.bradley_terry}
    first, last = (rated[league.standing.rounds[end].name] for end in (0, -1))
    if last.interval.high >= first.interval.low:
        return []
    return [
        f"{last.player} is rated {last.rating:.0f} ({last.interval}), certainly below "
        f"{first.player} with {first.rating:.0f} ({first.interval})"
    ]


def _missing_rounds(league: ArenaLeague) -> Iterator[str]:
    numbers = [one.number for one in league.standing.rounds]
    if numbers != list(range(league.facts.rounds + 1)):
        yield f"rounds 0 to {league.facts.rounds} were asked for, and there are {numbers}"
    for one in league.standing.rounds:
        file = league.policy_of(one)
        if not file.is_file():
            yield f"the policy of {one.name} is missing"
        elif sha256_of(file) != one.sha256:
            yield f"the policy of {one.name} is another than the one that was rated"


def _match_problems(league: ArenaLeague) -> Iterator[str]:
    for pair in combinations(league.standing.players, 2):
        found = [one for one in league.standing.matches if {one.first, one.second} == set(pair)]
        told = " and ".join(pair)
        if len(found) != 1:
            yield f"{told} have {len(found)} matches, and should have one"
        elif (games := found[0].result.n_episodes) != league.facts.games:
            yield f"{told} have played {games} games, and should have played {league.facts.games}"


def _response_of(policy: Path) -> Path:
    return policy.with_stem("response")


def _damaged(file: Path, why: Exception) -> ArenaLeagueError:
    return ArenaLeagueError(f"{file} cannot be read: {why}", MATERIALIZE)

"""A league in a folder: rounds of training, and what is played after each. Loads torch.

A round leaves the policy that it has made, then who was trained against it, then the standing. Each
file appears whole and is made once, so that a league that was killed goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from pydantic import Field

from pipeline.errors import OutpostError
from pipeline.files import make_room, read_json, replacing, write_json, write_text
from pipeline.manifests import Record, sha256_of
from pipeline.play.arena.exploitability.trained_responses import TrainedResponse, train_response
from pipeline.play.arena.league.drawing import curves_svg, matrix_svg
from pipeline.play.arena.league.matches import LeaguePlayer, play_games, play_matches
from pipeline.play.arena.league.settings import LeagueSettings
from pipeline.play.arena.league.standing import (
    CURVES_FILE,
    MATCHES_FOLDER,
    MATRIX_FILE,
    STANDING_FILE,
    LeagueRound,
    LeagueStanding,
    standing_of,
)
from pipeline.play.arena.learner.model import save_model
from pipeline.play.arena.learner.network import ChoiceNetwork
from pipeline.play.arena.opponents.snapshots import SUFFIX
from pipeline.play.arena.training.api import go_on
from pipeline.play.arena.training.config import PolicyTrainingConfig
from pipeline.play.arena.training.run import one_thread
from pipeline.play.arena.training.start import start_of
from pipeline.progress import Progress, Report, silent

LEAGUE_FILE = "league.json"
RESPONSE_SEED = 4_000_000
"""Of the first game by which who was trained against a policy is judged."""


class LeagueError(OutpostError):
    """A league that cannot be played in a folder, or gone on with."""


class LeagueFacts(Record):
    """What a folder says of the league that is played in it."""

    settings: str = Field(description="Digest of all that changes what a round comes to.")


@dataclass(frozen=True)
class League:
    """A league in a folder.

    Attributes:
        folder: of this league alone.
    """

    folder: Path
    settings: LeagueSettings
    report: Report = silent

    def play(self) -> LeagueStanding:
        """Play all rounds, or those that are missing.

        Raises:
            LeagueError: the folder holds another league, or another process plays it.
            OSError: the folder cannot be written to, as on a full disk; what there is, is kept.
            Others as `training.api.train`.
        """
        with self._alone(), one_thread():
            self._check_settings()
            rounds: list[LeagueRound] = []
            for number in range(self.settings.rounds + 1):
                rounds.append(self._round(number))
                standing = self._standing(rounds, number)
        return standing

    def policy_of(self, number: int) -> Path:
        """The file of the policy after a round."""
        return self._folder_of(number) / f"policy{SUFFIX}"

    def response_of(self, number: int) -> Path:
        """The file of who was trained against it."""
        return self._folder_of(number) / f"response{SUFFIX}"

    def training_of(self, number: int) -> PolicyTrainingConfig:
        """How a round is trained: by self-play, against all earlier policies, and their rivals."""
        chosen, earlier = self.settings.training, range(number - 1)
        met = [self.policy_of(one) for one in earlier]
        if self.settings.responses_join:
            met += [self.response_of(one) for one in range(number)]
        return chosen.with_changes(
            start_from=self.policy_of(number - 1),
            opponents=(*chosen.rivals, *(str(file) for file in met)),
            enable_self_play=True,
            total_timesteps=self.settings.round_steps,
            seed=chosen.seed + number,
            checkpoint_dir=self._folder_of(number) / "training",
            registry=None,
        )

    def _round(self, number: int) -> LeagueRound:
        """A round as it has come out, which was played before or is played now."""
        policy, response = self.policy_of(number), self.response_of(number)
        if not policy.is_file():
            self._make_policy(number)
        if not response.is_file():
            trained = train_response(
                policy,
                self.settings.training.with_changes(total_timesteps=self.settings.response_steps),
                self._folder_of(number) / "response",
                self._told(number, "against it, "),
            )
            _copy(trained, response)
        return LeagueRound(
            number=number,
            name=_name_of(number),
            steps=number * self.settings.round_steps,
            policy=policy.relative_to(self.folder).as_posix(),
            sha256=sha256_of(policy),
            response=self._judged(number),
        )

    def _make_policy(self, number: int) -> None:
        """What a league begins as, or what a round makes of the policy before."""
        if number:
            trained = go_on(self.training_of(number), self._told(number))
            _copy(trained.last, self.policy_of(number))
            return
        chosen = self.settings.training
        if chosen.start_from is None:
            torch.manual_seed(chosen.seed)
            network = ChoiceNetwork(chosen.width)
        else:
            network, _copied = start_of(chosen, chosen.start_from, self._told(number))
        save_model(network, self.policy_of(number))

    def _judged(self, number: int) -> TrainedResponse:
        """Games of who was trained against a policy, against it; they are played once."""
        kept = self._folder_of(number) / "response.json"
        if kept.is_file():
            return read_json(kept, TrainedResponse, _damaged)
        played = play_games(
            LeaguePlayer("response", self.response_of(number)),
            LeaguePlayer("policy", self.policy_of(number)),
            self.settings.response_games,
            RESPONSE_SEED,
        )
        judged = TrainedResponse.of(played, self.settings.response_steps)
        with replacing(kept) as fresh:
            write_json(fresh, judged.model_dump(mode="json"))
        return judged

    def _standing(self, rounds: list[LeagueRound], number: int) -> LeagueStanding:
        """Let everybody play whom they have not played, and write what has come of it."""
        policies = [LeaguePlayer(one.name, self.policy_of(one.number)) for one in rounds]
        scripted = [LeaguePlayer(name) for name in self.settings.scripted]
        matches = play_matches(
            [*policies, *scripted],
            self.settings.games,
            self.folder / MATCHES_FOLDER,
            self._told(number),
        )
        standing = standing_of(self.settings.digest, rounds, matches)
        with replacing(self.folder / STANDING_FILE) as fresh:
            write_json(fresh, standing.model_dump(mode="json"))
        for name, drawn in ((MATRIX_FILE, matrix_svg), (CURVES_FILE, curves_svg)):
            with replacing(self.folder / name) as fresh:
                write_text(fresh, drawn(standing))
        return standing

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else plays this league."""
        make_room(self.folder / LEAGUE_FILE)
        try:
            with FileLock(self.folder / f".{LEAGUE_FILE}.lock", timeout=0):
                yield
        except Timeout as error:
            raise LeagueError(
                f"The league in {self.folder} is being played by another process.",
                "Wait for that one, or play another league in a folder of its own.",
            ) from error

    def _check_settings(self) -> None:
        """Refuse to go on with another league; write down which one this is."""
        file, facts = self.folder / LEAGUE_FILE, LeagueFacts(settings=self.settings.digest)
        if file.is_file():
            if read_json(file, LeagueFacts, _damaged) != facts:
                raise LeagueError(
                    f"{self.folder} holds a league with other settings.",
                    "Go on with its own, of which the number of rounds alone may change, or play "
                    "another one in a folder of its own.",
                )
            return
        with replacing(file) as fresh:
            write_json(fresh, facts.model_dump(mode="json"))

    def _folder_of(self, number: int) -> Path:
        return self.folder / f"round-{number:03}"

    def _told(self, number: int, what: str = "") -> Report:
        """Tells of a round in which something is done."""

        def tell(progress: Progress) -> None:
            stage = f"{_name_of(number)} of {self.settings.rounds}: {what}{progress.stage}"
            self.report(replace(progress, stage=stage))

        return tell


def play_league(folder: Path, settings: LeagueSettings, report: Report = silent) -> LeagueStanding:
    """Play a league in a folder, or go on with it; errors as of `League.play`."""
    chosen = settings.model_copy(update={"training": settings.training.resolved()})
    return League(folder.absolute(), chosen, report).play()


def read_standing(folder: Path) -> LeagueStanding:
    """What a league has come to so far.

    Raises:
        LeagueError: there is none in this folder.
    """
    return read_json(folder / STANDING_FILE, LeagueStanding, _damaged)


def _name_of(number: int) -> str:
    return f"round {number}" if number else "start"


def _copy(file: Path, target: Path) -> None:
    with replacing(target) as fresh:
        fresh.write_bytes(file.read_bytes())


def _damaged(file: Path, error: Exception) -> LeagueError:
    return LeagueError(
        f"{file} is not what a league has written: {error}",
        "Remove it: what is missing is played again.",
    )

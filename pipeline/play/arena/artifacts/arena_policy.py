"""A policy that has learned by playing, as an artifact: weights, curves, games, and a film."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from pipeline.errors import OutpostError
from pipeline.evaluation.metrics.intervals import Interval, wilson
from pipeline.files import read_json, write_json
from pipeline.manifests import Record
from pipeline.play.arena.matches.players import Contestant, load_contestant
from pipeline.play.arena.matches.watching import FilmedPlayer, film_match
from pipeline.play.arena.opponents.snapshots import SUFFIX
from pipeline.play.arena.training.api import LearnedPolicy, go_on
from pipeline.play.arena.training.config import PolicyTrainingConfig
from pipeline.play.arena.training.history import TrainingHistory
from pipeline.progress import Report, silent

POLICY_FILE, LAST_FILE = f"policy{SUFFIX}", f"last{SUFFIX}"
FACTS_FILE, CURVES_FILE, FILM_FILE = "learned.json", "learning-curves.svg", "match.webp"
EVENTS_FOLDER, EVENTS_NAME = "tensorboard", "events.out.tfevents."
RANDOM, CLONE = "random", "the cloned policies"
LEAST_AGAINST_CLONE = 0.7
"""Share of games that a policy is to win against those that it was copied from."""
JUDGED_FROM = 1_000_000
"""Seed of the first game that a policy is judged by: none that it was trained or chosen by."""
MATERIALIZE = "Materialize arena/policy again."


class ArenaPolicyError(OutpostError):
    """A folder that does not hold a policy that has learned by playing."""


class JudgedGames(Record):
    """Games of a policy against one opponent, half of them from each side."""

    opponent: str
    wins: int
    draws: int
    losses: int

    @property
    def games(self) -> int:
        """All of them."""
        return self.wins + self.draws + self.losses

    @property
    def win_rate(self) -> Interval:
        """Of the share of wins (Wilson, 95%)."""
        return wilson(self.wins, self.games)

    @property
    def told(self) -> str:
        """The share of wins with its interval."""
        return f"{self.wins / self.games:.0%} (95%: {self.win_rate})"


class LearnedFacts(Record):
    """What `learned.json` holds."""

    steps: int = Field(ge=0, description="Of all games together.")
    seed: int
    rivals: tuple[str, ...] = Field(description="Whom it has learned against.")
    begins_as_clone: bool
    same_act: float | None = Field(
        description="Share of what the cloned policies do that the copy does; None without one."
    )
    history: TrainingHistory
    judged: tuple[JudgedGames, ...]
    filmed: str = Field(description="Whom the film is against.")
    film_result: str = Field(description="Who has won in the film, in words.")


class PolicyPlan(Record):
    """How a policy is judged and filmed."""

    games: int = Field(200, ge=2, description="Against each opponent.")
    film_seed: int = Field(7, ge=0, lt=1 << 62, description="Of the game in the film.")


@dataclass(frozen=True)
class ArenaPolicy:
    """The artifact of `arena/policy`.

    policy.safetensors    the policy that won most in evaluations
    last.safetensors      the one after the last step
    learned.json          how long it has learned, evaluations, and games that judge it
    learning-curves.svg   wins, loss of the value and divergence over steps
    match.webp            one game, as a film
    tensorboard/          all that was logged
    """

    folder: Path
    facts: LearnedFacts

    @classmethod
    def open(cls, folder: Path) -> ArenaPolicy:
        """Read what `write` wrote.

        Raises:
            ArenaPolicyError: a file is missing or damaged.
        """
        for name in (POLICY_FILE, LAST_FILE, CURVES_FILE, FILM_FILE):
            if not (folder / name).is_file():
                raise _damaged(folder / name, FileNotFoundError("there is no such file"))
        return cls(folder, read_json(folder / FACTS_FILE, LearnedFacts, _damaged))

    @classmethod
    def write(
        cls,
        folder: Path,
        config: PolicyTrainingConfig,
        plan: PolicyPlan,
        report: Report = silent,
    ) -> ArenaPolicy:
        """Train, or go on with that, judge what came of it, and write all into an empty folder.

        Args:
            config: its `checkpoint_dir` is of this training alone, and stays.

        Raises:
            As `training.api.train`.
        """
        trained = go_on(config, report)
        shutil.copyfile(trained.weights, folder / POLICY_FILE)
        shutil.copyfile(trained.last, folder / LAST_FILE)
        shutil.copyfile(trained.curves, folder / CURVES_FILE)
        keep_event_files(trained.tensorboard, folder / EVENTS_FOLDER)
        judged = tuple(
            judge(folder / POLICY_FILE, name, player, plan.games, report)
            for name, player in _opponents(config).items()
        )
        filmed = config.rivals[0]
        result = film_match(
            folder / FILM_FILE,
            FilmedPlayer("the policy", folder / POLICY_FILE),
            FilmedPlayer(Path(filmed).name, filmed),
            plan.film_seed,
            report,
        )
        return cls.keep(folder, _facts(trained, judged, filmed, result))

    @classmethod
    def keep(cls, folder: Path, facts: LearnedFacts) -> ArenaPolicy:
        """Write what is known of a policy beside it."""
        write_json(folder / FACTS_FILE, facts.model_dump(mode="json"))
        return cls(folder, facts)

    @property
    def weights(self) -> Path:
        """The policy that won most."""
        return self.folder / POLICY_FILE

    @property
    def curves(self) -> str:
        """Wins and losses over steps, as the text of an SVG."""
        return (self.folder / CURVES_FILE).read_text(encoding="utf-8")

    @property
    def film(self) -> bytes:
        """One game, an animated WebP."""
        return (self.folder / FILM_FILE).read_bytes()

    @property
    def event_files(self) -> Path:
        """The folder for `tensorboard --logdir`."""
        return self.folder / EVENTS_FOLDER

    def against(self, opponent: str) -> JudgedGames | None:
        """The games against one opponent, if there are any."""
        return next((one for one in self.facts.judged if one.opponent == opponent), None)


def judge(
    policy: Path, name: str, opponent: Contestant, games: int, report: Report = silent
) -> JudgedGames:
    """Games that a policy is judged by; errors as of `run_episodes_with_model`."""
    from pipeline.play.arena.matches.evaluation import run_episodes_with_model

    played = run_episodes_with_model(
        load_contestant(policy),
        opponent,
        games,
        deterministic=False,
        seed=JUDGED_FROM,
        report=report,
    )
    return JudgedGames(opponent=name, wins=played.wins, draws=played.draws, losses=played.losses)


def keep_event_files(source: Path, target: Path) -> None:
    """Copy TensorBoard's files without the name of the computer in theirs."""
    target.mkdir(parents=True)
    for number, file in enumerate(sorted(source.glob(f"{EVENTS_NAME}*"))):
        shutil.copyfile(file, target / f"{EVENTS_NAME}{number:05}")


def random_problems(policy: ArenaPolicy) -> list[str]:
    """Why a policy does not certainly beat a random player; nothing where it does."""
    played = policy.against(RANDOM)
    if played is not None and played.win_rate.low > 0.5:
        return []
    told = "none" if played is None else played.told
    return [f"of its games against a random player the policy wins {told}, and half may be chance"]


def clone_problems(policy: ArenaPolicy) -> list[str]:
    """Why a policy does not beat those that it was copied from as it should."""
    played = policy.against(CLONE)
    if played is None or played.wins / played.games >= LEAST_AGAINST_CLONE:
        return []
    return [
        f"against {CLONE} that it was copied from it wins {played.told}, and should win "
        f"{LEAST_AGAINST_CLONE:.0%} at least: let it learn for more steps"
    ]


def _opponents(config: PolicyTrainingConfig) -> dict[str, Contestant]:
    """By name: a random player, those that it began as, and whom it has learned against."""
    found: dict[str, Contestant] = {RANDOM: RANDOM}
    if config.start_from is not None:
        found[CLONE] = config.start_from
    return {**found, **{name: name for name in config.rivals}}


def _facts(
    trained: LearnedPolicy, judged: tuple[JudgedGames, ...], filmed: str, result: str
) -> LearnedFacts:
    from pipeline.play.arena.learner.distillation import Distilled

    copied = trained.folder / "distilled.json"
    return LearnedFacts(
        steps=trained.steps,
        seed=trained.config.seed,
        rivals=trained.config.rivals,
        begins_as_clone=trained.config.start_from is not None,
        same_act=read_json(copied, Distilled, _damaged).same_act if copied.is_file() else None,
        history=trained.history,
        judged=judged,
        filmed=filmed,
        film_result=result,
    )


def _damaged(file: Path, why: Exception) -> ArenaPolicyError:
    return ArenaPolicyError(f"{file} cannot be read: {why}", MATERIALIZE)

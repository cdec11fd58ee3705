"""A policy trained by reinforcement, in a folder that is gone on with, and how well it plays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import OutpostError
from pipeline.evaluation.metrics.intervals import Interval
from pipeline.play.arena import TrainingConfig, run_episodes_with_model
from pipeline.play.arena.matches.players import load_contestant
from pipeline.play.arena.training.api import go_on
from resources.run_log import reporter

JUDGED_FROM = 1_000_000
"""Seed of the first game that a policy is judged by: none that it was trained or chosen by."""


class TrainedPolicyError(OutpostError):
    """A policy that cannot be trained there."""


@dataclass(frozen=True)
class JudgedGames:
    """Games of a policy against one opponent, from both sides.

    Attributes:
        win_rate: interval of the share of wins (Wilson, 95%).
    """

    opponent: str
    wins: int
    draws: int
    losses: int
    win_rate: Interval

    @property
    def share(self) -> float:
        """Of wins."""
        return self.wins / (self.wins + self.draws + self.losses)


@dataclass(frozen=True)
class JudgedPolicy:
    """A policy that was trained, and how well it plays.

    Attributes:
        steps: of all games together.
        seconds: of training.
        weights: the policy that won most in evaluations.
        curves: SVG.
        tensorboard: folder for TensorBoard.
    """

    steps: int
    seconds: float
    weights: Path
    curves: Path
    tensorboard: Path
    games: tuple[JudgedGames, ...]


def train_policy(config: TrainingConfig, opponents: Sequence[str], games: int) -> JudgedPolicy:
    """Train, or go on where that was interrupted, and judge what came of it.

    Args:
        config: its `checkpoint_dir` holds one training.
        opponents: names of players by script, policies and checkpoints, to judge it by.
        games: against each; an even number is played from both sides as often.

    Raises:
        TrainedPolicyError: the folder cannot be written to.
        TrainingStateError: the folder holds another training.
        ContestantError, ModelLoadError, SnapshotError: an opponent cannot be opened.
    """
    for opponent in opponents:
        load_contestant(opponent)  # Before minutes of training: is there such a one?
    try:
        trained = go_on(config, reporter())
    except OSError as error:
        raise TrainedPolicyError(
            f"The policy cannot be trained in {config.checkpoint_dir}: {error}",
            "Name a folder that you may write to, with a hundred megabytes left.",
        ) from error
    played = [_judge(trained.weights, opponent, games) for opponent in opponents]
    return JudgedPolicy(
        trained.steps,
        trained.seconds,
        trained.weights,
        trained.curves,
        trained.tensorboard,
        tuple(played),
    )


def _judge(weights: Path, opponent: str, games: int) -> JudgedGames:
    result = run_episodes_with_model(
        load_contestant(weights),
        opponent,
        games,
        deterministic=False,
        seed=JUDGED_FROM,
        report=reporter(),
    )
    return JudgedGames(opponent, result.wins, result.draws, result.losses, result.win_interval)

"""How policies learn and play for a benchmark."""

from __future__ import annotations

from pathlib import Path

from pipeline.play.arena.benchmarks.verdicts import BenchmarkError, Share
from pipeline.play.arena.matches.evaluation import run_episodes_with_model
from pipeline.play.arena.matches.players import Contestant, load_contestant
from pipeline.play.arena.training.config import PolicyTrainingConfig
from pipeline.play.simulator.hand_made.scenarios import Scenario
from pipeline.progress import Report, silent

NEVER = 1 << 40
"""Steps between evaluations of trainings that are not evaluated on the way."""
PLAYED_FROM = 3_000_000
"""Seed of the first game of a benchmark: none that a policy was trained, chosen or judged by."""


def fine_tuning(
    base: PolicyTrainingConfig, policy: Path, opponent: str, scenarios: tuple[Scenario, ...]
) -> PolicyTrainingConfig:
    """How a policy goes on learning in set-ups, against nobody but one opponent.

    Args:
        base: steps, folder, and how it is learned.

    Raises:
        BenchmarkError: it is no policy that can go on learning.
        SnapshotError: the file is no policy.
    """
    if not policy.is_file():
        raise BenchmarkError(
            f"'{policy}' cannot go on learning, which this benchmark asks of it.",
            "Name the file of a policy: `outpost play train` writes best_model.safetensors.",
        )
    from pipeline.play.arena.learner.model import load_model

    width = load_model(policy).network.width
    alone = {"start_from": policy, "plays_against_start": False, "width": width}
    return specializing(base.with_changes(**alone), opponent, scenarios)


def specializing(
    base: PolicyTrainingConfig, opponent: str, scenarios: tuple[Scenario, ...]
) -> PolicyTrainingConfig:
    """How a policy learns in set-ups alone."""
    return base.with_changes(
        opponents=(opponent,),
        eval_opponents=(opponent,),
        scenarios=scenarios,
        eval_freq=NEVER,
        enable_wandb=False,
    )


def play_share(
    name: str,
    condition: str,
    player: Contestant,
    opponent: str,
    games: tuple[int, tuple[Scenario, ...]],
    report: Report = silent,
) -> Share:
    """How often somebody wins, from both sides.

    Args:
        player: loaded anew where it is a name or a path, so that the same games are played again.
        games: how many, and their set-ups; those of seeds without any.
    """
    count, scenarios = games
    played = run_episodes_with_model(
        load_contestant(player),
        opponent,
        count,
        deterministic=False,
        seed=PLAYED_FROM,
        env_kwargs={"scenarios": scenarios},
        report=report,
    )
    return Share(name=name, condition=condition, count=played.wins, of=played.n_episodes)

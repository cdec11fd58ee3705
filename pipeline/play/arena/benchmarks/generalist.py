"""One policy for everything, beside policies each of which has learned a single set-up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from pipeline.evaluation.metrics.intervals import difference_interval
from pipeline.manifests import Record
from pipeline.play.arena.benchmarks.trainings import (
    fine_tuning,
    play_share,
    specializing,
)
from pipeline.play.arena.benchmarks.verdicts import (
    BenchmarkError,
    BenchmarkResult,
    Criterion,
    Share,
    total,
)
from pipeline.play.arena.training.api import go_on
from pipeline.play.arena.training.config import PolicyTrainingConfig
from pipeline.play.simulator.hand_made.scenarios import Scenario, read_scenarios
from pipeline.progress import Report, silent

HELD_OUT = Path(__file__).with_name("held_out.yaml")
MOST_SCENARIOS = 20
SPECIALIST_STEPS = 1_000_000
ZERO_SHOT, FINE_TUNED, SPECIALIST = "zero-shot", "fine-tuned", "specialist"
ALL = "all set-ups"


class GeneralistSettings(Record):
    """What is played, how long policies learn, and what is asked of the generalist."""

    opponent: str = Field("scripted_l3", description="Whom all games are against.")
    games: int = Field(200, ge=2, description="Of each set-up and condition, from both sides.")
    n_scenarios: int = Field(
        MOST_SCENARIOS, ge=1, le=MOST_SCENARIOS, description="The first of the held-out ones."
    )
    finetune_steps: int = Field(
        500_000, ge=1, le=500_000, description="Of the generalist, in each set-up."
    )
    specialist_steps: int = Field(
        SPECIALIST_STEPS, ge=1, description="Of each specialist, from the beginning."
    )
    zero_shot_wins: float = Field(0.55, ge=0, le=1, description="At least, of all games.")
    of_specialist: float = Field(
        0.8, ge=0, le=1, description="Of a specialist's wins, at least, after fine-tuning."
    )
    specialist_wins: float = Field(
        0.55,
        gt=0,
        le=1,
        description="Below which specialists have not learned, and nothing is claimed beside them.",
    )


def run_generalist(
    policy: Path,
    folder: Path,
    settings: GeneralistSettings | None = None,
    training: PolicyTrainingConfig | None = None,
    report: Report = silent,
) -> BenchmarkResult:
    """Let a policy play held-out set-ups, as it is and after learning each, beside specialists.

    A specialist learns one set-up from the beginning, and plays no other.

    Args:
        folder: of all trainings; each goes on where it was interrupted.
        training: how policies learn; steps, opponents, folders and set-ups are those of here.

    Raises:
        BenchmarkError: it is no file of a policy.

    Others are those of `train`.
    """
    chosen = settings or GeneralistSettings()
    base = training or PolicyTrainingConfig()
    shares = tuple(
        share
        for scenario in read_scenarios(HELD_OUT)[: chosen.n_scenarios]
        for share in _in_one(policy, scenario, folder / scenario.name, chosen, base, report)
    )
    return judge_generalist(policy.name, shares, chosen)


def judge_generalist(
    player: str, shares: tuple[Share, ...], settings: GeneralistSettings
) -> BenchmarkResult:
    """Judge games of all set-ups in the three conditions.

    Raises:
        BenchmarkError: a condition was not played.
    """
    conditions = (ZERO_SHOT, FINE_TUNED, SPECIALIST)
    zero_shot, fine_tuned, specialist = (total(shares, ALL, one) for one in conditions)
    if not zero_shot.of or not fine_tuned.of or not specialist.of:
        raise BenchmarkError("A condition was not played.", f"Play all of {', '.join(conditions)}.")
    wins = Criterion(
        name="wins in set-ups that it has not learned",
        measured=zero_shot.rate,
        interval=zero_shot.interval,
        direction="at least",
        bound=settings.zero_shot_wins,
    )
    beside = Criterion(
        name=f"wins after {settings.finetune_steps:,} steps in each, less "
        f"{settings.of_specialist:g} of the specialists' wins",
        measured=fine_tuned.rate - settings.of_specialist * specialist.rate,
        interval=difference_interval(
            (fine_tuned.count, fine_tuned.of),
            (specialist.count, specialist.of),
            settings.of_specialist,
        ),
        direction="at least",
        bound=0.0,
        not_claimed=_not_claimed(specialist, settings),
    )
    return BenchmarkResult(
        benchmark="generalist",
        about="Does one policy play held-out set-ups as well as policies that learned each alone?",
        player=player,
        settings=settings.model_dump(mode="json"),
        shares=(*shares, zero_shot, fine_tuned, specialist),
        criteria=(wins, beside),
        notes=tuple(_ratio(fine_tuned, specialist)),
    )


def _in_one(
    policy: Path,
    scenario: Scenario,
    folder: Path,
    settings: GeneralistSettings,
    base: PolicyTrainingConfig,
    report: Report,
) -> Iterator[Share]:
    """The three conditions in one set-up."""
    opponent, only = settings.opponent, (scenario,)
    tuned = base.with_changes(
        checkpoint_dir=folder / "fine-tuned", total_timesteps=settings.finetune_steps
    )
    special = base.with_changes(
        checkpoint_dir=folder / "specialist", total_timesteps=settings.specialist_steps
    )
    players = {
        ZERO_SHOT: policy,
        FINE_TUNED: go_on(fine_tuning(tuned, policy, opponent, only), report).last,
        SPECIALIST: go_on(specializing(special, opponent, only), report).last,
    }
    for condition, player in players.items():
        games = (settings.games, only)
        yield play_share(scenario.name, condition, player, opponent, games, report)


def _not_claimed(specialist: Share, settings: GeneralistSettings) -> str | None:
    if specialist.rate < settings.specialist_wins:
        return (
            f"specialists win {specialist.rate:.3f} of their games, less than "
            f"{settings.specialist_wins:.3f}: they have not learned enough to be compared with"
        )
    if settings.specialist_steps < SPECIALIST_STEPS:
        return (
            f"specialists have learned for {settings.specialist_steps:,} steps, and the criterion "
            f"is of {SPECIALIST_STEPS:,}"
        )
    return None


def _ratio(fine_tuned: Share, specialist: Share) -> Iterator[str]:
    if specialist.count:
        yield (
            f"Fine-tuned, it wins {fine_tuned.rate / specialist.rate:.2f} times as often as the "
            "specialists."
        )
    yield "The intervals are of games in these set-ups, not of set-ups that could be made."

"""From made maps, on which policies learn, to maps that somebody has drawn."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from pipeline.evaluation.metrics.intervals import difference_interval
from pipeline.manifests import Record
from pipeline.play.arena.benchmarks.trainings import fine_tuning, play_share
from pipeline.play.arena.benchmarks.verdicts import BenchmarkResult, Criterion, Share
from pipeline.play.arena.training.api import go_on
from pipeline.play.arena.training.config import PolicyTrainingConfig
from pipeline.play.simulator.hand_made.scenarios import Scenario, drawn_scenarios
from pipeline.progress import Report, silent

MOST_STEPS = 500_000
MADE, DRAWN = "made maps", "drawn maps"
ZERO_SHOT, FINE_TUNED = "as it is", "fine-tuned"


class TransferSettings(Record):
    """What is played, how long a policy may go on learning, and what is asked of it."""

    opponent: str = Field("scripted_l3", description="Whom all games are against.")
    games: int = Field(1000, ge=2, description="Of each condition, half of them from either side.")
    finetune_steps: int = Field(
        MOST_STEPS, ge=1, le=MOST_STEPS, description="On the drawn maps, of all games together."
    )
    zero_shot_drop: float = Field(0.20, gt=0, le=1, description="Below which the drop is to be.")
    finetuned_drop: float = Field(0.05, gt=0, le=1, description="The same after fine-tuning.")


def run_transfer(
    policy: Path,
    folder: Path,
    settings: TransferSettings | None = None,
    training: PolicyTrainingConfig | None = None,
    report: Report = silent,
) -> BenchmarkResult:
    """Let a policy play on made maps, on drawn ones, and on these again after learning there.

    Drawn maps are those of `map_drawings`, by turns, as they are. A policy that wins less often on
    made maps than the drop that is allowed could not drop by so much: that fails, too.

    Args:
        folder: of its training, which goes on where it was interrupted.
        training: how it is fine-tuned; its steps, opponents, folder and set-ups are those of here.

    Raises:
        BenchmarkError: it is no file of a policy.

    Others are those of `train`.
    """
    chosen, maps = settings or TransferSettings(), drawn_scenarios()
    base = (training or PolicyTrainingConfig()).with_changes(
        checkpoint_dir=folder, total_timesteps=chosen.finetune_steps
    )
    config = fine_tuning(base, policy, chosen.opponent, maps)

    def played(condition: str, player: Path, scenarios: tuple[Scenario, ...]) -> Share:
        name, games = DRAWN if scenarios else MADE, (chosen.games, scenarios)
        return play_share(name, condition, player, chosen.opponent, games, report)

    shares = (
        played(ZERO_SHOT, policy, ()),
        played(ZERO_SHOT, policy, maps),
        played(FINE_TUNED, go_on(config, report).last, maps),
    )
    return judge_transfer(str(policy.name), shares, chosen)


def judge_transfer(
    player: str, shares: tuple[Share, Share, Share], settings: TransferSettings
) -> BenchmarkResult:
    """Judge what was played on made maps, on drawn ones, and on these after fine-tuning."""
    made, zero_shot, fine_tuned = shares
    enough = Criterion(
        name="wins on made maps, of which a drop can be seen",
        measured=made.rate,
        interval=made.interval,
        direction="above",
        bound=settings.zero_shot_drop,
    )
    return BenchmarkResult(
        benchmark="transfer",
        about="Does a policy that has learned on made maps play as well on drawn ones?",
        player=player,
        settings=settings.model_dump(mode="json"),
        shares=shares,
        criteria=(
            enough,
            _drop("drop of wins, zero-shot", made, zero_shot, settings.zero_shot_drop),
            _drop(
                f"drop of wins after {settings.finetune_steps:,} steps of fine-tuning",
                made,
                fine_tuned,
                settings.finetuned_drop,
            ),
        ),
        notes=(
            "It is fine-tuned on the drawn maps that it is judged on, in other games.",
            "The intervals are of games on these maps, not of maps that could be drawn.",
        ),
    )


def _drop(name: str, before: Share, after: Share, bound: float) -> Criterion:
    return Criterion(
        name=name,
        measured=before.rate - after.rate,
        interval=difference_interval((before.count, before.of), (after.count, after.of)),
        direction="below",
        bound=bound,
    )

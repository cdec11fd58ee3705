"""`outpost play benchmark`: what policies can, with criteria that they pass or fail."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assets.cli.output import Json, errors, explained, plain, print_json, print_table

if TYPE_CHECKING:
    from assets.operations.arena.policy_benchmarks import JudgedBenchmark

benchmark_app = typer.Typer(
    no_args_is_help=True, help="Benchmarks of policies, each with criteria and a report."
)

Policy = Annotated[Path, typer.Argument(help="A policy's file, of `outpost play train`.")]
Opponent = Annotated[str, typer.Option(help="Whom all games are against: scripted_l3, ...")]
Out = Annotated[Path, typer.Option(help="Folder of the report; trainings in it are gone on with.")]


@benchmark_app.command()
def transfer(
    policy: Policy,
    opponent: Opponent = "scripted_l3",
    games: Annotated[int, typer.Option(help="Of each condition.", min=2)] = 1000,
    steps: Annotated[
        int, typer.Option(help="Of fine-tuning on drawn maps.", min=1, max=500_000)
    ] = 500_000,
    out: Out = Path("benchmarks/transfer"),
    as_json: Json = False,
) -> None:
    """From made maps to drawn ones: how much less a policy wins, before and after it learns there.

    Exits with 1 where a criterion is not met. It goes on where it was interrupted.

    Example: `outpost play benchmark transfer learned/<id>/best_model.safetensors`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.arena.policy_benchmarks import benchmark_transfer
    from pipeline.play.arena.benchmarks.transfer import TransferSettings

    with explained(), progress_shown(errors):
        settings = TransferSettings(opponent=opponent, games=games, finetune_steps=steps)
        judged = benchmark_transfer(policy, out, settings)
    _say(judged, as_json)


@benchmark_app.command()
def generalist(
    policy: Policy,
    opponent: Opponent = "scripted_l3",
    games: Annotated[int, typer.Option(help="Of each set-up and condition.", min=2)] = 200,
    setups: Annotated[int, typer.Option(help="Of the held-out ones.", min=1, max=20)] = 20,
    steps: Annotated[
        int, typer.Option(help="Of fine-tuning in each set-up.", min=1, max=500_000)
    ] = 500_000,
    specialist_steps: Annotated[
        int, typer.Option(help="Of each specialist; with fewer, nothing is claimed.", min=1)
    ] = 1_000_000,
    out: Out = Path("benchmarks/generalist"),
    as_json: Json = False,
) -> None:
    """One policy in set-ups that it has not learned, beside specialists that learned each alone.

    Exits with 1 where a criterion is not met. It goes on where it was interrupted. Its trainings
    take half an hour of one core, and less with fewer set-ups.

    Example: `outpost play benchmark generalist learned/<id>/best_model.safetensors --setups 4`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.arena.policy_benchmarks import benchmark_generalist
    from pipeline.play.arena.benchmarks.generalist import GeneralistSettings

    with explained(), progress_shown(errors):
        settings = GeneralistSettings(
            opponent=opponent,
            games=games,
            n_scenarios=setups,
            finetune_steps=steps,
            specialist_steps=specialist_steps,
        )
        judged = benchmark_generalist(policy, out, settings)
    _say(judged, as_json)


@benchmark_app.command()
def historical(
    player: Annotated[
        str | None,
        typer.Option(help="Who has the attackers in place of the recorded player: a name, a file."),
    ] = None,
    out: Out = Path("benchmarks/historical"),
    as_json: Json = False,
) -> None:
    """Battles of the past: whether they end here as they did, and as they were recorded to.

    Exits with 1 where a criterion is not met. Without a player it tells whether the game has
    changed.

    Example: `outpost play benchmark historical`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.arena.policy_benchmarks import benchmark_historical
    from pipeline.play.arena.benchmarks.historical import HistoricalSettings

    with explained(), progress_shown(errors):
        judged = benchmark_historical(player, out, HistoricalSettings())
    _say(judged, as_json)


def _say(judged: JudgedBenchmark, as_json: bool) -> None:
    """Criteria, measured and asked, and where the report is."""
    if as_json:
        print_json(judged)
    else:
        rows = [
            (
                one.name,
                f"{one.direction} {one.bound:.3f}",
                f"{one.measured:.3f} ({one.interval or 'counted exactly'})",
                one.verdict,
            )
            for one in judged.result.criteria
        ]
        print_table(("criterion", "asked", "measured", "verdict"), rows)
        plain(f"{judged.result.benchmark}: {judged.result.verdict}")
        plain(str(judged.report))
    raise typer.Exit(0 if judged.passes else 1)

"""`outpost play online`: policies that learn from their own play."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from assets.cli.output import Json, console, errors, explained, plain, print_json

if TYPE_CHECKING:
    from pipeline.play.online.results import OnlineResult


def online(
    policies: Annotated[Path, typer.Argument(help="Folder of the policies.")] = Path("policies"),
    opponent: Annotated[
        str, typer.Option(help="Whom to play against: random, or scripted_l1 to scripted_l5.")
    ] = "scripted_l3",
    games: Annotated[
        int, typer.Option(help="To play, by the champion and by candidates.", min=2)
    ] = 1000,
    minutes: Annotated[
        float | None, typer.Option(help="After which no other round of games begins.", min=0)
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Folder of what comes of it; one that is begun is gone on with.")
    ] = Path("policies-online"),
    learning_rate: Annotated[float, typer.Option(help="Of every step.", min=1e-7, max=0.1)] = 5e-4,
    compared: Annotated[
        int, typer.Option(help="Other games to compare in, before and after.", min=2)
    ] = 400,
    seed: Annotated[int, typer.Option(help="Of the first game.", min=0, max=400_000)] = 200_000,
    as_json: Json = False,
) -> None:
    """Let policies learn from their own play, and go back by themselves when they get worse.

    Example: `outpost play online policies --games 1000 --out policies-online`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.playing.online_play import PlayExtent, online_play
    from pipeline.play.online.results import OnlinePlay
    from pipeline.play.online.settings import OnlineSettings
    from pipeline.play.policies.cloning import CURVES_FILE

    settings = OnlineSettings(learning_rate=learning_rate)
    with explained(), progress_shown(errors):
        play = OnlinePlay(opponent=opponent, seed=seed)
        extent = PlayExtent(games, minutes, compared)
        result = online_play(policies, play, extent, settings, out)
    if as_json:
        print_json(result)
        return
    print_result(result)
    plain(str(out / CURVES_FILE))


def print_result(result: OnlineResult) -> None:
    """How the policies play before and after."""
    table = Table("", "wins", "return", "loot", "survival")
    for one in (result.before, result.after):
        share, interval = one.wins / result.compared, one.win_rate
        table.add_row(
            one.player,
            f"{share:.0%} ({interval.low:.0%} to {interval.high:.0%})",
            one.returns.told(),
            f"{one.loot.mean:.0f}",
            f"{one.survival.mean:.0%}",
        )
    console.print(table)
    plain(
        f"{result.compared} games each against {result.opponent}, of which nothing was "
        f"learned: {result.lead.told('+')} in return."
    )
    plain(
        f"{result.games} games were learned from in {result.trainings} trainings. Candidates kept: "
        f"{result.kept}, rolled back: {result.rolled_back}."
    )

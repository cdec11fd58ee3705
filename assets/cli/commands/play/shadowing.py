"""`outpost play shadow`: policies that watch somebody play, and learn from it meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from assets.cli.output import Json, console, errors, explained, plain, print_json

if TYPE_CHECKING:
    from pipeline.play.shadow.agreement import Followed


def shadow(
    policies: Annotated[Path, typer.Argument(help="Folder of the policies.")] = Path("policies"),
    player: Annotated[str, typer.Option(help="Whom to watch.")] = "scripted_l5",
    opponent: Annotated[str, typer.Option(help="Whom that one plays against.")] = "scripted_l3",
    minutes: Annotated[
        float, typer.Option(help="Of play to watch; recorded sessions whole.", min=1, max=600)
    ] = 60.0,
    recordings: Annotated[
        Path | None,
        typer.Option(help="Folder of recorded sessions to watch in place of such a player."),
    ] = None,
    learned_from: Annotated[
        Path | None,
        typer.Option(help="Folder of the recorded sessions that they were cloned from, if so."),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Folder of what comes of it; one that is begun is gone on with.")
    ] = Path("policies-shadow"),
    interval: Annotated[
        float, typer.Option(help="Seconds of play between two trainings.", min=1, max=3600)
    ] = 60.0,
    learning_rate: Annotated[float, typer.Option(help="The highest.", min=1e-6, max=0.1)] = 5e-4,
    seed: Annotated[int, typer.Option(help="Of the first game to watch.", min=0)] = 500_000,
    as_json: Json = False,
) -> None:
    """Let policies watch somebody play and follow that style, without forgetting the old one.

    It goes on where it was interrupted.

    Example: `outpost play shadow policies --player scripted_l3 --minutes 60`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.playing.shadow_play import shadow_play, shadow_sessions
    from pipeline.play.policies.cloning import CURVES_FILE
    from pipeline.play.shadow.agreement import WatchedPlay
    from pipeline.play.shadow.settings import ShadowSettings

    settings = ShadowSettings(interval=interval, learning_rate=learning_rate, minutes=minutes)
    with explained(), progress_shown(errors):
        if recordings is None:
            play = WatchedPlay(player=player, opponent=opponent, minutes=minutes, seed=seed)
            followed = shadow_play(policies, play, settings, out, learned_from)
        else:
            followed = shadow_sessions(policies, recordings, settings, out, learned_from)
    if as_json:
        print_json(followed)
        return
    print_followed(followed)
    plain(str(out / CURVES_FILE))


def print_followed(followed: Followed) -> None:
    """Agreement before and after, on what was watched and on old play."""
    table = Table("agreement with", "act", "target", "goal")
    rows = {
        f"{followed.player}, before": followed.watched_before,
        f"{followed.player}, after": followed.watched_after,
        "old play, before": followed.old_before,
        "old play, after": followed.old_after,
    }
    for name, one in rows.items():
        goal = "-" if one.goal is None else f"{one.goal:.1%}"
        table.add_row(name, f"{one.act:.1%}", f"{one.target:.1%}", goal)
    console.print(table)
    plain(f"{followed.trainings} trainings in {followed.minutes:.0f} minutes of play.")

"""`outpost play league`: a policy that learns from itself in rounds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from assets.cli.commands.play.learning import Envs, Seed, StartFrom
from assets.cli.output import Json, console, errors, explained, plain, print_json

if TYPE_CHECKING:
    from assets.operations.arena.league import LeagueReport


def league(
    out: Annotated[
        Path, typer.Option(help="Folder of the league; one that is begun is gone on with.")
    ] = Path("league"),
    start_from: StartFrom = None,
    rounds: Annotated[
        int, typer.Option(help="Of training; more may be played later.", min=1, max=1000)
    ] = 4,
    steps: Annotated[int, typer.Option(help="Of a round, of all games together.", min=1)] = 500_000,
    response_steps: Annotated[
        int, typer.Option(help="For which somebody is trained against each policy.", min=1)
    ] = 500_000,
    games: Annotated[
        int, typer.Option(help="Of every two, and of who was trained against each.", min=2)
    ] = 200,
    opponent: Annotated[
        list[str] | None,
        typer.Option(
            help="Whom to play against beside itself: random, or scripted_l1 to scripted_l5; may "
            "be repeated. scripted_l5 without."
        ),
    ] = None,
    envs: Envs = 256,
    seed: Seed = 42,
    as_json: Json = False,
) -> None:
    """Train a policy against itself in rounds, and say how strong and how exploitable each is.

    It goes on where it was interrupted.

    Example: `outpost play league --from policies --out league`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.arena.league import played_league
    from pipeline.play.arena import TrainingConfig
    from pipeline.play.arena.league.settings import LeagueSettings

    with explained(), progress_shown(errors):
        training = TrainingConfig(
            start_from=start_from, opponents=tuple(opponent or ()), n_envs=envs, seed=seed
        )
        settings = LeagueSettings(
            rounds=rounds,
            round_steps=steps,
            response_steps=response_steps,
            games=games,
            response_games=games,
            training=training,
        )
        played = played_league(out, settings)
    if as_json:
        print_json(played)
        return
    print_league(played)


def print_league(played: LeagueReport) -> None:
    """Ratings, what was won against each policy, and where the images are."""
    table = Table("", "rating (95%)", "Elo", "its response wins", "bound", "proxy")
    for one in played.policies:
        interval = one.response.win_rate
        table.add_row(
            one.name,
            f"{one.rating:.0f} ({one.interval.low:.0f} to {one.interval.high:.0f})",
            f"{one.elo:.0f}",
            f"{one.response.share:.0%} ({interval.low:.0%} to {interval.high:.0%})",
            f"{one.response.bound:.3f}",
            "" if one.proxy is None else f"{one.proxy:.3f}",
        )
    console.print(table)
    for file in (played.matrix, played.curves, played.standing):
        plain(str(file))

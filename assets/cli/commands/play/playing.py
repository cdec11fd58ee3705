"""`outpost play`: the built-in game as a game."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assets.cli.commands.play.sessions import export, quality, record, recover, replay
from assets.cli.output import Json, errors, explained, plain, print_json

play_app = typer.Typer(no_args_is_help=True, help="Play the built-in game, or watch it played.")

play_app.command()(record)
play_app.command()(replay)
play_app.command()(recover)
play_app.command()(quality)
play_app.command()(export)


@play_app.callback()
def play() -> None:
    """Play the built-in game, or watch it played."""


@play_app.command()
def simulate(
    player: Annotated[str, typer.Argument(help="random, or scripted_l1 to scripted_l5.")],
    opponent: Annotated[str, typer.Argument(help="Its opponent, another of these.")],
    out: Annotated[Path, typer.Option(help="JPEG to write.")] = Path("game.jpg"),
    seed: Annotated[int, typer.Option(help="Of the map and of all chance.", min=0)] = 0,
    as_json: Json = False,
) -> None:
    """Let two scripted players play one game, and write a sheet of what the first one saw.

    Example: `outpost play simulate scripted_l5 scripted_l2 --out game.jpg`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.played_game import simulate as played

    with explained(), progress_shown(errors):
        game = played(player, opponent, seed, out)
    if as_json:
        print_json(game)
        return
    ended = {
        "FIRST_SIDE": f"The first player ({player}) won",
        "SECOND_SIDE": f"The second player ({opponent}) won",
    }
    plain(f"{ended.get(game.result, 'Nobody won')} after {game.seconds:.0f} seconds of play.")
    for name, score, home in zip(game.players, game.scores, game.brought_home, strict=True):
        plain(f"  {name}: score {score}, of which {home} brought home")
    plain(str(game.sheet))

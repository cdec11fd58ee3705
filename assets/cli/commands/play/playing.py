"""`outpost play`: the built-in game as a game."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assets.cli.commands.play.sessions import export, quality, record, recover, replay
from assets.cli.context import resources_of
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


@play_app.command()
def capture(
    context: typer.Context,
    player: Annotated[str, typer.Argument(help="random, or scripted_l1 to scripted_l5.")],
    opponent: Annotated[str, typer.Argument(help="Its opponent, another of these.")],
    games: Annotated[int, typer.Option(help="Games to play.")] = 50,
    frames: Annotated[int, typer.Option(help="Screenshots of each game.")] = 8,
    out: Annotated[
        Path | None,
        typer.Option(help="Zip to write; among the game's exports, which are learned from."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the first game.", min=0)] = 2000,
    as_json: Json = False,
) -> None:
    """Let two scripted players play, and write labelled screenshots of it for a detector.

    Example: `outpost play capture scripted_l5 scripted_l3 --games 50`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.playing.play_captures import CapturesWanted, capture_play

    wanted = CapturesWanted(player, opponent, games, frames, seed)
    with explained(), progress_shown(errors):
        written = capture_play(resources_of(context), wanted, out)
    if as_json:
        print_json(written)
        return
    plain(f"{written.screenshots} screenshots, with what is to be seen in them:")
    plain(str(written.file))

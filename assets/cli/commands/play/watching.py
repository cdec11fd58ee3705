"""`outpost play watch`: a game as a film."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assets.cli.output import Json, errors, explained, plain, print_json


def watch(
    player: Annotated[
        str | None,
        typer.Argument(
            help="A folder of cloned policies, the file of one that has learned by playing, "
            "random, or scripted_l1 to scripted_l5.",
            show_default="policies",
        ),
    ] = None,
    opponent: Annotated[str, typer.Argument(help="The same.")] = "scripted_l3",
    session: Annotated[
        Path | None, typer.Option(help="A recorded session to watch in place of a new game.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Animated WebP to write.")] = Path("film.webp"),
    seed: Annotated[int, typer.Option(help="Of the map and of all chance.", min=0)] = 0,
    speed: Annotated[
        float, typer.Option(help="Times as fast as the game.", min=0.25, max=60)
    ] = 4.0,
    frames: Annotated[float, typer.Option(help="Images a second.", min=1, max=20)] = 10.0,
    width: Annotated[int, typer.Option(help="Pixels.", min=400, max=1024)] = 768,
    see_all: Annotated[
        bool, typer.Option("--see-all", help="Show all of the map, also what the player can't see.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Watch policies or a scripted player play a game, or a recorded session, as a film.

    Browsers play it. It shows the map as the player sees it, its clicks, what it is after, and
    everybody's hit points and scores.

    Example: `outpost play watch policies scripted_l3 --out film.webp`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.playing.watched_games import watch_game, watch_session
    from pipeline.play.film.whole_games import FilmChoices

    if session is not None and player is not None:
        errors.print("Name a player, or a --session; not both.")
        raise typer.Exit(2)
    choices = FilmChoices(out, speed, frames, see_all, width)
    with explained(), progress_shown(errors):
        if session is None:
            watched = watch_game(player or "policies", opponent, seed, choices)
        else:
            watched = watch_session(session, choices)
    if as_json:
        print_json(watched)
        return
    for name, score in zip(watched.players, watched.scores, strict=True):
        plain(f"  {name}: score {score}")
    plain(f"{watched.result or 'Not played to its end'}, {watched.seconds:.0f} seconds of play.")
    film = watched.film
    plain(f"{film.file}: {film.seconds:.0f} s, {film.bytes / 1e6:.1f} MB")

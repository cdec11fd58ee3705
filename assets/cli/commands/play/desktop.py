"""`outpost record`: play of any game on a desktop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assets.cli.context import resources_of
from assets.cli.output import Json, console, errors, explained, plain, print_json


def record(
    context: typer.Context,
    game: Annotated[str, typer.Option(help="Name of the game, by which sessions are named.")],
    window: Annotated[
        str | None, typer.Option(help="A part of the title of the game's window.")
    ] = None,
    whole_screen: Annotated[
        bool,
        typer.Option(
            "--whole-screen", help="Record all that is on the first screen, and only --keys."
        ),
    ] = False,
    model: Annotated[
        Path | None, typer.Option(help="A bundle or ONNX file that finds what clicks mean.")
    ] = None,
    keys: Annotated[
        str | None, typer.Option(help="Keys to record, with commas between; all if left out.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write; recordings/GAME in the state folder.")
    ] = None,
    frames: Annotated[float, typer.Option(help="Images of the screen a second.")] = 5.0,
    looks: Annotated[float, typer.Option(help="Looks of the model a second.")] = 5.0,
    gigabytes: Annotated[float, typer.Option(help="Most that images of a session take.")] = 8.0,
    shows_more: Annotated[
        bool,
        typer.Option(
            "--shows-more",
            help="The game shows more of the map on a larger screen, not everything larger.",
        ),
    ] = False,
    start_key: Annotated[str, typer.Option(help="Starts and stops a session.")] = "f5",
    save_key: Annotated[str, typer.Option(help="Saves it.")] = "f6",
    discard_key: Annotated[str, typer.Option(help="Discards it.")] = "f7",
    as_json: Json = False,
) -> None:
    """Record how a person plays a game on this desktop: screen, mouse and keys.

    In the game F5 starts and stops a session, F6 saves it, F7 discards it, or other keys where
    these are the game's. What goes to other windows is not recorded.

    Example: `outpost record --window "Age of Empires" --game aoe2 --model bundle`
    """
    from assets.operations.playing.recorded_desktop import DesktopChoices, record_desktop
    from pipeline.play.desktop.hot_keys import HotKeys

    if (window is None) != whole_screen:
        errors.print("Name the game's --window, or add --whole-screen; not both.")
        raise typer.Exit(2)
    named = None if keys is None else frozenset(filter(None, keys.lower().split(",")))
    choices = DesktopChoices(
        window=window,
        game=game,
        keys=frozenset() if whole_screen and named is None else named,
        out=out,
        model=model,
        frames_a_second=frames,
        looks_a_second=looks,
        gigabytes=gigabytes,
        shows_more=shows_more,
        hot_keys=HotKeys(start_key.lower(), save_key.lower(), discard_key.lower()),
    )
    shown = errors if as_json else console
    with explained():
        recorded = record_desktop(resources_of(context), choices, lambda line: plain(line, shown))
    if as_json:
        print_json(recorded)
        return
    for session in recorded.sessions:
        plain(
            f"{session.file.name}: {session.seconds:.0f} s, {sum(session.events.values())} events, "
            f"{session.processor_share:.0%} of a core"
        )
    plain(f"No input waited longer than {recorded.slowest_input_ms:.1f} ms.")

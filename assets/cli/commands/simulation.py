"""`outpost community simulate`: a community for the built-in game, on any machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assets.cli.context import resources_of
from assets.cli.output import Json, console, errors, explained, plain, print_json, print_table


def simulate(
    context: typer.Context,
    installs: Annotated[int, typer.Option(min=1, max=2000, help="Players.")] = 24,
    icons: Annotated[int, typer.Option(min=0, max=200, help="Icons of each player.")] = 40,
    texts: Annotated[
        int, typer.Option(min=0, max=20, help="Screens of which each player confirms the texts.")
    ] = 2,
    screens: Annotated[int, typer.Option(min=0, max=20, help="Whole screens of each.")] = 2,
    careless: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of players who take icons for their look-alikes."),
    ] = 0.2,
    slips: Annotated[
        float, typer.Option(min=0, max=1, help="How often the careless ones do that.")
    ] = 0.15,
    hostile: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of players of whom each has one name for all."),
    ] = 0.1,
    colluding: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of players who have agreed on the wrong names."),
    ] = 0.1,
    flooding: Annotated[int, typer.Option(min=0, help="Players who send far too much.")] = 0,
    malformed: Annotated[
        int, typer.Option(min=0, help="Players who send what no program would.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Who plays, and what there is to see.")] = 0,
    truth: Annotated[
        Path | None, typer.Option(help="Write into this file what truly is on each image.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Have players of the built-in game look at its inventory, and send what they label.

    What they send lies where contributions of players do, as if programs had sent it. The same
    options send the same bytes; another --seed are other players.

    Example: `outpost community simulate --installs 40 --hostile 0.2`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.community.simulated_players import simulate as simulate_players
    from pipeline.demo_game.contributors import ContributorMix
    from pipeline.demo_game.players.player import Habits

    mix = ContributorMix(careless, hostile, colluding, flooding, malformed, slips)
    habits = Habits(icons, texts, screens)
    with explained(), progress_shown(errors if as_json else console):
        result = simulate_players(resources_of(context), installs, mix, habits, seed, truth)
    if as_json:
        print_json(result)
        return
    rows = ((one.kind, str(one.installs), str(one.objects)) for one in result.kinds)
    print_table(("players", "installs", "objects"), rows)
    plain(f"What they sent is in {result.place}.")
    if result.known:
        plain(f"{result.known} objects lay there before.")
    if result.truth is not None:
        plain(f"What truly is on each image is in {result.truth}.")
    plain(
        "To receive it: `outpost dev`, and turn on demo_contribution_sensor under Automation; "
        "`outpost community list` shows who has sent something."
    )

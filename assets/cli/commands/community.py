"""`outpost community`: what a game's players contribute, and whose votes count."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assets.cli.context import Game, resources_of
from assets.cli.output import Json, as_word, explained, plain, print_json, print_table

if TYPE_CHECKING:
    from assets.operations.community.contributors import ContributorRow

community_app = typer.Typer(
    no_args_is_help=True,
    help="Look at contributors, withdraw them, restore them; decide what votes have not settled.",
)
Install = Annotated[
    str, typer.Argument(help="The contributor's id, as `outpost community list` shows it.")
]


@community_app.command("list")
def list_contributors(context: typer.Context, game: Game = "demo", as_json: Json = False) -> None:
    """Show every contributor: what was taken of them, what was refused, who was withdrawn.

    Example: `outpost community list --game demo`
    """
    from assets.operations.community.contributors import contributor_table

    with explained():
        rows = contributor_table(resources_of(context), game)
    if as_json:
        print_json(rows)
    elif rows:
        print_table(
            ("install", "state", "taken", "refused", "reason"),
            (
                (row.install, row.state, _taken(row), _number(row.refused), row.reason)
                for row in rows
            ),
        )
    else:
        plain("Nobody has sent anything yet.")


@community_app.command()
def withdraw(
    context: typer.Context,
    install: Install,
    reason: Annotated[str, typer.Option(help="Why, for those who ask later.")],
    game: Game = "demo",
) -> None:
    """Have a contributor's votes count no longer; what rests on them follows.

    What was sent is kept, so that the contributor can be restored.

    Example: `outpost community withdraw INSTALL --reason "labels at random"`
    """
    from assets.operations.community.contributors import withdraw as withdraw_install

    with explained():
        withdraw_install(resources_of(context), game, install, reason)
    plain(
        f"{install} is withdrawn. Materialize voted_crops, and what follows from it, to have "
        "everything made without these votes."
    )


@community_app.command()
def restore(context: typer.Context, install: Install, game: Game = "demo") -> None:
    """Have a withdrawn contributor's votes count again.

    Example: `outpost community restore INSTALL`
    """
    from assets.operations.community.contributors import restore as restore_install

    with explained():
        restore_install(resources_of(context), game, install)
    plain(f"{install} counts again. Materialize voted_crops to count the votes.")


@community_app.command()
def disputes(
    context: typer.Context,
    game: Game = "demo",
    folder: Annotated[
        Path | None, typer.Option(help="Where to; by default a folder in the state folder.")
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="Images at most.")] = 100,
    batch: Annotated[
        str, typer.Option(help="Choose them as a batch of this name for CVAT, not into a folder.")
    ] = "",
) -> None:
    """Write the images on which the votes have not settled into a folder, to say what they show.

    Or choose them as a batch, which `outpost cvat push` puts into CVAT.

    Example: `outpost community disputes --game demo`
    """
    from assets.operations.community.settling_votes import disputes as write_disputes

    if batch:
        if folder is not None:
            raise typer.BadParameter("Name a --batch for CVAT or a --folder, not both.")
        _choose_disputes(context, game, batch, most)
        return
    with explained():
        target, count = write_disputes(resources_of(context), game, folder, most)
    if not count:
        plain("Everything is settled.")
        return
    plain(
        f"{count} images are in {target}. Look at sheet.jpg, write what they show into "
        f"disputes.yaml, then: outpost community decide --game {as_word(game)} "
        f"--file {as_word(str(target / 'disputes.yaml'))}"
    )


@community_app.command()
def decide(
    context: typer.Context,
    image: Annotated[str, typer.Argument(help="The first digits of an image's sha256.")] = "",
    label: Annotated[str, typer.Argument(help="What it shows.")] = "",
    file: Annotated[
        Path | None, typer.Option(help="disputes.yaml with labels, instead of one image.")
    ] = None,
    nothing: Annotated[
        bool, typer.Option("--nothing", help="The image shows nothing that there is a name for.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why, for those who ask later.")] = "",
    game: Game = "demo",
) -> None:
    """Say what an image shows, whatever the votes are; the next counting takes note of it.

    Example: `outpost community decide 3f2a90c1 "Ruby Longsword"`
    """
    from assets.operations.community.settling_votes import decide as note_decisions
    from assets.operations.community.settling_votes import decide_by_file

    by_image = file is None and bool(image) and bool(label) is not nothing
    by_file = file is not None and not (image or nothing)
    if not (by_image or by_file):
        raise typer.BadParameter("Name an image and its label or --nothing, or a --file.")
    with explained():
        resources = resources_of(context)
        if file is not None:
            count = decide_by_file(resources, game, file, reason)
        else:
            count = note_decisions(resources, game, {image: label}, reason)
    plain(
        f"{count} decisions are noted. Materialize voted_crops, and what follows from it, to have "
        "them count."
    )


def _choose_disputes(context: typer.Context, game: str, batch: str, most: int) -> None:
    from assets.operations.community.dispute_batches import choose_disputes

    with explained():
        chosen = choose_disputes(resources_of(context), game, batch, most)
    plain(
        f"{chosen.groups} images are in the batch {batch}, {chosen.waiting} wait for another one. "
        f"To have them decided in CVAT: outpost cvat push {batch} --game {as_word(game)}"
    )


def _taken(row: ContributorRow) -> str:
    counts = {"icons": row.icons, "texts": row.texts, "screens": row.screens}
    return ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)


def _number(value: int | None) -> str:
    return "" if value is None else str(value)

"""`outpost batches`: the export batches of a game, and which of them are used."""

from __future__ import annotations

from typing import Annotated

import typer

from assets.cli.context import Game, resources_of
from assets.cli.output import Json, console, errors, explained, note, print_json, print_table

batches_app = typer.Typer(
    no_args_is_help=True, help="Look at export batches, take them out, put them back."
)
Batch = Annotated[str, typer.Argument(help="Its name, as `outpost batches list` shows it.")]


@batches_app.command("list")
def list_batches(context: typer.Context, game: Game = "demo", as_json: Json = False) -> None:
    """Show every export batch: whether it is used, held out, waits, or was retired.

    Example: `outpost batches list --game aoe2`
    """
    from assets.operations.export_batches import batch_table

    with explained():
        table = batch_table(resources_of(context), game)
    for line in table.unreachable:
        note(line, errors)
    if as_json:
        print_json(table.rows)
    elif table.rows:
        print_table(
            ("batch", "state", "serves", "frames", "boxes"),
            (
                (
                    row.batch,
                    row.state,
                    "evaluation" if row.held_out else "training",
                    _number(row.frames),
                    _number(row.boxes),
                )
                for row in table.rows
            ),
        )
    else:
        console.print("No export has arrived yet.")


@batches_app.command()
def retire(context: typer.Context, batch: Batch, game: Game = "demo") -> None:
    """Take a batch out of all that is made from now on; what was made of it stays.

    Its export is moved into `.retired` below the exports folder; in a bucket and in CVAT it stays
    and is passed over.

    Example: `outpost batches retire match7 --game aoe2`
    """
    from assets.operations.export_batches import retire as retire_batch

    with explained():
        retire_batch(resources_of(context), game, batch)
    console.print(f"{batch} is retired. `outpost batches restore {batch}` puts it back.")


@batches_app.command()
def restore(context: typer.Context, batch: Batch, game: Game = "demo") -> None:
    """Put a retired batch back.

    Example: `outpost batches restore match7 --game aoe2`
    """
    from assets.operations.export_batches import restore as restore_batch

    with explained():
        restore_batch(resources_of(context), game, batch)
    console.print(f"{batch} is back. `outpost batches list` shows whether it is used.")


def _number(value: int | None) -> str:
    return "" if value is None else str(value)

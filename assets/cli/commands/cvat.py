"""`outpost cvat`: the labels of a game, what goes to CVAT, and what comes back."""

from __future__ import annotations

from typing import Annotated

import typer

from assets.cli.context import Game, resources_of
from assets.cli.output import Json, console, errors, explained, plain, print_json, print_table

cvat_app = typer.Typer(
    no_args_is_help=True,
    help="Send frames to CVAT, and take labels back. The token is read from CVAT_ACCESS_TOKEN.",
)


@cvat_app.command()
def labels(game: Game = "demo") -> None:
    """Print the labels for the *Raw* tab of a project in CVAT. `push` makes them by itself.

    Example: `outpost cvat labels --game aoe2`
    """
    from assets.operations.annotating.push_pull import label_json

    with explained():
        print(label_json(game))


@cvat_app.command()
def push(
    context: typer.Context,
    batch: Annotated[str, typer.Argument(help="The annotation batch, such as first_hundred.")],
    game: Game = "demo",
    prelabels: Annotated[
        bool, typer.Option(help="Send boxes to correct; blind frames never have any.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Put an annotation batch into CVAT: images, labels and boxes or tags to correct.

    Pushing twice changes nothing; a push that was interrupted is done again.

    Example: `outpost cvat push first_hundred --game aoe2`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.annotating.push_pull import push as push_batch

    with explained(), progress_shown(errors):
        report = push_batch(resources_of(context), game, batch, with_prelabels=prelabels)
    if as_json:
        print_json(report)
        return
    rows = (
        (str(task.id), task.name, str(task.frames), str(task.boxes), task.url)
        for task in report.tasks
    )
    print_table(("task", "name", "frames", "boxes to correct", "label it here"), rows)
    if report.unchanged:
        console.print("All of it was in CVAT already; nothing was changed.")


@cvat_app.command()
def pull(
    context: typer.Context,
    task: Annotated[
        str | None, typer.Argument(help="Number or name of a task; all completed ones if left out.")
    ] = None,
    game: Game = "demo",
    as_json: Json = False,
) -> None:
    """Download completed tasks into the exports folder, where the sensor takes them.

    Of disputed images of players, what was decided in completed jobs is noted.

    Exits with 1 when one of them fails; the others are there.

    Example: `outpost cvat pull --game aoe2`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.annotating.push_pull import pull as pull_tasks
    from resources.run_log import reporter

    with explained(), progress_shown(errors):
        pulled = pull_tasks(resources_of(context), game, task, reporter())
    if as_json:
        print_json(pulled)
    elif pulled:
        for one in pulled:
            plain(f"{one.outcome:13}  {one.name}  {one.file}  {one.detail}".rstrip())
    else:
        console.print("No task is completed. `outpost cvat status` shows how far they are.")
    for one in pulled:
        if one.problem:
            plain(f"{one.name}: {one.problem}", errors)
    raise typer.Exit(1 if any(one.problem for one in pulled) else 0)


@cvat_app.command()
def status(context: typer.Context, game: Game = "demo", as_json: Json = False) -> None:
    """Show every task of a game in CVAT: how far it is, and whether it was pulled.

    Example: `outpost cvat status --game aoe2`
    """
    from assets.operations.annotating.push_pull import status as task_rows

    with explained():
        rows = task_rows(resources_of(context), game)
    if as_json:
        print_json(rows)
    elif rows:
        print_table(
            ("task", "name", "state", "jobs", "frames", "boxes", "pulled", ""),
            (
                (
                    str(row.id),
                    row.name,
                    row.state,
                    f"{row.completed_jobs}/{row.jobs}",
                    str(row.frames),
                    str(row.boxes),
                    row.pulled,
                    row.url,
                )
                for row in rows
            ),
        )
    else:
        console.print("CVAT has no task of this game. `outpost cvat push` makes one.")

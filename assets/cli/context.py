"""Which game a command is about, and which resources it works with: those that its caller hands in,
else the environment's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from resources.defaults import Resources

Game = Annotated[str, typer.Option(help="Name or folder of a game pack.")]


def resources_of(context: typer.Context) -> Resources:
    """The resources of a call.

    A test hands in others: `CliRunner().invoke(app, words, obj=Resources.of(paths))`.
    """
    # Not above: Dagster takes a second to import, for which `--help` need not wait.
    from resources.defaults import Resources
    from resources.paths import Paths

    if context.obj is None:
        context.obj = Resources.of(Paths.from_environment())
    resources: Resources = context.obj
    return resources

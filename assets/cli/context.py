"""Which resources a command works with: those that its caller hands in, else the environment's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from resources.defaults import Resources


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

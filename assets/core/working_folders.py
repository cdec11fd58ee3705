"""Assets whose making takes long: what a run that was killed had begun is gone on with.

It lies in a working folder that follows from the recipe, so that to materialize the same again goes
on there, and to materialize anything else does not.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import dagster as dg
from filelock import FileLock, Timeout

from assets.core.building import AssetBuild, Metadata, build_asset
from pipeline.errors import OutpostError
from pipeline.provenance import Recipe
from resources.files import remove_tree
from resources.paths import Paths

LOCK_FILE = ".lock"


class WorkingFolderBusyError(OutpostError):
    """Another run makes the same."""


class InterruptedWorkError(OutpostError):
    """What an interrupted run has left cannot be gone on with."""


def build_in_working_folder(
    build: AssetBuild,
    paths: Paths,
    write: Callable[[Path, Path], object],
    show: Callable[[Path], Metadata],
) -> dg.MaterializeResult[Any]:
    """As `build_asset`, with a folder beside in which an interrupted run is gone on with.

    Args:
        write: takes an empty folder, for the artifact's files, and the working folder.

    Raises:
        WorkingFolderBusyError: another run makes the same at this moment.
        InterruptedWorkError: going on with what another run has left has failed.
        Others as those of `write`.
    """
    with working_folder(build.recipe, paths) as work:

        def write_artifact(folder: Path) -> None:
            write(folder, work)

        return build_asset(build, write_artifact, show)


@contextmanager
def working_folder(recipe: Recipe, paths: Paths) -> Iterator[Path]:
    """The folder in which a recipe is worked on; it stays where that is interrupted.

    Raises:
        WorkingFolderBusyError, InterruptedWorkError: as of `build_in_working_folder`.
    """
    name = recipe.asset.split("/", 1)[1].replace("/", "-")
    folder = paths.state.jobs / f"{name}-{recipe.input_key[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    begun = any(one.name != LOCK_FILE for one in folder.iterdir())
    try:
        with FileLock(folder / LOCK_FILE, timeout=0):
            yield folder
    except Timeout as error:
        raise WorkingFolderBusyError(
            f"Another run is making {recipe.asset} from the same inputs.",
            "Wait for that one: this one would make the same.",
        ) from error
    except OutpostError as error:
        if not begun:
            raise
        raise InterruptedWorkError(
            f"Going on with what an interrupted run has left in {folder} failed: {error.problem}",
            f"{error.fix} Or remove that folder and materialize again, to begin from the start.",
        ) from error
    with suppress(OSError):  # a file in use; the garbage collection finds the folder later
        remove_tree(folder)

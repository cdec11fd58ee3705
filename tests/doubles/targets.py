"""Folders as targets of a deployment, for which no Python is started: each takes a second."""

import contextlib
import io

import pytest

from resources.deployment import target_program
from resources.deployment.places import FolderPlace


def run_in_this_process(patch: pytest.MonkeyPatch) -> None:
    """Have `target_program` run in the process of the test."""

    def here(place: FolderPlace, action: str, *words: str) -> bytes:
        with contextlib.redirect_stdout(io.StringIO()) as said:
            target_program.main(action, str(place.folder), *words)
        return said.getvalue().encode()

    patch.setattr(FolderPlace, "run", here)

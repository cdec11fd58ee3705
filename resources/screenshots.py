"""The folder into which screenshots are dropped that nobody has labelled yet."""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg
from pydantic import Field

from resources.paths import Paths

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp"})


class Screenshots(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where a game's screenshots lie, in folders of any depth."""

    paths: Paths
    folder: str = Field(
        default="",
        description="Empty: screenshots/<game> in the state folder. Drop screenshots there.",
    )

    def path(self, game: str) -> Path:
        """The folder, which need not exist yet."""
        return Path(self.folder) if self.folder else self.paths.state.screenshots(game)

    def files(self, game: str) -> tuple[Path, ...]:
        """The images in it, sorted by path; hidden ones and what links to folders don't count.

        A folder that cannot be looked into comes as if it were an image, so that whoever reads the
        images tells of it.
        """
        top = self.path(game)
        found: list[Path] = []

        def note_closed(error: OSError) -> None:
            if not isinstance(error, FileNotFoundError | NotADirectoryError):
                found.append(Path(error.filename))

        for folder, folders, names in os.walk(top, onerror=note_closed):
            folders[:] = [name for name in folders if not name.startswith(".")]
            found += [Path(folder, name) for name in names if _is_image(Path(folder, name))]
        return tuple(sorted(found))


def _is_image(file: Path) -> bool:
    if file.name.startswith(".") or file.suffix.lower() not in SUFFIXES:
        return False
    try:
        return file.is_file()
    except PermissionError:
        # Of a folder that lets nobody look: reading the file will say so.
        return True

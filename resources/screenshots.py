"""The folder into which screenshots are dropped that nobody has labelled yet."""

from __future__ import annotations

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
        """The images in it, sorted by path; hidden ones don't count."""
        top = self.path(game)
        found = (
            file
            for file in top.rglob("*")
            if file.suffix.lower() in SUFFIXES
            and not any(part.startswith(".") for part in file.relative_to(top).parts)
        )
        return tuple(sorted(file for file in found if file.is_file()))

"""The resource on which every other one that needs a folder depends."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
from pydantic import Field

from resources.state import StateFolder


class Paths(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The state folder. Who works with another one gives the others another one of these."""

    root: str = Field(description="The state folder: all that a run leaves behind lies below it.")

    @classmethod
    def below(cls, root: Path) -> Paths:
        """Everything below one folder, which need not exist yet."""
        return cls(root=str(root))

    @classmethod
    def from_environment(cls) -> Paths:
        """The state folder that the environment names; only definitions and commands ask for it."""
        return cls.below(StateFolder.from_environment().root)

    @property
    def state(self) -> StateFolder:
        """Each part of it by name."""
        return StateFolder(Path(self.root))

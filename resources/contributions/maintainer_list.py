"""What a maintainer notes about a game, in a file: changed by one process at a time, never half."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from filelock import FileLock

from pipeline.errors import OutpostError
from pipeline.files import read_json, replacing, write_json
from pipeline.manifests import Record

Content = TypeVar("Content", bound=Record)


class MaintainerListError(OutpostError):
    """A list that cannot be read or written."""


@dataclass(frozen=True)
class MaintainerList(Generic[Content]):
    """A list of one game.

    Attributes:
        file: made with the first change.
        kind: of what it holds; without arguments, what it says before that.
        says: what is read from it, for messages: "who is withdrawn".
        again: what to do where it is lost, for messages: "withdraw those installs again".
    """

    file: Path
    kind: type[Content]
    says: str
    again: str

    def read(self) -> Content:
        """What it says now.

        Raises:
            MaintainerListError: the file is damaged. It is not taken for an empty one.
        """
        if not self.file.exists():
            return self.kind()
        return read_json(self.file, self.kind, self._damaged)

    def change(self, change: Callable[[Content], Content]) -> None:
        """Have it say what `change` makes of what it says; whatever that raises changes nothing.

        Raises:
            MaintainerListError: the file is damaged or cannot be written.
        """
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.file.with_name(f".{self.file.name}.lock")):
                changed = change(self.read())
                with replacing(self.file) as fresh:
                    write_json(fresh, changed.model_dump(mode="json"))
        except OSError as error:
            raise MaintainerListError(
                f"{self.file} cannot be written: {error.strerror or error}.",
                "Give yourself write access to the state folder.",
            ) from error

    def _damaged(self, file: Path, why: Exception) -> MaintainerListError:
        return MaintainerListError(
            f"{file} does not say any more {self.says}: {why}",
            f"Restore it from a backup, or delete it and {self.again}.",
        )

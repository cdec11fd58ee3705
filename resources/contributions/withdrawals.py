"""The file that names a game's withdrawn installs: changed by one process at a time, never half."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from pipeline.community.withdrawn_installs import (
    Withdrawal,
    WithdrawalError,
    WithdrawnInstalls,
)
from pipeline.files import read_json, replacing, write_json


@dataclass(frozen=True)
class WithdrawalList:
    """Withdrawn installs of one game.

    Attributes:
        file: made with the first withdrawal.
    """

    file: Path

    def read(self) -> WithdrawnInstalls:
        """Who is withdrawn now.

        Raises:
            WithdrawalError: the file is damaged. Nobody is taken for restored because of that.
        """
        if not self.file.exists():
            return WithdrawnInstalls()
        return read_json(self.file, WithdrawnInstalls, _damaged)

    def withdraw(self, entry: Withdrawal) -> None:
        """Note one more.

        Raises:
            WithdrawalError: it is noted already, or the file is damaged or cannot be written.
        """
        self._change(lambda known: known.withdrawn(entry))

    def restore(self, install: str) -> None:
        """Note one less.

        Raises:
            WithdrawalError: it is not noted, or the file is damaged or cannot be written.
        """
        self._change(lambda known: known.restored(install))

    def _change(self, change: Callable[[WithdrawnInstalls], WithdrawnInstalls]) -> None:
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.file.with_name(f".{self.file.name}.lock")):
                changed = change(self.read())
                with replacing(self.file) as fresh:
                    write_json(fresh, changed.model_dump(mode="json"))
        except OSError as error:
            raise WithdrawalError(
                f"{self.file} cannot be written: {error.strerror or error}.",
                "Give yourself write access to the state folder.",
            ) from error


def _damaged(file: Path, why: Exception) -> WithdrawalError:
    return WithdrawalError(
        f"{file} does not say any more who is withdrawn: {why}",
        "Restore it from a backup, or delete it and withdraw those installs again.",
    )

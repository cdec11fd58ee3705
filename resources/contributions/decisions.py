"""The file of a maintainer's decisions on a game's images: one process changes it, never half."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from pipeline.community.votes.decisions import Decision, DecisionError, Decisions
from pipeline.files import read_json, replacing, write_json


@dataclass(frozen=True)
class DecisionList:
    """Decisions on one game's images.

    Attributes:
        file: made with the first decision.
    """

    file: Path

    def read(self) -> Decisions:
        """What is decided now.

        Raises:
            DecisionError: the file is damaged. Nothing is taken for undecided because of that.
        """
        if not self.file.exists():
            return Decisions()
        return read_json(self.file, Decisions, _damaged)

    def add(self, decisions: Sequence[Decision]) -> None:
        """Note decisions, each in place of an older one on the same image.

        Raises:
            DecisionError: the file is damaged or cannot be written.
        """
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.file.with_name(f".{self.file.name}.lock")):
                changed = self.read().including(decisions)
                with replacing(self.file) as fresh:
                    write_json(fresh, changed.model_dump(mode="json"))
        except OSError as error:
            raise DecisionError(
                f"{self.file} cannot be written: {error.strerror or error}.",
                "Give yourself write access to the state folder.",
            ) from error


def _damaged(file: Path, why: Exception) -> DecisionError:
    return DecisionError(
        f"{file} does not say any more what was decided: {why}",
        "Restore it from a backup, or delete it and decide again.",
    )

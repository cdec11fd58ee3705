"""What has happened in a folder of online learning: `online.json`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from pipeline.errors import OutpostError
from pipeline.files import read_json, replacing, write_json
from pipeline.manifests import Record
from pipeline.play.online.guard import Verdict
from pipeline.play.policies.settings import Role

HISTORY_FILE = "online.json"
KEPT = 5000
"""Comparisons and updates; older ones are forgotten."""


class OnlineHistoryError(OutpostError):
    """A folder of online learning that cannot be gone on with."""


class OnlineUpdate(Record):
    """How one policy has learned in one training."""

    role: Role
    training: int = Field(ge=1, description="Its number.")
    games: int = Field(description="That were learned from so far.")
    observations: int = Field(description="That it could learn from.")
    rate: float
    loss: float = Field(description="Weighted by advantage.")
    divergence: float = Field(description="From the champion: Kullback-Leibler, in nats.")
    effective: float = Field(description="Share of observations that would weigh as much alone.")


class ReturnComparison(Record):
    """The champion and a candidate, compared once, and what the guard knew afterwards."""

    test: int
    training: int = Field(description="Of the candidate.")
    games: int = Field(description="That were learned from so far.")
    champion: float = Field(description="Its return.")
    candidate: float
    worse: float = Field(description="Natural logarithm of the capital that bets on worse.")
    better: float
    limit: float = Field(description="From which on it is believed.")
    verdict: Verdict


class OnlineHistory(Record):
    """All of it."""

    test: int = Field(1, ge=1, description="Number of the guard's present test.")
    rollbacks: int = 0
    games: int = Field(0, description="That were learned from.")
    trainings: int = 0
    pending: Verdict | None = Field(
        None, description="Decided, but not yet carried out; if cut short, at the next start."
    )
    comparisons: tuple[ReturnComparison, ...] = ()
    updates: tuple[OnlineUpdate, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> OnlineHistory:
        """What has happened in a folder; nothing in a fresh one.

        Raises:
            OnlineHistoryError: the file is damaged.
        """
        file = folder / HISTORY_FILE
        return read_json(file, cls, _damaged) if file.is_file() else cls()

    def write(self, folder: Path) -> None:
        """Write it whole."""
        with replacing(folder / HISTORY_FILE) as fresh:
            write_json(fresh, self.model_dump(mode="json"))

    def current(self) -> tuple[ReturnComparison, ...]:
        """Comparisons of the present test."""
        return tuple(one for one in self.comparisons if one.test == self.test)

    def with_comparison(self, comparison: ReturnComparison) -> OnlineHistory:
        """One more."""
        return self.model_copy(update={"comparisons": (*self.comparisons, comparison)[-KEPT:]})

    def with_updates(self, updates: tuple[OnlineUpdate, ...]) -> OnlineHistory:
        """One more training."""
        return self.model_copy(
            update={
                "updates": (*self.updates, *updates)[-KEPT:],
                "trainings": self.trainings + 1,
            }
        )


def _damaged(file: Path, error: Exception) -> OnlineHistoryError:
    return OnlineHistoryError(
        f"{file} cannot be read: {error}", "Remove the folder, and let the policies play again."
    )

"""Installs whose contributions count no longer: who, why and since when.

A vote of a withdrawn install is left out wherever votes are counted; what it sent is kept, so that
it can be restored. What was counted with it follows when it is made again.
"""

from __future__ import annotations

from datetime import date

from pydantic import Field

from pipeline.errors import OutpostError
from pipeline.manifests import Record


class WithdrawalError(OutpostError):
    """A contributor who cannot be withdrawn or restored."""


class Withdrawal(Record):
    """One install that was withdrawn."""

    install: str = Field(description="Its random id.")
    reason: str = Field(min_length=1, description="As the person said who withdrew it.")
    date: date


class WithdrawnInstalls(Record):
    """All of a game."""

    entries: tuple[Withdrawal, ...] = Field((), description="By install.")

    @property
    def installs(self) -> frozenset[str]:
        """Their ids."""
        return frozenset(entry.install for entry in self.entries)

    def of(self, install: str) -> Withdrawal | None:
        """What is noted of an install; None where it is not withdrawn."""
        return next((entry for entry in self.entries if entry.install == install), None)

    def withdrawn(self, entry: Withdrawal) -> WithdrawnInstalls:
        """With one more.

        Raises:
            WithdrawalError: it is withdrawn already.
        """
        known = self.of(entry.install)
        if known is not None:
            raise WithdrawalError(
                f"{entry.install} was withdrawn on {known.date}: {known.reason}",
                "Restore it first if the reason is to be another one.",
            )
        entries = sorted((*self.entries, entry), key=lambda one: one.install)
        return WithdrawnInstalls(entries=tuple(entries))

    def restored(self, install: str) -> WithdrawnInstalls:
        """Without one.

        Raises:
            WithdrawalError: it is not withdrawn.
        """
        if self.of(install) is None:
            raise WithdrawalError(
                f"{install} is not withdrawn.",
                "`outpost community list` shows the contributors that are.",
            )
        return WithdrawnInstalls(
            entries=tuple(entry for entry in self.entries if entry.install != install)
        )

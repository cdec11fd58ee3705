"""Entity sets of a game, sorted by identity: who is in sight, loses hit points, and goes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from detector_runtime.policies.known import COLUMNS, HIT_POINTS, ID, KIND, KNOWN, OWNER, X, Y

from pipeline.play.simulator.rules import TICKS_A_SECOND

UNKNOWN = -1
"""Hit points, or what is carried, of which nothing is known."""
GONE = 3 * TICKS_A_SECOND
"""Ticks in which what has fallen is not seen again."""


@dataclass(frozen=True, eq=False)
class Sights:
    """Entity sets of one game with a column for each identity.

    Attributes:
        identities: int [n], rising.
        rows: int32 [ticks, n, 12], as `detector_runtime.policies.known`; -1 where it is not known.
    """

    identities: npt.NDArray[np.int_]
    rows: npt.NDArray[np.int32]

    @classmethod
    def of(cls, entities: npt.NDArray[np.int16]) -> Sights:
        """Sort entities: int16 [ticks, slots, 12]."""
        known = entities[:, :, ID] >= 0
        identities = np.unique(entities[:, :, ID][known]).astype(np.int64)
        rows = np.full((len(entities), len(identities), COLUMNS), -1, np.int32)
        ticks, slots = np.nonzero(known)
        columns = np.searchsorted(identities, entities[ticks, slots, ID])
        rows[ticks, columns] = entities[ticks, slots]
        return cls(identities, rows)

    def known(self) -> npt.NDArray[np.bool_]:
        """Where one is in sight or remembered: bool [ticks, n]."""
        return np.asarray(self.rows[:, :, ID] >= 0)

    def of_owner(self, owner: int) -> npt.NDArray[np.bool_]:
        """Where those of an owner are in sight: bool [ticks, n]."""
        rows = self.rows
        return np.asarray((rows[:, :, KNOWN] == 1) & (rows[:, :, OWNER] == owner))

    def lost(self, seen: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
        """Hit points lost from set to set, of those seen in both: int32 [ticks - 1, n]."""
        points = self.rows[:, :, HIT_POINTS]
        both = seen[:-1] & seen[1:] & (points[:-1] != UNKNOWN) & (points[1:] != UNKNOWN)
        return np.where(both, np.maximum(points[:-1] - points[1:], 0), 0).astype(np.int32)

    def gone(
        self, seen: npt.NDArray[np.bool_], still: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.bool_]:
        """Who is seen, and then not there for a while: bool [ticks - 1, n].

        Args:
            still: bool [ticks, n], where one is there.
        """
        last = len(still)
        # The next set from each one on in which one is there; far away where there is none.
        ahead = np.where(still, np.arange(last)[:, None], last + GONE)
        following = np.minimum.accumulate(ahead[::-1], axis=0)[::-1]
        stays_away = following[1:] - np.arange(1, last)[:, None] >= GONE
        return np.asarray(seen[:-1] & ~still[1:] & stays_away)

    def kinds(self) -> list[int]:
        """What each was when it was first known, `rules.Kind`."""
        first = (self.rows[:, :, ID] >= 0).argmax(axis=0)
        kinds: list[int] = self.rows[first, np.arange(len(first)), KIND].tolist()
        return kinds

    def places(self) -> npt.NDArray[np.int32]:
        """int32 [ticks, n, 2]."""
        return self.rows[:, :, [X, Y]]

"""What a player keeps in mind of what it saw: the rows that policies take, under slots that stay.

What is out of sight is where, and as, it was last seen. What should be in sight and is not found
any more is forgotten, as the game's own sides forget.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.play.perception.looking import Predicted, Sightings
from pipeline.play.perception.places import Places, feet, in_cells, on_map, seen_cells
from pipeline.play.simulator.observation import Column
from pipeline.play.simulator.rules import FIGURES, MAP_SIDE, MAX_TICKS, NOTHING, SUBPIXELS, Kind

SLOTS = 64
"""Entities that are kept in mind at most; a game has 44."""
FORGOTTEN_LOOKS = 5
"""Looks at a place in sight after which what is not found there is forgotten."""
FORGOTTEN_HIDDEN = 40
"""The same of what may be hidden behind something that is seen."""
FALLING = 0.4
"""Of its full hit points below which what is missed is not hidden."""
SURE_LOOKS, FORGOTTEN_UNSURE = 8, 2
"""What was seen less often than the first may never have been there: it is forgotten after the
second."""
COVER_REACH = 26.0
"""Pixels of the map from something that is seen within which it may hide another thing."""
VOTES_KEPT = 0.8
"""Of a slot's votes on its owner, from look to look."""
STILL_REACH = 30.0
"""Pixels of the map around something that does not move in which a new sighting is the same."""
LOST_TICKS = 40
"""For so long a new sighting may be a unit that was lost, as far as it can have gone."""
SLOWEST = 0.5
"""Pixels a tick from which on a heading is seen."""
NOT_KNOWN = -1
"""What cannot be seen."""
IN_SIGHT, REMEMBERED = 1, 2
OWN, ALLY, ENEMY, NOBODY = 0, 1, 2, 3

FULL = np.array([FIGURES[kind].hit_points for kind in Kind])
SPEED = np.array([FIGURES[kind].speed / SUBPIXELS for kind in Kind])
_HOLDS = np.array([FIGURES[kind].capacity for kind in Kind])
_OWNERLESS = (Kind.GOLD_MINE, Kind.BERRY_BUSH, Kind.SHEEP)


class Memory:
    """One game, as one player knows it.

    Attributes:
        rows: int32 [64, 12], by `observation.Column`; the slot is the id.
        places: float64 [64, 2], pixels of the map.
        velocities: float64 [64, 2], pixels of the map in a tick.
    """

    def __init__(self, stances: Sequence[int]) -> None:
        """
        Args:
            stances: what each player is to this one: OWN, ALLY or ENEMY.
        """
        self._stances = np.array(stances)
        self.rows = np.zeros((SLOTS, len(Column)), np.int32)
        self.rows[:, Column.ID] = NOTHING
        self.places, self.velocities = np.zeros((SLOTS, 2)), np.zeros((SLOTS, 2))
        self._looked = np.zeros((SLOTS, 2))
        """Where each was when it was last seen; `places` are predicted from there."""
        self._moved = np.zeros((SLOTS, 2))
        """How far each has moved from look to look."""
        self._beside = np.zeros((SLOTS, 2))
        """From where its box says that each stands to where it does, in pixels of the screen."""
        self._votes = np.zeros((SLOTS, len(stances)))
        self._tracks = [""] * SLOTS
        self._seen, self._sighted = np.full(SLOTS, NOTHING), np.full(SLOTS, NOTHING)
        """Ticks in which each was last seen, and last seen within sight."""
        self._looks, self._misses = np.zeros(SLOTS, np.int_), np.zeros(SLOTS, np.int_)
        """How often each was seen at all, and was not seen since."""

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """(64,), which slots are taken."""
        return np.asarray(self.rows[:, Column.ID] != NOTHING)

    @property
    def own(self) -> npt.NDArray[np.bool_]:
        """(64,), which are the player's own units and keep."""
        return np.asarray(self.known & (self.rows[:, Column.OWNER] == OWN))

    def see(self, ids: Sequence[str], seen: Sightings, tick: int) -> npt.NDArray[np.intp]:
        """Take in a look; the slots of what was seen.

        Args:
            ids: of the tracker, one for each of what was seen.
        """
        places = on_map(seen.places)
        slots = self._slots(ids, seen.kinds, places, tick)
        self._move(slots, places, tick)
        self._beside[slots] = seen.places - feet(seen.boxes, seen.kinds)
        self._describe(slots, seen)
        self._forget(tick)
        self._write(tick)
        return slots

    def follow(self, found: Predicted, tick: int) -> None:
        """Between two looks: where what is in sight is predicted to be."""
        slots = {name: slot for slot, name in enumerate(self._tracks) if name}
        for name, place in zip(found.ids, feet(found.boxes, found.kinds), strict=True):
            slot = slots.get(name, NOTHING)
            if slot != NOTHING and self.rows[slot, Column.KNOWN] == IN_SIGHT:
                self.places[slot] = on_map(place + self._beside[slot])
        self._write(tick)

    def _slots(
        self, ids: Sequence[str], kinds: npt.NDArray[np.intp], places: Places, tick: int
    ) -> npt.NDArray[np.intp]:
        known = {name: slot for slot, name in enumerate(self._tracks) if name}
        slots = np.array([known.get(name, NOTHING) for name in ids], np.intp)
        for number in np.flatnonzero(slots == NOTHING).tolist():
            kind, place = int(kinds[number]), places[number]
            slot = self._lost(kind, place, tick, slots)
            if slot == NOTHING:
                slot = self._free(slots)
                self._start(slot, kind)
            self._tracks[slot], slots[number] = ids[number], slot
        return slots

    def _lost(
        self, kind: int, place: npt.NDArray[np.float64], tick: int, taken: npt.NDArray[np.intp]
    ) -> int:
        """The slot of what was there before under another id."""
        ages = tick - self._seen
        reach = STILL_REACH + SPEED[kind] * np.minimum(ages, LOST_TICKS)
        apart = np.linalg.norm(self._looked - place, axis=1)
        fits = self.known & (self.rows[:, Column.KIND] == kind) & (apart <= reach) & (ages > 0)
        fits &= (SPEED[kind] == 0) | (ages <= LOST_TICKS) | (self._misses > FORGOTTEN_LOOKS)
        fits[taken[taken != NOTHING]] = False
        return int(np.where(fits, apart, np.inf).argmin()) if fits.any() else NOTHING

    def _free(self, taken: npt.NDArray[np.intp]) -> int:
        """A slot that is free, or else that of what was not seen for the longest."""
        last = np.where(self.known, self._seen, self._seen - MAX_TICKS - 1)
        last[taken[taken != NOTHING]] = np.iinfo(np.int_).max
        return int(last.argmin())

    def _start(self, slot: int, kind: int) -> None:
        self.rows[slot] = 0
        self.rows[slot, Column.ID], self.rows[slot, Column.KIND] = slot, kind
        self._votes[slot], self.velocities[slot] = 0, 0
        self._seen[slot] = self._sighted[slot] = NOTHING
        self._looks[slot] = 0

    def _move(self, slots: npt.NDArray[np.intp], places: Places, tick: int) -> None:
        ticks = tick - self._seen[slots]
        is_followed = (self._seen[slots] != NOTHING) & (ticks <= LOST_TICKS)
        moved = (places - self._looked[slots]) / np.maximum(ticks, 1)[:, None]
        self.velocities[slots] = np.where(is_followed[:, None], moved, 0)
        self._moved[slots] = np.where(is_followed[:, None], places - self._looked[slots], 0)
        self.places[slots] = self._looked[slots] = places
        self._seen[slots], self._misses[slots] = tick, 0
        self._looks[slots] += 1

    def _describe(self, slots: npt.NDArray[np.intp], seen: Sightings) -> None:
        rows, kinds = self.rows, seen.kinds
        self._votes[slots] = VOTES_KEPT * self._votes[slots] + seen.colours
        votes = self._votes[slots]
        owners = np.where(votes.any(axis=1), self._stances[votes.argmax(axis=1)], NOT_KNOWN)
        ownerless = np.isin(kinds, _OWNERLESS)
        rows[slots, Column.KIND] = kinds
        rows[slots, Column.OWNER] = np.where(ownerless, NOBODY, owners)
        rows[slots, Column.HIT_POINTS] = np.rint(FULL[kinds] * seen.bars)
        # How much is left in it cannot be seen: as much as there was, until it is gone.
        rows[slots, Column.CARRIES] = np.where(
            ownerless, _HOLDS[kinds], rows[slots, Column.CARRIES]
        )

    def _follow_covers(self, tick: int) -> npt.NDArray[np.bool_]:
        """What may be hidden behind what was seen, with which it goes on: (64,)."""
        seen = np.flatnonzero(self.known & (self._seen == tick))
        hidden = np.zeros(SLOTS, np.bool_)
        for slot in np.flatnonzero(self.known & (self._seen < tick)).tolist():
            apart = np.linalg.norm(self._looked[seen] - self._looked[slot], axis=1)
            if len(seen) and apart.min() <= COVER_REACH and not self._was_falling(slot):
                hidden[slot] = True
                cover = seen[int(apart.argmin())]
                if SPEED[self.rows[slot, Column.KIND]] > 0:
                    moved = self._looked[slot] + self._moved[cover]
                    self.places[slot] = self._looked[slot] = np.clip(moved, 0, MAP_SIDE - 1)
        return hidden

    def _was_falling(self, slot: int) -> bool:
        """Whether it was so hurt that it is rather dead than hidden."""
        row = self.rows[slot]
        return bool(row[Column.HIT_POINTS] < FALLING * FULL[row[Column.KIND]])

    def _forget(self, tick: int) -> None:
        own = self.own
        hidden = self._follow_covers(tick)
        lit = in_cells(seen_cells(self._looked[own], self.rows[own, Column.KIND]), self._looked)
        missed = self.known & lit & (self._seen < tick)
        self._misses[missed] += 1
        most = np.where(hidden, FORGOTTEN_HIDDEN, FORGOTTEN_LOOKS)
        most = np.where(self._looks >= SURE_LOOKS, most, FORGOTTEN_UNSURE)
        for slot in np.flatnonzero(missed & (self._misses >= most)).tolist():
            self.rows[slot], self.rows[slot, Column.ID] = 0, NOTHING
            self._tracks[slot] = ""
        self._sighted[self.known & lit & (self._seen == tick)] = tick
        never = self.known & (self._sighted == NOTHING)
        self._sighted[never] = tick
        self.rows[:, Column.KNOWN] = np.where(self.known, np.where(lit, IN_SIGHT, REMEMBERED), 0)

    def _write(self, tick: int) -> None:
        rows, known = self.rows, self.known
        rows[known, Column.X : Column.Y + 1] = np.rint(self.places[known])
        in_sight = known & (rows[:, Column.KNOWN] == IN_SIGHT)
        since = np.where(in_sight, self._seen, self._sighted)
        # Of what is in sight nothing is older than the last look.
        rows[known, Column.AGE] = np.where(
            in_sight & (self._misses == 0), 0, np.maximum(tick - since, 0)
        )[known]
        x, y = self.velocities.T
        turns = np.rint(np.arctan2(y, x) * 8 / np.pi).astype(np.int32) % 16
        moves = in_sight & (np.hypot(x, y) >= SLOWEST)
        rows[moves, Column.HEADING] = turns[moves]
        rows[~in_sight, Column.HEADING] = 0

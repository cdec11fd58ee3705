"""What one's own units do and carry, and which are chosen: from one's own deeds, and what is seen.

No pixel says what a unit's order is. A player knows what it told its units, and the rules by which
they go on from there; it sees where they are, whether they move, and the marks of those chosen.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.play.perception.memory import ENEMY, IN_SIGHT, NOBODY, OWN, Memory
from pipeline.play.simulator.observation import Column
from pipeline.play.simulator.rules import (
    FIGURES,
    GATHERING_TICKS,
    NOTHING,
    TAKEN_AT_ONCE,
    TOUCH,
    Act,
    Key,
    Kind,
    Order,
)

ARRIVED = 8.0
"""Pixels of the map from its goal within which a unit has reached it."""
STANDS = 0.75
"""Pixels a tick up to which a unit stands still: a box is not steadier."""
LOOKS_AT_REST = 3
"""Looks in a row at a unit that stands after which it has no order to walk."""
LOOKS_AT_MARKS = 3
"""Looks in a row after which marks, or their absence, count for more than deeds."""
REACHED = 6.0
"""Pixels more than the rules say within which something is touched: a place is known no better."""

RADII = np.array([FIGURES[kind].radius for kind in Kind])
SOLDIERS = np.array([FIGURES[kind].soldier == 1 for kind in Kind])
ALERT = np.array([FIGURES[kind].alert for kind in Kind])
CAPACITY = np.array([FIGURES[kind].capacity for kind in Kind])


class OwnOrders:
    """Of the units in one `Memory`, into whose rows they are written."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        slots = len(memory.rows)
        self._order = np.zeros(slots, np.int_)
        self._target = np.full(slots, NOTHING)
        self._job = np.full(slots, NOTHING)
        self._goal = np.zeros((slots, 2))
        self._rest = np.zeros(slots, np.int_)
        self._load = np.zeros(slots)
        self._was_own = np.zeros(slots, np.bool_)
        self._marks, self._unmarked = np.zeros(slots, np.int_), 0
        """Looks in a row in which each has had a mark, and in which none of the chosen had."""

    def see(self, slots: npt.NDArray[np.intp], marked: npt.NDArray[np.bool_], ticks: int) -> None:
        """After a look: who is chosen, and what units must be doing by now.

        Args:
            slots: of what was seen.
            marked: whether each had the mark of who is chosen.
            ticks: since the look before.
        """
        rows, own = self._memory.rows, self._memory.own
        self._see_marks(slots[marked])
        for fresh in np.flatnonzero(own & ~self._was_own).tolist():
            self._give(fresh, Order.IDLE)
            self._load[fresh] = 0
        self._was_own = own
        speeds = np.hypot(*self._memory.velocities.T)
        self._rest = np.where(speeds <= STANDS, self._rest + 1, 0)
        for slot in np.flatnonzero(own).tolist():
            self._go_on(slot, ticks)
        rows[:, Column.ORDER] = np.where(own, self._order, 0)
        units = own & (rows[:, Column.KIND] != Kind.KEEP)
        rows[own, Column.CARRIES] = np.where(units, self._load, 0)[own]

    def _see_marks(self, marked: npt.NDArray[np.intp]) -> None:
        """Deeds say who is chosen, until the screen says otherwise for several looks.

        In a crowd bodies hide most marks, so that one of the chosen speaks for all of them.
        """
        selected, units = self._memory.rows[:, Column.SELECTED], self._units()
        seen = np.zeros(len(units), np.bool_)
        seen[marked] = units[marked]
        self._marks = np.where(seen, self._marks + 1, 0)
        confirmed = bool((seen & (selected == 1)).any()) or not selected.any()
        self._unmarked = 0 if confirmed else self._unmarked + 1
        if self._unmarked >= LOOKS_AT_MARKS:
            selected[:] = 0
        selected[self._marks >= LOOKS_AT_MARKS] = 1

    def did(self, action: npt.NDArray[np.int32]) -> None:
        """After an act of the player's own.

        Args:
            action: int32 [5], as `Games.step` takes one; clicks as points of the map.
        """
        act, _entity, x, y, key = action.tolist()
        rows = self._memory.rows
        if act == Act.SELECT:
            clicked = self._at(x, y)
            rows[:, Column.SELECTED] = 0
            if clicked != NOTHING and self._units()[clicked]:
                rows[clicked, Column.SELECTED] = 1
        elif act == Act.COMMAND:
            clicked = self._at(x, y)
            for slot in np.flatnonzero(self._chosen()).tolist():
                self._command(slot, clicked, (x, y))
        elif act == Act.KEY:
            self._press(Key(key))
        rows[:, Column.ORDER] = np.where(self._memory.own, self._order, 0)

    def _press(self, key: Key) -> None:
        rows, units = self._memory.rows, self._units()
        if key in (Key.STOP, Key.HOME):
            for slot in np.flatnonzero(self._chosen()).tolist():
                self._give(slot, Order.IDLE if key == Key.STOP else Order.RETURN)
            return
        soldiers = SOLDIERS[rows[:, Column.KIND]]
        meant = {Key.SOLDIERS: soldiers, Key.WORKERS: ~soldiers}.get(key, units)
        rows[:, Column.SELECTED] = units & meant

    def _command(self, slot: int, clicked: int, place: tuple[int, int]) -> None:
        """As the rules read a right click."""
        rows = self._memory.rows
        kind = rows[slot, Column.KIND]
        owner = rows[clicked, Column.OWNER] if clicked != NOTHING else NOTHING
        other = rows[clicked, Column.KIND]
        if owner == ENEMY:
            self._give(slot, Order.ATTACK, clicked)
        elif owner == OWN and other == Kind.KEEP and self._load[slot] > 0:
            self._give(slot, Order.RETURN)
        elif (
            owner == NOBODY
            and CAPACITY[kind] > 0
            and (other == Kind.SHEEP or FIGURES[Kind(kind)].gathers)
        ):
            self._give(slot, Order.GATHER, clicked)
            self._job[slot] = clicked if other != Kind.SHEEP else NOTHING
        else:
            self._give(slot, Order.MOVE)
            self._goal[slot] = place

    def _give(self, slot: int, order: Order, target: int = NOTHING) -> None:
        self._turn_to(slot, order)
        self._target[slot], self._job[slot] = target, NOTHING

    def _turn_to(self, slot: int, order: Order) -> None:
        self._order[slot], self._rest[slot] = order, 0

    def _go_on(self, slot: int, ticks: int) -> None:
        order = self._order[slot]
        if order == Order.MOVE:
            self._walk(slot)
        elif order == Order.ATTACK:
            self._fight(slot)
        elif order == Order.GATHER:
            self._gather(slot, ticks)
        elif order == Order.RETURN:
            self._return(slot)
        if self._order[slot] == Order.IDLE:
            self._turn_on_enemies(slot)

    def _walk(self, slot: int) -> None:
        arrived = np.hypot(*(self._memory.places[slot] - self._goal[slot])) <= ARRIVED
        if arrived or self._rest[slot] >= LOOKS_AT_REST:
            self._order[slot] = Order.IDLE

    def _fight(self, slot: int) -> None:
        target = self._target[slot]
        row = self._memory.rows[target]
        gone = row[Column.ID] == NOTHING or row[Column.OWNER] != ENEMY
        lost = row[Column.KNOWN] != IN_SIGHT and self._rest[slot] >= LOOKS_AT_REST
        if gone or lost:
            self._order[slot] = Order.IDLE

    def _gather(self, slot: int, ticks: int) -> None:
        target = self._target[slot]
        rows = self._memory.rows
        most = CAPACITY[rows[slot, Column.KIND]]
        gone = rows[target, Column.ID] == NOTHING or rows[target, Column.OWNER] != NOBODY
        if gone:
            if self._job[slot] == NOTHING:  # It was loot, and a unit at its side has taken it.
                self._load[slot] = min(CAPACITY[Kind.SHEEP], most)
            self._job[slot] = NOTHING
            self._turn_to(slot, Order.RETURN if self._load[slot] > 0 else Order.IDLE)
            return
        if self._touches(slot, target) and rows[target, Column.KIND] != Kind.SHEEP:
            self._load[slot] = min(self._load[slot] + TAKEN_AT_ONCE * ticks / GATHERING_TICKS, most)
        if self._load[slot] >= most:
            self._turn_to(slot, Order.RETURN)

    def _return(self, slot: int) -> None:
        keeps = self._memory.own & (self._memory.rows[:, Column.KIND] == Kind.KEEP)
        if not keeps.any() or self._rest[slot] >= LOOKS_AT_REST:
            self._order[slot] = Order.IDLE
        elif self._touches(slot, int(np.flatnonzero(keeps)[0])):
            self._load[slot] = 0
            job = self._job[slot]
            self._turn_to(slot, Order.IDLE if job == NOTHING else Order.GATHER)
            self._target[slot] = job

    def _turn_on_enemies(self, slot: int) -> None:
        """Idle soldiers and keeps do so by themselves."""
        rows = self._memory.rows
        enemies = self._memory.known & (rows[:, Column.OWNER] == ENEMY)
        enemies &= rows[:, Column.KNOWN] == IN_SIGHT
        apart = np.hypot(*(self._memory.places - self._memory.places[slot]).T)
        near = np.where(enemies, apart, np.inf)
        if near.min() <= ALERT[rows[slot, Column.KIND]]:
            self._give(slot, Order.ATTACK, int(near.argmin()))

    def _touches(self, slot: int, other: int) -> bool:
        kinds = self._memory.rows[[slot, other], Column.KIND]
        apart = np.hypot(*(self._memory.places[slot] - self._memory.places[other]))
        return bool(apart <= TOUCH + RADII[kinds].sum() + REACHED)

    def _at(self, x: int, y: int) -> int:
        """The entity whose footprint holds a point of the map, the nearest of several."""
        apart = np.hypot(*(self._memory.places - (x, y)).T)
        holds = self._memory.known & (apart <= RADII[self._memory.rows[:, Column.KIND]])
        return int(np.where(holds, apart, np.inf).argmin()) if holds.any() else NOTHING

    def _units(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self._memory.own & (self._memory.rows[:, Column.KIND] < Kind.KEEP))

    def _chosen(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self._units() & (self._memory.rows[:, Column.SELECTED] == 1))

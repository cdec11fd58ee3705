"""What a policy is given and what it answers, as whole numbers; the same as in recorded play."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

ID, KIND, OWNER, X, Y, HIT_POINTS, CARRIES, KNOWN, SELECTED, ORDER, AGE, HEADING = range(12)
"""Columns of an entity: slot or -1, kind, owner (0 oneself, 1 ally, 2 enemy, 3 nobody), place in
pixels of the map, hit points, what it carries, 1 in sight or 2 remembered, 1 selected, order, ticks
since it was seen, heading."""
COLUMNS = 12
TICK, STOCK, SCORE = range(3)
"""Columns of the status; the fourth, the game's result, is not looked at."""
ACT, ENTITY, CLICK_X, CLICK_Y, KEY = range(5)
"""Columns of an action: act, slot or -1, pixels beside the entity or a point of the map, key."""
ACTION_SIZE = 5
NO_ACT, SELECT, COMMAND, PRESS = range(4)
ACTS, KEYS, GOALS, ORDERS, OWNERS, KINDS = 4, 5, 5, 5, 4, 9
MAP_SIDE = 1024
HIT_POINTS_OF = (30, 75, 55, 90, 120, 500, 1, 1, 1)
"""At the beginning, by kind; 1 for what nobody can hurt."""
WORKER, WARSHIP, KEEP, SHEEP = 0, 4, 5, 8
SOLDIERS = (1, 2, 3)
"""Kinds of soldiers on land."""
OWN, ENEMY, NOBODY = 0, 2, 3

NO_TARGET = -1
"""In place of a slot: nobody."""
LONG_AGO = 200
"""Ticks after which it does not matter how long ago something was done."""

Numbers = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Deeds:
    """What a player did before a tick, in each of n games.

    Attributes:
        action: int [n, 5], its last act; NO_ACT before the first one.
        since: int [n], ticks since then, at most LONG_AGO.
        commanded: int [n], slot of the last right click, NO_TARGET where it fell on the ground.
        since_command: int [n], ticks since then, at most LONG_AGO.
    """

    action: Numbers
    since: Numbers
    commanded: Numbers
    since_command: Numbers

    @classmethod
    def none(cls, games: int) -> Deeds:
        """At the beginning."""
        action = np.zeros((games, ACTION_SIZE), np.int32)
        action[:, ENTITY] = NO_TARGET
        ages = np.full(games, LONG_AGO, np.int32)
        return cls(action, ages, np.full(games, NO_TARGET, np.int32), ages)

    def after(self, actions: Numbers) -> Deeds:
        """A tick later, when these have been done: int [n, 5]."""
        acted = actions[:, ACT] != NO_ACT
        commanded = actions[:, ACT] == COMMAND
        return Deeds(
            np.where(acted[:, None], actions, self.action),
            np.where(acted, 1, np.minimum(self.since + 1, LONG_AGO)),
            np.where(commanded, actions[:, ENTITY], self.commanded),
            np.where(commanded, 1, np.minimum(self.since_command + 1, LONG_AGO)),
        )

    def rows(self, chosen: Any) -> Deeds:
        """Of some games."""
        return Deeds(
            self.action[chosen],
            self.since[chosen],
            self.commanded[chosen],
            self.since_command[chosen],
        )


def deeds_before(actions: Numbers) -> Deeds:
    """What had been done before each tick of one game.

    Args:
        actions: int [ticks, 5].

    Returns:
        One row a tick.
    """
    ticks = np.arange(len(actions))
    last = _last_before(actions[:, ACT] != NO_ACT)
    command = _last_before(actions[:, ACT] == COMMAND)
    nothing = Deeds.none(1)
    return Deeds(
        np.where(last[:, None] >= 0, actions[last], nothing.action),
        np.where(last >= 0, np.minimum(ticks - last, LONG_AGO), LONG_AGO),
        np.where(command >= 0, actions[command, ENTITY], NO_TARGET),
        np.where(command >= 0, np.minimum(ticks - command, LONG_AGO), LONG_AGO),
    )


def _last_before(happened: npt.NDArray[np.bool_]) -> npt.NDArray[np.int_]:
    """The latest tick before each one at which something happened, or -1."""
    latest = np.maximum.accumulate(np.where(happened, np.arange(len(happened)), -1))
    return np.concatenate([[-1], latest[:-1]]).astype(np.int_)

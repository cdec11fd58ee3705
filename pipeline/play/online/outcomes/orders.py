"""Which command each unit obeys: the last one that was given while it was selected.

Right clicks are commands, and so are the keys that stop units or send them home. What a selected
unit does with a click is not looked at: it obeys it until it is given another, or falls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from detector_runtime.policies.known import ACT, COMMAND, ENTITY, KEY, OWN, OWNER, PRESS, SELECTED

from pipeline.play.simulator.rules import NOTHING, Key

COMMANDING_KEYS = (Key.STOP, Key.HOME)


class GivenCommand(NamedTuple):
    """A command: its tick, and whom it names, or NOTHING."""

    tick: int
    target: int


@dataclass(frozen=True, eq=False)
class Orders:
    """The commands of a game.

    Attributes:
        commands: by tick.
        obeyed: int16 [ticks, n], number of the command that each identity obeys in and after a
            tick, or NOTHING.
    """

    commands: tuple[GivenCommand, ...]
    obeyed: npt.NDArray[np.int16]

    @classmethod
    def of(cls, rows: npt.NDArray[np.int32], actions: npt.NDArray[np.int32]) -> Orders:
        """Follow commands.

        Args:
            rows: int32 [ticks, n, 12], a column for each identity; what was known before a tick.
            actions: int32 [ticks, 5].
        """
        acts, keys = actions[:, ACT], actions[:, KEY]
        given = (acts == COMMAND) | ((acts == PRESS) & np.isin(keys, COMMANDING_KEYS))
        ticks = np.flatnonzero(given)
        targets = np.where(acts[ticks] == COMMAND, actions[ticks, ENTITY], NOTHING)
        own = rows[:, :, OWNER] == OWN
        obeyed = np.full(rows.shape[:2], NOTHING, np.int16)
        for number, tick in enumerate(ticks.tolist()):
            sent = own[tick] & (rows[tick, :, SELECTED] == 1)
            obeyed[tick:, sent] = number
        obeyed[~own] = NOTHING
        commands = [
            GivenCommand(*pair) for pair in zip(ticks.tolist(), targets.tolist(), strict=True)
        ]
        return cls(tuple(commands), obeyed)

    def end_of(self, number: int) -> int:
        """The tick from which on nobody obeys a command any more."""
        (ticks,) = np.nonzero((self.obeyed == number).any(axis=1))
        return int(ticks[-1]) + 1 if len(ticks) else self.commands[number].tick

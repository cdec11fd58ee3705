"""Ticks as they come, as examples: of each the target is known only seconds later, by hindsight."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple
from zlib import crc32

import numpy as np
import numpy.typing as npt
from detector_runtime.policies.known import ACTION_SIZE, COLUMNS

from pipeline.errors import OutpostError
from pipeline.play.demonstrations import Demonstration
from pipeline.play.policies.examples import FORESIGHT, Examples, examples_at
from pipeline.play.policies.hindsight import with_goals
from pipeline.play.policies.settings import CloneSettings, Role
from pipeline.play.shadow.settings import ShadowSettings
from pipeline.play.simulator.rules import Act

PART, PARTS = 100, 10
"""Ticks that are learned from, or held out, together; one part of so many is held out."""
REMEMBERED = 5000
"""Ticks of a long session that are kept at least, for what was done before."""


class WatchingError(OutpostError):
    """Something that cannot be watched."""


class Tick(NamedTuple):
    """A twentieth of a second of play.

    Attributes:
        session: its name; another name begins another session.
        entities: int16 [slots, 12], as `Demonstration` before the tick; status, int32 [4].
        action: int32 [5], what the player did.
        goal: `scripted.Goal`, or UNSTATED for what the acts tell.
    """

    session: str
    entities: npt.NDArray[np.int16]
    status: npt.NDArray[np.int32]
    action: npt.NDArray[np.int32]
    goal: int

    def copy(self) -> Tick:
        """The same tick, changed by nobody else."""
        return self._replace(
            entities=self.entities.copy(), status=self.status.copy(), action=self.action.copy()
        )


def ticks_of(shown: Demonstration) -> list[Tick]:
    """A session as it would have been watched."""
    return [
        Tick(shown.name, entities, status, action, int(goal))
        for entities, status, action, goal in zip(
            shown.entities, shown.status, shown.actions, shown.goals, strict=True
        )
    ]


class WatchedPart(NamedTuple):
    """Ticks of a session that have not been learned from, and all that is known of it."""

    shown: Demonstration
    begin: int
    end: int

    def ticks(self, *, held_out: bool) -> npt.NDArray[np.int_]:
        """Those to learn from, or to measure on."""
        every = np.arange(self.begin, self.end)
        # By chance: the same minute of every game would be another kind of play than the rest.
        drawn = [
            crc32(f"{self.shown.name}:{part}".encode()) % PARTS == 0
            for part in range(self.end // PART + 1)
        ]
        return np.asarray(every[np.array(drawn)[every // PART] == held_out])


class PlaySoFar:
    """Collects ticks, and gives each away once, when it is known whom the player was after."""

    def __init__(self) -> None:
        self._ticks: list[Tick] = []
        self._given = 0
        self._ended: list[WatchedPart] = []

    def add(self, tick: Tick) -> None:
        """The next tick.

        Raises:
            WatchingError: it is of another game.
        """
        _check(tick)
        if self._ticks and self._ticks[-1].session != tick.session:
            self._end()
        self._ticks.append(tick)

    def take(self) -> list[WatchedPart]:
        """What can be learned from since this was asked last."""
        parts, self._ended = self._ended, []
        end = len(self._ticks) - FORESIGHT
        if end > self._given:
            parts.append(WatchedPart(_shown(self._ticks), self._given, end))
            self._given = end
        if len(self._ticks) > 2 * REMEMBERED:
            # By whole rounds of parts, so that those held out stay so.
            gone = min(self._given, len(self._ticks) - REMEMBERED) // (PART * PARTS) * PART * PARTS
            self._ticks, self._given = self._ticks[gone:], self._given - gone
        return parts

    def _end(self) -> None:
        if len(self._ticks) > self._given:
            self._ended.append(WatchedPart(_shown(self._ticks), self._given, len(self._ticks)))
        self._ticks, self._given = [], 0


def examples_in(
    role: Role,
    part: WatchedPart,
    settings: ShadowSettings,
    cloned: CloneSettings,
    *,
    held_out: bool,
) -> Examples:
    """What one policy can learn from a part of a session; may be nothing."""
    ticks = part.ticks(held_out=held_out)
    if role == "executor":
        rng = np.random.default_rng([settings.seed, part.begin, held_out])
        acting = part.shown.actions[ticks, 0] != Act.NOTHING
        ticks = ticks[acting | (rng.random(len(ticks)) < settings.idle_share)]
    examples = examples_at(role, part.shown, ticks, cloned.delay)
    return replace(examples, idle_share=settings.idle_share) if role == "executor" else examples


def _shown(ticks: list[Tick]) -> Demonstration:
    count = len(ticks)
    shown = Demonstration(
        ticks[0].session,
        "",
        np.stack([tick.entities for tick in ticks]),
        np.stack([tick.status for tick in ticks]),
        np.stack([tick.action for tick in ticks]),
        np.array([tick.goal for tick in ticks], np.int8),
        np.full(count, -1, np.int16),
        np.zeros((count + 1, 2), np.int32),
        0,
    )
    return with_goals(shown)


def _check(tick: Tick) -> None:
    shapes = (tick.entities.shape[1:], tick.status.shape, tick.action.shape)
    if shapes != ((COLUMNS,), (4,), (ACTION_SIZE,)):
        raise WatchingError(
            f"What is watched has the shapes [slots, {COLUMNS}], [4], [{ACTION_SIZE}] in this "
            f"game, not {[list(tick.entities.shape), list(shapes[1]), list(shapes[2])]}.",
            "Watch the game that the policies were trained for.",
        )

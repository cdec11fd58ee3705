"""Games of policies as what they learn from: moments, what was done, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from detector_runtime.policies.known import ACTION_SIZE, COLUMNS, STOCK
from detector_runtime.policies.player import STRATEGIST_TICKS, TACTICIAN_TICKS

from pipeline.errors import OutpostError
from pipeline.play.demonstrations import Demonstration
from pipeline.play.online.outcomes.credit import act_returns, decision_returns, values_of
from pipeline.play.online.outcomes.events import Event, outcomes_of
from pipeline.play.online.outcomes.orders import Orders
from pipeline.play.online.outcomes.sights import Sights
from pipeline.play.online.settings import OnlineSettings
from pipeline.play.policies.examples import Examples, is_pointed, latest, moments_at
from pipeline.play.policies.settings import Role
from pipeline.play.simulator.rules import Act

MOST_TICKS = 12_000
"""Of a session that is not ended; it is learned from in parts then, so that memory is bounded."""
MOST_SESSIONS = 100
"""That go on at once; of more, the one that began first is forgotten."""


class OwnPlayError(OutpostError):
    """Play that policies cannot learn from."""


class OwnTick(NamedTuple):
    """A twentieth of a second of the policies' own play.

    Attributes:
        session: name of the game; several may go on at once.
        entities: int16 [slots, 12], as the policies were given them; status, int32 [4].
        action: int32 [5], what they did.
        goal, target: what the strategist and the tactician had set.
    """

    session: str
    entities: npt.NDArray[np.int16]
    status: npt.NDArray[np.int32]
    action: npt.NDArray[np.int32]
    goal: int
    target: int

    def copy(self) -> OwnTick:
        """The same tick, changed by nobody else."""
        return self._replace(
            entities=self.entities.copy(), status=self.status.copy(), action=self.action.copy()
        )


@dataclass(frozen=True, eq=False)
class OwnGame:
    """A game as it was played; what was known is set beside the tick that it was true before.

    Attributes:
        events: what became of it.
    """

    shown: Demonstration
    sights: Sights
    orders: Orders
    events: Sequence[Event]

    @classmethod
    def of(cls, ticks: Sequence[OwnTick], delay: int) -> OwnGame:
        """Read what became of a game.

        Args:
            delay: ticks by which what was given was late.
        """
        count = len(ticks) - delay
        if count < 2:
            raise OwnPlayError(
                f"A game of {len(ticks)} ticks shows nothing.", "Hand over every tick of a game."
            )
        shown = Demonstration(
            ticks[0].session,
            "policies",
            np.stack([tick.entities for tick in ticks[delay:]]),
            np.stack([tick.status for tick in ticks[delay:]]),
            np.stack([tick.action for tick in ticks[:count]]),
            np.array([tick.goal for tick in ticks[:count]], np.int8),
            np.array([tick.target for tick in ticks[:count]], np.int16),
            np.zeros((count + 1, 2), np.int32),
            0,
        )
        sights = Sights.of(shown.entities)
        orders = Orders.of(sights.rows, shown.actions)
        events = outcomes_of(sights, shown.status[:, STOCK], shown.actions, orders)
        return cls(shown, sights, orders, events)


@dataclass(frozen=True, eq=False)
class OwnMoments:
    """What one policy learns from.

    Attributes:
        examples: moments, with what was done.
        returns: float32 [n], what came of it.
        counted: bool [n]; in others nothing was done, and that is to stay as likely as it is.
    """

    examples: Examples
    returns: npt.NDArray[np.float32]
    counted: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.examples)


def moments_of(role: Role, game: OwnGame, settings: OnlineSettings, delay: int) -> OwnMoments:
    """What one policy can learn from a game; may be nothing."""
    shown, ticks = game.shown, np.arange(len(game.shown))
    worth = values_of(game.events, settings.values)
    if role == "executor":
        actions = shown.actions
        half_life = settings.half_life
        returns = act_returns(game.events, worth, game.sights, game.orders, actions, half_life)
        rng = np.random.default_rng([settings.seed, len(ticks)])
        acting = actions[:, 0] != Act.NOTHING
        ticks = ticks[acting | (rng.random(len(ticks)) < settings.idle_share)]
    else:
        apart = STRATEGIST_TICKS if role == "strategist" else TACTICIAN_TICKS
        returns = decision_returns(game.events, worth, len(ticks), settings.half_life)
        ticks = ticks[ticks % apart == 0]
    examples = moments_at(shown, shown.targets, ticks, delay)
    kept = _is_known(role, examples)
    idle_share = settings.idle_share if role == "executor" else 1.0
    examples = replace(examples.rows(kept), idle_share=idle_share)
    counted = examples.actions[:, 0] != Act.NOTHING if role == "executor" else kept[kept]
    return OwnMoments(examples, returns[ticks[kept]].astype(np.float32), counted)


def latest_moments(parts: Sequence[OwnMoments], count: int) -> OwnMoments:
    """The last so many of some that come after each other."""
    return OwnMoments(
        latest([part.examples for part in parts], count),
        np.concatenate([part.returns for part in parts])[-count:],
        np.concatenate([part.counted for part in parts])[-count:],
    )


class Sessions:
    """Collects the ticks of games that go on."""

    def __init__(self) -> None:
        self._ticks: dict[str, list[OwnTick]] = {}

    def add(self, tick: OwnTick) -> bool:
        """The next tick of its game; whether so many have come that it is to be taken.

        Raises:
            OwnPlayError: it is of another game than the policies play.
        """
        shapes = (tick.entities.shape[1:], tick.status.shape, tick.action.shape)
        if shapes != ((COLUMNS,), (4,), (ACTION_SIZE,)):
            raise OwnPlayError(
                f"Play has the shapes [slots, {COLUMNS}], [4], [{ACTION_SIZE}] in this game, not "
                f"{[list(tick.entities.shape), list(shapes[1]), list(shapes[2])]}.",
                "Hand over what the policies are given, and what they do.",
            )
        ticks = self._ticks.setdefault(tick.session, [])
        if len(self._ticks) > MOST_SESSIONS:
            self._ticks.pop(next(iter(self._ticks)))
        ticks.append(tick)
        return len(ticks) >= MOST_TICKS

    def take(self, session: str) -> list[OwnTick]:
        """All ticks of a game that have not been taken; there may be none."""
        return self._ticks.pop(session, [])


def _is_known(role: Role, examples: Examples) -> npt.NDArray[np.bool_]:
    """Whether what is pointed at is among what was known."""
    if role == "strategist":
        return np.ones(len(examples), bool)
    if role == "tactician":
        return is_pointed(examples, examples.targets)
    clicks = np.isin(examples.actions[:, 0], (Act.SELECT, Act.COMMAND))
    return np.asarray(~clicks | is_pointed(examples, examples.actions[:, 1]))

"""What outcomes are worth, and to which act and decision they are put down.

- **Executor.** Each outcome is put down to one command at most: a hit or kill to the last right
  click that sent units at that enemy and is still obeyed, else to the command that the nearest
  soldier of one's own within 200 pixels obeys; a unit that is hurt, falls or takes loot to the
  command that it obeys; a miss to its own right click. What was selected, or pressed to select, in
  the five seconds before a command gets what the command gets.
- **Strategist and tactician.** All outcomes from a decision on count for it.

What comes later counts less: half after each half-life.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from detector_runtime.policies.known import (
    HIT_POINTS_OF,
    KEEP,
    KIND,
    OWN,
    WORKER,
)

from pipeline.play.online.outcomes.events import Event, PlayOutcome
from pipeline.play.online.outcomes.orders import Orders
from pipeline.play.online.outcomes.sights import Sights
from pipeline.play.online.settings import OutcomeValues
from pipeline.play.policies.examples import FORESIGHT
from pipeline.play.simulator.rules import FIGURES, NOTHING, TICKS_A_SECOND, Act, Kind

NEARBY = 200
"""Pixels within which one's own soldiers are thought to have struck."""
SCORE_OF_ONE = 100
"""Points of score that are one of return."""
ENEMIES = (PlayOutcome.HIT, PlayOutcome.KILL)


Floats = npt.NDArray[np.float64]


def values_of(events: Sequence[Event], values: OutcomeValues) -> Floats:
    """What each outcome is worth, in units of a game's return: float64 [n].

    Of one enemy, or one of one's own, hits and the kill come to its worth at most, and with a kill
    to all of it.
    """
    counted: dict[int, float] = {}
    worth = np.zeros(len(events))
    for number, event in enumerate(events):
        if event.outcome == PlayOutcome.LOOT:
            worth[number] = values.loot * event.amount / SCORE_OF_ONE
        elif event.outcome == PlayOutcome.MISS:
            worth[number] = -values.miss
        else:
            share = _share(event, counted)
            sign = values.struck if event.outcome in ENEMIES else -values.lost
            worth[number] = sign * share * FIGURES[Kind(event.kind)].worth / SCORE_OF_ONE
    return worth


def _share(event: Event, counted: dict[int, float]) -> float:
    """Of the worth of whom it befell, what has not counted before."""
    before = counted.get(event.identity, 0.0)
    is_end = event.outcome in (PlayOutcome.KILL, PlayOutcome.DEATH)
    lost = 1.0 if is_end else event.amount / HIT_POINTS_OF[event.kind]
    after = min(1.0, before + lost)
    counted[event.identity] = after
    return after - before


def commands_of(events: Sequence[Event], sights: Sights, orders: Orders) -> npt.NDArray[np.int_]:
    """The command that each outcome is put down to, by its number, or NOTHING: int [n]."""
    found = [_command_of(event, sights, orders) for event in events]
    return np.array(found, np.int64)


def act_returns(
    events: Sequence[Event],
    worth: Floats,
    sights: Sights,
    orders: Orders,
    actions: npt.NDArray[np.int32],
    half_life: float,
) -> Floats:
    """What came of the act in each tick: float64 [ticks]; 0 where nothing was done.

    Args:
        worth: of the events.
        half_life: in seconds.
    """
    put_down = commands_of(events, sights, orders)
    given = np.array([command.tick for command in orders.commands], np.int64)
    returns = np.zeros(len(actions))
    for event, value, number in zip(events, worth.tolist(), put_down.tolist(), strict=True):
        if number != NOTHING:
            later = (event.tick - given[number]) / TICKS_A_SECOND
            returns[given[number]] += value * 0.5 ** (later / half_life)
    acting = np.setdiff1d(np.flatnonzero(actions[:, 0] != Act.NOTHING), given)
    following = np.searchsorted(given, acting)
    for tick, next_one in zip(acting.tolist(), following.tolist(), strict=True):
        if next_one < len(given) and given[next_one] - tick < FORESIGHT:
            returns[tick] = returns[given[next_one]]
    return returns


def decision_returns(
    events: Sequence[Event], worth: Floats, ticks: int, half_life: float
) -> Floats:
    """What came after each tick: float64 [ticks].

    Args:
        half_life: in seconds.
    """
    gained = np.zeros(ticks)
    np.add.at(gained, [event.tick for event in events], worth)
    decay = 0.5 ** (1 / (half_life * TICKS_A_SECOND))
    returns, ahead = np.zeros(ticks), 0.0
    for tick in range(ticks - 1, -1, -1):
        ahead = gained[tick] + decay * ahead
        returns[tick] = ahead
    return returns


def _command_of(event: Event, sights: Sights, orders: Orders) -> int:
    if event.outcome == PlayOutcome.MISS:
        return _last_given(orders, event.tick, event.identity)
    if event.outcome in ENEMIES:
        return _of_attackers(event, sights, orders)
    if event.identity == NOTHING:
        return NOTHING
    return int(orders.obeyed[event.tick, np.searchsorted(sights.identities, event.identity)])


def _last_given(orders: Orders, tick: int, target: int) -> int:
    """The last command up to a tick that names an enemy; else the last one of all."""
    before = [number for number, one in enumerate(orders.commands) if one.tick <= tick]
    named = [number for number in before if orders.commands[number].target == target]
    return (named or before or [NOTHING])[-1]


def _of_attackers(event: Event, sights: Sights, orders: Orders) -> int:
    obeyed = orders.obeyed[event.tick]
    for number in np.unique(obeyed[obeyed != NOTHING])[::-1].tolist():
        if orders.commands[number].target == event.identity:
            return int(number)
    rows = sights.rows[event.tick]
    kinds = rows[:, KIND]
    fighters = sights.of_owner(OWN)[event.tick] & (kinds != WORKER) & (kinds < KEEP)
    if not fighters.any():
        return NOTHING
    apart = np.linalg.norm(sights.places()[event.tick] - np.array(event.place), axis=1)
    nearest = int(np.where(fighters, apart, np.inf).argmin())
    return int(obeyed[nearest]) if apart[nearest] <= NEARBY else NOTHING

"""What became of play, read from entity sets as a player knows them, never from the true state.

- **hit**: an enemy in sight has fewer hit points than a tick before.
- **kill**: an enemy vanishes while its place is in sight, with few hit points left, and is not seen
  again for a while. Where its hit points are not known, loot must lie where it stood.
- **miss**: a right click that is meant for an enemy and meets none, or bare ground near one; or
  units that were sent at an enemy are in reach of it for long, and it loses nothing.
- **hurt**, **death**: a unit or keep of one's own has fewer hit points, or vanishes for a while.
- **loot**: a unit of one's own carries more. Where that is not known, loot that vanishes beside
  one, and what the stock grows by beyond that.

Hit points and what is carried may be UNKNOWN, as where they are read from a screen: of what is not
known there is no hit, hurt or miss of long reach. Identities need not keep their rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from detector_runtime.policies.known import (
    ACT,
    CARRIES,
    CLICK_Y,
    COMMAND,
    ENEMY,
    ENTITY,
    HIT_POINTS,
    HIT_POINTS_OF,
    ID,
    KEEP,
    KIND,
    NOBODY,
    OWN,
    SHEEP,
    X,
    Y,
)

from pipeline.play.online.outcomes.orders import Orders
from pipeline.play.online.outcomes.sights import UNKNOWN, Sights
from pipeline.play.simulator.rules import FIGURES, NOTHING, TICKS_A_SECOND, Kind

FEW = 0.3
"""Share of its hit points that one blow may take."""
NEAR, LOOT_REACH = 16, 48
"""Pixels in which loot lies where somebody stood, and from which a unit takes it."""
BESIDE = 40
"""Pixels around an enemy in which a click on the ground was meant for it."""
LONG = 4 * TICKS_A_SECOND
"""Ticks in reach after which nothing lost is a miss; the slowest blow takes a second and a half."""
SLACK = 6
"""Pixels by which reach may be misjudged."""


class PlayOutcome(IntEnum):
    """What can become of play."""

    HIT = 0
    MISS = 1
    KILL = 2
    HURT = 3
    DEATH = 4
    LOOT = 5


class Event(NamedTuple):
    """One outcome.

    Attributes:
        tick: in which it came about.
        identity: of whom it befell, or who took the loot; NOTHING for the stock.
        kind: of that one, `rules.Kind`.
        amount: hit points lost, or left before a kill or death; loot. 0 where it is not known.
        place: of whom it befell, in pixels.
    """

    tick: int
    outcome: PlayOutcome
    identity: int
    kind: int
    amount: int
    place: tuple[int, int]


def outcomes_of(
    sights: Sights, stock: npt.NDArray[np.int32], actions: npt.NDArray[np.int32], orders: Orders
) -> list[Event]:
    """What became of a game.

    Args:
        sights: of its ticks: what was known before each of them.
        stock: int32 [ticks], UNKNOWN where it is not known.
        actions: int32 [ticks, 5], what the player did.
        orders: what came of these.

    Returns:
        Events by tick.
    """
    events = [
        *_strikes(sights),
        *_losses(sights),
        *_loot(sights, stock),
        *_clicks_beside(sights, actions),
        *_vain(sights, orders),
    ]
    return sorted(events, key=lambda event: event[:3])


def counts_of(events: Sequence[Event]) -> dict[str, int]:
    """How many there are of each outcome."""
    return {
        outcome.name.lower(): sum(event.outcome == outcome for event in events)
        for outcome in PlayOutcome
    }


def _strikes(sights: Sights) -> Iterator[Event]:
    """Hits and kills."""
    seen = sights.of_owner(ENEMY)
    lost = sights.lost(seen)
    for tick, column in np.argwhere(lost > 0).tolist():
        yield _event(sights, tick, PlayOutcome.HIT, column, int(lost[tick, column]))
    for tick, column in np.argwhere(sights.gone(seen, sights.known())).tolist():
        points, kind = sights.rows[tick, column, [HIT_POINTS, KIND]].tolist()
        is_weak = 0 <= points <= FEW * HIT_POINTS_OF[kind]
        if is_weak if points != UNKNOWN else _leaves_loot(sights, tick, column):
            yield _event(sights, tick, PlayOutcome.KILL, column, max(points, 0))


def _losses(sights: Sights) -> Iterator[Event]:
    """What befalls one's own."""
    seen = sights.of_owner(OWN)
    lost = sights.lost(seen)
    for tick, column in np.argwhere(lost > 0).tolist():
        yield _event(sights, tick, PlayOutcome.HURT, column, int(lost[tick, column]))
    # Who falls alone is remembered where nobody looks any more; one's own is in sight or dead.
    for tick, column in np.argwhere(sights.gone(seen, seen)).tolist():
        left = max(int(sights.rows[tick, column, HIT_POINTS]), 0)
        yield _event(sights, tick, PlayOutcome.DEATH, column, left)


def _loot(sights: Sights, stock: npt.NDArray[np.int32]) -> Iterator[Event]:
    """What is carried; or piles that vanish, and what is brought home beyond them."""
    own = sights.of_owner(OWN) & (sights.rows[:, :, KIND] != KEEP)
    carries = sights.rows[:, :, CARRIES]
    told = own & (carries != UNKNOWN)
    more = np.where(told[:-1] & told[1:], carries[1:] - carries[:-1], 0)
    for tick, column in np.argwhere(more > 0).tolist():
        yield _event(sights, tick, PlayOutcome.LOOT, column, int(more[tick, column]))
    untold = own & (carries == UNKNOWN)
    if not untold.any():
        return
    counted = 0
    for tick, column, amount in _taken(sights, untold):
        counted += amount
        yield _event(sights, tick, PlayOutcome.LOOT, column, amount)
    known = (stock[:-1] != UNKNOWN) & (stock[1:] != UNKNOWN)
    grown = np.where(known, np.maximum(stock[1:] - stock[:-1], 0), 0)
    for tick in np.flatnonzero(grown).tolist():
        beyond = max(int(grown[tick]) - counted, 0)
        counted = max(counted - int(grown[tick]), 0)
        if beyond:
            yield Event(tick, PlayOutcome.LOOT, NOTHING, Kind.KEEP, beyond, (0, 0))


def _taken(sights: Sights, untold: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int, int]]:
    """Piles that vanish beside a unit: tick, the unit's column, and what lay there."""
    piles = sights.of_owner(NOBODY) & (sights.rows[:, :, KIND] == SHEEP)
    places = sights.places()
    for tick, column in np.argwhere(sights.gone(piles, sights.known())).tolist():
        units = np.flatnonzero(untold[tick])
        apart = np.linalg.norm(places[tick, units] - places[tick, column], axis=1)
        if len(units) and apart.min() <= LOOT_REACH:
            lay = max(int(sights.rows[tick, column, CARRIES]), 0)
            yield tick, int(units[apart.argmin()]), lay


def _clicks_beside(sights: Sights, actions: npt.NDArray[np.int32]) -> Iterator[Event]:
    """Right clicks that were meant for an enemy and meet none."""
    enemies = sights.of_owner(ENEMY)
    for tick in np.flatnonzero(actions[:, ACT] == COMMAND).tolist():
        entity, x, y = actions[tick, ENTITY : CLICK_Y + 1].tolist()
        seen = np.flatnonzero(enemies[tick])
        named = seen[sights.identities[seen] == entity]
        if not len(seen) or (entity != NOTHING and not len(named)):
            continue
        places = sights.places()[tick]
        at = np.array((x, y)) + (places[named[0]] if len(named) else 0)
        apart = np.linalg.norm(places - at, axis=1)
        met = _clicked(sights, tick, apart)
        if len(named):
            if met is None or not enemies[tick, met]:
                yield _event(sights, tick, PlayOutcome.MISS, int(named[0]), 0)
        elif met is None and apart[seen].min() <= BESIDE:
            yield _event(sights, tick, PlayOutcome.MISS, int(seen[apart[seen].argmin()]), 0)


def _clicked(sights: Sights, tick: int, apart: npt.NDArray[np.float64]) -> int | None:
    """Whose footprint holds a click, the nearest of several: its column.

    Args:
        apart: float64 [n], pixels from the click.
    """
    known = np.flatnonzero(sights.known()[tick])
    radii = np.array([FIGURES[Kind(kind)].radius for kind in sights.rows[tick, known, KIND]])
    held = known[apart[known] <= radii]
    return int(held[apart[held].argmin()]) if len(held) else None


def _vain(sights: Sights, orders: Orders) -> Iterator[Event]:
    """Commands that bring units into reach of an enemy, which loses nothing for long."""
    enemies = sights.of_owner(ENEMY)
    points = sights.rows[:, :, HIT_POINTS]
    lost = sights.lost(enemies)
    for number, command in enumerate(orders.commands):
        column = int(np.searchsorted(sights.identities, command.target))
        if column >= len(sights.identities) or sights.identities[column] != command.target:
            continue
        end = orders.end_of(number)
        ticks = np.arange(command.tick, end)
        in_reach = _in_reach(sights, orders, number, ticks, column) & enemies[ticks, column]
        in_reach &= points[ticks, column] != UNKNOWN
        unharmed = in_reach & (lost[np.minimum(ticks, len(lost) - 1), column] == 0)
        since = _lengths(unharmed)
        found = np.flatnonzero(since >= LONG)
        if len(found):
            yield _event(sights, int(ticks[found[0]]), PlayOutcome.MISS, column, 0)


def _in_reach(
    sights: Sights, orders: Orders, number: int, ticks: npt.NDArray[np.int_], column: int
) -> npt.NDArray[np.bool_]:
    """Whether any unit that obeys a command can strike an enemy: bool [ticks]."""
    reached = np.zeros(len(ticks), bool)
    places, kinds = sights.places(), sights.kinds()
    for unit in np.flatnonzero((orders.obeyed[ticks] == number).any(axis=0)).tolist():
        own, enemy = FIGURES[Kind(kinds[unit])], FIGURES[Kind(kinds[column])]
        reach = own.reach + own.radius + enemy.radius - SLACK
        apart = np.linalg.norm(places[ticks, unit] - places[ticks, column], axis=1)
        reached |= (orders.obeyed[ticks, unit] == number) & (apart <= reach)
    return reached


def _lengths(marks: npt.NDArray[np.bool_]) -> npt.NDArray[np.int_]:
    """How many marks in a row end with each: int [n]."""
    ticks = np.arange(1, len(marks) + 1)
    gaps = np.maximum.accumulate(np.where(marks, 0, ticks))
    return np.asarray(ticks - gaps)


def _leaves_loot(sights: Sights, tick: int, column: int) -> bool:
    """Whether loot that was not there lies where somebody stood."""
    piles = sights.of_owner(NOBODY) & (sights.rows[:, :, KIND] == SHEEP)
    end = min(tick + 3, len(sights.rows) - 1)
    fresh = np.flatnonzero(piles[end] & (sights.rows[tick, :, ID] < 0))
    places = sights.places()
    apart = np.linalg.norm(places[end, fresh] - places[tick, column], axis=1)
    return bool((apart <= NEAR).any())


def _event(sights: Sights, tick: int, outcome: PlayOutcome, column: int, amount: int) -> Event:
    row = sights.rows[tick, column]
    identity = int(sights.identities[column])
    return Event(tick, outcome, identity, int(row[KIND]), amount, (int(row[X]), int(row[Y])))

"""What a player was after, as its next acts tell: goals of play in which nobody has stated them.

An act that shows a goal shows it from GOAL_FORESIGHT ticks before, for who selects units is after
something already, to the next such act. In the order in which they are looked at:

- home, by the key or a right click on one's own keep or on ground that is nearer to it: FLEE where
  most selected units are hurt and an enemy in sight is near them, CAUTIOUS where one is in sight,
  LOOT where one of them carries something, else nothing;
- a right click on an enemy in sight: FIGHT;
- on what belongs to nobody: LOOT;
- on ground, or on an enemy that is out of sight: EXPLORE.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.play.demonstrations import UNSTATED, Demonstration
from pipeline.play.simulator.observation import Column
from pipeline.play.simulator.rules import FIGURES, NOTHING, Act, Key, Kind
from pipeline.play.simulator.scripted import Goal

GOAL_FORESIGHT = 20
"""Ticks before an act from which the player is after what it shows."""
NEAR = 230
"""Pixels of the map within which an enemy is a danger."""
OWN, ENEMY, NOBODY, IN_SIGHT = 0, 2, 3, 1
"""Owners and `known` in columns of entities."""
FULL = np.array([max(FIGURES[kind].hit_points, 1) for kind in Kind])

Rows = npt.NDArray[np.int16]


def with_goals(shown: Demonstration) -> Demonstration:
    """The same play, with goals by hindsight where none is stated."""
    unstated = shown.goals == UNSTATED
    if not unstated.any():
        return shown
    return replace(shown, goals=np.where(unstated, goals_by_hindsight(shown), shown.goals))


def goals_by_hindsight(shown: Demonstration) -> npt.NDArray[np.int8]:
    """What the player was after in each tick of a session.

    Returns:
        int8 [ticks], `scripted.Goal`; UNSTATED before the first act that shows one.
    """
    acts = np.flatnonzero(np.isin(shown.actions[:, 0], (Act.COMMAND, Act.KEY)))
    goals = [goal_of(shown.entities[tick], shown.actions[tick]) for tick in acts]
    showing = [number for number, goal in enumerate(goals) if goal is not None]
    told = np.array([goals[number] for number in showing], np.int8)
    return by_hindsight(len(shown), acts[showing], told, GOAL_FORESIGHT, UNSTATED)


def by_hindsight(
    ticks: int, moments: npt.NDArray[np.int_], told: npt.NDArray[Any], foresight: int, unknown: int
) -> npt.NDArray[Any]:
    """In each tick what the next moment tells where it comes soon, else what the last one told.

    Args:
        moments: int [n], ticks in which something is told, rising.
        told: [n], what.
        foresight: ticks; moments that come in fewer come soon.
        unknown: before the first moment.

    Returns:
        [ticks], of the type of `told`.
    """
    if not len(moments):
        return np.full(ticks, unknown, told.dtype)
    every = np.arange(ticks)
    following = np.searchsorted(moments, every)
    upcoming = np.minimum(following, len(moments) - 1)
    soon = (following < len(moments)) & (moments[upcoming] - every < foresight)
    chosen = np.where(soon, upcoming, np.maximum(following - 1, 0))
    return np.where(soon | (following > 0), told[chosen], unknown).astype(told.dtype)


def goal_of(rows: Rows, action: npt.NDArray[np.int32]) -> Goal | None:
    """What an act shows that its player is after, if anything.

    Args:
        rows: int16 [slots, 12], what it knows, as `Demonstration.entities`.
        action: int32 [5], as `Demonstration.actions`.
    """
    act, entity, x, y, key = action.tolist()
    if act == Act.KEY:
        return _goal_at_home(rows) if key == Key.HOME else None
    known = rows[:, Column.ID] != NOTHING
    if entity != NOTHING and not (0 <= entity < len(rows) and known[entity]):
        return None
    if entity == NOTHING:
        goal = _goal_at_home(rows) if _leads_home(rows, x, y) else None
        return Goal.EXPLORE if goal is None else goal
    owner, kind = rows[entity, Column.OWNER], rows[entity, Column.KIND]
    if owner == ENEMY:
        return Goal.FIGHT if rows[entity, Column.KNOWN] == IN_SIGHT else Goal.EXPLORE
    if owner == NOBODY:
        return Goal.LOOT
    return _goal_at_home(rows) if owner == OWN and kind == Kind.KEEP else None


def _goal_at_home(rows: Rows) -> Goal | None:
    """Why units are sent home."""
    chosen = rows[rows[:, Column.SELECTED] == 1]
    enemies = (rows[:, Column.OWNER] == ENEMY) & (rows[:, Column.KNOWN] == IN_SIGHT)
    if enemies.any():
        hurt = 2 * chosen[:, Column.HIT_POINTS] < FULL[chosen[:, Column.KIND]]
        near = (_distances(chosen, rows[enemies]) < NEAR).any(axis=1)
        return Goal.FLEE if 2 * (hurt & near).sum() > len(chosen) else Goal.CAUTIOUS
    return Goal.LOOT if (chosen[:, Column.CARRIES] > 0).any() else None


def _leads_home(rows: Rows, x: int, y: int) -> bool:
    """Whether a point is less than half as far from the player's keep as the selected units are."""
    keeps = rows[(rows[:, Column.OWNER] == OWN) & (rows[:, Column.KIND] == Kind.KEEP)]
    chosen = rows[rows[:, Column.SELECTED] == 1]
    if not len(keeps) or not len(chosen):
        return False
    point = np.zeros((1, len(Column)), np.int16)
    point[0, [Column.X, Column.Y]] = x, y
    return bool(2 * _distances(point, keeps[:1])[0, 0] < _distances(chosen, keeps[:1]).mean())


def _distances(ones: Rows, others: Rows) -> npt.NDArray[np.float64]:
    """Pixels of the map between any of the ones and any of the others."""
    places = [rows[:, [Column.X, Column.Y]].astype(np.float64) for rows in (ones, others)]
    return np.asarray(np.linalg.norm(places[0][:, None] - places[1], axis=-1))

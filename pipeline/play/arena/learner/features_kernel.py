"""What is known, as the numbers that a policy is given, compiled. Loads numba, as `tick_kernel`.

A function of what a player knows, and of nothing else. All features are about from 0 to 1. The
numbers of `layout` and `observation` stand here once more, because `pipeline.compilation` looks at
no other file.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pipeline.compilation import compiled, part
from pipeline.play.simulator.records import Numbers

Floats: TypeAlias = npt.NDArray[np.float32]

ID, KIND, OWNER, X, Y, HIT_POINTS, CARRIES, KNOWN, SELECTED, ORDER, AGE, HEADING = range(12)
OWN_UNIT, OTHER_UNIT, KEEP_ROLE, RESOURCE, LOOT = range(5)
WORKER, WARSHIP, KEEP = 0, 4, 5
ENEMY = 2
IDLE = 0
VISIBLE = 1
MAP_LAST = 1023
SIDE = 1024.0
CLOCK_STEPS, CLOCK_TICKS = 9, 400
MIDDLE_X, MIDDLE_Y, SOLDIERS, STRENGTH = range(4)


@compiled
def write_features(
    entities: Numbers,
    status: Numbers,
    slots: Numbers,
    roles: Numbers,
    offsets: Numbers,
    turned: bool,
    full: Numbers,
    features: Floats,
) -> None:
    """Features of many games, into an array that is there.

    Args:
        entities, status: int32 [n, slots, 12] and [n, 4], what one player knows.
        slots, roles, offsets, turned: of the player's layout.
        full: int32 [kinds], hit points at the beginning.
        features: float32 [n, width].
    """
    forces = np.zeros(4, np.float32)
    foes = np.zeros((entities.shape[1], 2), np.int32)
    for game in range(len(entities)):
        rows, row = entities[game], features[game]
        row[:] = 0.0
        seen = _enemies_in_sight(rows, foes)
        _muster(rows, turned, forces)
        _write_status(rows, status[game], forces, turned, row)
        for place in range(len(slots)):
            entity = rows[slots[place]]
            if entity[ID] < 0:
                continue
            at = offsets[place]
            x, y = _turned(entity[X], turned) / SIDE, _turned(entity[Y], turned) / SIDE
            row[at] = 1.0
            row[at + 1] = x
            row[at + 2] = y
            role = roles[place]
            if role == OWN_UNIT and entity[KNOWN] != VISIBLE:
                row[at : at + 3] = 0.0  # It fell where nobody of its own saw it.
                continue
            share = entity[HIT_POINTS] / max(1, full[entity[KIND]])
            if role == OWN_UNIT:
                row[at + 3] = share
                row[at + 4] = entity[CARRIES] / 60.0
                row[at + 5] = entity[SELECTED]
                if entity[ORDER] != IDLE:
                    row[at + 5 + entity[ORDER]] = 1.0
                row[at + 10] = _nearness(foes, seen, entity)
            elif role == OTHER_UNIT:
                row[at + 3] = share
                row[at + 4] = entity[CARRIES] / 60.0
                row[at + 5] = 1.0 if entity[KNOWN] == VISIBLE else 0.0
                row[at + 6] = _apart(x, y, forces[MIDDLE_X], forces[MIDDLE_Y])
            elif role == KEEP_ROLE:
                row[at + 3] = share
                row[at + 4] = 1.0 if entity[KNOWN] == VISIBLE else 0.0
            else:
                row[at + 3] = entity[CARRIES] / (150.0 if role == RESOURCE else 60.0)


@part
def _write_status(
    rows: Numbers,
    status: Numbers,
    forces: Floats,
    turned: bool,
    row: Floats,
) -> None:
    selected, idle_workers, idle_soldiers, workers = 0, 0, 0, 0
    strength, keep, foes, near_home = 0, 0.0, 0, 1.5
    home_x, home_y = 0.0, 0.0
    for slot in range(len(rows)):
        entity = rows[slot]
        if _is_own(entity) and entity[KIND] == KEEP:
            home_x, home_y = _turned(entity[X], turned) / SIDE, _turned(entity[Y], turned) / SIDE
    for slot in range(len(rows)):
        entity = rows[slot]
        if entity[ID] < 0:
            continue
        if _is_own(entity) and entity[KIND] != KEEP:
            selected += entity[SELECTED]
            idle = 1 if entity[ORDER] == IDLE else 0
            if entity[KIND] == WORKER:
                workers += 1
                idle_workers += idle
            elif entity[KIND] != WARSHIP:
                idle_soldiers += idle
        elif entity[OWNER] == ENEMY and entity[KNOWN] == VISIBLE:
            if entity[KIND] == KEEP:
                keep = 1.0
            else:
                strength += entity[HIT_POINTS]
                foes += 1
                x, y = _turned(entity[X], turned) / SIDE, _turned(entity[Y], turned) / SIDE
                near_home = min(near_home, _apart(x, y, home_x, home_y))
    row[0] = 1.0
    row[1] = selected / 8.0
    row[2] = status[0] / 3600.0
    row[3] = status[1] / 300.0
    row[4] = status[2] / 300.0
    row[5] = workers / 2.0
    row[6] = idle_workers / 2.0
    row[7] = forces[SOLDIERS] / 5.0
    row[8] = idle_soldiers / 5.0
    row[9] = forces[STRENGTH] / 300.0
    row[10] = strength / 300.0
    row[11] = foes / 8.0
    row[12] = keep
    row[13] = near_home
    row[14] = forces[MIDDLE_X]
    row[15] = forces[MIDDLE_Y]
    for step in range(CLOCK_STEPS):
        row[16 + step] = min(max(status[0] / CLOCK_TICKS - step, 0.0), 1.0)


@part
def _muster(rows: Numbers, turned: bool, forces: Floats) -> None:
    """Own soldiers on land: their middle, how many, their hit points."""
    x, y, count, strength = 0.0, 0.0, 0, 0
    for slot in range(len(rows)):
        entity = rows[slot]
        soldier = entity[KIND] > WORKER and entity[KIND] < WARSHIP
        if _is_own(entity) and soldier:
            x += _turned(entity[X], turned)
            y += _turned(entity[Y], turned)
            count += 1
            strength += entity[HIT_POINTS]
    forces[MIDDLE_X] = x / (max(1, count) * SIDE)
    forces[MIDDLE_Y] = y / (max(1, count) * SIDE)
    forces[SOLDIERS] = count
    forces[STRENGTH] = strength


@part
def _is_own(entity: Numbers) -> bool:
    return bool(entity[ID] >= 0 and entity[OWNER] == 0 and entity[KNOWN] == VISIBLE)


@part
def _enemies_in_sight(rows: Numbers, foes: Numbers) -> int:
    """Write where they are, and say how many there are."""
    seen = 0
    for slot in range(len(rows)):
        entity = rows[slot]
        if entity[OWNER] == ENEMY and entity[KNOWN] == VISIBLE and entity[ID] >= 0:
            foes[seen, 0], foes[seen, 1] = entity[X], entity[Y]
            seen += 1
    return seen


@part
def _nearness(foes: Numbers, seen: int, unit: Numbers) -> float:
    """How near the nearest enemy in sight is: 1 at the same place, 0 from a third of the map on."""
    best = 1 << 30
    for foe in range(seen):
        dx, dy = foes[foe, 0] - unit[X], foes[foe, 1] - unit[Y]
        best = min(best, dx * dx + dy * dy)
    return max(0.0, 1.0 - math.sqrt(best) * 3.0 / SIDE)


@part
def _turned(place: int, turned: bool) -> int:
    return MAP_LAST - place if turned else place


@part
def _apart(x: float, y: float, other_x: float, other_y: float) -> float:
    return math.sqrt((x - other_x) ** 2 + (y - other_y) ** 2)

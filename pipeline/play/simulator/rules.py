"""The rules in figures: kinds of things, what they can do, what a player can do, how a game ends.

All of it is whole numbers, so that a game is the same to the last byte on every machine. Places
are counted in sixteenths of a pixel of the map, times in ticks, of which a second has 20. The map
is seen from straight above here; on the screen its depth is drawn shorter (`view`).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

TICKS_A_SECOND = 20
MAX_TICKS = 180 * TICKS_A_SECOND
"""When a game ends at the latest; the score decides it then."""

SUBPIXELS = 16
"""Of a pixel of the map along each axis; places are counted in them."""
CELL = 64
"""Pixels of a side of a cell of ground: land, water or obstacle."""
GROUND_CELLS = 16
"""Cells in a row, and rows, of the ground."""
MAP_SIDE = CELL * GROUND_CELLS
"""Pixels of a side of the map."""
FOG_CELLS = 32
"""Cells in a row, and rows, of the fog; each is half as wide as one of the ground."""

SIDES = 2
UNITS = 8
"""Units with which a player begins; no more ever come."""
RESOURCES = 3
"""Mines and bushes on the map for each player."""
SHEEP = 2
"""Piles of loot that lie on the map at the beginning, for each player."""
SLOTS = UNITS + 1 + RESOURCES + UNITS + SHEEP
"""Entities for each player: units, a keep, resources, what fallen units leave, sheep."""


class Kind(IntEnum):
    """What an entity is; each is a class of the demo game's detector."""

    WORKER = 0
    SWORDSMAN = 1
    SPEARMAN = 2
    RIDER = 3
    WARSHIP = 4
    KEEP = 5
    GOLD_MINE = 6
    BERRY_BUSH = 7
    SHEEP = 8
    """Loot: lies where it fell until somebody takes it."""


class Ground(IntEnum):
    """What a cell of the map is."""

    LAND = 0
    WATER = 1
    OBSTACLE = 2


class Order(IntEnum):
    """What a unit does at present."""

    IDLE = 0
    MOVE = 1
    ATTACK = 2
    GATHER = 3
    """From a mine or bush, or taking loot."""
    RETURN = 4
    """To its own keep, where it leaves what it carries."""


class Act(IntEnum):
    """What a player does in one tick."""

    NOTHING = 0
    SELECT = 1
    """A left click."""
    COMMAND = 2
    """A right click: attack, gather or go there."""
    KEY = 3


class Key(IntEnum):
    """Keys of the game."""

    SOLDIERS = 0
    WORKERS = 1
    EVERYONE = 2
    STOP = 3
    HOME = 4


class Result(IntEnum):
    """How a game stands."""

    RUNNING = 0
    FIRST_SIDE = 1
    SECOND_SIDE = 2
    DRAW = 3


class Figures(NamedTuple):
    """What one kind can do.

    Attributes:
        hit_points: at the beginning; 0 for what nobody can hurt.
        speed: sixteenths of a pixel in a tick.
        reach: pixels between the edges of two, from which one can hit the other.
        cooldown: ticks from one blow to the next.
        sight: cells of the fog.
        alert: pixels within which an idle one attacks by itself.
        radius: pixels of its footprint, in which a click means it.
        loot: what it leaves when it falls, beside what it carries.
        capacity: how much it can carry; what a mine, bush or sheep holds at the beginning.
        worth: what destroying it adds to the score.
        gathers, afloat, soldier: 1 for yes.
    """

    hit_points: int = 0
    speed: int = 0
    reach: int = 0
    cooldown: int = 0
    sight: int = 0
    alert: int = 0
    radius: int = 8
    loot: int = 0
    capacity: int = 0
    worth: int = 0
    gathers: int = 0
    afloat: int = 0
    soldier: int = 0


FIGURES: Mapping[Kind, Figures] = {
    Kind.WORKER: Figures(
        30, speed=34, reach=4, cooldown=20, sight=5, loot=10, capacity=20, worth=10, gathers=1
    ),
    Kind.SWORDSMAN: Figures(
        75, speed=32, reach=4, cooldown=16, sight=5, alert=50, loot=15, capacity=60, worth=20,
        soldier=1,
    ),
    Kind.SPEARMAN: Figures(
        55, speed=34, reach=8, cooldown=18, sight=5, alert=50, loot=12, capacity=60, worth=16,
        soldier=1,
    ),
    Kind.RIDER: Figures(
        90, speed=56, reach=4, cooldown=18, sight=7, alert=50, radius=13, loot=20, capacity=60,
        worth=25, soldier=1,
    ),
    Kind.WARSHIP: Figures(
        120, speed=40, reach=130, cooldown=30, sight=7, alert=180, radius=26, worth=30, afloat=1,
        soldier=1,
    ),
    Kind.KEEP: Figures(
        500, reach=120, cooldown=20, sight=6, alert=160, radius=32, worth=150
    ),
    Kind.GOLD_MINE: Figures(radius=19, capacity=150),
    Kind.BERRY_BUSH: Figures(radius=14, capacity=80),
    Kind.SHEEP: Figures(radius=8, capacity=15),
}  # fmt: skip

DAMAGE: Mapping[Kind, tuple[int, int, int, int, int, int]] = {
    Kind.WORKER: (3, 2, 2, 2, 1, 1),
    Kind.SWORDSMAN: (9, 9, 11, 8, 4, 7),
    Kind.SPEARMAN: (8, 6, 7, 18, 4, 4),
    Kind.RIDER: (12, 9, 6, 9, 4, 6),
    Kind.WARSHIP: (12, 10, 10, 10, 12, 9),
    Kind.KEEP: (8, 8, 8, 8, 6, 0),
}
"""What a blow takes on average of a worker, swordsman, spearman, rider, warship, keep."""

PLAYER_UNITS = (
    Kind.WORKER, Kind.WORKER, Kind.SWORDSMAN, Kind.SWORDSMAN, Kind.SPEARMAN, Kind.SPEARMAN,
    Kind.RIDER, Kind.WARSHIP,
)  # fmt: skip
"""With what a player begins, in the order of the slots."""
PLAYER_RESOURCES = (Kind.GOLD_MINE, Kind.BERRY_BUSH, Kind.GOLD_MINE)

TAKEN_AT_ONCE, GATHERING_TICKS = 2, 12
"""What a worker takes from a mine or bush, and the ticks until it takes again."""
HEALING_REACH, HEALING_TICKS = 96, 8
"""Pixels from its own keep within which an idle unit heals, one hit point in so many ticks."""
TOUCH = 12
"""Pixels between two edges from which something can be gathered, taken or delivered."""
NOBODY, NOTHING = -1, -1
"""Owner of what belongs to nobody; a slot that is none."""

ACTION_SIZE = 5
"""Numbers of an action: what (`Act`), entity or NOTHING, x, y, key (`Key`)."""

FIGURES_DTYPE = np.dtype([(name, np.int32) for name in Figures._fields])


def figures_table() -> npt.NDArray[np.void]:
    """`FIGURES` as records, by kind."""
    return np.array([tuple(FIGURES[kind]) for kind in Kind], FIGURES_DTYPE)


def damage_table() -> npt.NDArray[np.int32]:
    """`DAMAGE` by kind of who strikes and of who is struck; zero where one cannot strike."""
    table = np.zeros((len(Kind), len(Kind)), np.int32)
    for kind, row in DAMAGE.items():
        table[kind, : len(row)] = row
    return table


def sight_masks() -> npt.NDArray[np.uint64]:
    """Discs of the fog's cells by their radius: bits around bit 16, row by row from the top.

    Returns:
        uint64 [9, 17]: row 8 of each is the disc's middle.
    """
    masks = np.zeros((9, 17), np.uint64)
    for radius in range(9):
        for row in range(-radius, radius + 1):
            bits = 0
            for column in range(-radius, radius + 1):
                if row * row + column * column <= radius * radius + radius:
                    bits |= 1 << (16 + column)
            masks[radius, 8 + row] = bits
    return masks

"""What stands where in a policy's input, and what it chooses from.

A game begins with the same entities in the same slots, so every entity has a place of its own in
the input: a layer over it knows a rider from a keep without being told. Seen by any player, its own
come first, then allies', then enemies', and the map is turned so that its own keep is in the upper
left: both sides look the same.

A choice is one number, of 114 with one player a side: nothing, a key, a click that selects one of
its own units, a right click on any other entity, or a right click on the middle of one of 8 by 8
squares of the map. Clicks on entities hit their middle; a point of the map need not be exact,
because units that go there spread out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cache, cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.play.simulator.environments.perspective import slots_as_first
from pipeline.play.simulator.observation import Column
from pipeline.play.simulator.rules import (
    ACTION_SIZE,
    MAP_SIDE,
    NOTHING,
    RESOURCES,
    SHEEP,
    SIDES,
    UNITS,
    Act,
    Key,
)

GROUND_SQUARES = 8
"""In a row, and rows, of what a right click on the ground can mean."""
SQUARE = MAP_SIDE // GROUND_SQUARES
FIRST_KEY = 1
FIRST_SELECT = FIRST_KEY + len(Key)
FIRST_COMMAND = FIRST_SELECT + UNITS


class Role(IntEnum):
    """What an entity is to a player; each has features of its own."""

    OWN_UNIT = 0
    OTHER_UNIT = 1
    KEEP = 2
    RESOURCE = 3
    LOOT = 4


ROLE_WIDTHS = (11, 7, 5, 4, 4)
"""Features by `Role`, as `features_kernel` writes them; the first says whether it is known."""
STATUS_WIDTH = 25
"""Features beside those of entities, which come first: the first of them is 1."""
SELECTED_FEATURE = 1
"""Of the status: the share of its units that are selected."""


@dataclass(frozen=True, eq=False)
class Layout:
    """What one player's policy is given and chooses from.

    Attributes:
        player: 0 up to the number of players of both sides.
        slots: int32 [places], which entity stands at each place.
        roles: int32 [places], `Role`.
        offsets: int32 [places], where its features begin.
        actions: int32 [choices, 5], what each choice does, as `Games.step` takes it.
        turned: whether the map is turned.
    """

    player: int
    slots: npt.NDArray[np.int32]
    roles: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int32]
    actions: npt.NDArray[np.int32]
    turned: bool

    @property
    def width(self) -> int:
        """Features."""
        return int(self.offsets[-1]) + ROLE_WIDTHS[int(self.roles[-1])]

    @property
    def choices(self) -> int:
        """How many there are to choose from."""
        return len(self.actions)

    @cached_property
    def possible_features(self) -> npt.NDArray[np.int64]:
        """Features that are all above 0 where a choice is possible: int64 [2, choices]."""
        needed = np.zeros((2, self.choices), np.int64)
        places = len(self.slots)
        first_ground = FIRST_COMMAND + places - UNITS
        needed[0, FIRST_SELECT:first_ground] = self.offsets
        needed[1, FIRST_COMMAND:] = SELECTED_FEATURE
        return needed

    def choices_of(
        self, actions: npt.NDArray[np.int32], entities: npt.NDArray[np.integer[Any]]
    ) -> npt.NDArray[np.int64]:
        """Which choices are the nearest to what somebody has done.

        Args:
            actions: int32 [n, 5].
            entities: int [n, slots, 12], what was known.

        Returns:
            int64 [n]; -1 for a click that no choice is like.
        """
        every = np.arange(len(actions))
        place_of = np.full(len(self.slots) + 1, -1)
        place_of[self.slots] = np.arange(len(self.slots))
        act, slot = actions[:, 0], actions[:, 1]
        place = np.where(slot == NOTHING, -1, place_of[slot])
        known = entities[every, slot][:, [Column.X, Column.Y]]
        points = actions[:, 2:4] + np.where(slot[:, None] == NOTHING, 0, known)
        points = np.clip(points, 0, MAP_SIDE - 1)
        points = MAP_SIDE - 1 - points if self.turned else points
        squares = points // SQUARE
        ground = self.choices - GROUND_SQUARES**2 + squares[:, 1] * GROUND_SQUARES + squares[:, 0]
        selects = np.where((place >= 0) & (place < UNITS), FIRST_SELECT + place, -1)
        commands = np.where(place >= UNITS, FIRST_SELECT + place, ground)
        chosen = np.select(
            [act == Act.KEY, act == Act.SELECT, act == Act.COMMAND],
            [FIRST_KEY + actions[:, 4], selects, commands],
            0,
        )
        return chosen.astype(np.int64)


@cache
def layout_of(player: int, players_a_side: int = 1) -> Layout:
    """The layout of a player."""
    slots, roles = slots_as_first(SIDES * players_a_side, player), _roles(players_a_side)
    widths = np.array(ROLE_WIDTHS)[roles]
    offsets = STATUS_WIDTH + np.concatenate([[0], np.cumsum(widths)[:-1]])
    turned = player >= players_a_side
    return Layout(
        player,
        slots.astype(np.int32),
        roles.astype(np.int32),
        offsets.astype(np.int32),
        _actions(slots, turned),
        turned,
    )


def _roles(players_a_side: int) -> npt.NDArray[np.int_]:
    """What the entities are at the places, in the order of `games.Games`."""
    players = SIDES * players_a_side
    own, others = UNITS, UNITS * (players - 1)
    counts = (own, others, players, RESOURCES * players, (UNITS + SHEEP) * players)
    return np.repeat(np.array(list(Role)), counts)


def _actions(slots: npt.NDArray[np.int_], turned: bool) -> npt.NDArray[np.int32]:
    """What each choice does."""
    middles = np.arange(GROUND_SQUARES) * SQUARE + SQUARE // 2
    middles = MAP_SIDE - 1 - middles if turned else middles
    rows = [[Act.NOTHING, NOTHING, 0, 0, 0]]
    rows += [[Act.KEY, NOTHING, 0, 0, key] for key in Key]
    rows += [[Act.SELECT, slot, 0, 0, 0] for slot in slots[:UNITS].tolist()]
    rows += [[Act.COMMAND, slot, 0, 0, 0] for slot in slots[UNITS:].tolist()]
    rows += [[Act.COMMAND, NOTHING, x, y, 0] for y in middles.tolist() for x in middles.tolist()]
    return np.array(rows, np.int32).reshape(-1, ACTION_SIZE)

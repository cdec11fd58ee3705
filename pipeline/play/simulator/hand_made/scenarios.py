"""Set-ups of games one against one: a map, and what each side begins with and where.

Both sides play at the same time, so nobody begins. A side has the units of the game at most
(`rules.PLAYER_UNITS`), because every one of them has a slot of its own by which policies know it; a
set-up leaves some out, places them elsewhere, or weakens them. Nothing of a game that begins so is
different otherwise, and its luck follows from its seed alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import yaml
from pydantic import Field, TypeAdapter, field_validator, model_validator

from pipeline.formats.yaml_text import parse_yaml
from pipeline.manifests import Record
from pipeline.play.simulator.games import FirstThing, GameError, Games, first_rows, first_things
from pipeline.play.simulator.hand_made.map_drawings import map_drawings
from pipeline.play.simulator.maps import MAPS, GameMap, map_of, opposite
from pipeline.play.simulator.rules import (
    CELL,
    FIGURES,
    GROUND_CELLS,
    MAP_SIDE,
    NOBODY,
    PLAYER_RESOURCES,
    PLAYER_UNITS,
    SHEEP,
    SIDES,
    Ground,
    Kind,
)

KindName = Literal[
    "worker", "swordsman", "spearman", "rider", "warship", "keep", "gold_mine", "berry_bush",
    "sheep",
]  # fmt: skip
BLOCKS = (PLAYER_UNITS, (Kind.KEEP,), PLAYER_RESOURCES, (Kind.SHEEP,) * SHEEP)
"""What a side can have, in the order of its slots; behind the third, units leave what they had."""
SIDE_NAMES = ("first", "second")
Rows = tuple[npt.NDArray[Any], ...]


class ScenarioError(GameError):
    """Set-ups that cannot be read."""


class PlacedThing(Record):
    """Something that a side begins with."""

    kind: KindName = Field(description="A unit, a keep, a mine, a bush, or loot (sheep).")
    x: int = Field(ge=0, lt=MAP_SIDE, description="Pixels of the map from its left edge.")
    y: int = Field(ge=0, lt=MAP_SIDE, description="Pixels of the map from its upper edge.")
    hit_points: int | None = Field(
        None, ge=1, description="Of a unit or keep; those of its kind, and no more, without."
    )
    holds: int | None = Field(
        None, ge=1, description="Of a mine, bush or loot; as much as it can, and no more, without."
    )

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        figures = FIGURES[self.of_kind]
        if self.hit_points is not None and self.hit_points > figures.hit_points:
            raise ValueError(f"a {self.kind} has {figures.hit_points} hit points at most")
        is_taken_from = figures.hit_points == 0
        if self.holds is not None and (not is_taken_from or self.holds > figures.capacity):
            most = figures.capacity if is_taken_from else 0
            raise ValueError(f"a {self.kind} holds {most} at most")
        return self

    @property
    def of_kind(self) -> Kind:
        """As the rules have it."""
        return Kind[self.kind.upper()]

    def opposite(self) -> Self:
        """The same for the other side."""
        x, y = opposite((self.x, self.y))
        return self.model_copy(update={"x": x, "y": y})

    def belonging_to(self, player: int) -> FirstThing:
        """As games begin with it."""
        owner = NOBODY if FIGURES[self.of_kind].hit_points == 0 else player
        return FirstThing(self.of_kind, owner, (self.x, self.y), self.hit_points, self.holds)


class Scenario(Record):
    """A set-up of games one against one. Instances are read-only, and equal ones are one.

    Raises:
        ValidationError: a field is unknown or impossible, or something stands where it cannot.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", description="Lower case, unlike others.")
    description: str = Field("", description="What is played there, in a sentence.")
    map: int | str = Field(description="A drawn map by its name, or a made one by its number.")
    first: tuple[PlacedThing, ...] | None = Field(
        None,
        description="What the first side begins with; it has to have a keep and a unit. What the "
        "map has for it, without.",
    )
    second: tuple[PlacedThing, ...] | None = Field(
        None, description="Of the second side; the first side's, half a turn on, without."
    )

    @field_validator("map")
    @classmethod
    def _is_a_map(cls, value: int | str) -> int | str:
        names = [drawing.name for drawing in map_drawings()]
        if value not in names and value not in range(MAPS):
            raise ValueError(f"choose one of {', '.join(names)}, or 0 to {MAPS - 1}")
        return value

    @model_validator(mode="after")
    def _can_begin(self) -> Self:
        game_map = map_of(self.map_number)
        for name, things in zip(SIDE_NAMES, self._placed(), strict=True):
            if things is not None:
                _check_kinds(name, Counter(thing.of_kind for thing in things))
                _check_places(name, things, game_map)
        return self

    @property
    def map_number(self) -> int:
        """As `maps.map_of` counts."""
        if isinstance(self.map, int):
            return self.map
        return MAPS + [drawing.name for drawing in map_drawings()].index(self.map)

    def first_things(self) -> list[FirstThing]:
        """Everything that a game begins with, in the order of the slots."""
        sides = [self._blocks(side) for side in range(SIDES)]
        units, keeps, resources, sheep = (
            [thing for side in sides for thing in side[block]] for block in range(len(BLOCKS))
        )
        left = [FirstThing(Kind.SHEEP, NOBODY, None)] * len(units)
        return [*units, *keeps, *resources, *left, *sheep]

    def _placed(self) -> tuple[tuple[PlacedThing, ...] | None, ...]:
        """What stands in the set-up, by side; None where the map says it."""
        turned = None if self.first is None else tuple(one.opposite() for one in self.first)
        return self.first, turned if self.second is None else self.second

    def _blocks(self, side: int) -> list[list[FirstThing]]:
        """What a side begins with, by `BLOCKS`."""
        placed = self._placed()[side]
        if placed is None:
            return list(_of_map(self.map_number, side))
        left = [thing.belonging_to(side) for thing in placed]
        return [[_taken(kind, side, left) for kind in block] for block in BLOCKS]


def start_games(seeds: Sequence[int], scenarios: Sequence[Scenario] = ()) -> Games:
    """New games one against one, of seeds alone or of set-ups.

    Of set-ups, which one a game has follows from its seed: those of two seeds that follow each
    other from an even one are the same, so that it can be played from both sides.

    Args:
        seeds: one a game, 0 to 2**63 - 1.
        scenarios: taken by turns.

    Raises:
        GameError: no seeds, or one out of range.
    """
    games = Games.start(seeds)
    if not scenarios:
        return games
    chosen = [scenarios[number] for number in scenario_numbers(seeds, len(scenarios))]
    rows = [_first_rows(scenario) for scenario in chosen]
    begun = Games(*(np.stack([row[part] for row in rows]) for part in range(len(fields(Games)))))
    begun.clocks["random"] = games.clocks["random"]
    begun.clocks["map"] = [scenario.map_number for scenario in chosen]
    return begun


def scenario_numbers(seeds: Sequence[int], count: int) -> list[int]:
    """Which of so many set-ups the games of these seeds have."""
    return [int(seed) // SIDES % count for seed in seeds]


def drawn_scenarios() -> tuple[Scenario, ...]:
    """The drawn maps as they are."""
    return tuple(
        Scenario(name=drawing.name, description=drawing.description, map=drawing.name)
        for drawing in map_drawings()
    )


def read_scenarios(file: Path) -> tuple[Scenario, ...]:
    """Read set-ups from a file of YAML or JSON: a list of them.

    Raises:
        ScenarioError: it cannot be read, is no list of set-ups, or two have one name.
    """
    try:
        value = parse_yaml(file.read_text("utf-8"))
        scenarios = TypeAdapter(tuple[Scenario, ...]).validate_python(value)
        names = Counter(scenario.name for scenario in scenarios)
        for name in (name for name, count in names.items() if count > 1):
            raise ValueError(f"two are called {name}")
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ScenarioError(
            f"{file} cannot be read as set-ups of games: {error}",
            "Give a list of set-ups, each with a name and a map: docs/explanation/play.md.",
        ) from error
    return scenarios


@lru_cache(maxsize=1024)
def _first_rows(scenario: Scenario) -> Rows:
    return first_rows(scenario.first_things(), SIDES)


def _of_map(number: int, side: int) -> Iterator[list[FirstThing]]:
    """What a map has for a side, by `BLOCKS`."""
    things = first_things(map_of(number))
    begin = 0
    for place, block in enumerate(BLOCKS):
        if place == len(BLOCKS) - 1:
            begin += SIDES * len(PLAYER_UNITS)  # What units leave when they fall.
        mine = begin + side * len(block)
        yield things[mine : mine + len(block)]
        begin += SIDES * len(block)


def _taken(kind: Kind, player: int, left: list[FirstThing]) -> FirstThing:
    """The first of that kind, taken out of the list; one that is not there if there is none."""
    for place, thing in enumerate(left):
        if thing.kind == kind:
            return left.pop(place)
    return FirstThing(kind, NOBODY if FIGURES[kind].hit_points == 0 else player, None)


def _check_kinds(name: str, kinds: Counter[Kind]) -> None:
    """Refuse more of a kind than there are slots for, and a side that has lost as it begins."""
    for kind, count in (kinds - Counter(kind for block in BLOCKS for kind in block)).items():
        raise ValueError(f"the {name} side has {count} too many of {kind.name.lower()}")
    if not kinds[Kind.KEEP] or not any(kinds[kind] for kind in PLAYER_UNITS):
        raise ValueError(f"the {name} side needs a keep and a unit: without either it has lost")


def _check_places(name: str, things: Sequence[PlacedThing], game_map: GameMap) -> None:
    """Refuse what stands where it cannot."""
    for thing in things:
        if not _can_stand(game_map, thing):
            raise ValueError(f"the {name} side's {thing.kind} cannot be at {thing.x}, {thing.y}")


def _can_stand(game_map: GameMap, thing: PlacedThing) -> bool:
    afloat = FIGURES[thing.of_kind].afloat
    column, row = thing.x // CELL, thing.y // CELL
    cell = row * GROUND_CELLS + column
    wanted = Ground.WATER if afloat else Ground.LAND
    # Water elsewhere than where ships are is not theirs.
    return bool(game_map.ground[row, column] == wanted and game_map.nearest[afloat, cell] == cell)

"""Maps that somebody has drawn, as text in a file of this package.

A drawing is the upper half of a map. The lower half follows by half a turn, so that no side has the
better one, as on maps that follow from a number.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Self

import yaml
from pydantic import Field, TypeAdapter, model_validator

from pipeline.errors import OutpostError
from pipeline.formats.yaml_text import parse_yaml
from pipeline.manifests import Record
from pipeline.play.simulator.rules import GROUND_CELLS, PLAYER_RESOURCES, SHEEP, Ground, Kind

FILE = Path(__file__).with_name("maps.yaml")
GROUNDS = {"~": Ground.WATER, "W": Ground.WATER, "#": Ground.OBSTACLE}
"""What letters of a drawing stand on; all others are on land."""
THINGS = {
    "K": Kind.KEEP, "G": Kind.GOLD_MINE, "B": Kind.BERRY_BUSH, "S": Kind.SHEEP, "W": Kind.WARSHIP,
}  # fmt: skip
WANTED = {
    Kind.KEEP: 1,
    Kind.GOLD_MINE: PLAYER_RESOURCES.count(Kind.GOLD_MINE),
    Kind.BERRY_BUSH: PLAYER_RESOURCES.count(Kind.BERRY_BUSH),
    Kind.SHEEP: SHEEP,
}
"""How many of each a drawing has; a warship may be left out."""


class MapDrawingError(OutpostError):
    """Drawn maps that cannot be read."""


class MapDrawing(Record):
    """The upper half of a map, and what the first side has there."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    description: str = Field(description="One sentence.")
    rows: tuple[str, ...] = Field(
        min_length=GROUND_CELLS // 2,
        max_length=GROUND_CELLS // 2,
        description="Eight rows of sixteen letters: . land, ~ water, # obstacle, K keep, G gold "
        "mine, B berry bush, S sheep, W warship.",
    )

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        """Refuse rows of another length, unknown letters, and too few or too many things."""
        known = {".", *GROUNDS, *THINGS}
        for row in self.rows:
            if len(row) != GROUND_CELLS or not set(row) <= known:
                raise ValueError(
                    f"the row '{row}' is not {GROUND_CELLS} of {' '.join(sorted(known))}"
                )
        for kind, count in WANTED.items():
            if len(self.cells_of(kind)) != count:
                raise ValueError(f"it needs {count} of {kind.name.lower()}")
        if len(self.cells_of(Kind.WARSHIP)) > 1:
            raise ValueError("a side has one warship")
        return self

    def cells_of(self, kind: Kind) -> tuple[tuple[int, int], ...]:
        """Columns and rows of the first side's things of a kind, row by row."""
        return tuple(
            (column, row)
            for row, letters in enumerate(self.rows)
            for column, letter in enumerate(letters)
            if THINGS.get(letter) == kind
        )

    def ground(self) -> list[list[int]]:
        """`Ground` by row and column, of the whole map."""
        upper = [[int(GROUNDS.get(letter, Ground.LAND)) for letter in row] for row in self.rows]
        return upper + [row[::-1] for row in upper[::-1]]


@cache
def map_drawings() -> tuple[MapDrawing, ...]:
    """All drawn maps, in the order of their numbers.

    Raises:
        MapDrawingError: the file is damaged.
    """
    try:
        value = parse_yaml(FILE.read_text("utf-8"))
        return TypeAdapter(tuple[MapDrawing, ...]).validate_python(value)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise MapDrawingError(
            f"The drawn maps in {FILE} cannot be read: {error}", "Install Outpost again."
        ) from error

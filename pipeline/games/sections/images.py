"""Parts of a game pack for games whose art lies in image files and whose ground has cells."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, model_validator

from pipeline.games.patterns import NamePattern
from pipeline.games.sections.base import Fraction, Section

Rgb = tuple[int, int, int]

_SHADES = re.compile(r"[0-9A-Fa-f]{6}(\.\.[0-9A-Fa-f]{6})?")


def _checked_shades(text: str) -> str:
    if not _SHADES.fullmatch(text):
        raise ValueError(f"'{text}' is no colour: write RRGGBB, or RRGGBB..RRGGBB for a run")
    return text


Shades = Annotated[str, AfterValidator(_checked_shades)]
"""`F49AC1`, or `010000..FF0000`: all colours from one to the other in even steps."""


def parse_shades(text: str) -> Iterator[Rgb]:
    """The colours that an entry stands for."""
    first, _, last = text.partition("..")
    start, end = _rgb(first), _rgb(last or first)
    steps = max(abs(b - a) for a, b in zip(start, end, strict=True))
    for step in range(steps + 1):
        share = step / steps if steps else 0.0
        red, green, blue = (round(a + (b - a) * share) for a, b in zip(start, end, strict=True))
        yield red, green, blue


def _rgb(text: str) -> Rgb:
    red, green, blue = bytes.fromhex(text)
    return red, green, blue


class TeamShades(Section):
    """Exact colours in a game's images that it replaces by shades of the player's colour.

    The reference becomes the player's colour itself, darker shades go towards black in proportion
    to their mean, lighter ones towards white.
    """

    reference: Shades = Field(description="The shade that becomes the player's colour.")
    shades: list[Shades] = Field(min_length=1, description="All others.")
    files: list[NamePattern] = Field(["*"], description="Only in sprites of these names.")


class HexBorder(Section):
    """What a kind of ground draws over the edge of its neighbours.

    The game has an image for every side on which the neighbour may lie: `<image>-n`, `-ne`, `-se`,
    `-s`, `-sw` and `-nw`. Sides without an image stay as they are.
    """

    renamed_keys: ClassVar[Mapping[str, str]] = {"picture": "image"}

    onto: list[str] = Field(min_length=1, description="Kinds of ground, '*' for all others.")
    image: str = Field(description="Name without the side.")


class HexKind(Section):
    """One kind of ground of a game whose map has hexes."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    water: bool = Field(False, description="True for what bears what belongs on water.")
    include: NamePattern = Field(
        description="Images of one hex, one of which is chosen; one that is larger is laid out "
        "over all hexes."
    )
    weight: float = Field(1.0, gt=0.0, le=1000.0, description="How often, beside the others.")
    over: NamePattern | None = Field(
        None, description="Images laid over it, centred on the hex, such as reeds or trees."
    )
    over_chance: Fraction = Field(1.0, description="Of its hexes that have one.")
    wading: bool = Field(
        False, description="True for ground on land in which units stand as deep as `depth` says."
    )
    tints: list[NamePattern] = Field(
        [], description="Images of which one may colour all its hexes on a map."
    )
    borders: list[HexBorder] = Field([], description="The first that fits a neighbour is drawn.")


class HexRules(Section):
    """How a map of hexes becomes a background; see `pipeline.backgrounds.hexes`."""

    width: int = Field(72, ge=16, le=1024, description="Of a hex, from corner to corner.")
    height: int = Field(72, ge=16, le=1024, description="Of a hex, from side to side.")
    column: int = Field(54, ge=8, le=1024, description="From a hex to the one in the next column.")
    patch: float = Field(
        9.0, gt=0.0, le=10_000.0, description="Hexes of one kind that lie together, on average."
    )
    kinds: list[HexKind] = Field(min_length=1, description="Later ones draw over earlier ones.")

    @model_validator(mode="after")
    def _kinds_are_known(self) -> HexRules:
        names = [kind.name for kind in self.kinds]
        for kind in self.kinds:
            for border in kind.borders:
                unknown = sorted(set(border.onto) - {*names, "*"})
                if unknown:
                    raise ValueError(f"kinds: no kind is called {', '.join(unknown)}")
        for water in (False, True):
            if not any(kind.water == water for kind in self.kinds):
                raise ValueError("kinds: at least one on land and one with 'water: true'")
        return self

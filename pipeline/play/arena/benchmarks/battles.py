"""Battles of the past as set-ups of the game, with how they ended there and how they end here.

The facts are of the CAA Database of Battles, version 1990 (CDB90): strengths, whether a side had
cavalry, the ground, and who won. The game knows no artillery, no morale and no more than five
soldiers a side on land, so a set-up keeps of a battle what it can: the ratio of strengths, cavalry,
and the ground. `docs/record_battles.py` makes the file, from the database and from games.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from pipeline.files import read_json
from pipeline.manifests import Record
from pipeline.play.arena.benchmarks.verdicts import BenchmarkError
from pipeline.play.simulator.games import FirstThing, first_things
from pipeline.play.simulator.hand_made.scenarios import BLOCKS, PlacedThing, Scenario
from pipeline.play.simulator.maps import map_of
from pipeline.play.simulator.rules import SIDES, Kind

FILE = Path(__file__).with_name("battles.json")
FOOT = (Kind.SWORDSMAN, Kind.SPEARMAN, Kind.SWORDSMAN, Kind.SPEARMAN)
"""Of an army on foot, in the order in which a smaller one has them."""
ATTACKER = 0
"""The side of the game that the attacker has; the defender has the other."""

DrawnMap = Literal["plain", "hills", "woods", "pass", "marsh"]
Side = Literal["attacker", "defender"]


class Army(Record):
    """One side of a battle."""

    name: str
    strength: int = Field(ge=1, description="Men, at the beginning.")
    cavalry: bool = Field(description="Whether it is known to have had some.")


class RecordedGames(Record):
    """How games of the set-up have ended, for the attacker."""

    wins: int = Field(ge=0)
    draws: int = Field(ge=0)
    losses: int = Field(ge=0)

    @property
    def winner(self) -> Side | None:
        """Who has won more of them; None for neither."""
        if self.wins == self.losses:
            return None
        return "attacker" if self.wins > self.losses else "defender"


class Battle(Record):
    """A battle, and how games of its set-up have ended."""

    number: int = Field(ge=1, description="ISQNO of the database.")
    name: str
    year: int
    attacker: Army
    defender: Army
    map: DrawnMap = Field(description="The drawn map that is most like its ground.")
    winner: Side = Field(description="In history.")
    recorded: RecordedGames | None = Field(None, description="Here; None before it was played.")

    @property
    def scenario(self) -> Scenario:
        """Its set-up: the attacker is the first side.

        The stronger side has a whole army: two swordsmen, two spearmen, and a rider where it had
        cavalry. The other has so much fewer, rounded, and one at least. Fewer units stand for fewer
        men, not hit points, because idle units heal. Nobody has workers or ships, and there is
        nothing to gather.
        """
        most = max(self.attacker.strength, self.defender.strength)
        armies = [
            _army(army.cavalry, army.strength / most) for army in (self.attacker, self.defender)
        ]
        placed = [tuple(_placed(self.map, side, armies[side])) for side in range(SIDES)]
        return Scenario(
            name=f"battle_{self.number}", map=self.map, first=placed[0], second=placed[1]
        )


class Battles(Record):
    """The file of battles."""

    source: str = Field(description="Where the facts are from.")
    players: tuple[str, str] = Field(description="By script: of the attacker, of the defender.")
    games: int = Field(ge=2, multiple_of=2, description="Of each battle.")
    battles: tuple[Battle, ...] = Field(min_length=1)

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """Set-ups, in the order of the battles."""
        return tuple(battle.scenario for battle in self.battles)


def read_battles(file: Path = FILE) -> Battles:
    """The battles that come with this package, or those of another file.

    Raises:
        BenchmarkError: it cannot be read.
    """
    return read_json(file, Battles, _damaged)


def _army(has_cavalry: bool, share: float) -> Sequence[Kind]:
    """The units of a side that is so strong beside the stronger one; 0 to 1."""
    whole = (*FOOT[:1], Kind.RIDER, *FOOT[1:]) if has_cavalry else FOOT
    # Half a unit is rounded up, as people do, and not to the next even number.
    return whole[: max(1, int(share * len(whole) + 0.5))]


def _placed(name: DrawnMap, side: int, army: Sequence[Kind]) -> Iterator[PlacedThing]:
    """A keep and an army, where the map has a side's units."""
    scenario = Scenario(name=name, map=name)
    things = first_things(map_of(scenario.map_number))
    units = len(BLOCKS[0])
    yield _thing(things[SIDES * units + side])
    free = things[side * units : (side + 1) * units]
    for kind in army:
        chosen = next(thing for thing in free if thing.kind == kind)
        free.remove(chosen)
        yield _thing(chosen)


def _thing(thing: FirstThing) -> PlacedThing:
    assert thing.place is not None  # Drawn maps have places for all that battles are made of.
    x, y = thing.place
    return PlacedThing.model_validate({"kind": thing.kind.name.lower(), "x": x, "y": y})


def _damaged(file: Path, error: Exception) -> BenchmarkError:
    return BenchmarkError(
        f"{file} cannot be read as battles: {error}",
        "Install Outpost again, or make it again: uv run python docs/record_battles.py.",
    )

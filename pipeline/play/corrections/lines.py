"""A correction as a line of JSON: what was known, the goal that was chosen, and a better one.

    {"state": {"tick": 1320, "stock": 40, "score": 90, "entities": [...], "deeds": {...}},
     "action": "FIGHT", "correction": "FLEE", "reason": "A spearman is nearly dead.",
     "confidence": 0.9}

Names and numbers are those of `simulator.observation` and `simulator.rules`, spelt out, so that
people and language models can read and write them.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

import numpy as np
from detector_runtime.policies.known import COLUMNS, LONG_AGO, MAP_SIDE, NO_TARGET, Deeds
from pydantic import Field, ValidationError, model_validator

from pipeline.errors import OutpostError
from pipeline.manifests import Record
from pipeline.play.policies.examples import UNLABELLED, Examples
from pipeline.play.simulator.rules import Act, Key, Kind, Order
from pipeline.play.simulator.scripted import Goal

GoalName = Literal["FIGHT", "LOOT", "FLEE", "EXPLORE", "CAUTIOUS"]
GOALS: tuple[GoalName, ...] = get_args(GoalName)
"""By number, as `scripted.Goal`."""
KindName = Literal[
    "WORKER", "SWORDSMAN", "SPEARMAN", "RIDER", "WARSHIP", "KEEP", "GOLD_MINE", "BERRY_BUSH",
    "SHEEP",
]  # fmt: skip
OrderName = Literal["IDLE", "MOVE", "ATTACK", "GATHER", "RETURN"]
ActName = Literal["NOTHING", "SELECT", "COMMAND", "KEY"]
KeyName = Literal["SOLDIERS", "WORKERS", "EVERYONE", "STOP", "HOME"]
OwnerName = Literal["self", "ally", "enemy", "nobody"]
KnownName = Literal["seen", "remembered"]
OWNERS: tuple[OwnerName, ...] = ("self", "ally", "enemy", "nobody")
KNOWN: tuple[KnownName, ...] = ("seen", "remembered")

MOST_SLOTS = 512
LONGEST_LINE = 256 * 1024
"""Bytes; one of the built-in game has about 8,000."""
MOST_LINES = 100_000
MOST_REPORTED = 10

Place = Annotated[int, Field(ge=0, lt=MAP_SIDE)]
Slot = Annotated[int, Field(ge=0, lt=MOST_SLOTS)]
Target = Annotated[int, Field(ge=NO_TARGET, lt=MOST_SLOTS)]
Amount = Annotated[int, Field(ge=0, le=32_767)]
Total = Annotated[int, Field(ge=0, lt=1 << 31)]
Since = Annotated[int, Field(ge=0, le=LONG_AGO)]


class CorrectionsError(OutpostError):
    """Corrections that cannot be read, written or learned from."""


class KnownEntity(Record):
    """One entity that a player knows of; columns of `simulator.observation.Column`."""

    id: Slot
    kind: KindName
    owner: OwnerName
    x: Place
    y: Place
    hit_points: Amount
    carries: Amount = 0
    known: KnownName = "seen"
    selected: bool = False
    order: OrderName = "IDLE"
    age: Amount = Field(0, description="Ticks since it was last seen.")
    heading: int = Field(0, ge=0, le=15, description="Sixteenths of a turn.")


class PastDeeds(Record):
    """What the player did before; `detector_runtime.policies.known.Deeds`."""

    act: ActName = "NOTHING"
    entity: Target = NO_TARGET
    x: int = Field(0, ge=-MAP_SIDE, le=MAP_SIDE)
    y: int = Field(0, ge=-MAP_SIDE, le=MAP_SIDE)
    key: KeyName = "SOLDIERS"
    since: Since = Field(LONG_AGO, description="Ticks since that act.")
    commanded: Target = NO_TARGET
    since_command: Since = Field(LONG_AGO, description="Ticks since the last right click.")


class State(Record):
    """All that a strategist is told of a moment."""

    tick: Total
    stock: Total
    score: Total
    entities: tuple[KnownEntity, ...] = Field(min_length=1, max_length=MOST_SLOTS)
    deeds: PastDeeds = PastDeeds()

    @model_validator(mode="after")
    def _is_one_each(self) -> Self:
        slots = [entity.id for entity in self.entities]
        if len(set(slots)) < len(slots):
            raise ValueError("entities should each have an id of their own")
        return self


class Correction(Record):
    """A line."""

    state: State
    action: GoalName = Field(description="The goal that the policy chose.")
    correction: GoalName = Field(description="The goal that is right.")
    reason: str = Field("", max_length=2000)
    confidence: float = Field(ge=0, le=1, allow_inf_nan=False, description="That it is right.")


@dataclass(frozen=True)
class BadLine:
    """What is wrong in one line, which is counted from 1."""

    line: int
    field: str
    problem: str

    def __str__(self) -> str:
        return f"line {self.line}, {self.field}: {self.problem}"


def read_corrections(file: Path) -> tuple[list[Correction], list[BadLine]]:
    """Read what can be read of a file, and say of every other line what is wrong with it.

    Empty lines are skipped.

    Raises:
        CorrectionsError: there is no such file, or it has more than MOST_LINES.
    """
    found: list[Correction] = []
    bad: list[BadLine] = []
    try:
        for number, line in _lines(file):
            if number > MOST_LINES:
                raise CorrectionsError(
                    f"{file} has more than {MOST_LINES} lines.", "Split it into several files."
                )
            checked = checked_line(number, line)
            if isinstance(checked, Correction):
                found.append(checked)
            elif checked is not None:
                bad.append(checked)
    except OSError as error:
        raise CorrectionsError(
            f"The corrections {file} cannot be read: {error}",
            "Name a file of corrections, one JSON object a line.",
        ) from error
    return found, bad


def load_corrections(files: Sequence[Path]) -> list[Correction]:
    """All corrections of some files.

    Raises:
        CorrectionsError: as `read_corrections`; or a line is not one, with all that is wrong.
    """
    whole: list[Correction] = []
    for file in files:
        found, bad = read_corrections(file)
        if bad:
            told = "\n".join(f"  {one}" for one in bad[:MOST_REPORTED])
            more = f"\n  and {len(bad) - MOST_REPORTED} more" if len(bad) > MOST_REPORTED else ""
            raise CorrectionsError(
                f"{len(bad)} lines of {file} are no corrections, {len(found)} are:\n{told}{more}",
                "Correct or remove these lines. Nothing was learned; the policies are as before.",
            )
        whole += found
    return whole


def checked_line(number: int, line: bytes) -> Correction | BadLine | None:
    """A line of JSON as a correction, or what is wrong with it; None for an empty one.

    Args:
        number: of the line in its file, from 1.
        line: at most LONGEST_LINE bytes, with its end or without.
    """
    if len(line) > LONGEST_LINE:
        return BadLine(number, "line", f"should have at most {LONGEST_LINE} bytes")
    if number == 1:  # Some editors of Windows begin a file with a byte order mark.
        line = line.removeprefix(codecs.BOM_UTF8)
    if not line.strip():
        return None
    try:
        return Correction.model_validate_json(line.rstrip())
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "line"
        # The parser counts lines within this one.
        return BadLine(number, where, str(first["msg"]).replace(" at line 1 column", " at column"))


def written(correction: Correction) -> str:
    """A line, with its end."""
    return json.dumps(correction.model_dump(mode="json"), separators=(",", ":")) + "\n"


def write_lines(file: Path, corrections: Iterable[Correction]) -> int:
    """Append corrections as they come, each at once: what is there when this is stopped stays.

    Returns:
        How many.

    Raises:
        CorrectionsError: the file cannot be written.
    """
    count = 0
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8", newline="\n") as stream:
            for correction in corrections:
                stream.write(written(correction))
                stream.flush()
                count += 1
    except OSError as error:
        raise CorrectionsError(
            f"The corrections cannot be written to {file}: {error}",
            "Name a file in a folder that you may write to.",
        ) from error
    return count


def states_of(moments: Examples) -> Iterator[State]:
    """What was known in each of some moments."""
    deeds = moments.deeds
    for row in range(len(moments)):
        act, entity, x, y, key = deeds.action[row].tolist()
        tick, stock, score = moments.status[row].tolist()[:3]
        yield State(
            tick=tick,
            stock=stock,
            score=score,
            entities=tuple(
                _entity(numbers) for numbers in moments.entities[row].tolist() if numbers[0] >= 0
            ),
            deeds=PastDeeds(
                act=_name(Act, act),
                entity=entity,
                x=x,
                y=y,
                key=_name(Key, key),
                since=int(deeds.since[row]),
                commanded=int(deeds.commanded[row]),
                since_command=int(deeds.since_command[row]),
            ),
        )


def moments_of(states: Sequence[State], goals: Sequence[GoalName]) -> Examples:
    """States as the strategist's examples, with the goals that are right in them."""
    count = len(states)
    slots = 1 + max(
        (entity.id for state in states for entity in state.entities), default=0
    )  # fmt: skip
    entities = np.zeros((count, slots, COLUMNS), np.int16)
    entities[:, :, 0] = -1
    for row, state in enumerate(states):
        for entity in state.entities:
            entities[row, entity.id] = _numbers(entity)
    status = [(one.tick, one.stock, one.score, 0) for one in states]
    past = [one.deeds for one in states]
    actions = [(Act[one.act], one.entity, one.x, one.y, Key[one.key]) for one in past]
    return Examples(
        entities,
        np.array(status, np.int32).reshape(count, 4),
        Deeds(
            np.array(actions, np.int32).reshape(count, 5),
            np.array([one.since for one in past], np.int32),
            np.array([one.commanded for one in past], np.int32),
            np.array([one.since_command for one in past], np.int32),
        ),
        np.array([Goal[goal] for goal in goals], np.int8),
        np.full(count, UNLABELLED, np.int16),
        np.zeros((count, 5), np.int32),
    )


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    """Lines by number; of one that is too long, its beginning, which is too long as well."""
    with file.open("rb") as stream:
        number = 0
        while line := stream.readline(LONGEST_LINE + 1):
            number += 1
            yield number, line
            while len(line) > LONGEST_LINE and not line.endswith(b"\n"):
                line = stream.readline(LONGEST_LINE + 1)
                if not line:
                    return


def _entity(numbers: Sequence[int]) -> KnownEntity:
    slot, kind, owner, x, y, hit_points, carries, known, selected, order, age, heading = numbers
    return KnownEntity(
        id=slot,
        kind=_name(Kind, kind),
        owner=OWNERS[owner],
        x=x,
        y=y,
        hit_points=hit_points,
        carries=carries,
        known=KNOWN[known - 1],
        selected=selected == 1,
        order=_name(Order, order),
        age=age,
        heading=heading,
    )


def _numbers(entity: KnownEntity) -> tuple[int, ...]:
    return (
        entity.id,
        Kind[entity.kind],
        OWNERS.index(entity.owner),
        entity.x,
        entity.y,
        entity.hit_points,
        entity.carries,
        1 + KNOWN.index(entity.known),
        int(entity.selected),
        Order[entity.order],
        entity.age,
        entity.heading,
    )


def _name(kind: Any, value: int) -> Any:
    return kind(value).name

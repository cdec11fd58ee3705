"""What a session of play holds: events of nine channels, and what the session as a whole says.

The same models write the events, check what is read, and are stored as JSON schemas in each file.
Nothing in them is about the person who plays: no name of a user or computer, no window title, no
path.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

from pydantic import Field, ValidationError, field_validator

from pipeline.errors import OutpostError
from pipeline.manifests import Record
from pipeline.play.simulator import rules
from pipeline.play.simulator.observation import STATUS, Column
from pipeline.play.simulator.scripted import Goal

SCHEMA_VERSION = 1
GAME = "demo"
"""The game that the simulator plays."""
PERSON = "person"
"""Who acts, where that is a person."""
NANOSECONDS = 1_000_000_000
TICK_NANOSECONDS = NANOSECONDS // rules.TICKS_A_SECOND
NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$"
MOST_ENTITIES = 2000
NOT_KNOWN = -1
"""Of entities and of the status, where a detector cannot say what a game would."""

Int16: TypeAlias = Annotated[int, Field(ge=-(2**15), le=2**15 - 1)]
Int32: TypeAlias = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]
Entity: TypeAlias = Annotated[int, Field(ge=0, le=2**31 - 1)]
Actor: TypeAlias = Annotated[str, Field(pattern=NAME)]
Row: TypeAlias = Annotated[list[Int16], Field(min_length=len(Column), max_length=len(Column))]


class RecordingError(OutpostError):
    """A session that cannot be written, read, played again or exported."""


class Topic(StrEnum):
    """Channels of a session, as other programs see them."""

    ENTITIES = "/entities"
    MOUSE = "/mouse"
    KEYS = "/keys"
    ACTIONS = "/actions"
    GOALS = "/goals"
    OUTCOMES = "/outcomes"
    SCORES = "/scores"
    FRAMES = "/frames"
    STATE = "/state"


class EntitiesEvent(Record):
    """What the player knows at this time."""

    rows: list[Row] = Field(
        max_length=MOST_ENTITIES,
        description="One entity each; its numbers: " + ", ".join(c.name.lower() for c in Column),
    )
    status: Annotated[list[Int32], Field(min_length=len(STATUS), max_length=len(STATUS))] = Field(
        description=", ".join(STATUS)
    )


class MouseEvent(Record):
    """The pointer has moved, or a button has."""

    actor: Actor
    kind: Literal["move", "press", "release", "scroll"]
    button: Literal["left", "right", "middle"] | None = None
    x: Int16 = Field(description="Pixels from the screen's left edge.")
    y: Int16 = Field(description="Pixels from its upper edge.")
    notches: Int16 | None = Field(
        None, description="That the wheel was turned away from the hand; less than 0 towards it."
    )
    entity: Entity | None = Field(None, description="The entity that is meant, by its id.")
    map_x: Int32 | None = Field(
        None, description="Pixels of the map from where the entity is known to be; else a place."
    )
    map_y: Int32 | None = None


class KeyEvent(Record):
    """A key was pressed or released, by the name of what it does in the game."""

    actor: Actor
    kind: Literal["press", "release"]
    key: str = Field(pattern=r"^[A-Za-z0-9_]{1,30}$")


class ActionEvent(Record):
    """What a player of the simulator has done in a tick."""

    actor: Actor
    tick: int = Field(ge=0, lt=rules.MAX_TICKS)
    player: int = Field(ge=0, le=7)
    action: Annotated[
        list[Int32], Field(min_length=rules.ACTION_SIZE, max_length=rules.ACTION_SIZE)
    ] = Field(description="what, entity or -1, x, y, key")


class GoalEvent(Record):
    """From this time on the player is after something else."""

    goal: Literal["FIGHT", "LOOT", "FLEE", "EXPLORE", "CAUTIOUS"] | None = Field(
        description="None where nothing is known of it."
    )
    target: Annotated[int, Field(ge=0, le=2**15 - 1)] | None = Field(
        description="The entity that the player fights."
    )


class OutcomeEvent(Record):
    """What has come of the player's deeds, or of its opponent's."""

    kind: Literal["hit", "kill", "death", "loot", "end"]
    entity: Entity | None = Field(None, description="Who was hit or destroyed.")
    amount: Int32 = Field(
        description="Hit points that were taken, worth of what was destroyed, what was brought "
        "home; at the end 1 for winning, -1 for losing, 0 for neither."
    )


ENDED = {1: "won", 0: "neither won nor lost", -1: "lost", None: "not played to its end"}
"""How a game has ended in words, by the amount of its last outcome; None where there is none."""


class ScoresEvent(Record):
    """The score of the player, which it sees, and that of its opponent, which it does not see."""

    scores: Annotated[list[Int32], Field(min_length=2, max_length=2)]


class FrameEvent(Record):
    """An image of the screen, which lies in a file beside the session."""

    file: str = Field(pattern=NAME, description="Its name, without a folder.")
    index: int = Field(ge=0, le=2**31 - 1, description="Of the frame in the file.")


class StateEvent(Record):
    """The digest of the simulator's whole state before a tick."""

    tick: int = Field(ge=0, le=rules.MAX_TICKS)
    digest: str = Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of `Games.to_bytes`.")


Event: TypeAlias = (
    EntitiesEvent
    | MouseEvent
    | KeyEvent
    | ActionEvent
    | GoalEvent
    | OutcomeEvent
    | ScoresEvent
    | FrameEvent
    | StateEvent
)
EVENTS: Mapping[Topic, type[Event]] = {
    Topic.ENTITIES: EntitiesEvent,
    Topic.MOUSE: MouseEvent,
    Topic.KEYS: KeyEvent,
    Topic.ACTIONS: ActionEvent,
    Topic.GOALS: GoalEvent,
    Topic.OUTCOMES: OutcomeEvent,
    Topic.SCORES: ScoresEvent,
    Topic.FRAMES: FrameEvent,
    Topic.STATE: StateEvent,
}
TOPICS: Mapping[type[Event], Topic] = {event: topic for topic, event in EVENTS.items()}


class TimedEvent(NamedTuple):
    """An event, and when it was: nanoseconds since the session began."""

    time: int
    event: Event


class SessionInfo(Record):
    """What a session is of.

    Of a game that is not the simulator's, rules, seed, map, opponent and player are not known, and
    it cannot be played again.
    """

    schema_version: int = SCHEMA_VERSION
    name: str = Field(pattern=NAME, description="Of the session, and of its file.")
    game: str = Field(pattern=NAME)
    actor: Actor = Field(description="'person', or the name of a scripted player or policy.")
    classes: tuple[str, ...] = Field(max_length=1000, description="Kinds of entities, in order.")
    screen: tuple[int, int] = Field(description="Width and height in pixels.")
    rates: dict[Topic, Annotated[float, Field(gt=0)]] = Field(
        description="Events a second of channels that have a steady rate."
    )
    application: str = Field(max_length=100, description="What has recorded it, with version.")
    rules: str | None = Field(None, description="Digest of the simulator's rules.")
    seed: int | None = Field(None, ge=0, lt=1 << 63)
    map: int | None = Field(None, ge=0)
    players_a_side: int | None = Field(None, ge=1, le=4)
    player: int | None = Field(None, ge=0, le=7, description="Which of the players is recorded.")
    opponent: Actor | None = None

    @field_validator("screen")
    @classmethod
    def _has_pixels(cls, screen: tuple[int, int]) -> tuple[int, int]:
        if not all(1 <= side <= 2**15 - 1 for side in screen):
            raise ValueError("a screen has 1 to 32,767 pixels each way")
        return screen

    def to_metadata(self) -> dict[str, str]:
        """As a metadata record of the file: values as JSON by key."""
        values = self.model_dump(mode="json", exclude_none=True)
        return {key: json.dumps(value, sort_keys=True) for key, value in values.items()}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> SessionInfo:
        """What `to_metadata` gave.

        Raises:
            RecordingError: it is of another version, or says something else than a session does.
        """
        try:
            values: dict[str, Any] = {key: json.loads(text) for key, text in metadata.items()}
        except (ValueError, RecursionError) as error:
            raise _no_session(error) from error
        version = values.get("schema_version")
        if isinstance(version, int) and version != SCHEMA_VERSION:
            raise RecordingError(
                f"The session has version {version} of the schema; this Outpost reads version "
                f"{SCHEMA_VERSION}.",
                "Read it with the Outpost that has recorded it, or with a newer one.",
            )
        try:
            return cls.model_validate_json(json.dumps(values))
        except ValidationError as error:
            raise _no_session(error) from error


def _no_session(error: Exception) -> RecordingError:
    told = str(error)
    if isinstance(error, ValidationError):
        problem = error.errors()[0]
        told = f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
    return RecordingError(
        f"What the session says of itself is damaged: {told}",
        "Take another copy of the file, or remove it.",
    )


def require_game(
    info: SessionInfo, game: str = GAME, classes: tuple[str, ...] | None = None
) -> None:
    """See that a session is of a game, with these kinds of entities.

    Args:
        classes: names in order; those of the simulator if left out.

    Raises:
        RecordingError: it is of another game, or of other classes.
    """
    if info.game != game:
        raise RecordingError(
            f"The session {info.name} is of the game '{info.game}', not of '{game}'.",
            f"Take sessions of '{game}'.",
        )
    wanted = KINDS if classes is None else classes
    if info.classes != wanted:
        theirs, ours = set(info.classes) - set(wanted), set(wanted) - set(info.classes)
        raise RecordingError(
            f"The session {info.name} has other classes than {game} has now (only there: "
            f"{', '.join(sorted(theirs)) or 'none'}; only here: {', '.join(sorted(ours)) or 'none'}"
            "), or has them in another order.",
            "Record it again, or use the Outpost that has recorded it.",
        )


def require_simulated(info: SessionInfo) -> None:
    """See that the simulator can play a session again.

    Raises:
        RecordingError: it is of another game, of other classes or rules, or lacks what is needed.
    """
    require_game(info)
    if info.rules != rules_digest():
        raise RecordingError(
            f"The session {info.name} was played by other rules than the game has now.",
            "Record it again, or use the Outpost that has recorded it.",
        )
    if None in (info.seed, info.map, info.players_a_side, info.player, info.opponent):
        raise RecordingError(
            f"The session {info.name} does not say seed, map, players and opponent.",
            "Record it again: without these the game cannot be played again.",
        )


@cache
def rules_digest() -> str:
    """Of all figures of the simulator's rules, SHA-256."""
    numbers = {
        name: value
        for name, value in vars(rules).items()
        if name.isupper() and isinstance(value, int)
    }
    tables = (rules.figures_table(), rules.damage_table(), rules.sight_masks())
    digest = hashlib.sha256(json.dumps(numbers, sort_keys=True).encode())
    for part in (rules.PLAYER_UNITS, rules.PLAYER_RESOURCES, tuple(rules.Kind), tuple(Goal)):
        digest.update(json.dumps(part).encode())
    for table in tables:
        digest.update(table.tobytes())
    return digest.hexdigest()


KINDS = tuple(kind.name.lower() for kind in rules.Kind)
"""Classes of the simulator's entities."""

"""A session of the simulator played again from its seed and actions, and what it demonstrates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from pipeline.play.demonstrations import UNSTATED, Demonstration
from pipeline.play.recordings.events import (
    GAME,
    NOT_KNOWN,
    TICK_NANOSECONDS,
    ActionEvent,
    EntitiesEvent,
    GoalEvent,
    OutcomeEvent,
    RecordingError,
    ScoresEvent,
    StateEvent,
    Topic,
    require_simulated,
)
from pipeline.play.recordings.reader import SessionReader
from pipeline.play.recordings.simulated_play import IDLE, state_digest
from pipeline.play.simulator.games import Games
from pipeline.play.simulator.observation import STATUS, Column
from pipeline.play.simulator.rules import (
    MAX_TICKS,
    NOTHING,
    SIDES,
    SLOTS,
    TICKS_A_SECOND,
)
from pipeline.play.simulator.scripted import Goal


@dataclass(frozen=True)
class Replay:
    """A session that was played again.

    Attributes:
        ticks: how many were played.
        compared: digests of the state that were compared.
        differs_at: seconds from the beginning to the first state that is another one.
    """

    ticks: int
    compared: int
    differs_at: float | None

    @property
    def is_equal(self) -> bool:
        """Whether every state was the recorded one, bit for bit."""
        return self.compared > 0 and self.differs_at is None


def replay(session: SessionReader) -> Replay:
    """Play a session again and compare its states.

    Raises:
        RecordingError: it cannot be played again: of another game, other rules, without a seed.
    """
    digests = {
        event.tick: event.digest
        for _time, event in session.events(Topic.STATE)
        if isinstance(event, StateEvent)
    }
    compared, ticks = 0, 0
    for tick, games in enumerate(states(session)):
        ticks = tick
        if tick in digests:
            compared += 1
            if state_digest(games) != digests[tick]:
                return Replay(tick, compared, tick / TICKS_A_SECOND)
    return Replay(ticks, compared, None)


def states(session: SessionReader) -> Iterator[Games]:
    """The one game of a session before each of its ticks, and after the last.

    Yields:
        The same value every time, changed in place.

    Raises:
        RecordingError: as of `replay`.
    """
    info = session.info
    require_simulated(info)
    assert info.seed is not None
    assert info.players_a_side is not None
    games = Games.start([info.seed], info.players_a_side)
    if int(games.clocks["map"][0]) != info.map:
        raise RecordingError(
            f"The session {info.name} was played on map {info.map}; its seed gives another one.",
            "Record it again: what it says of itself is damaged, or the maps have changed.",
        )
    deeds = defaultdict(list)
    for _time, event in session.events(Topic.ACTIONS):
        assert isinstance(event, ActionEvent)
        if event.player >= games.player_count:
            raise RecordingError(
                f"In {info.name} a player {event.player} acts, who does not play.",
                "Record it again: it is damaged.",
            )
        deeds[event.tick].append(event)
    for tick in range(whole_ticks(session)):
        yield games
        actions = games.no_actions()
        for deed in deeds[tick]:
            actions[0, deed.player] = deed.action
        games.step(actions)
    yield games


def whole_ticks(session: SessionReader) -> int:
    """Ticks of which everything is recorded: those after which is said what is known then."""
    return min(max(0, session.counts[Topic.ENTITIES] - 1), MAX_TICKS)


def end_of(session: SessionReader) -> int | None:
    """How the game ended for the player: 1 won, 0 neither, -1 lost; None if it has not."""
    for _time, event in session.events(Topic.OUTCOMES):
        if isinstance(event, OutcomeEvent) and event.kind == "end":
            return event.amount
    return None


def demonstration_of(session: SessionReader) -> Demonstration:
    """What is learned from a session: the same as of watching the game.

    Raises:
        RecordingError: it lacks something that policies learn from, is not of the simulator as it
            is now, ticks are missing, or none is whole.
    """
    info = session.info
    _require_learnable(session)
    require_simulated(info)
    assert info.players_a_side is not None
    slots = SIDES * info.players_a_side * SLOTS
    ticks = whole_ticks(session)
    if ticks == 0:
        raise RecordingError(
            f"The session {info.name} ends before its first tick.", "Remove it: nothing was played."
        )
    entities, status = _nothing_known(ticks, slots)
    actions = np.tile(np.array(IDLE, np.int32), (ticks, 1))
    goals = np.full(ticks, UNSTATED, np.int8)
    targets = np.full(ticks, NOTHING, np.int16)
    scores = np.zeros((ticks + 1, SIDES), np.int32)
    outcome, known = 0, 0
    for time, event in session.events():
        tick = time // TICK_NANOSECONDS
        match event:
            case EntitiesEvent() if known < ticks:
                _require_tick(session, tick, known, event, slots)
                _fill(entities[known], status[known], event)
                known += 1
            case ActionEvent() if event.player == info.player and event.tick < ticks:
                actions[event.tick] = event.action
            case GoalEvent():
                goals[tick:] = UNSTATED if event.goal is None else Goal[event.goal]
                targets[tick:] = NOTHING if event.target is None else event.target
            case ScoresEvent():
                scores[tick:] = event.scores
            case OutcomeEvent() if event.kind == "end":
                outcome = event.amount
            case _:
                pass
    return Demonstration(
        info.name, info.actor, entities, status, actions, goals, targets, scores, outcome
    )


def lacking(session: SessionReader) -> list[str]:
    """What policies learn from and a session does not say, in words; nothing of a simulated one."""
    info = session.info
    if info.game == GAME and info.rules is not None:
        return []
    parts = [] if info.game == GAME else [f"entities of the game '{GAME}' (it is of '{info.game}')"]
    seen = next(
        (
            event
            for _time, event in session.events(Topic.ENTITIES)
            if isinstance(event, EntitiesEvent) and event.rows
        ),
        None,
    )
    if seen is not None:
        unknown = [
            column.name.lower().replace("_", " ")
            for column in Column
            if all(row[column] == NOT_KNOWN for row in seen.rows)
        ]
        parts.append(f"of each entity {', '.join(unknown)}")
    else:
        parts.append("what is on the screen (no model has seen anything there)")
    if seen is None or NOT_KNOWN in seen.status:
        parts.append(f"of the player {', '.join(STATUS)}")
    if not session.counts[Topic.ACTIONS]:
        parts.append("what its clicks and keys do in the game")
    return parts


def _require_learnable(session: SessionReader) -> None:
    if parts := lacking(session):
        raise RecordingError(
            f"Policies cannot learn from {session.info.name}, which was recorded on a desktop. It "
            f"does not say: {'; '.join(parts)}.",
            "Take sessions of `outpost play record`. This one can be looked at and exported.",
        )


def known_after(
    session: SessionReader, ticks: int
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int32]]:
    """What the player knows after so many ticks, as a row of `Demonstration.entities`, `.status`.

    Raises:
        RecordingError: as of `demonstration_of`, or so many are not recorded.
    """
    assert session.info.players_a_side is not None
    slots = SIDES * session.info.players_a_side * SLOTS
    event = next(islice(session.events(Topic.ENTITIES), ticks, None)).event
    assert isinstance(event, EntitiesEvent)
    _require_tick(session, ticks, ticks, event, slots)
    entities, status = _nothing_known(1, slots)
    _fill(entities[0], status[0], event)
    return entities[0], status[0]


def _nothing_known(ticks: int, slots: int) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int32]]:
    entities = np.zeros((ticks, slots, len(Column)), np.int16)
    entities[..., Column.ID] = NOTHING
    return entities, np.zeros((ticks, len(STATUS)), np.int32)


def _fill(
    entities: npt.NDArray[np.int16], status: npt.NDArray[np.int32], event: EntitiesEvent
) -> None:
    if event.rows:
        rows = np.array(event.rows, np.int16)
        entities[rows[:, Column.ID]] = rows
    status[:] = event.status


def _require_tick(
    session: SessionReader, tick: int, expected: int, event: EntitiesEvent, slots: int
) -> None:
    """See that no tick is missing, and that entities are those of the game."""
    numbers = [row[Column.ID] for row in event.rows]
    if tick != expected or event.status[0] != expected or not all(0 <= n < slots for n in numbers):
        raise RecordingError(
            f"The session {session.info.name} does not go on after "
            f"{expected / TICKS_A_SECOND:g} seconds: a tick is missing, or entities are not the "
            "game's.",
            "Record it again.",
        )

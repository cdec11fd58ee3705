"""A recorded game is the game that was played, to the last bit, and teaches the same."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from doubles.sessions import session_info, some_events

from pipeline.demo_game.renderer import FRAME_HEIGHT, FRAME_WIDTH
from pipeline.play.demonstrations import demonstrate
from pipeline.play.desktop.sightings import Look
from pipeline.play.recordings.events import (
    ActionEvent,
    EntitiesEvent,
    GoalEvent,
    KeyEvent,
    OutcomeEvent,
    RecordingError,
    StateEvent,
    TimedEvent,
    Topic,
)
from pipeline.play.recordings.reader import SessionReader, open_session
from pipeline.play.recordings.recovery import recover
from pipeline.play.recordings.replay import (
    demonstration_of,
    replay,
    states,
    whole_ticks,
)
from pipeline.play.recordings.simulated_play import planned_games, record_games
from pipeline.play.recordings.writer import SessionWriter
from pipeline.play.simulator.games import GameError, Games
from pipeline.play.simulator.observation import Column
from pipeline.play.simulator.view import Camera, camera_of

PLAYER, OPPONENT, SEEDS = "scripted_l5", "scripted_l1", (8, 9)


@pytest.fixture(scope="module")
def sessions(tmp_path_factory) -> list[SessionReader]:
    folder = tmp_path_factory.mktemp("recorded")
    files = list(record_games(folder, planned_games(PLAYER, OPPONENT, SEEDS)))
    return [open_session(file) for file in files]


def test_it_teaches_what_watching_teaches(sessions):
    for watched, session in zip(demonstrate(PLAYER, OPPONENT, SEEDS), sessions, strict=True):
        taught = demonstration_of(session)
        for field in fields(taught):
            ours, theirs = getattr(taught, field.name), getattr(watched, field.name)
            np.testing.assert_array_equal(ours, theirs, field.name)
            assert getattr(ours, "dtype", None) == getattr(theirs, "dtype", None), field.name
    assert [session.info.player for session in sessions] == [0, 1]


def test_it_is_played_again_bit_by_bit(sessions):
    for session in sessions:
        again = replay(session)
        assert again.is_equal
        assert again.ticks == session.counts[Topic.ENTITIES] - 1 == round(session.seconds * 20)
        # Once a second, and at the end.
        assert again.compared == session.counts[Topic.STATE] == -(-again.ticks // 20) + 1


def test_another_state_is_noticed_at_its_second(sessions, tmp_path):
    seconds = 30
    changed = _copied(
        sessions[0],
        tmp_path,
        lambda event: (
            event.model_copy(update={"digest": "0" * 64})
            if isinstance(event, StateEvent) and event.tick == seconds * 20
            else event
        ),
    )
    assert replay(changed).differs_at == seconds
    quiet = _copied(
        sessions[0],
        tmp_path / "quiet",
        lambda event: None if isinstance(event, ActionEvent) and event.tick > 100 else event,
    )
    differs_at = replay(quiet).differs_at
    assert differs_at is not None
    assert differs_at > 5
    silent = _copied(
        sessions[0],
        tmp_path / "silent",
        lambda event: None if isinstance(event, StateEvent) else event,
    )
    assert not replay(silent).is_equal


def test_a_click_means_the_same_on_the_screen_and_on_the_map(sessions):
    for session in sessions:
        camera = camera_of(Games.start([session.info.seed]), 0, session.info.player)
        known, clicks, deeds = {}, 0, {}
        for time, event in session.events(Topic.ENTITIES, Topic.ACTIONS):
            if isinstance(event, ActionEvent) and event.player == session.info.player:
                deeds[time] = event.action
        for time, event in session.events(Topic.ENTITIES, Topic.MOUSE):
            if isinstance(event, EntitiesEvent):
                known |= {row[Column.ID]: row for row in event.rows}
                continue
            clicks += 1
            act, entity, *aim, _key = deeds.pop(time)
            assert event.button == {1: "left", 2: "right"}[act]
            assert (-1 if event.entity is None else event.entity) == entity
            assert [event.map_x, event.map_y] == aim
            begins = known[entity][3:5] if entity >= 0 else (0, 0)
            place = [min(max(begin + by, 0), 1023) for begin, by in zip(begins, aim, strict=True)]
            at = camera.to_screen(*place)
            if not (0 <= at[0] < FRAME_WIDTH and 0 <= at[1] < FRAME_HEIGHT):
                camera = Camera.on(*place)
            # What is clicked on lies there, to the pixels that a screen has for the map's depth.
            shown = camera.to_map(event.x, event.y)
            assert abs(shown[0] - place[0]) <= 1
            assert abs(shown[1] - place[1]) <= 2
            assert 0 <= event.x < FRAME_WIDTH
            assert 0 <= event.y < FRAME_HEIGHT
        assert clicks > 50
        assert {action[0] for action in deeds.values()} <= {0, 3}


def test_outcomes_are_those_of_the_game(sessions):
    """Told from the state of the game itself, played again."""
    session = sessions[1]
    own = session.info.player
    outcomes = [event for _t, event in session.events(Topic.OUTCOMES)]
    of_kind = {
        kind: [one for one in outcomes if isinstance(one, OutcomeEvent) and one.kind == kind]
        for kind in ("hit", "kill", "death", "loot", "end")
    }
    first = last = None
    for games in states(session):
        first = games.copy() if first is None else first
        last = games
    assert first is not None
    assert last is not None
    gone = (first.entities[0]["present"] == 1) & (last.entities[0]["present"] == 0)
    owners = first.entities[0]["owner"]
    killed = np.flatnonzero(gone & (owners == 1 - own)).tolist()
    assert sorted(one.entity for one in of_kind["kill"]) == killed
    lost = np.flatnonzero(gone & (owners == own)).tolist()
    assert sorted(one.entity for one in of_kind["death"]) == lost
    stock = int(last.players["stock"][0, own])
    assert sum(one.amount for one in of_kind["loot"]) == stock > 0
    worth = sum(one.amount for one in of_kind["kill"])
    assert int(last.players["score"][0, own]) == stock + worth
    assert sum(one.amount for one in of_kind["hit"]) >= 75
    assert len(of_kind["end"]) == 1


def test_who_acted_is_said_of_every_event(sessions):
    actors = {
        event.actor if isinstance(event, ActionEvent) else ""
        for _time, event in sessions[0].events(Topic.ACTIONS)
    }
    assert actors == {PLAYER, OPPONENT}
    assert sessions[0].info.actor == PLAYER


def test_an_interrupted_game_teaches_its_whole_ticks(sessions, tmp_path):
    """Cut after any event, it gives the beginning of the same demonstration."""
    whole = demonstration_of(sessions[0])
    events = list(sessions[0].events())
    for number in (1, 2, 5, 777, 778, 779, 780):
        with SessionWriter(tmp_path, sessions[0].info) as writer:
            for time, event in events[:number]:
                writer.write(time, event)
        session = recover(writer.part)
        ticks = whole_ticks(session)
        if ticks == 0:
            with pytest.raises(RecordingError, match="before its first tick"):
                demonstration_of(session)
        else:
            taught = demonstration_of(session)
            for name in ("entities", "status", "actions", "goals", "targets"):
                np.testing.assert_array_equal(getattr(taught, name), getattr(whole, name)[:ticks])
            np.testing.assert_array_equal(taught.scores, whole.scores[: ticks + 1])
            assert taught.outcome == 0
            assert replay(session).is_equal
        session.file.unlink()


def test_a_missing_tick_is_told(sessions, tmp_path):
    seen = 0

    def without_one(event):
        nonlocal seen
        seen += isinstance(event, EntitiesEvent)
        return None if seen == 100 and isinstance(event, EntitiesEvent) else event

    with pytest.raises(RecordingError, match=r"after 4\.95 seconds"):
        demonstration_of(_copied(sessions[0], tmp_path, without_one))
    strange = _copied(
        sessions[0],
        tmp_path / "strange",
        lambda event: (
            event.model_copy(update={"rows": [[99] * 12]})
            if isinstance(event, EntitiesEvent)
            else event
        ),
    )
    with pytest.raises(RecordingError, match="entities are not the game's"):
        demonstration_of(strange)


def test_of_a_person_no_goal_is_known(tmp_path):
    file = _written(
        tmp_path, [one for one in some_events() if not isinstance(one.event, GoalEvent)]
    )
    taught = demonstration_of(open_session(file))
    assert set(taught.goals.tolist()) == {-1}
    assert set(taught.targets.tolist()) == {-1}


@pytest.mark.parametrize("game", ["demo", "aoe2"])
def test_a_session_of_a_desktop_says_what_policies_lack(tmp_path, game):
    """As `outpost record` writes them, with a model and without."""
    nothing = dict.fromkeys(("rules", "seed", "map", "players_a_side", "player", "opponent"))
    look = Look(0, np.array([0]), np.array([1]), np.array([[0.0, 0.0, 9.0, 9.0]]), (0.0, 0.0), 1.0)
    key = TimedEvent(0, KeyEvent(actor="person", kind="press", key="a"))
    changes = {**nothing, "game": game, "actor": "person"}
    seen = _written(tmp_path / "seen", [TimedEvent(0, look.event()), key], **changes)
    with pytest.raises(RecordingError, match="recorded on a desktop") as told:
        demonstration_of(open_session(seen))
    assert ("of the game 'demo' (it is of 'aoe2')" in told.value.problem) == (game == "aoe2")
    assert "owner, hit points, carries, selected, order, heading;" in told.value.problem
    assert "tick, stock, score" in told.value.problem
    assert "clicks and keys" in told.value.problem
    blind = _written(tmp_path / "blind", [key], **changes)
    with pytest.raises(RecordingError, match="no model has seen anything"):
        demonstration_of(open_session(blind))


def test_sessions_that_cannot_be_played_again_say_why(tmp_path):
    for number, (changes, told) in enumerate(
        (
            ({"rules": "0" * 64}, "other rules"),
            ({"game": "chess"}, "of the game 'chess'"),
            ({"map": 31}, "map 31"),
        )
    ):
        file = _written(tmp_path / str(number), list(some_events()), **changes)
        with pytest.raises(RecordingError, match=told):
            replay(open_session(file))
    stranger = [one._replace(event=replace_player(one.event)) for one in some_events()]
    map_number = int(Games.start([7]).clocks["map"][0])
    file = _written(tmp_path / "stranger", stranger, map=map_number)
    with pytest.raises(RecordingError, match="player 5 acts"):
        replay(open_session(file))


def replace_player(event):
    return event.model_copy(update={"player": 5}) if isinstance(event, ActionEvent) else event


def test_nothing_is_played_where_a_session_is_there_already(sessions, tmp_path):
    folder = sessions[0].file.parent
    before = sorted(folder.iterdir())
    with pytest.raises(RecordingError, match="already"):
        next(record_games(folder, planned_games(PLAYER, OPPONENT, (7, 8))))
    assert sorted(folder.iterdir()) == before
    with pytest.raises(GameError, match="nobody"):
        next(record_games(tmp_path, planned_games("nobody", OPPONENT, (7,))))
    assert list(tmp_path.iterdir()) == []


def _written(folder: Path, events, **changes) -> Path:
    with SessionWriter(folder, session_info(**changes)) as writer:
        for time, event in events:
            writer.write(time, event)
        return writer.finish()


def _copied(session: SessionReader, folder: Path, change) -> SessionReader:
    """A session with some of its events changed, or left out."""
    with SessionWriter(folder, session.info) as writer:
        for time, event in session.events():
            kept = change(event)
            if kept is not None:
                writer.write(time, kept)
        return open_session(writer.finish())

"""A person's clicks mean what is on the screen, and a person's game is recorded as any other."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pipeline.play.demonstrations import UNSTATED
from pipeline.play.interactive.game import InteractiveGame
from pipeline.play.interactive.inputs import (
    MOST_INPUTS,
    InputError,
    PersonInput,
    action_of,
    inputs_of,
    slot_at,
)
from pipeline.play.policies.hindsight import GOAL_FORESIGHT, with_goals
from pipeline.play.recordings.events import MouseEvent, Topic
from pipeline.play.recordings.reader import SessionReader, open_session
from pipeline.play.recordings.replay import demonstration_of, replay
from pipeline.play.recordings.simulated_play import PlannedGame
from pipeline.play.recordings.writer import SessionWriter
from pipeline.play.simulator.games import GameError
from pipeline.play.simulator.rules import NOTHING, Act, Key
from pipeline.play.simulator.scripted import Goal
from pipeline.play.simulator.view import MapView, render_map

PLANNED = PlannedGame("person", "scripted_l2", 4, 1)
OWN, KEEP = range(8, 16), 17
"""Slots of the second player's units, and of its keep."""


@pytest.fixture(scope="module")
def game() -> InteractiveGame:
    return InteractiveGame(PLANNED)


@pytest.fixture(scope="module")
def view(game: InteractiveGame) -> MapView:
    return render_map(game.games, 0, game.player)


def pixel_of(view: MapView, slot: int) -> tuple[int, int]:
    """One in the middle of what shows an entity."""
    rows, columns = np.nonzero(view.slots == slot)
    middle = int((np.abs(rows - rows.mean()) + np.abs(columns - columns.mean())).argmin())
    return int(columns[middle]), int(rows[middle])


def test_a_click_on_what_is_drawn_means_it(view: MapView) -> None:
    shown = set(np.unique(view.slots).tolist()) - {NOTHING}
    assert set(OWN) | {KEEP} <= shown
    assert not shown & {*range(8), 16}, "the other side is not in sight"
    for slot in shown:
        x, y = pixel_of(view, slot)
        press = PersonInput(kind="press", button="left", x=x, y=y)
        assert action_of(press, view) == (Act.SELECT, slot, 0, 0, 0)


def test_a_click_beside_an_entity_means_the_nearest_or_a_place() -> None:
    slots = np.full((614, 1024), NOTHING, np.int32)
    slots[100:104, 200:204], slots[100:104, 210:214] = 5, 6
    view = MapView(np.zeros((614, 1024, 3), np.uint8), slots)
    assert [slot_at(view, x, 101) for x in (193, 194, 206, 208, 219, 220)] == [
        NOTHING, 5, 5, 6, 6, NOTHING,
    ]  # fmt: skip
    assert [slot_at(view, 202, y) for y in (93, 94, 109, 110)] == [NOTHING, 5, 5, NOTHING]
    for x, y in ((0, 0), (1023, 613), (700, 300)):
        act, slot, map_x, map_y, _key = action_of(
            PersonInput(kind="press", button="right", x=x, y=y), view
        )
        assert (act, slot, map_x) == (Act.COMMAND, NOTHING, x)
        assert abs(map_y * 0.6 - y) <= 1
        assert 0 <= map_y < 1024


def test_keys_do_what_the_page_says(view: MapView) -> None:
    done = {key: action_of(PersonInput(kind="key", key=key), view)[4] for key in "swexh"}
    assert done == dict(zip("swexh", Key, strict=True))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"[1]",
        b'[{"kind": "press", "x": 5, "y": 5}]',
        b'[{"kind": "move", "x": 1024, "y": 5}]',
        b'[{"kind": "move", "x": 5, "y": 614}]',
        b'[{"kind": "move", "x": 5.5, "y": 5}]',
        b'[{"kind": "key"}]',
        b'[{"kind": "key", "key": "q"}]',
        b'[{"kind": "start", "key": "s"}]',
        b'[{"kind": "press", "x": 5, "y": 5, "button": "middle"}]',
        b'[{"kind": "start", "more": 1}]',
        json.dumps([{"kind": "start"}] * (MOST_INPUTS + 1)).encode(),
        b"[" * 100_000,
    ],
)
def test_what_is_no_input_is_refused(text: bytes) -> None:
    with pytest.raises(InputError, match="what no input is"):
        inputs_of(text)


def test_inputs_are_read() -> None:
    text = b'[{"kind": "move", "x": 3, "y": 4}, {"kind": "press", "button": "right", "x": 1}]'
    move, press = inputs_of(text)
    assert (move.kind, move.x, move.y) == ("move", 3, 4)
    assert (press.kind, press.button, press.x, press.y) == ("press", "right", 1, 0)


@pytest.fixture(scope="module")
def session(game: InteractiveGame, view: MapView, tmp_path_factory) -> SessionReader:
    """A worker is sent to a mine, then the soldiers across the map, then home."""
    mine = next(slot for slot in np.unique(view.slots).tolist() if slot in range(18, 24))
    (x, y), (mine_x, mine_y) = pixel_of(view, 8), pixel_of(view, mine)
    deeds = {
        5: [PersonInput(kind="move", x=x, y=y), PersonInput(kind="press", button="left", x=x, y=y)],
        9: [PersonInput(kind="press", button="right", x=mine_x, y=mine_y)],
        150: [PersonInput(kind="key", key="s")],
        155: [PersonInput(kind="press", button="right", x=500, y=300)],
        300: [PersonInput(kind="key", key="h")],
        320: [PersonInput(kind="start")],
    }
    assert not game.has_begun
    with SessionWriter(tmp_path_factory.mktemp("played"), game.info) as writer:
        game.record(writer)
        for tick in range(400):
            game.step(deeds.get(tick, []), view)
        assert game.has_begun
        assert not game.has_ended
        return open_session(writer.finish())


def test_a_persons_game_is_played_again_bit_by_bit(session: SessionReader) -> None:
    again = replay(session)
    assert again.is_equal
    assert again.ticks == 399
    assert (session.info.actor, session.info.opponent, session.info.player) == (
        "person", "scripted_l2", 1,
    )  # fmt: skip


def test_clicks_are_recorded_with_the_pixel_and_the_entity(
    session: SessionReader, view: MapView
) -> None:
    mouse = [event for _t, event in session.events(Topic.MOUSE) if isinstance(event, MouseEvent)]
    assert [(one.kind, one.actor) for one in mouse] == [
        ("move", "person"), ("press", "person"), ("press", "person"), ("press", "person"),
    ]  # fmt: skip
    x, y = pixel_of(view, 8)
    assert (mouse[1].x, mouse[1].y, mouse[1].button, mouse[1].entity) == (x, y, "left", 8)
    assert (mouse[3].x, mouse[3].y, mouse[3].entity) == (500, 300, None)
    assert session.counts[Topic.KEYS] == 2


def test_goals_of_a_person_are_known_by_hindsight(session: SessionReader) -> None:
    shown = demonstration_of(session)
    assert (shown.goals == UNSTATED).all()
    assert shown.player == "person"
    goals = with_goals(shown).goals
    explores, goes_home = (tick - GOAL_FORESIGHT + 1 for tick in (155, 300))
    assert (goals[:explores] == Goal.LOOT).all()
    assert (goals[explores:goes_home] == Goal.EXPLORE).all()
    assert (goals[goes_home:] == Goal.CAUTIOUS).all(), "an enemy is in sight"
    assert shown.actions[9, 0] == Act.COMMAND


@pytest.mark.parametrize("opponent", ["me", "person"])
def test_there_must_be_such_an_opponent(opponent: str) -> None:
    with pytest.raises(GameError, match=f"no scripted player '{opponent}'"):
        InteractiveGame(PlannedGame("person", opponent, 4, 0))

"""A game seen on its screen is much like the game, and no more than the screen shows."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from detector_runtime.results import ModelSource
from doubles.models import export_metadata, write_detector
from doubles.told_detector import ToldDetector

from pipeline.games.pack import load_pack
from pipeline.play.perception import looking
from pipeline.play.perception.accuracy import SightAccuracy, SightJudge
from pipeline.play.perception.looking import Finder, PerceptionError, open_finder_model
from pipeline.play.perception.sight import DetectedSight
from pipeline.play.policies.judging import TrueSight
from pipeline.play.simulator.games import Games
from pipeline.play.simulator.observation import STATUS, Column, Observations
from pipeline.play.simulator.rules import NOTHING, Act, Key, Kind
from pipeline.play.simulator.scripted import ScriptedPlayers

FIRST = np.zeros(1, np.int_)
GAME = np.zeros(1, np.intp)


def watched(games: Games, told: ToldDetector, ticks: int) -> tuple[SightAccuracy, Observations]:
    """How well the first player sees a game that goes on for so long."""
    games = games.copy()
    players = ScriptedPlayers.start([3], ("scripted_l5", "scripted_l3"))
    sight, true, judge = DetectedSight(told, games, FIRST), TrueSight(FIRST), SightJudge(1)
    for _tick in range(ticks):
        seen = sight.see(games, GAME)
        judge.compare(seen, true.see(games, GAME), GAME)
        games.step(players.act(games))
    return judge.accuracy(), seen


@pytest.mark.slow
def test_what_is_drawn_is_seen(moments: tuple[Games, Games], told: ToldDetector) -> None:
    accuracy, seen = watched(moments[0], told, 60)
    assert accuracy.recall > 0.9
    assert accuracy.precision > 0.95
    assert accuracy.place < 8
    assert accuracy.owner > 0.95
    assert accuracy.hit_points < 0.05
    assert seen.entities.shape == (1, 64, len(Column))
    assert seen.entities.dtype == np.int32
    assert seen.status.shape == (1, len(STATUS))


@pytest.mark.slow
def test_a_detector_of_one_size_sees_as_much(
    moments: tuple[Games, Games], told: ToldDetector
) -> None:
    told.facts = replace(told.facts, has_free_size=False, input_size=(1024, 640))
    accuracy, _seen = watched(moments[0], told, 60)
    assert accuracy.recall > 0.9
    assert accuracy.precision > 0.95
    assert accuracy.place < 8


@pytest.mark.slow
def test_a_worse_detector_sees_worse(moments: tuple[Games, Games], told: ToldDetector) -> None:
    told.missed, told.false, told.noise = 0.6, 0.8, 3.0
    accuracy, _seen = watched(moments[0], told, 60)
    assert accuracy.recall < 0.85
    assert accuracy.precision < 0.9


def test_stock_and_score_are_read_and_the_rest_is_not_told(
    moments: tuple[Games, Games], told: ToldDetector
) -> None:
    games = moments[0].copy()
    games.players["stock"], games.players["score"] = 407, 1613
    seen = DetectedSight(told, games, FIRST).see(games, GAME)
    assert seen.status.tolist() == [[800, 407, 1613, 0]]
    mines = seen.entities[0][seen.entities[0, :, Column.KIND] == Kind.GOLD_MINE]
    assert len(mines)
    assert set(mines[:, Column.CARRIES].tolist()) == {150}
    assert (games.entities["carries"][games.entities["kind"] == Kind.GOLD_MINE] < 150).any()


@pytest.mark.slow
def test_looks_come_at_their_rate_and_places_are_predicted_between(
    moments: tuple[Games, Games], told: ToldDetector
) -> None:
    games = moments[0].copy()
    players = ScriptedPlayers.start([3], ("scripted_l5", "scripted_l3"))
    sight = DetectedSight(told, games, FIRST, look_ticks=5)
    places = []
    for tick in range(20):
        seen = sight.see(games, GAME)
        assert told.looks == tick // 5 + 1
        places.append(seen.entities[0, :, [Column.X, Column.Y]].copy())
        games.step(players.act(games))
    moved = [(first != second).any() for first, second in pairwise(places)]
    assert sum(moved) > 8  # Four looks show at most three changes.


def test_a_click_falls_where_its_target_was_seen(
    moments: tuple[Games, Games], told: ToldDetector
) -> None:
    games = moments[0].copy()
    sight = DetectedSight(told, games, FIRST)
    seen = sight.see(games, GAME)
    (worker, *_others) = np.flatnonzero(
        (seen.entities[0, :, Column.KIND] == Kind.WORKER) & (seen.entities[0, :, Column.OWNER] == 0)
    ).tolist()
    place = seen.entities[0, worker, [Column.X, Column.Y]]
    aimed = sight.aim(np.array([[Act.SELECT, worker, 2, -1, 0]], np.int32), seen)
    assert aimed.tolist() == [[Act.SELECT, NOTHING, place[0] + 2, place[1] - 1, 0]]
    # Seen elsewhere than it is: the click misses.
    wrong = Observations(seen.entities.copy(), seen.status, seen.ground)
    wrong.entities[0, worker, Column.X] += 60
    missed = sight.aim(np.array([[Act.SELECT, worker, 0, 0, 0]], np.int32), wrong)
    for click, chosen in ((aimed, True), (missed, False)):
        clicked = games.copy()
        actions = clicked.no_actions()
        actions[:, 0] = click
        clicked.step(actions)
        assert (int(clicked.players["selected"][0, 0]) in (1, 2)) == chosen
    nobody = int(np.flatnonzero(seen.entities[0, :, Column.ID] == NOTHING)[0])
    unknown = sight.aim(np.array([[Act.COMMAND, nobody, 0, 0, 0]], np.int32), seen)
    assert unknown.tolist() == [[Act.NOTHING, NOTHING, 0, 0, 0]]
    key = np.array([[Act.KEY, NOTHING, 0, 0, Key.SOLDIERS]], np.int32)
    assert sight.aim(key, seen).tolist() == key.tolist()


def test_a_detector_of_another_game_is_refused(told: ToldDetector) -> None:
    told.facts = type(told.facts)(
        source=ModelSource("onnx", "other.onnx"), class_names=("keep", "sheep"), input_size=(64, 64)
    )
    with pytest.raises(PerceptionError, match=r"other\.onnx finds no worker, swordsman"):
        Finder(told, np.zeros((2, 3), np.int_))


def test_a_detector_that_takes_no_scale_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = load_pack("demo").class_names
    file = write_detector(
        tmp_path / "demo.onnx", export_metadata(names, (320, 320)), size=(320, 320)
    )
    model = open_finder_model(file)
    assert (model.facts.scale, model.facts.keeps_scale) == (1.0, True)
    monkeypatch.setattr(looking, "FRAME_WIDTH", 1_000_000)
    with pytest.raises(PerceptionError, match=r"demo\.onnx cannot be shown screens at the scale"):
        open_finder_model(file)

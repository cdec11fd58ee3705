"""Games begin with set-ups as these say, keep the rules, and leave games of seeds as they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from doubles.plain_game import PlainGame, differences
from pydantic import ValidationError

from pipeline.play.simulator.games import Games
from pipeline.play.simulator.hand_made.map_drawings import map_drawings
from pipeline.play.simulator.hand_made.scenarios import (
    Scenario,
    ScenarioError,
    drawn_scenarios,
    read_scenarios,
    scenario_numbers,
    start_games,
)
from pipeline.play.simulator.maps import MAPS
from pipeline.play.simulator.matches import play_out
from pipeline.play.simulator.rules import MAP_SIDE, SUBPIXELS, UNITS, Kind, Result
from pipeline.play.simulator.scripted import ScriptedPlayers

KEEP = {"kind": "keep", "x": 160, "y": 160, "hit_points": 200}
RIDER = {"kind": "rider", "x": 300, "y": 160, "hit_points": 40}
MINE = {"kind": "gold_mine", "x": 90, "y": 350, "holds": 7}


def scenario(**fields: Any) -> Scenario:
    return Scenario.model_validate({"name": "one", "map": "hills", **fields})


def test_a_game_begins_as_its_set_up_says() -> None:
    games = start_games([4], [scenario(first=[KEEP, RIDER, MINE])])
    entities = games.entities[0]
    assert np.flatnonzero(entities["present"]).tolist() == [6, UNITS + 6, 16, 17, 18, 21]
    rider, its_opposite, keep, mine = entities[[6, UNITS + 6, 16, 18]]
    assert (rider["kind"], rider["hit_points"], keep["hit_points"]) == (Kind.RIDER, 40, 200)
    assert (mine["kind"], mine["carries"], mine["owner"]) == (Kind.GOLD_MINE, 7, -1)
    assert (rider["x"], rider["goal_y"]) == (300 * SUBPIXELS, 160 * SUBPIXELS)
    assert its_opposite["x"] == (MAP_SIDE - 1 - 300) * SUBPIXELS
    assert games.clocks["random"][0] == Games.start([4]).clocks["random"][0]
    assert games.clocks["map"][0] == MAPS + 1


def test_a_made_map_as_it_is_is_a_game_of_a_seed() -> None:
    by_seed = Games.start([11])
    by_map = start_games([11], [scenario(map=int(by_seed.clocks["map"][0]))])
    assert by_map.to_bytes(0) == by_seed.to_bytes(0)
    assert start_games([11]).to_bytes(0) == by_seed.to_bytes(0)


def test_set_ups_keep_the_plain_rules() -> None:
    drawn, seeds = drawn_scenarios(), range(2 * len(map_drawings()))
    games = start_games(seeds, drawn)
    players = ScriptedPlayers.start(seeds, ("scripted_l2", "scripted_l1"))
    # Of the pass and the lake: around rocks, and afloat.
    plain = {number: PlainGame(games, number) for number in (6, 10)}
    for tick in range(500):
        actions = players.act(games)
        games.step(actions)
        for number, game in plain.items():
            game.step([tuple(row) for row in actions[number].tolist()])
            assert tick % 20 or differences(game, games, number) == [], (tick, number)
    restored = Games.from_bytes([games.to_bytes(10)])
    assert restored.to_bytes(0) == games.to_bytes(10)


def test_a_side_whose_keep_falls_at_once_loses() -> None:
    weak, strong = [{**KEEP, "hit_points": 1}, RIDER], [KEEP | {"x": 863, "y": 863}]
    strong.append({"kind": "rider", "x": 190, "y": 185})
    games = start_games([0, 1], [scenario(first=weak, second=strong)])
    ended = play_out(games, ScriptedPlayers.start([0, 1], (None, None)))
    assert ended.clocks["result"].tolist() == [Result.SECOND_SIDE] * 2
    assert ended.clocks["tick"].max() < 100


def test_two_seeds_that_follow_each_other_have_one_set_up() -> None:
    assert scenario_numbers(range(8), 3) == [0, 0, 1, 1, 2, 2, 0, 0]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"map": "nowhere"}, "choose one of plain"),
        ({"map": MAPS}, "0 to 31"),
        ({"first": [KEEP]}, "first side needs a keep and a unit"),
        ({"second": [RIDER]}, "second side needs a keep and a unit"),
        ({"first": [KEEP, RIDER, RIDER]}, "1 too many of rider"),
        ({"first": [KEEP, {**RIDER, "x": 480}]}, "rider cannot be at 480, 160"),
        ({"first": [KEEP, {**RIDER, "kind": "warship"}]}, "warship cannot be"),
        ({"first": [KEEP, {**RIDER, "hit_points": 91}]}, "90 hit points at most"),
        ({"first": [KEEP, {**RIDER, "holds": 1}]}, "holds 0 at most"),
        ({"first": [KEEP, RIDER, {**MINE, "holds": 151}]}, "holds 150 at most"),
    ],
)
def test_a_set_up_that_cannot_be_is_refused(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        scenario(**fields)


def test_set_ups_are_read_from_a_file_or_refused(tmp_path: Path) -> None:
    file = tmp_path / "set-ups.yaml"
    file.write_text("[{name: one, map: ford}, {name: two, map: 3}]", "utf-8")
    assert [one.map_number for one in read_scenarios(file)] == [MAPS + 4, 3]
    for text in ("[{name: one, map: ford}, {name: one, map: 3}]", "{", "[{name: one}]"):
        file.write_text(text, "utf-8")
        with pytest.raises(ScenarioError, match="cannot be read"):
            read_scenarios(file)
    with pytest.raises(ScenarioError):
        read_scenarios(tmp_path / "none.yaml")

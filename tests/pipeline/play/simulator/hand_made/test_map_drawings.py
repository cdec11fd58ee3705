"""Drawn maps are whole, reachable, and the same from both sides."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.play.simulator.hand_made.map_drawings import MapDrawing, map_drawings
from pipeline.play.simulator.maps import CELLS, MAPS, map_count, map_of
from pipeline.play.simulator.rules import CELL, Ground

DRAWN = range(MAPS, map_count())


@pytest.mark.parametrize("number", DRAWN)
def test_a_drawn_map_is_fair_and_all_of_its_land_can_be_reached(number: int) -> None:
    game_map, drawing = map_of(number), map_drawings()[number - MAPS]
    assert (game_map.ground == game_map.ground[::-1, ::-1]).all()
    assert game_map.ground.tolist() == drawing.ground()
    land = np.flatnonzero(game_map.ground.ravel() == Ground.LAND)
    assert (game_map.nearest[0, land] == land).all()
    lake = np.flatnonzero(game_map.nearest[1] == np.arange(CELLS))
    assert (game_map.units[0][-1] is None) == (drawing.name != "lake")
    for place in filter(None, (*game_map.keeps, *game_map.units[0], *game_map.resources[0])):
        cell = place[1] // CELL * 16 + place[0] // CELL
        assert cell in (lake if place == game_map.units[0][-1] else land)
    if drawing.name == "lake":
        # Both ships are on the same water.
        x, y = game_map.units[0][-1] or (0, 0)
        assert 255 - (y // CELL * 16 + x // CELL) in lake


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ((0, "....x..........."), "is not 16 of"),
        ((0, "..."), "is not 16 of"),
        ((1, "................"), "it needs 2 of gold_mine"),
        ((7, "WW.............."), "one warship"),
    ],
)
def test_a_drawing_that_is_no_map_is_refused(change: tuple[int, str], problem: str) -> None:
    rows = list(map_drawings()[0].rows)
    rows[change[0]] = change[1]
    with pytest.raises(ValidationError, match=problem):
        MapDrawing(name="wrong", description="", rows=tuple(rows))

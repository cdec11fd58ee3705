"""Boxes stand on the ground where the art says, and units light up the cells that the game does."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.demo_game.art.catalogue import drawing
from pipeline.play.perception.places import FEET, feet, in_cells, on_map, seen_cells
from pipeline.play.simulator.games import Games
from pipeline.play.simulator.observation import lit_cells
from pipeline.play.simulator.rules import SUBPIXELS, UNITS, Kind
from pipeline.play.simulator.view import _FILES, STANDING, WALKING


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind != Kind.WARSHIP])
def test_feet_are_where_the_art_has_them(kind: Kind) -> None:
    """On average, over those that a sprite faces to both sides."""
    name = STANDING.get(kind) or f"u_{WALKING[kind][0]}_walkA_x1"
    file = _FILES[name]
    views = [drawing(file, heading, 0) for heading in range(0, file.headings, 4)]
    offsets = [
        (view.hotspot[0] - view.mask.shape[1] / 2, view.hotspot[1] - view.mask.shape[0])
        for view in views
    ]
    assert np.mean(offsets, axis=0) == pytest.approx(np.array(FEET[kind]), abs=2.0)


def test_a_place_is_below_the_middle_of_a_box() -> None:
    boxes = np.array([[100, 50, 120, 90]], np.float32)
    (place,) = feet(boxes, np.array([Kind.WORKER]))
    assert place == pytest.approx((110, 87.7))
    assert on_map(np.array([[110.0, 60.0]])) == pytest.approx(np.array([[110.0, 100.0]]))
    assert on_map(np.array([[-3.0, 700.0]])) == pytest.approx(np.array([[0.0, 1023.0]]))


def test_units_see_as_far_as_the_game_says(moments: tuple[Games, Games]) -> None:
    games = moments[1]
    entities = games.entities[0]
    for player in (0, 1):
        own = entities[(entities["owner"] == player) & (entities["present"] == 1)]
        assert 2 <= len(own) <= UNITS + 1
        places = np.stack([own["x"], own["y"]], axis=1) / SUBPIXELS
        lit = seen_cells(places, own["kind"])
        np.testing.assert_array_equal(lit, lit_cells(games.in_sight[0, player]))
        assert in_cells(lit, places).all()

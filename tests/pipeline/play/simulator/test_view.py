"""A drawn game shows what is there, where it is, and nothing that its player does not see."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.play.simulator.games import Games
from pipeline.play.simulator.observation import Column, observe
from pipeline.play.simulator.rules import FIGURES, SUBPIXELS, Kind
from pipeline.play.simulator.scripted import ScriptedPlayers
from pipeline.play.simulator.view import Camera, camera_of, render, render_map


@pytest.fixture(scope="module")
def games() -> Games:
    games, players = Games.start([7]), ScriptedPlayers.start([7], ("scripted_l3", "scripted_l1"))
    for _tick in range(1000):
        games.step(players.act(games))
    return games


def test_boxes_are_where_things_stand(games):
    camera = camera_of(games, 0, 0)
    drawn = render(games, 0, camera)
    assert drawn.image.shape == (256, 320, 3)
    tagged = [seen for seen in drawn.objects if seen.tag is not None]
    assert tagged
    for seen in tagged:
        entity = games.entities[0, seen.tag]
        assert seen.class_name == Kind(int(entity["kind"])).name.lower()
        x, y = camera.to_screen(int(entity["x"]) // SUBPIXELS, int(entity["y"]) // SUBPIXELS)
        box = seen.box
        assert box.x1 - 20 <= x <= box.x2 + 20
        assert box.y1 - 20 <= y <= box.y2 + 20


def test_a_player_is_shown_what_it_knows(games):
    """What it remembers, too, unless that walks or sails."""
    known = observe(games, 0).entities[0]
    shown = {
        seen.tag
        for x in range(160, 1024, 300)
        for y in range(160, 1024, 300)
        for seen in render(games, 0, Camera.on(x, y), player=0).objects
        if seen.tag is not None
    }
    in_sight = {int(row[Column.ID]) for row in known if row[Column.KNOWN] == 1}
    remembered = {
        int(row[Column.ID]): Kind(row[Column.KIND]) for row in known[known[:, Column.KNOWN] == 2]
    }
    still = {slot for slot, kind in remembered.items() if FIGURES[kind].speed == 0}
    assert remembered.keys() > still
    assert shown & in_sight
    assert shown & still
    assert shown <= in_sight | still


def test_units_out_of_sight_are_drawn_for_nobody_but_their_player():
    games = Games.start([7])
    camera = camera_of(games, 0, 1)
    assert [seen for seen in render(games, 0, camera, player=1).objects if seen.tag is not None]
    hidden = render(games, 0, camera, player=0)
    assert hidden.objects == ()
    board = hidden.image[20:200, :250]
    assert board.max() < 40  # Never explored.


def test_the_same_moment_is_the_same_image(games):
    camera = camera_of(games, 0, 0)
    first, again = render(games, 0, camera, 0), render(games.copy(), 0, camera, 0)
    assert (first.image == again.image).all()


def test_who_is_selected_is_marked():
    games = Games.start([7])
    plain = render(games, 0, camera_of(games, 0, 0), player=0).image
    chosen = games.copy()
    chosen.players["selected"][0, 0] = 255
    assert (render(chosen, 0, camera_of(games, 0, 0), player=0).image != plain).any()


def test_a_camera_keeps_to_the_map_and_knows_places():
    for x, y in ((0, 0), (1023, 1023), (500, 300)):
        camera = Camera.on(x, y)
        column, row = camera.to_screen(x, y)
        assert 0 <= column < 320
        assert 0 <= row <= 256
        assert np.abs(np.subtract(camera.to_map(column, row), (x, y))).max() <= 1


@pytest.mark.parametrize("player", [None, 0])
def test_the_whole_map_shows_what_a_screen_shows(games, player):
    camera = camera_of(games, 0, 0)
    screen, whole = render(games, 0, camera, player), render_map(games, 0, player)
    assert whole.image.shape == (614, 1024, 3)
    there = (slice(camera.top, camera.top + 256), slice(camera.left, camera.left + 320))
    without_interface = (slice(13, 210), slice(0, 320))
    np.testing.assert_array_equal(
        whole.image[there][without_interface], screen.image[without_interface]
    )
    for seen in screen.objects:
        box = seen.box
        slots = whole.slots[there][int(box.y1) : int(box.y2), int(box.x1) : int(box.x2)]
        assert set(slots[seen.mask].tolist()) == {-1 if seen.tag is None else seen.tag}
    assert (render_map(games, 0, player, bars=False).image != whole.image).any()

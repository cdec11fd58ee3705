"""The captures show every class, truly labelled."""

from collections import Counter

import numpy as np
import pytest

from pipeline.demo_game.art.catalogue import DISTRACTOR
from pipeline.demo_game.interface import MAP_HEIGHT, MAP_WIDTH, TOP_HEIGHT
from pipeline.demo_game.renderer import (
    FRAME_HEIGHT,
    FRAME_WIDTH,
    FRAMES,
    MIN_SIDE,
    SESSIONS,
    Screenshot,
    screenshot,
)
from pipeline.demo_game.world import WATER_CLASSES, World, world_of
from pipeline.games.pack import load_pack

pytestmark = pytest.mark.slow
"""All screenshots of the built-in game are drawn for these: half a minute of two cores."""

Sessions = dict[str, tuple[Screenshot, ...]]
NAMES = [session.name for session in SESSIONS]


@pytest.fixture(scope="module")
def worlds() -> dict[str, World]:
    """The maps of all sessions."""
    return {session.name: world_of(session) for session in SESSIONS}


@pytest.mark.parametrize("name", NAMES)
def test_a_session_has_24_frames_of_the_games_screen(sessions: Sessions, name: str) -> None:
    frames = sessions[name]
    assert [frame.name for frame in frames] == [f"{name}_{number:02d}" for number in range(FRAMES)]
    assert all(frame.image.shape == (FRAME_HEIGHT, FRAME_WIDTH, 3) for frame in frames)
    assert all(frame.image.dtype == np.uint8 for frame in frames)


@pytest.mark.parametrize("name", NAMES)
def test_every_class_is_seen_often_enough_in_every_session(sessions: Sessions, name: str) -> None:
    counts = Counter(seen.class_name for frame in sessions[name] for seen in frame.objects)
    assert set(counts) == set(load_pack("demo").class_names)
    assert min(counts.values()) >= 8


@pytest.mark.parametrize("name", NAMES)
def test_a_frame_holds_12_to_20_objects_on_average(sessions: Sessions, name: str) -> None:
    counts = [len(frame.objects) for frame in sessions[name]]
    assert 12 <= np.mean(counts) <= 20
    assert min(counts) >= 5


@pytest.mark.parametrize("name", NAMES)
def test_a_session_has_land_and_water(worlds: dict[str, World], name: str) -> None:
    assert 0.25 < (worlds[name].elevation < 0).mean() < 0.6


def test_water_classes_are_those_of_the_pack() -> None:
    pack = load_pack("demo")
    assert {known.name for known in pack.classes if known.scene == "water"} == WATER_CLASSES


@pytest.mark.parametrize("name", NAMES)
def test_everything_stands_on_its_element(worlds: dict[str, World], name: str) -> None:
    world = worlds[name]
    for entity in world.entities:
        afloat = entity.file.shows in WATER_CLASSES
        for dx, dy in ((0, 0), (8, 0), (-8, 0), (0, 5), (0, -5)):
            assert (world.elevation[entity.y + dy, entity.x + dx] < 0) == afloat


def test_a_box_is_the_extent_of_what_is_seen(sessions: Sessions) -> None:
    for frames in sessions.values():
        for seen in (seen for frame in frames for seen in frame.objects):
            box, mask = seen.box, seen.mask
            assert mask.shape == (box.height, box.width)
            assert mask[0].any()
            assert mask[-1].any()
            assert mask[:, 0].any()
            assert mask[:, -1].any()
            assert min(box.width, box.height) >= MIN_SIDE


def test_boxes_lie_in_the_image_and_clear_of_the_interface(sessions: Sessions) -> None:
    covered = np.zeros((FRAME_HEIGHT, FRAME_WIDTH), bool)
    covered[:TOP_HEIGHT] = True
    covered[-MAP_HEIGHT:, -MAP_WIDTH:] = True
    for frames in sessions.values():
        for seen in (seen for frame in frames for seen in frame.objects):
            x1, y1, x2, y2 = (int(v) for v in (seen.box.x1, seen.box.y1, seen.box.x2, seen.box.y2))
            assert x1 >= 0
            assert x2 <= FRAME_WIDTH
            assert y1 >= 0
            assert y2 <= FRAME_HEIGHT
            assert not (covered[y1:y2, x1:x2] & seen.mask).any()


def test_no_pixel_belongs_to_two_objects(sessions: Sessions) -> None:
    for frame in sessions["harbour"]:
        owners = np.zeros((FRAME_HEIGHT, FRAME_WIDTH), int)
        for seen in frame.objects:
            rows = slice(int(seen.box.y1), int(seen.box.y2))
            owners[rows, int(seen.box.x1) : int(seen.box.x2)] += seen.mask
        assert owners.max() == 1


def test_scenery_is_drawn_but_not_labelled(sessions: Sessions, worlds: dict[str, World]) -> None:
    entities = worlds["valley"].entities
    assert any(entity.file.shows == DISTRACTOR for entity in entities)
    for frames in sessions.values():
        assert all(seen.class_name != DISTRACTOR for frame in frames for seen in frame.objects)


def test_sessions_differ_in_light_and_place(sessions: Sessions) -> None:
    tints = {
        name: np.mean([frame.image.reshape(-1, 3).mean(axis=0) for frame in frames], axis=0)
        for name, frames in sessions.items()
    }
    assert tints["valley"][0] - tints["valley"][2] > tints["harbour"][0] - tints["harbour"][2] + 3
    first = [frames[0].image for frames in sessions.values()]
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first[1], first[2])


def test_playing_again_gives_the_same_frames(sessions: Sessions) -> None:
    for number, before in enumerate(sessions["harbour"][:3]):
        frame = screenshot("harbour", number)
        assert frame.image.tobytes() == before.image.tobytes()
        assert [seen.box for seen in frame.objects] == [seen.box for seen in before.objects]

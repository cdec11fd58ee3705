"""What the files of the built-in game show, and how large it is."""

import pytest

from pipeline.demo_game.art.catalogue import DECOY, DISTRACTOR, drawings_of, sprite_files
from pipeline.games.pack import load_pack

CLASSES = load_pack("demo").class_names


def sizes(shows: str) -> list[tuple[int, int]]:
    """Width and height of every frame."""
    return [
        (drawing.mask.shape[1], drawing.mask.shape[0])
        for file in sprite_files()
        if file.shows == shows
        for drawing in drawings_of(file)
    ]


def test_the_files_show_exactly_the_classes_of_the_pack() -> None:
    assert {file.shows for file in sprite_files()} == {*CLASSES, DISTRACTOR, DECOY}
    assert len(CLASSES) == 16


def test_at_least_four_classes_live_on_water_alone() -> None:
    assert sum(known.scene == "water" for known in load_pack("demo").classes) >= 4


@pytest.mark.parametrize("shows", ["sheep", "chicken"])
def test_small_animals_are_12_to_20_pixels_long(shows: str) -> None:
    assert all(12 <= max(size) <= 20 for size in sizes(shows))


@pytest.mark.parametrize("shows", ["keep", "house", "mill"])
def test_buildings_are_the_largest_things_on_land(shows: str) -> None:
    assert all(40 <= max(size) <= 90 for size in sizes(shows))


@pytest.mark.slow
def test_look_alikes_have_about_the_same_size() -> None:
    tall = [max(height for _, height in sizes(shows)) for shows in ("swordsman", "spearman")]
    wide = [max(width for width, _ in sizes(shows)) for shows in ("swordsman", "spearman")]
    assert max(tall) < 1.6 * min(tall)
    assert max(wide) < 1.6 * min(wide)


@pytest.mark.parametrize("shows", CLASSES)
def test_everything_can_be_seen_in_a_scene(shows: str) -> None:
    assert all(min(size) >= 7 and max(size) <= 90 for size in sizes(shows))


def test_units_belong_to_a_player_and_nature_to_nobody() -> None:
    owned = {
        file.shows
        for file in sprite_files()
        if file.shows != DECOY and any(drawing.player.any() for drawing in drawings_of(file))
    }
    assert {"keep", "swordsman", "spearman", "rider", "worker", "warship"} <= owned
    assert not owned & {"tree", "gold_mine", "berry_bush", "fish", "whale", "sheep", "chicken"}

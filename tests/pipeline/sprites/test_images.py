"""An image becomes a sprite file of two headings, with its shadow and player's part apart."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.games.sections.images import parse_shades
from pipeline.sprites.images import SpriteImage, frame_of
from pipeline.sprites.recolour import recolour
from pipeline.sprites.select import PieceFile, SpriteTask
from pipeline.sprites.take import take_sprites

SHADES = ("F49AC1", "3F0016", "EC008C", "FDE9F1", "D6007F")
MEAN = (0xF4 + 0x9A + 0xC1) / 3
COLOURS = st.tuples(*(st.integers(0, 255) for _ in range(3)))


def one_pixel(colour: tuple[int, int, int]) -> np.ndarray:
    return np.array([[[*colour, 255]]], np.uint8)


def as_the_game_paints(shade: tuple[int, int, int], team: tuple[int, int, int]) -> list[float]:
    """Its own rule: in proportion below the reference's mean, towards white above it."""
    mean = sum(shade) / 3
    if mean <= MEAN:
        return [mean / MEAN * value for value in team]
    share = (255 - mean) / (255 - MEAN)
    return [share * value + (1 - share) * 255 for value in team]


@given(team=COLOURS, number=st.integers(0, len(SHADES) - 1))
def test_recoloured_shades_are_those_of_the_game(team: tuple[int, int, int], number: int) -> None:
    shade = next(parse_shades(SHADES[number]))
    frame = frame_of(one_pixel(shade), SHADES)
    assert frame.main is not None
    assert frame.player is not None
    painted = recolour(frame.main.pixels, frame.player.pixels, team)
    np.testing.assert_allclose(painted[0, 0, :3], as_the_game_paints(shade, team), atol=1.6)


@given(colour=COLOURS)
def test_other_colours_stay_as_they_are(colour: tuple[int, int, int]) -> None:
    known = {shade for entry in SHADES for shade in parse_shades(entry)}
    frame = frame_of(one_pixel(colour), SHADES)
    assert frame.main is not None
    if colour not in known:
        assert frame.player is None
        assert frame.main.pixels[0, 0].tolist() == [*colour, 255]


def test_a_run_of_shades_stands_for_all_between() -> None:
    assert list(parse_shades("010000..040000")) == [(n, 0, 0) for n in range(1, 5)]


def test_half_transparent_dark_pixels_are_the_shadow() -> None:
    image = np.zeros((4, 4, 4), np.uint8)
    image[0] = (200, 180, 160, 255)
    image[3] = (22, 0, 52, 153)
    frame = frame_of(image)
    assert frame.shadow is not None
    assert frame.main is not None
    assert frame.shadow.pixels[3].tolist() == [153] * 4
    assert frame.main.pixels[3].max() == 0


def test_two_headings_are_the_image_and_its_mirror_image() -> None:
    image = np.zeros((8, 8, 4), np.uint8)
    image[2:6, 1:4] = (200, 10, 10, 255)
    right, left = SpriteImage(image).frames.select([0, 1])
    assert right.main is not None
    assert left.main is not None
    np.testing.assert_array_equal(left.main.pixels, right.main.pixels[:, ::-1])
    assert right.hotspot == left.hotspot == (4, 4)


@pytest.mark.parametrize(("headings", "count"), [(1, 1), (2, 2), (4, 2)])
def test_a_task_takes_as_many_headings_as_the_rule_asks(
    tmp_path: Path, headings: int, count: int
) -> None:
    image = np.zeros((72, 72, 4), np.uint8)
    image[20:60, 30:50] = (200, 10, 10, 255)
    file = tmp_path / "unit.png"
    Image.fromarray(image).save(file)
    task = SpriteTask("knight", "units.unit", file, (PieceFile(file),), headings, 1)
    taken = take_sprites(task, "units/unit.png", "0" * 64)
    assert taken.failed is None
    assert [sprite.heading for sprite in taken.sprites] == list(range(count))
    first = taken.sprites[0]
    # From the middle of the hex to the top left of what is opaque.
    assert first.hotspot == (36 - 30, 36 - 20)
    assert first.rgba.shape == (40, 20, 4)


def test_a_damaged_image_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "unit.png"
    file.write_bytes(b"no image")
    taken = take_sprites(SpriteTask("knight", "unit", file, (), 1, 1), "unit.png", "")
    assert taken.failed is not None
    assert "unit.png" in taken.failed

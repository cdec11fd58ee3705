"""Maps of hexes: what lies where, which ground is land, and the same map again."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.backgrounds.hexes import (
    SIDES,
    HexGrid,
    HexImages,
    draw_map,
    neighbours,
    open_images,
)
from pipeline.backgrounds.images import read_index
from pipeline.backgrounds.sets import BackgroundSet
from pipeline.backgrounds.textures import TextureError
from pipeline.games.pack import TerrainRules

GRASS, SAND, SEA, RIM = (40, 160, 40), (210, 200, 150), (20, 60, 200), (250, 0, 0)
WIDTH, HEIGHT = 400, 300

RULES = TerrainRules.model_validate(
    {
        "folder": "terrain",
        "subfolders": ["ground"],
        "suffix": ".png",
        "land_count": 2,
        "water_count": 1,
        "shore": {"count": 2},
        "hexes": {
            "kinds": [
                {"name": "sea", "water": True, "include": "ground/sea"},
                {"name": "sand", "include": "ground/sand", "wading": True},
                {
                    "name": "grass",
                    "include": "ground/grass{,2}",
                    "borders": [{"onto": ["sea"], "image": "ground/rim"}],
                },
            ]
        },
    }
)


@pytest.fixture(scope="module")
def game(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("game") / "terrain" / "ground"
    folder.mkdir(parents=True)
    for name, colour in (("grass", GRASS), ("grass2", GRASS), ("sand", SAND)):
        Image.new("RGBA", (72, 72), (*colour, 255)).save(folder / f"{name}.png")
    # Larger than a hex: laid out over all of them.
    Image.new("RGB", (342, 180), SEA).save(folder / "sea.png")
    for side in SIDES:
        rim = Image.new("RGBA", (72, 72))
        rim.putpixel((36, 36), (*RIM, 255))
        rim.save(folder / f"rim-{side}.png")
    return folder.parents[1]


@pytest.fixture(scope="module")
def images(game: Path) -> HexImages:
    base = game / "terrain"
    return open_images(
        {file.relative_to(base).as_posix(): file for file in base.rglob("*.png")}, RULES
    )


@given(column=st.integers(-50, 50), row=st.integers(-50, 50))
def test_neighbours_are_a_hex_away_and_know_each_other(column: int, row: int) -> None:
    grid = HexGrid(0, 0, 54, 72)
    x, y = grid.middle((column, row))
    for number, other in enumerate(neighbours((column, row))):
        u, v = grid.middle(other)
        assert (abs(u - x), abs(v - y)) in {(0, 72), (54, 36)}
        assert neighbours(other)[(number + 3) % 6] == (column, row)


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 1000))
def test_the_middle_of_a_hex_is_land_or_water_as_the_shore_says(
    images: HexImages, seed: int
) -> None:
    drawn = draw_map("shore", images, RULES.shore, (WIDTH, HEIGHT), np.random.default_rng(seed))
    assert drawn.shore is not None
    for column in range(8):
        for row in range(5):
            x, y = drawn.grid.middle((column, row))
            if 0 <= x < WIDTH - 3 and 0 <= y < HEIGHT - 3:
                is_sea = tuple(drawn.pixels[y + 3, x + 3].tolist()) == SEA
                assert is_sea == (drawn.shore.side(x, y) < 0)


@pytest.mark.parametrize(("kind", "colours"), [("water", {SEA}), ("land", {GRASS, SAND})])
def test_a_map_of_one_kind_shows_nothing_else(
    images: HexImages, kind: str, colours: set[tuple[int, int, int]]
) -> None:
    drawn = draw_map(kind, images, RULES.shore, (WIDTH, HEIGHT), np.random.default_rng(3))  # type: ignore[arg-type]
    assert set(map(tuple, drawn.pixels.reshape(-1, 3).tolist())) <= colours


def test_borders_are_drawn_on_the_neighbour_alone(images: HexImages) -> None:
    drawn = draw_map("shore", images, RULES.shore, (WIDTH, HEIGHT), np.random.default_rng(1))
    assert drawn.shore is not None
    red = np.argwhere((drawn.pixels == RIM).all(axis=2))
    assert len(red) > 0
    assert all(drawn.shore.side(x, y) < 0 for y, x in red.tolist())


def test_hexes_to_wade_in_are_known(images: HexImages) -> None:
    drawn = draw_map("land", images, RULES.shore, (WIDTH, HEIGHT), np.random.default_rng(3))
    for x, y in drawn.wading:
        if 0 <= x < WIDTH and 0 <= y < HEIGHT:
            assert tuple(drawn.pixels[y, x].tolist()) == SAND


def test_the_same_seed_gives_the_same_bytes(game: Path, tmp_path: Path) -> None:
    files = sorted((game / "terrain").rglob("*.png"))
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        BackgroundSet.write(tmp_path / name, "shore", (game, files), RULES, (200, 200))
    first, second = (sorted((tmp_path / name).iterdir()) for name in ("first", "second"))
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]


def test_a_written_background_keeps_its_grid_and_is_larger_than_a_scene(
    game: Path, tmp_path: Path
) -> None:
    files = sorted((game / "terrain").rglob("*.png"))
    BackgroundSet.write(tmp_path, "land", (game, files), RULES, (200, 160))
    entries = read_index(tmp_path)
    assert len(entries) == RULES.land_count
    assert all(entry.grid is not None and entry.grid.column == 54 for entry in entries)
    with Image.open(tmp_path / entries[0].file) as image:
        assert image.size == (200 + 2 * 54, 160 + 72)


def test_a_kind_without_an_image_is_named() -> None:
    with pytest.raises(TextureError, match="'sea'"):
        open_images({}, RULES)

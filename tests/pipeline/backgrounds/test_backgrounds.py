"""Backgrounds: the right textures, softened, the same bytes from the same seed."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.backgrounds.pictures import (
    background_sheet,
    make_background,
    read_index,
    write_backgrounds,
)
from pipeline.backgrounds.soften import ground
from pipeline.backgrounds.textures import Texture, TextureError, choose_textures
from pipeline.games.pack import Softening, TerrainRules

SIZE = (96, 64)


def rules(**changes: object) -> TerrainRules:
    given: dict[str, object] = {
        "folder": "textures",
        "land": [{"include": "g_gr*", "weight": 4}, {"include": "g_dirt"}, {"include": "g_dark"}],
        "water": [{"include": "g_wt*"}],
        "exclude": ["*_placeholder"],
        "land_count": 6,
        "water_count": 3,
    }
    return TerrainRules.model_validate({**given, **changes})


def texture_file(folder: Path, name: str, colour: tuple[int, int, int]) -> Path:
    noise = np.random.default_rng(sum(name.encode())).integers(-8, 8, (64, 64, 3))
    pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(folder / f"{name}.dds")
    return folder / f"{name}.dds"


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    colours = {
        "g_grass": (60, 140, 50),
        "g_gr_placeholder": (200, 0, 200),
        "g_dirt": (150, 110, 60),
        "g_dark": (4, 4, 4),
        "g_wtr": (40, 80, 160),
        "x_other": (9, 200, 9),
    }
    return [texture_file(tmp_path, name, colour) for name, colour in colours.items()]


def test_each_kind_takes_its_own_textures_and_says_what_it_left_out(files: list[Path]) -> None:
    land = choose_textures(files, "land", rules())
    assert {texture.name: texture.weight for texture in land.textures} == {
        "g_grass": 4.0,
        "g_dirt": 1.0,
    }
    assert set(land.left_out) == {"g_gr_placeholder", "g_dark"}
    assert "darker" in land.left_out["g_dark"]
    water = choose_textures(files, "water", rules())
    assert [texture.name for texture in water.textures] == ["g_wtr"]


def test_a_damaged_texture_is_left_out_and_the_rest_is_used(files: list[Path]) -> None:
    grass = next(file for file in files if file.stem == "g_grass")
    grass.write_bytes(grass.read_bytes()[:100])
    land = choose_textures(files, "land", rules())
    assert [texture.name for texture in land.textures] == ["g_dirt"]
    assert "g_grass" in land.left_out


def test_no_texture_of_a_kind_says_which_list_to_correct(files: list[Path]) -> None:
    with pytest.raises(TextureError, match=r"terrain\.water"):
        choose_textures(files, "water", rules(water=[{"include": "nothing_*"}]))


def test_same_seed_same_bytes_and_another_seed_other_bytes(
    files: list[Path], tmp_path: Path
) -> None:
    contents = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        folder = tmp_path / name
        folder.mkdir()
        seeded = rules(seed=seed)
        chosen = choose_textures(files, "land", seeded).textures
        write_backgrounds(folder, "land", chosen, seeded, SIZE)
        contents.append({file.name: file.read_bytes() for file in folder.iterdir()})
    assert contents[0] == contents[1]
    assert all(contents[0][name] != contents[2][name] for name in contents[0])


def test_a_picture_does_not_depend_on_how_many_are_made(files: list[Path]) -> None:
    chosen = choose_textures(files, "land", rules()).textures
    few, many = rules(land_count=3), rules(land_count=300)
    one, other = (make_background(2, "land", chosen, r, SIZE).pixels for r in (few, many))
    assert np.array_equal(one, other)


def test_every_picture_is_written_at_the_scene_size_and_listed(
    files: list[Path], tmp_path: Path
) -> None:
    chosen = choose_textures(files, "land", rules()).textures
    write_backgrounds(tmp_path, "land", chosen, rules(), SIZE)
    entries = read_index(tmp_path)
    assert [entry.id for entry in entries] == [f"land_{i:04d}" for i in range(6)]
    for entry in entries:
        with Image.open(tmp_path / entry.file) as image:
            assert image.size == SIZE
        assert set(entry.sources) <= {"g_grass", "g_dirt"}
    assert background_sheet(tmp_path).startswith(b"\xff\xd8")


def test_textures_are_taken_by_their_weight(files: list[Path]) -> None:
    chosen = choose_textures(files, "land", rules()).textures
    single = rules(softening={"blend_probability": 0.0})
    taken = [make_background(i, "land", chosen, single, (8, 8)).sources[0] for i in range(400)]
    assert 0.72 < taken.count("g_grass") / 400 < 0.88


def test_heavy_blur_removes_more_detail_than_mild_blur() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)

    def detail(soft_fraction: float) -> float:
        softening = Softening(soft_fraction=soft_fraction, blend_probability=0.0)
        picture = ground((noise, None), SIZE, softening, np.random.default_rng(5))
        return float(np.abs(np.diff(picture.astype(int), axis=1)).mean())

    assert detail(1.0) < detail(0.0) / 3


def test_softening_mutes_colour_and_keeps_it_in_range() -> None:
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 250
    muted = Softening(saturation=(0.5, 0.5), brightness=(1.0, 1.0), contrast=(1.0, 1.0))
    picture = ground((red, None), SIZE, muted, np.random.default_rng(0))
    spread = picture.max(axis=2).astype(int) - picture.min(axis=2)
    assert spread.max() <= 126


def test_two_textures_meet_in_a_soft_border() -> None:
    dark, bright = (np.full((16, 16, 3), value, np.uint8) for value in (60, 180))
    plain = Softening(
        soft_fraction=0.0, brightness=(1, 1), contrast=(1, 1), saturation=(1, 1), blend_band=0.5
    )
    picture = ground((dark, bright), SIZE, plain, np.random.default_rng(3))
    steps = np.abs(np.diff(picture[..., 0].astype(int), axis=1))
    assert picture.min() < 80
    assert picture.max() > 160
    assert steps.max() <= 12


def test_a_texture_smaller_than_the_picture_is_repeated() -> None:
    tiny = Texture("tiny", np.full((4, 4, 3), 99, np.uint8), 1.0)
    picture = make_background(0, "land", [tiny], rules(), (64, 64)).pixels
    assert picture.shape == (64, 64, 3)

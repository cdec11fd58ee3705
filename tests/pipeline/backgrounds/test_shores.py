"""Shorelines: one formula for image, plan and check, however it is cut and flipped."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.backgrounds.images import (
    choose_shore_textures,
    make_shore,
    read_index,
    write_backgrounds,
)
from pipeline.backgrounds.shores import Footprint, Shoreline, Wave, drawn_shoreline
from pipeline.backgrounds.textures import Texture, TextureError
from pipeline.formats.dds import write_dds
from pipeline.games.pack import ShoreRules, TerrainRules
from pipeline.manifests import manifest_of

SIZE = (160, 120)
RULES = ShoreRules.model_validate({"beach": [{"include": "g_bch"}]})
PLAIN = {
    "zoom": (1.0, 1.0),
    "blur": (0.0, 0.0),
    "soft_fraction": 0.0,
    "brightness": (1.0, 1.0),
    "contrast": (1.0, 1.0),
    "saturation": (1.0, 1.0),
}
COLOURS = {"g_grs": (200, 40, 40), "g_bch": (220, 200, 60), "g_wtr": (30, 40, 200)}

shorelines = st.builds(
    Shoreline,
    angle=st.floats(-math.pi, math.pi),
    offset=st.floats(-200, 200),
    waves=st.lists(
        st.builds(
            Wave,
            amplitude=st.floats(0, 20),
            length=st.floats(20, 300),
            phase=st.floats(0, 2 * math.pi),
        ),
        max_size=3,
    ).map(tuple),
)


def terrain(**changes: object) -> TerrainRules:
    base = {
        "folder": "textures",
        "classes": {"land": ["g_grs"], "beach": ["g_bch"], "water": ["g_wtr"], "farm": ["g_fm1"]},
        "land": [{"terrain": "land"}],
        "water": [{"terrain": "water"}],
        "shore": {"beach": [{"terrain": "beach"}], "count": 3},
        "softening": PLAIN,
    }
    return TerrainRules.model_validate(base | changes)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("textures")
    for name, colour in (COLOURS | {"g_fm1": (90, 90, 20)}).items():
        write_dds(folder / f"{name}.dds", np.full((32, 32, 3), colour, np.uint8))
    return sorted(folder.glob("*.dds"))


@pytest.fixture(scope="module")
def textures(files: list[Path]) -> list[tuple[Texture, ...]]:
    return choose_shore_textures(files, terrain())[0]


@given(shorelines, st.integers(0, 159), st.integers(0, 119))
@settings(deadline=None, max_examples=60)
def test_a_point_and_the_whole_image_agree(line: Shoreline, x: int, y: int) -> None:
    assert line.sides(*SIZE)[y, x] == pytest.approx(line.side(x, y), abs=1e-2)


@given(shorelines, st.integers(0, 40), st.integers(0, 40), st.booleans())
@settings(deadline=None, max_examples=60)
def test_a_shoreline_is_cut_and_flipped_as_its_image_is(
    line: Shoreline, left: int, top: int, flipped: bool
) -> None:
    expected = line.sides(*SIZE)[top : top + 80, left : left + 100]
    moved = line.cropped(left, top)
    if flipped:
        expected, moved = expected[:, ::-1], moved.mirrored(100)
    assert np.abs(moved.sides(100, 80) - expected).max() < 1e-2


@given(shorelines, st.floats(0, 160), st.floats(0, 120), st.floats(0, 60))
@settings(deadline=None, max_examples=200)
def test_a_footprint_is_on_land_on_water_or_on_both(
    line: Shoreline, x: float, y: float, width: float
) -> None:
    footprint = Footprint(x, y, width)
    sides = [line.side(*point) for point in footprint.points]
    borne = [scene for scene in ("land", "water", "shore") if line.bears(footprint, scene)]
    assert borne == [
        *(["land"] if min(sides) >= 0 else []),
        *(["water"] if max(sides) <= 0 else []),
        *(["shore"] if min(sides) < 0 < max(sides) else []),
    ]
    assert borne
    assert line.bears(footprint, "both")


@pytest.mark.slow
@given(st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_every_drawn_shore_has_room_on_both_sides(seed: int) -> None:
    line = drawn_shoreline((1280, 720), RULES, np.random.default_rng(seed))
    land = (line.sides(1280, 720) > 0).mean()
    assert 0.1 < land < 0.9


def test_the_image_shows_land_beach_and_water_where_the_formula_says(
    textures: list[tuple[Texture, ...]],
) -> None:
    for index in range(6):
        made = make_shore(index, textures, terrain(), SIZE)
        assert made.shore is not None
        sides = made.shore.sides(*SIZE)
        widest = 1.1 * RULES.beach_width[1] * min(SIZE)
        for name, where in (("g_grs", sides > widest), ("g_wtr", sides < -widest)):
            away = np.abs(made.pixels[where].astype(int) - COLOURS[name])
            assert away.size
            assert away.max() <= 8
        # DXT1 keeps colours to 8; sand is the one surface with much green.
        edge = made.pixels[(sides > 1.5) & (sides < 0.5 * RULES.beach_width[0] * min(SIZE))]
        assert (edge[:, 1] > 150).all()
        assert made.sources == ("g_grs", "g_bch", "g_wtr")


def test_the_set_is_the_same_every_time_and_its_index_says_where_the_shore_runs(
    tmp_path: Path, textures: list[tuple[Texture, ...]]
) -> None:
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        folder.mkdir()
        make = partial(make_shore, textures=textures, rules=terrain(), size=SIZE)
        write_backgrounds(folder, "shore", make, terrain())
    assert manifest_of(folders[0]).digest == manifest_of(folders[1]).digest
    entries = read_index(folders[0])
    assert [entry.id for entry in entries] == ["shore_0000", "shore_0001", "shore_0002"]
    for index, entry in enumerate(entries):
        assert entry.shore == make_shore(index, textures, terrain(), SIZE).shore
        assert Image.open(folders[0] / entry.file).size == SIZE
    assert len({entry.shore for entry in entries}) == 3


def test_what_no_surface_takes_is_left_out_with_the_reason(files: list[Path]) -> None:
    _, left_out = choose_shore_textures(files, terrain())
    assert left_out == {"g_fm1": "farm field: as plain ground it would be a farm without a label"}


def test_a_game_without_the_beach_is_an_error_that_says_so(files: list[Path]) -> None:
    with pytest.raises(TextureError, match=r"serve as beach.*patterns g_q") as caught:
        choose_shore_textures(files, terrain(shore={"beach": [{"include": "g_q"}]}))
    assert "terrain.beach" in caught.value.fix

"""Terrain textures become backgrounds: which ones, how they look, and the same ones every time."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.backgrounds.images import (
    Background,
    make_background,
    read_index,
    sampling_sheet,
    write_backgrounds,
)
from pipeline.backgrounds.preview import background_sheet
from pipeline.backgrounds.soften import ground
from pipeline.backgrounds.textures import Texture, TextureError, choose_textures
from pipeline.formats.dds import write_dds
from pipeline.games.pack import Softening, TerrainRules
from pipeline.manifests import manifest_of
from pipeline.progress import Progress

SIZE = (96, 64)
PLAIN = {
    "zoom": (1.0, 1.0),
    "blend_probability": 0.0,
    "blur": (0.0, 0.0),
    "soft_fraction": 0.0,
    "brightness": (1.0, 1.0),
    "contrast": (1.0, 1.0),
    "saturation": (1.0, 1.0),
}
"""Softening that leaves a texture as it is."""

COLOURS = {
    "g_grs": (60, 120, 40),
    "g_sand": (200, 180, 120),
    "g_wtr": (40, 80, 160),
    "g_bla": (60, 60, 60),
    "g_dark": (10, 12, 9),
}


def softening(**changes: object) -> Softening:
    return Softening.model_validate(PLAIN | changes)


def terrain(**changes: object) -> TerrainRules:
    base = {
        "folder": "textures",
        "land": [{"include": "g_wt*", "weight": 0.001}, {"include": "g_[gs]*"}],
        "water": [{"include": "g_wt*"}],
        "exclude": ["g_bla*"],
        "land_count": 4,
        "water_count": 2,
        "softening": PLAIN,
    }
    return TerrainRules.model_validate(base | changes)


def land(textures: Sequence[Texture], rules: TerrainRules) -> Callable[[int], Background]:
    return partial(make_background, kind="land", textures=textures, rules=rules, size=SIZE)


def noise(seed: int = 0, side: int = 64) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def flat(colour: tuple[int, int, int], side: int = 32) -> np.ndarray:
    return np.full((side, side, 3), colour, np.uint8)


def laid(textures: tuple[np.ndarray, np.ndarray | None], rules: Softening, seed: int = 0):
    return ground(textures, SIZE, rules, np.random.default_rng(seed)).astype(int)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "textures"
    folder.mkdir()
    for name, colour in COLOURS.items():
        rough = flat(colour, 64) * (0.8 + noise() / 255 * 0.4)
        write_dds(folder / f"{name}.dds", rough.astype(np.uint8))
    return sorted(folder.glob("*.dds"))


@pytest.fixture
def textures(files: list[Path]) -> tuple[Texture, ...]:
    rules = terrain(land=[{"include": "g_grs"}, {"include": "g_sand"}])
    return choose_textures(files, "land", rules).textures


class TestChoosing:
    def test_a_kind_takes_the_textures_that_its_patterns_name(self, files: list[Path]) -> None:
        choice = choose_textures(files, "water", terrain())
        assert [texture.name for texture in choice.textures] == ["g_wtr"]

    def test_the_first_pattern_that_takes_a_texture_gives_its_weight(
        self, files: list[Path]
    ) -> None:
        land = [{"include": "g_grs", "weight": 4.0}, {"include": "g_*", "weight": 0.5}]
        choice = choose_textures(files, "land", terrain(land=land))
        assert {texture.name: texture.weight for texture in choice.textures} == {
            "g_grs": 4.0,
            "g_sand": 0.5,
            "g_wtr": 0.5,
        }

    def test_void_dark_and_unreadable_textures_are_left_out_with_the_reason(
        self, files: list[Path]
    ) -> None:
        broken = files[0].with_name("g_broken.dds")
        broken.write_bytes(b"DDS nothing")
        choice = choose_textures([*files, broken], "land", terrain(land=[{"include": "g_*"}]))
        assert choice.left_out.keys() == {"g_bla", "g_broken", "g_dark"}
        assert choice.left_out["g_bla"] == "excluded by the pack"
        assert choice.left_out["g_dark"].endswith("than 20")
        assert "cannot be read as DDS" in choice.left_out["g_broken"]

    def test_classes_keep_fields_water_and_unknown_files_from_plain_ground(
        self, files: list[Path]
    ) -> None:
        classes = {"land": ["g_grs"], "farm": ["g_sand"], "water": ["g_wtr"], "void": ["g_bla"]}
        rules = terrain(classes=classes, land=[{"include": "*"}], water=[{"terrain": "water"}])
        choice = choose_textures(files, "land", rules)
        assert [texture.name for texture in choice.textures] == ["g_grs"]
        assert choice.left_out == {
            "g_bla": "void: nothing is there",
            "g_dark": "unknown: in no class of terrain.classes",
            "g_sand": "farm field: as plain ground it would be a farm without a label",
            "g_wtr": "water, not land",
        }
        assert [t.name for t in choose_textures(files, "water", rules).textures] == ["g_wtr"]

    def test_no_texture_at_all_is_an_error_that_names_the_patterns(self, files: list[Path]) -> None:
        with pytest.raises(TextureError, match=r"as water: 5 files, patterns q_\*"):
            choose_textures(files, "water", terrain(water=[{"include": "q_*"}]))


class TestSoftening:
    def test_without_any_it_is_the_texture_from_some_corner_on(self) -> None:
        texture = noise()
        image = laid((texture, None), softening())
        repeated = np.tile(texture, (3, 3, 1))
        corners = [(y, x) for y in range(64) for x in range(64)]
        assert any(
            np.array_equal(image, repeated[y : y + 64, x : x + 96])
            for y, x in corners
            if (repeated[y, x] == image[0, 0]).all()
        )

    @given(st.integers(0, 2**32), st.integers(4, 200), st.sampled_from([0.5, 1.0, 1.37, 3.0]))
    @settings(deadline=None, max_examples=40)
    def test_any_texture_fills_any_image(self, seed: int, side: int, zoom: float) -> None:
        image = laid((noise(seed, side), noise(1, 16)), softening(zoom=(zoom, zoom)), seed)
        assert image.shape == (64, 96, 3)

    def test_two_textures_meet_in_a_soft_border(self) -> None:
        black, white = flat((0, 0, 0)), flat((255, 255, 255))
        image = laid((black, white), softening(blend_band=0.4))[..., 0]
        steps = np.abs(np.diff(image, axis=1)).max(), np.abs(np.diff(image, axis=0)).max()
        assert (image.min(), image.max()) == (0, 255)
        assert max(steps) < 20

    def test_a_narrow_band_makes_the_border_sharp(self) -> None:
        black, white = flat((0, 0, 0)), flat((255, 255, 255))
        image = laid((black, white), softening(blend_band=0.0))[..., 0]
        assert ((image > 0) & (image < 255)).mean() < 0.05

    def test_the_heavy_blur_leaves_less_detail_than_the_mild_one(self) -> None:
        mild = laid((noise(), None), softening(blur=(1.0, 1.0)))
        heavy = laid((noise(), None), softening(soft_fraction=1.0, soft_blur=(6.0, 6.0)))
        crisp = laid((noise(), None), softening())
        assert crisp.std() > 2 * mild.std() > 4 * heavy.std()

    def test_blur_keeps_the_mean_colour(self) -> None:
        crisp = laid((noise(), None), softening())
        blurred = laid((noise(), None), softening(blur=(3.0, 3.0)))
        assert np.abs(crisp.mean(axis=(0, 1)) - blurred.mean(axis=(0, 1))).max() < 4

    def test_without_saturation_all_channels_are_alike(self) -> None:
        image = laid((noise(), None), softening(saturation=(0.0, 0.0)))
        assert np.ptp(image, axis=2).max() <= 1

    def test_brightness_and_contrast_act_about_the_mean(self) -> None:
        crisp = laid((noise(), None), softening())
        dim = laid((noise(), None), softening(brightness=(0.5, 0.5)))
        muted = laid((noise(), None), softening(contrast=(0.5, 0.5)))
        assert dim.mean() == pytest.approx(crisp.mean() / 2, abs=1)
        assert muted.mean() == pytest.approx(crisp.mean(), abs=1)
        assert muted.std() == pytest.approx(crisp.std() / 2, rel=0.05)


class TestIsometricSampling:
    """The texture on ground whose tiles are diamonds of 96 x 48 pixels."""

    TILE_SIDE = 68
    """Of a texture, in pixels: 96 over the square root of 2, rounded."""

    def laid(self, texture: np.ndarray, size=(384, 192), seed=0, **changes: object) -> np.ndarray:
        rng = np.random.default_rng(seed)
        return ground((texture, None), size, softening(**changes), rng, "isometric").astype(int)

    def chequered(self) -> np.ndarray:
        """Tiles of two colours, one of each kind side by side, in a texture that joins."""
        side = self.TILE_SIDE
        dark, light = np.zeros((side, side), np.uint8), np.full((side, side), 255, np.uint8)
        pattern = np.block([[dark, light], [light, dark]])
        return np.repeat(pattern[..., None], 3, axis=2)

    def test_tiles_are_diamonds_twice_as_wide_as_high(self) -> None:
        image = self.laid(self.chequered())[..., 0].astype(float)
        spectrum = np.abs(np.fft.rfft2(image - image.mean()))
        row, column = np.unravel_index(spectrum.argmax(), spectrum.shape)
        # Two tiles side by side are 96 px of one colour and 96 of the other along a diagonal, so
        # a row crosses 384 / 96 = 4 waves and a column 192 / 48 = 4, one of the two or both.
        assert (column, min(row, 192 - row)) in {(4, 0), (0, 4)}

    def test_nothing_stretches_across_and_two_rows_make_one(self) -> None:
        across = self.laid(noise(side=128)).std()
        stretched = laid((noise(side=128), None), softening()).std()
        assert 0.3 * stretched < across < stretched

    def test_the_larger_the_zoom_the_larger_the_tiles(self) -> None:
        fine, coarse = (self.laid(self.chequered(), zoom=(z, z))[..., 0] for z in (1.0, 2.0))
        borders = [int((np.abs(np.diff(p, axis=1)) > 60).sum()) for p in (fine, coarse)]
        assert borders[1] < 0.7 * borders[0]

    @given(st.integers(0, 2**32), st.integers(1, 200), st.sampled_from([0.5, 1.0, 1.37, 3.0]))
    @settings(deadline=None, max_examples=30)
    def test_any_texture_fills_any_image(self, seed: int, side: int, zoom: float) -> None:
        colour = (10, 120, 250)
        image = self.laid(flat(colour, side), SIZE, seed, zoom=(zoom, zoom))
        assert image.shape == (64, 96, 3)
        assert (image == colour).all()

    def test_the_pack_chooses_and_stretched_is_the_default(
        self, textures: tuple[Texture, ...]
    ) -> None:
        plain, flat_, angled = (
            make_background(0, "land", textures, terrain(**changes), SIZE).pixels
            for changes in ({}, {"sampling": "stretched"}, {"sampling": "isometric"})
        )
        assert np.array_equal(plain, flat_)
        assert not np.array_equal(plain, angled)

    def test_the_sheet_shows_both_side_by_side(self, textures: tuple[Texture, ...]) -> None:
        sheet = Image.open(io.BytesIO(sampling_sheet(textures, terrain(), (640, 400))))
        assert sheet.size == (2 * 480, 2 * 200)


class TestASet:
    def written(self, folder: Path, textures: tuple[Texture, ...], **changes: object) -> Path:
        folder.mkdir()
        rules = terrain(softening=PLAIN | {"blur": (0.5, 2.0), "blend_probability": 0.5}, **changes)
        write_backgrounds(folder, "land", land(textures, rules), rules)
        return folder

    def test_two_runs_give_the_same_bytes(
        self, tmp_path: Path, textures: tuple[Texture, ...]
    ) -> None:
        one, other = (self.written(tmp_path / name, textures) for name in "ab")
        assert manifest_of(one).digest == manifest_of(other).digest

    def test_the_number_of_threads_changes_nothing(
        self, tmp_path: Path, textures: tuple[Texture, ...]
    ) -> None:
        before = cv2.getNumThreads()
        rules = terrain(softening=PLAIN | {"blur": (2.0, 2.0)})
        try:
            images = []
            for threads in (1, 4):
                cv2.setNumThreads(threads)
                images.append(make_background(0, "land", textures, rules, (640, 480)).pixels)
        finally:
            cv2.setNumThreads(before)
        assert np.array_equal(*images)

    def test_a_larger_set_begins_with_the_smaller_one(
        self, tmp_path: Path, textures: tuple[Texture, ...]
    ) -> None:
        small = self.written(tmp_path / "small", textures, land_count=3)
        large = self.written(tmp_path / "large", textures, land_count=5)
        for entry in read_index(small):
            assert (small / entry.file).read_bytes() == (large / entry.file).read_bytes()
        assert len(read_index(large)) == 5

    def test_another_seed_gives_other_images(
        self, tmp_path: Path, textures: tuple[Texture, ...]
    ) -> None:
        one = self.written(tmp_path / "a", textures)
        other = self.written(tmp_path / "b", textures, seed=43)
        assert (one / "land_0000.jpg").read_bytes() != (other / "land_0000.jpg").read_bytes()

    def test_land_and_water_differ_even_where_they_share_textures(
        self, textures: tuple[Texture, ...]
    ) -> None:
        rules = terrain(softening=PLAIN | {"brightness": (0.5, 1.0)})
        land, water = (
            make_background(0, kind, textures[:1], rules, SIZE).pixels for kind in ("land", "water")
        )
        assert not np.array_equal(land, water)

    def test_the_index_names_every_image_and_its_textures(
        self, tmp_path: Path, textures: tuple[Texture, ...]
    ) -> None:
        folder = self.written(tmp_path / "set", textures)
        entries = read_index(folder)
        assert [entry.id for entry in entries] == [f"land_{index:04d}" for index in range(4)]
        assert {path.name for path in folder.iterdir()} == {
            "index.json",
            *(entry.file for entry in entries),
        }
        for entry in entries:
            assert set(entry.sources) <= {"g_grs", "g_sand"}
            assert len(entry.sources) in (1, 2)
            assert Image.open(folder / entry.file).size == SIZE

    def test_textures_are_taken_by_weight(self, files: list[Path]) -> None:
        land = [{"include": "g_grs", "weight": 9.0}, {"include": "g_sand", "weight": 1.0}]
        rules = terrain(land=land)
        choice = choose_textures(files, "land", rules).textures
        taken = [
            make_background(index, "land", choice, rules, (8, 8)).sources[0] for index in range(300)
        ]
        assert 0.84 < taken.count("g_grs") / 300 < 0.96

    @pytest.mark.parametrize(("probability", "count"), [(0.0, 1), (1.0, 2)])
    def test_blending_happens_as_often_as_the_rules_say(
        self, textures: tuple[Texture, ...], probability: float, count: int
    ) -> None:
        rules = terrain(softening=PLAIN | {"blend_probability": probability})
        for index in range(5):
            assert len(make_background(index, "land", textures, rules, SIZE).sources) == count

    def test_progress_reaches_the_number_of_images(
        self, tmp_path: Path, textures: tuple[Texture, ...]
    ) -> None:
        seen: list[Progress] = []
        made = land(textures, terrain())
        write_backgrounds(tmp_path, "land", made, terrain(), seen.append)
        assert (seen[-1].done, seen[-1].total) == (4, 4)

    def test_the_sheet_shows_the_set(self, tmp_path: Path, textures: tuple[Texture, ...]) -> None:
        folder = self.written(tmp_path / "set", textures, land_count=7)
        sheet = Image.open(io.BytesIO(background_sheet(folder)))
        assert sheet.size[0] == 5 * 200
        assert sheet.size[1] == 2 * round(64 * 200 / 96)

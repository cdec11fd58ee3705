"""The built-in game's folder: real files, complete or absent."""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from pipeline.demo_game import game_folder as module
from pipeline.demo_game.art.catalogue import DECOY, SpriteFile, drawings_of, sprite_files
from pipeline.demo_game.game_folder import MARKER, PALETTE, SPRITES, TEXTURES, DrawnGameError
from pipeline.demo_game.game_folder import draw_game as draw
from pipeline.demo_game.ground import TERRAINS, tile_of
from pipeline.formats.dds import read_dds
from pipeline.formats.palette import read_team_colours
from pipeline.formats.sld import HEADINGS, decode, read_sld
from pipeline.games.matching import match_files, stem_of
from pipeline.games.pack import load_pack
from pipeline.manifests import manifest_of
from pipeline.progress import Progress
from pipeline.scenes.sources.catalogue import TEAM_COLOURS
from pipeline.sprites.extract import extract_library
from pipeline.sprites.library import Sprite
from tests.pipeline.formats.sld_builders import header_size_of


@pytest.fixture
def small_game(monkeypatch: pytest.MonkeyPatch) -> tuple[SpriteFile, ...]:
    """Two files instead of all, where only the writing is tested."""
    files = sprite_files()[:2]
    monkeypatch.setattr(module, "sprite_files", lambda: files)
    return files


def test_every_file_is_read_back_as_it_was_drawn(game_folder: Path) -> None:
    for file in sprite_files():
        read = read_sld(game_folder / SPRITES / f"{file.name}.sld")
        assert (read.headings, read.steps) == (file.headings, len(file.steps))
        assert read.warnings == ()
        if "_shadow" in file.name:
            assert all(frame.main is None and frame.shadow is not None for frame in read.frames)
            continue
        for frame, drawing in zip(read.frames, drawings_of(file), strict=True):
            assert frame.main is not None
            rows, columns = np.nonzero(frame.main.pixels[..., 3])
            left = int(columns.min()) + frame.main.x
            top = int(rows.min()) + frame.main.y
            hotspot = (frame.hotspot[0] - left, frame.hotspot[1] - top)
            assert hotspot == drawing.hotspot
            seen = frame.main.pixels[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
            assert np.array_equal(seen[..., 3] > 0, drawing.mask)
            strayed = np.abs(seen.astype(int) - drawing.rgba)[drawing.mask]
            assert strayed.mean() < 20


def test_units_have_16_headings_and_the_layers_of_the_game(game_folder: Path) -> None:
    unit = read_sld(game_folder / SPRITES / "u_inf_swordsman_walkA_x1.sld")
    assert unit.headings == HEADINGS
    for frame in unit.frames:
        assert frame.main is not None
        assert frame.shadow is not None
        assert frame.outline is not None
        assert frame.player is not None
        assert frame.player.pixels.max() > 200


def test_both_kinds_of_file_header_occur(game_folder: Path) -> None:
    sizes = {header_size_of(file.read_bytes()) for file in (game_folder / SPRITES).iterdir()}
    assert sizes == {14, 16}


def test_later_steps_are_stored_as_changes(game_folder: Path) -> None:
    """A file in which every frame stood alone would be larger than that of its first steps."""
    name = "u_shp_warship_x1"
    frames = [frame for file in sprite_files() if file.name == name for frame in drawings_of(file)]
    file = next(file for file in sprite_files() if file.name == name)
    single = sum(len(module.encode([module._frame_of(file, frame)])) for frame in frames)
    assert (game_folder / SPRITES / f"{name}.sld").stat().st_size < 0.95 * single


def test_the_rules_take_every_file_of_a_class_and_no_other() -> None:
    rules = load_pack("demo").sprites
    stems = {file.name: str(stem_of(f"{file.name}.sld", rules)) for file in sprite_files()}
    matches = match_files(rules, stems.values())
    expected: dict[str, list[str]] = {}
    for file in sprite_files():
        if file.shows != DECOY:
            expected.setdefault(file.shows, []).append(stems[file.name])
    taken = {name: sorted(found) for name, found in matches.by_class.items()}
    assert taken == {name: sorted(files) for name, files in expected.items()}
    assert matches.conflicts == {}
    assert len(matches.excluded) == sum(file.shows == DECOY for file in sprite_files()) > 4


def test_the_sprite_library_comes_out_complete(game_folder: Path) -> None:
    pack = load_pack("demo")
    sprites: list[Sprite] = []
    report = extract_library(game_folder, pack, sprites.append)
    assert report.problems == ()
    assert {sprite.class_name for sprite in sprites} == {*pack.class_names, None}


def test_textures_are_bc1_and_look_as_drawn(game_folder: Path) -> None:
    for terrain in TERRAINS:
        file = game_folder / TEXTURES / f"{terrain.name}.dds"
        assert file.read_bytes()[84:88] == b"DXT1"
        difference = read_dds(file)[..., :3].astype(int) - tile_of(terrain, module.SEED)
        assert np.abs(difference).mean() < 8


def test_textures_that_are_no_ground_lie_among_them(game_folder: Path) -> None:
    names = {file.stem for file in (game_folder / TEXTURES).iterdir()}
    assert {"g_bla", "o_placeholder"} <= names


def test_the_palette_states_eight_players(game_folder: Path) -> None:
    content = json.loads((game_folder / PALETTE).read_text(encoding="utf-8"))
    assert len(content["TeamColors"]) == 8
    for entry in content["TeamColors"].values():
        assert all(0 <= entry["FloatRGBA"][channel] <= 1 for channel in "rgba")


def test_what_lies_there_is_not_drawn_again(game_folder: Path) -> None:
    marker = game_folder / MARKER
    before = marker.stat().st_mtime_ns
    readings: list[Progress] = []
    draw(game_folder, readings.append)
    assert readings == []
    assert marker.stat().st_mtime_ns == before


def test_two_drawings_have_the_same_bytes(tmp_path: Path, small_game: Iterable[object]) -> None:
    draw(tmp_path / "one")
    draw(tmp_path / "two")
    assert manifest_of(tmp_path / "one") == manifest_of(tmp_path / "two")


def test_what_older_code_drew_is_replaced_as_a_whole(
    tmp_path: Path, small_game: tuple[SpriteFile, ...]
) -> None:
    folder = tmp_path / "game"
    draw(folder)
    (folder / MARKER).write_text('{"drawing_version": "older"}', encoding="utf-8")
    (folder / SPRITES / "u_gone_x1.sld").write_bytes(b"from before")
    draw(folder)
    names = {file.name for file in (folder / SPRITES).iterdir()}
    assert names == {f"{file.name}.sld" for file in small_game}
    assert [path.name for path in tmp_path.iterdir()] == ["game"]


def test_a_drawing_that_breaks_off_leaves_nothing(
    tmp_path: Path, small_game: tuple[SpriteFile, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_write_palette", full_disk)
    with pytest.raises(DrawnGameError, match="No space left"):
        draw(tmp_path / "game")
    assert list(tmp_path.iterdir()) == []


def test_the_files_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(DrawnGameError, match="did not draw"):
        draw(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["letter.txt"]


def test_an_empty_folder_is_filled(tmp_path: Path, small_game: tuple[SpriteFile, ...]) -> None:
    folder = tmp_path / "game"
    folder.mkdir()
    draw(folder)
    assert decode((folder / SPRITES / f"{small_game[0].name}.sld").read_bytes()).headings


def test_its_palette_states_the_usual_team_colours(game_folder: Path) -> None:
    assert read_team_colours(game_folder / PALETTE) == TEAM_COLOURS

"""A game's folder to sprites: what is taken, what is reported, and that nothing stops the rest."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from doubles.sprites import write_library
from PIL import Image

from pipeline.formats.sld import PlacedLayer, SldFrame, encode
from pipeline.games.files import Overlay
from pipeline.games.index import GameFolderError
from pipeline.games.pack import GamePack
from pipeline.manifests import sha256_of
from pipeline.progress import Progress
from pipeline.sprites.extract import ExtractionReport, extract_library
from pipeline.sprites.library import OpenLibrary, Sprite
from pipeline.sprites.sheets import CELL, ROW_HEIGHT, contact_sheet

GRAPHICS = "resources/graphics"


def game_pack(**changes: object) -> GamePack:
    names = ("sheep", "house", "relic", "farm")
    rules = [
        {"class_name": "sheep", "include": ["a_sheep_*"], "headings": 4, "steps": 2},
        {"class_name": "house", "include": ["b_house*"], "headings": 1, "parts": ["<stem>_roof"]},
        {"class_name": "relic", "include": ["u_relic*"]},
        {"class_name": "distractor", "include": ["n_rock"], "headings": 1},
    ]
    return GamePack.model_validate(
        {
            "name": "small",
            "title": "A Small Game",
            "classes": [
                {"id": i, "name": name, "group": "all", "has_sprites": name != "farm"}
                for i, name in enumerate(names)
            ],
            "sprites": {"folder": GRAPHICS, "rules": rules, "exclude": ["*_roof"], **changes},
            "terrain": {"folder": "terrain", "land": [{"include": "g"}], "water": []}
            | {"water": [{"include": "w"}]},
            "scenes": {"placements": [{"class_name": "sheep"}]},
        }
    )


def drawn(width: int, height: int, colour: tuple[int, int, int] = (200, 40, 40)) -> SldFrame:
    """A rectangle that stands on the hotspot, with a shadow to its right."""
    pixels = np.full((height, width, 4), (*colour, 255), np.uint8)
    x, y = 40 - width // 2, 60 - height
    return SldFrame(
        80,
        80,
        (40, 60),
        main=PlacedLayer(x, y, pixels),
        shadow=PlacedLayer(x + width // 2, 56, np.full((6, width), 100, np.uint8)),
        player=PlacedLayer(x, y, np.full((4, width), 255, np.uint8)),
    )


@pytest.fixture
def game(tmp_path: Path) -> Path:
    """Sheep with 16 headings of 3 steps, each as wide as its frame's number says; a house; a rock;
    a file of nobody."""
    graphics = tmp_path / GRAPHICS
    graphics.mkdir(parents=True)
    sheep = [drawn(4 + number, 8) for number in range(48)]
    files = {
        "a_sheep_idleA": sheep,
        "b_house_age1": [drawn(20, 20)],
        "n_rock": [drawn(12, 10)],
        "z_unknown": [drawn(4, 4)],
    }
    for name, frames in files.items():
        (graphics / f"{name}.sld").write_bytes(encode(frames))
    return tmp_path


def extracted(
    game: Path, pack: GamePack | None = None
) -> tuple[dict[str, Sprite], ExtractionReport]:
    sprites: list[Sprite] = []
    report = extract_library(game, pack or game_pack(), sprites.append)
    return {sprite.id: sprite for sprite in sprites}, report


def test_headings_lie_a_quarter_turn_apart_and_steps_within_them(game: Path) -> None:
    sprites, _ = extracted(game)
    sheep = [sprite for sprite in sprites.values() if sprite.class_name == "sheep"]
    assert [(sprite.frame, sprite.heading, sprite.step) for sprite in sheep] == [
        (heading * 3 + step, heading, step) for heading in (0, 4, 8, 12) for step in (0, 1)
    ]
    assert [sprite.rgba.shape[1] for sprite in sheep] == [4 + sprite.frame for sprite in sheep]


def test_a_sprite_knows_where_it_comes_from(game: Path) -> None:
    sprites, _ = extracted(game)
    house = sprites["house/b_house_age1_h0_s0"]
    assert house.source == f"{GRAPHICS}/b_house_age1.sld"
    assert house.source_sha256 == sha256_of(game / house.source)
    assert (house.hotspot, house.rgba.shape) == ((10, 20), (20, 20, 4))


def test_shadow_and_player_weights_are_kept_apart_from_the_image(game: Path) -> None:
    house = extracted(game)[0]["house/b_house_age1_h0_s0"]
    assert house.player_weight is not None
    assert (house.player_weight[:4] == 255).all()
    assert not house.player_weight[4:].any()
    assert house.shadow is not None
    assert (house.shadow.shape, house.shadow_offset) == ((6, 20), (10, 16))


def test_distractors_have_no_class(game: Path) -> None:
    assert extracted(game)[0]["distractor/n_rock_h0_s0"].class_name is None


def test_a_part_that_the_pack_names_is_drawn_over_its_base(game: Path) -> None:
    roof = encode([drawn(8, 30, (40, 200, 40))])
    (game / GRAPHICS / "b_house_age1_roof.sld").write_bytes(roof)
    pack = game_pack(exclude=[], apart={"roofs": ["*_roof"]})
    sprites, report = extracted(game, pack)
    house = sprites["house/b_house_age1_h0_s0"]
    assert house.rgba.shape == (30, 20, 4)
    assert house.rgba[-1, 10, 1] > 150
    assert house.rgba[-1, 0, 0] > 150
    assert report.apart == {"roofs": 1}


def test_a_part_stands_where_the_pack_moves_it_and_behind_what_is_lower(game: Path) -> None:
    tower = encode([drawn(8, 30, (40, 200, 40))])
    (game / GRAPHICS / "b_house_age1_roof.sld").write_bytes(tower)
    parts = [{"name": "<stem>_roof", "dx": 6, "dy": -4}]
    rules = [{"class_name": "house", "include": ["b_house*"], "headings": 1, "parts": parts}]
    sprites, _ = extracted(game, game_pack(exclude=[], apart={"r": ["*_roof"]}, rules=rules))
    house = sprites["house/b_house_age1_h0_s0"]
    assert house.rgba.shape == (34, 20, 4)
    assert house.hotspot == (10, 34)
    assert house.rgba[0, :, 3].nonzero()[0].tolist() == list(range(12, 20))
    assert (house.rgba[20, :, 0] > 150).all()


def test_the_report_counts_what_was_taken_and_what_was_not(game: Path) -> None:
    _, report = extracted(game)
    assert report.files == {"sheep": 1, "house": 1, "relic": 0, "farm": 0, "distractor": 1}
    assert report.sprites == {"sheep": 8, "house": 1, "relic": 0, "farm": 0, "distractor": 1}
    assert report.unmatched == 1
    assert report.annotated_only == ("farm",)
    assert report.problems == (
        "relic: no file of the game matches its rules",
        "b_house_age1: drawn without b_house_age1_roof, which no file matches",
    )


def test_a_damaged_file_is_reported_and_stops_nothing(game: Path) -> None:
    damaged = game / GRAPHICS / "a_sheep_walkA.sld"
    damaged.write_bytes((game / GRAPHICS / "a_sheep_idleA.sld").read_bytes()[:500])
    sprites, report = extracted(game)
    assert list(report.failed) == [f"{GRAPHICS}/a_sheep_walkA.sld"]
    assert any("damaged" in problem for problem in report.problems)
    assert report.sprites["sheep"] == 8
    assert "house/b_house_age1_h0_s0" in sprites


def test_frames_without_a_visible_pixel_are_counted(game: Path) -> None:
    (game / GRAPHICS / "u_relic.sld").write_bytes(encode([SldFrame(8, 8, (4, 4))]))
    _, report = extracted(game)
    assert report.blank == {f"{GRAPHICS}/u_relic.sld": 1}
    assert report.empty == ("relic",)


def test_a_file_that_two_classes_claim_serves_neither_and_both_are_named(game: Path) -> None:
    rules = [
        {"class_name": "sheep", "include": ["a_sheep_*"]},
        {"class_name": "relic", "include": ["*idleA"]},
    ]
    sprites, report = extracted(game, game_pack(rules=rules))
    assert not sprites
    assert "a_sheep_idleA: claimed by relic and sheep, so it serves neither" in report.problems


def test_two_runs_give_the_same_sprites(game: Path) -> None:
    one, other = extracted(game)[0], extracted(game)[0]
    assert list(one) == list(other)
    assert all(np.array_equal(one[name].rgba, other[name].rgba) for name in one)


def test_progress_reaches_the_number_of_files(game: Path) -> None:
    seen: list[Progress] = []
    extract_library(game, game_pack(), lambda _: None, seen.append)
    assert (seen[-1].done, seen[-1].total) == (3, 3)


@pytest.mark.parametrize("folder", ["nowhere", "resources"])
def test_a_folder_that_is_not_the_game_is_named_with_what_to_do(game: Path, folder: str) -> None:
    with pytest.raises(GameFolderError, match="OUTPOST_GAME_DIR_SMALL"):
        extract_library(game / folder, game_pack(), lambda _: None)


def test_the_contact_sheet_has_a_row_for_every_class_even_an_empty_one(
    game: Path, tmp_path: Path
) -> None:
    write_library(tmp_path / "library", extracted(game)[0].values())
    png = contact_sheet(OpenLibrary(tmp_path / "library"), game_pack().class_names)
    sheet = np.asarray(Image.open(io.BytesIO(png)))
    assert sheet.shape[0] == 5 * ROW_HEIGHT
    rows = [sheet[top : top + CELL, -8 * CELL :] for top in range(1, sheet.shape[0], ROW_HEIGHT)]
    colours = [len(np.unique(row[2:].reshape(-1, 3), axis=0)) for row in rows]
    assert [count > 1 for count in colours] == [True, True, False, False, True]


def test_a_mods_file_stands_in_the_place_of_the_games_own(game: Path, tmp_path: Path) -> None:
    mod = tmp_path / "mods/Green"
    file = mod / "Resources/Graphics/B_House_age1.SLD"
    file.parent.mkdir(parents=True)
    file.write_bytes(encode([drawn(20, 20, (0, 200, 0))]))
    sprites: list[Sprite] = []
    extract_library(game, game_pack(), sprites.append, overlays=[Overlay("local/Green", mod)])
    (house,) = [sprite for sprite in sprites if sprite.class_name == "house"]
    assert house.source == "mods/local/Green/Resources/Graphics/B_House_age1.SLD"
    assert house.source_sha256 == sha256_of(file)
    assert house.rgba[10, 10, 1] > 150
    assert house.id == "house/b_house_age1_h0_s0"
    others = [sprite.source for sprite in sprites if sprite.class_name != "house"]
    assert others
    assert all(source.startswith(GRAPHICS) for source in others)


def test_suffixes_in_capitals_are_read(game: Path) -> None:
    before, _ = extracted(game)
    for file in (game / GRAPHICS).glob("*.sld"):
        file.rename(file.with_suffix(".SLD"))
    after, report = extracted(game)
    assert after.keys() == before.keys()
    assert report.failed == {}

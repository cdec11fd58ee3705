"""The pack of Age of Empires II, as far as it can be judged without the game's files."""

import csv
import re
from pathlib import Path
from typing import get_args

import pytest

from pipeline.games.matching import match_files, match_terrain
from pipeline.games.pack import PACKS_FOLDER, GamePack, TerrainClass
from pipeline.games.patterns import matcher
from pipeline.games.terrain import TerrainNames
from pipeline.scenes.planning.gates import factors_of
from pipeline.scenes.sources.catalogue import Catalogue
from pipeline.training.job import Hyperparameters

TABLE = PACKS_FOLDER / "aoe2" / "matches.tsv"


def words(text: str) -> list[str]:
    return text.split()


CLASSES = words("""
tree gold_mine stone_mine berry_bush relic deer boar wolf sheep
town_center house lumber_camp mining_camp mill market dock farm
barracks archery_range stable blacksmith siege_workshop monastery castle university
gate wall tower wonder krepost villager trade_cart fishing_ship
scout_line knight_line camel_line battle_elephant
archer_line skirmisher_line cavalry_archer hand_cannoneer
militia_line spearman_line eagle_line ram mangonel_line scorpion trebuchet monk king
unique_archer unique_cavalry unique_infantry unique_siege unique_ship
fish galley fire_galley siege_tower goose
""")

LAND_TEXTURES = words("""
g_grs g_gr2 g_gr3 g_gr4 g_gr5 g_gr6 g_gr7 g_gr8 g_gr9 g_for g_fo2 g_underbrush_leaves
g_des g_ds2 g_ds3 g_ds4 g_ds5 g_pal g_pal1 g_qs g_qs2 g_gravel_default g_rck g_rd1 g_rd2 g_rd5 g_sr2
g_sno g_sn2 g_snf g_snd g_ice g_ic3 g_bch g_bc2 g_bc3 g_bc4 g_ice_beach
""")

WATER_TEXTURES = words("""
g_wtr g_wt2 g_wt3 g_wt4 g_wt5 g_wt6 g_wt_brown g_wt_green g_wt_yellow g_wt_yellow2
""")

FIELDS = words("g_fm1 g_fm2 g_fc1 g_fc2 g_fc3 g_rm1 g_rm2 g_rc1 g_rc2 g_rc3")

OTHER_TEXTURES = words("""
g_pm1 g_pm2 g_pc1 g_pc2 g_pc3 g_bla g_kf1 g_r01
g_sha g_sh2 g_sh3 g_sh4 g_sh5 g_beach_wet g_gravel_wet g_rock_wet g_ic2
o_snd o_sng o_sr1 o_sr2 o_rd3 o_rd4 o_rd5 o_gr4 o_fo2 o_mod
""")


@pytest.fixture(scope="module")
def table() -> dict[str, list[str]]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        return {row["name"]: row["stems"].split() for row in rows if row["kind"] == "class"}


def test_the_sixty_classes_have_the_ids_that_trained_models_know(pack: GamePack) -> None:
    assert list(pack.class_names) == CLASSES


def test_only_ships_and_fish_belong_on_water(pack: GamePack) -> None:
    on_water = {known.id for known in pack.classes if known.scene == "water"}
    assert on_water == {32, 54, 55, 56, 57}
    assert not [known.name for known in pack.classes if known.scene == "both"]


def test_the_farm_alone_is_learned_without_sprites(pack: GamePack) -> None:
    drawn = {rule.class_name for rule in pack.sprites.rules} - {"distractor"}
    assert [known.name for known in pack.classes if not known.has_sprites] == ["farm"]
    assert set(pack.class_names) - drawn == {"farm"}


def test_every_class_with_sprites_is_placed_in_scenes_once(pack: GamePack) -> None:
    placed = sorted(rule.class_name for rule in pack.scenes.placements)
    assert placed == sorted([*(set(CLASSES) - {"farm"}), "distractor", "distractor"])


def test_there_are_distractors_on_land_and_on_water(pack: GamePack) -> None:
    rules = [rule for rule in pack.scenes.placements if rule.class_name == "distractor"]
    assert [rule.scene for rule in rules] == [None, "water"]


def test_chosen_sprites_are_among_those_of_their_class(
    pack: GamePack, table: dict[str, list[str]]
) -> None:
    chosen = [(rule.class_name, rule.include) for rule in pack.scenes.placements if rule.include]
    members = [member for group in pack.scenes.groups for member in group.members]
    chosen += [(member.class_name, member.include) for member in members if member.include]
    assert len(chosen) == 2 + 6
    for name, patterns in chosen:
        for pattern in patterns:
            assert any(matcher([pattern]).fullmatch(stem) for stem in table[name]), pattern


def test_every_placement_can_occur(pack: GamePack) -> None:
    assert all(rule.count[1] >= 1 for rule in pack.scenes.placements)


def test_rare_and_easily_confused_classes_are_placed_more_often(pack: GamePack) -> None:
    every = {known.name: known.scene for known in pack.classes}
    groups = {known.name: known.group for known in pack.classes}
    assert factors_of(pack.scenes, Catalogue({}, {}, every, groups)) == {
        "camel_line": 2.0,
        "battle_elephant": 2.0,
        "cavalry_archer": 2.0,
        "unique_archer": 2.5,
        "unique_cavalry": 2.5,
        "unique_infantry": 2.5,
        "unique_siege": 2.5,
        "unique_ship": 2.5,
    }


def test_every_number_of_the_original_is_stated(pack: GamePack) -> None:
    """What the first system's generator used, where no reason beside it says otherwise."""
    scenes, overlays, light = pack.scenes, pack.scenes.overlays, pack.scenes.light
    assert (scenes.images, scenes.train_fraction, scenes.water_fraction) == (3000, 0.8, 0.15)
    assert (scenes.width, scenes.height, scenes.jpeg_quality) == (1280, 720, 90)
    assert (scenes.jpeg_varied, scenes.jpeg_range, scenes.attempts) == (0.3, (70, 90), 50)
    assert scenes.distant.share == 0.25
    on_objects = (overlays.selection, overlays.health_bar, overlays.garrison)
    assert [part.chance for part in on_objects] == [0.15, 0.2, 0.12]
    assert (overlays.hud, overlays.resource_bar.chance) == (0.2, 0.5)
    assert overlays.command_panel.chance == 0.5
    assert (overlays.fog.chance, overlays.fog.corners) == (0.3, (1, 4))
    assert (light.temperature, light.temperature_range) == (0.2, (-0.1, 0.1))
    assert light.vignette == 0.15
    for share, side, pixels in (
        (overlays.resource_bar.height, 720, (25, 40)),
        (overlays.command_panel.height, 720, (90, 150)),
        (overlays.minimap.side, 720, (130, 180)),
        (overlays.fog.width, 1280, (200, 400)),
        (overlays.fog.height, 720, (150, 300)),
        (overlays.fog.darkness, 255, (80, 150)),
        ((overlays.garrison.radius, overlays.health_bar.height), 1, (1 / 8, 1 / 12)),
    ):
        assert [round(part * side, 2) for part in share] == pytest.approx(pixels, abs=5)


def test_what_grows_and_wild_animals_wear_no_team_colour(pack: GamePack) -> None:
    plain = {rule.class_name for rule in pack.scenes.placements if not rule.recolour}
    nature = {"tree", "gold_mine", "stone_mine", "berry_bush", "relic"}
    assert plain == nature | {"deer", "boar", "wolf", "fish", "distractor"}


def test_the_zoom_covers_what_real_screenshots_show(pack: GamePack) -> None:
    """Median widths on real frames of 1280 pixels over those of the sprites at zoom 1."""
    ratios = (15 / 39, 165 / 390, 73 / 195, 27 / 65)
    low, high = pack.scenes.zoom
    assert all(low < ratio < high for ratio in ratios)


@pytest.mark.parametrize(
    ("name", "threshold"),
    [("villager", 0.25), ("berry_bush", 0.25), ("sheep", 0.2), ("relic", 0.2), ("mill", 0.55)],
)
def test_thresholds_are_those_that_were_measured(
    pack: GamePack, name: str, threshold: float
) -> None:
    assert pack.thresholds.per_class[name] == threshold
    assert pack.thresholds.default == 0.35


def test_the_training_settings_are_ones_that_the_trainer_knows(pack: GamePack) -> None:
    assert Hyperparameters(**pack.training.hyperparameters).imgsz == 1280


def test_all_85_stock_textures_are_decided(pack: GamePack) -> None:
    textures = [*LAND_TEXTURES, *WATER_TEXTURES, *FIELDS, *OTHER_TEXTURES]
    matches = match_terrain(pack.terrain, textures)
    assert len(set(textures)) == 85
    assert matches.land == tuple(sorted(LAND_TEXTURES))
    assert matches.water == tuple(sorted(WATER_TEXTURES))
    assert matches.excluded == tuple(sorted([*FIELDS, *OTHER_TEXTURES]))
    assert matches.undecided == ()


def test_every_terrain_pattern_is_needed(pack: GamePack) -> None:
    nothing = pack.terrain.model_copy(update={"land": [], "water": []})
    textures = [*LAND_TEXTURES, *WATER_TEXTURES]
    for choice in pack.terrain.land:
        assert match_terrain(nothing.model_copy(update={"land": [choice]}), textures).land, choice
    for choice in pack.terrain.water:
        assert match_terrain(nothing.model_copy(update={"water": [choice]}), textures).water, choice


def test_every_stock_texture_falls_in_exactly_one_class(pack: GamePack) -> None:
    textures = [*LAND_TEXTURES, *WATER_TEXTURES, *FIELDS, *OTHER_TEXTURES]
    names = TerrainNames(pack.terrain)
    assert [problem for name in textures if (problem := names.problem(name))] == []
    classes = {name: names.classes_of(name)[0] for name in textures}
    assert set(classes.values()) == set(get_args(TerrainClass))
    assert {name for name, known in classes.items() if known == "water"} == set(WATER_TEXTURES)
    assert {name for name, known in classes.items() if known == "farm"} >= set(FIELDS)
    assert {known for name, known in classes.items() if name.startswith("o_")} == {"placeholder"}


def test_rules_still_take_what_the_committed_table_lists(
    pack: GamePack, table: dict[str, list[str]]
) -> None:
    stems = [stem for found in table.values() for stem in found]
    by_class = match_files(pack.sprites, stems).by_class
    assert {name: list(by_class.get(name, ())) for name in table} == table


def test_every_class_but_the_farm_has_files_in_the_table(table: dict[str, list[str]]) -> None:
    assert [name for name, stems in table.items() if not stems] == ["farm"]


def test_the_table_lies_beside_the_pack(pack: GamePack, table: dict[str, list[str]]) -> None:
    assert list(table) == [*pack.class_names, "distractor"]
    assert Path(TABLE).stat().st_size < 100_000


def test_the_reference_page_lists_every_class(pack: GamePack) -> None:
    page = Path(__file__).parents[4] / "docs" / "reference" / "aoe2-pack.md"
    rows = re.findall(r"^\| (\d+) \| (\w+) \|", page.read_text("utf-8"), re.MULTILINE)
    assert rows == [(str(index), name) for index, name in enumerate(pack.class_names)]

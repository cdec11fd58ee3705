"""The pack's rules on the names of all 7,372 stock sprites of the game."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.games.installed import CoverageReport, check_installed
from pipeline.games.matching import FileMatches, Piece, match_files
from pipeline.games.pack import PACKS_FOLDER, GamePack
from pipeline.games.patterns import expand_braces, matcher
from tests.pipeline.games.match_table import match_table, read_names

ROOT = Path(__file__).parents[4]
NAMES = ROOT.parent / "shared" / "data" / "aoe2" / "sld_names_x1.txt"

pytestmark = pytest.mark.skipif(not NAMES.is_file(), reason="needs the list of stock names")

# What the rules take of standing and moving poses when Chronicles is counted in: worked out by hand
# from the list of names, apart from this pack.
COUNTS = {
    "tree": 29,
    "gold_mine": 3,
    "stone_mine": 3,
    "berry_bush": 12,
    "relic": 1,
    "sheep": 2,
    "goose": 2,
    "fish": 7,
    "town_center": 50,
    "house": 34,
    "lumber_camp": 16,
    "mining_camp": 16,
    "mill": 34,
    "market": 48,
    "dock": 35,
    "blacksmith": 32,
    "university": 32,
    "siege_workshop": 17,
    "monastery": 18,
    "castle": 61,
    "gate": 272,
    "wall": 34,
    "tower": 51 + 12,
    "wonder": 60,
    "krepost": 1,
    "trade_cart": 20,
    "fishing_ship": 4,
    "camel_line": 12,
    "battle_elephant": 4,
    "archer_line": 6,
    "skirmisher_line": 8,
    "hand_cannoneer": 2,
    "spearman_line": 11,
    "eagle_line": 6,
    "ram": 12,
    "mangonel_line": 12,
    "scorpion": 8,
    "siege_tower": 4,
    "king": 18,
    "fire_galley": 3,
    # The three camps of scenarios are scenery, but their names end like a building's.
    "barracks": 34 + 1,
    "archery_range": 32 + 1,
    "stable": 32 + 1,
    # And what replaces an upgrade for one civilisation: Savar (3 files), Legionary (2).
    "knight_line": 10 + 3,
    "militia_line": 12 + 2,
    # And the second idle animation of one style, and a scenario's priest.
    "monk": 48 + 1 + 4,
    # And the ships of Chronicles.
    "galley": 3 + 3,
}

LOOK_ALIKES = {
    "u_inf_karambitwarrior_idleA": "unique_infantry",
    "u_cav_arambai_idleA": "unique_archer",
    "u_inf_chakram_thrower_idleA": "unique_infantry",
    "u_cam_camel_archer_idleA": "unique_archer",
    "u_cam_camel_idleA": "camel_line",
    "u_cav_archer_idleA": "cavalry_archer",
    "u_arc_archer_idleA": "archer_line",
    "u_ele_battle_elephant_idleA": "battle_elephant",
    "u_ele_elephant_archer_idleA": "unique_archer",
    "u_sie_battering_ram_idleA": "ram",
    "u_sie_mounted_trebuchet_idleA": "unique_siege",
    "u_sie_traction_trebuchet_idleA": "unique_siege",
    "u_sie_packed_trebuchet_idleA": "trebuchet",
    "u_misc_relic": "relic",
    "u_misc_relic_cart_idleA": None,
    "n_cliff_limestone": None,
    "n_rock_limestone": "distractor",
    "n_mine_stone": "stone_mine",
    "a_monkeyboy_idleA": None,
    "u_king_spartans_idleA": None,
    "u_inf_flemish_pikeman_idleA": "unique_infantry",
    "b_scen_camp_barracks_age2": None,
    "b_scen_wall_fort": None,
    "a_fish_whale": None,
    "a_hunt_gazelle_idleA": None,
    "n_tree_stump_generic": "distractor",
}

LIFELESS = re.compile(
    r"destruction|destr_|rubble|constr|foundation|shadow|_flag|decay|death|underwater|reflection",
    re.IGNORECASE,
)
CHRONICLES = re.compile(r"_(ant|archaic|greek|persian|puru|thracian)_|achaemenid|spartan|athenian")


@pytest.fixture(scope="module")
def stems(pack: GamePack) -> tuple[str, ...]:
    return read_names(NAMES, pack)


@pytest.fixture(scope="module")
def matches(pack: GamePack, stems: tuple[str, ...]) -> FileMatches:
    return match_files(pack.sprites, stems)


@pytest.fixture(scope="module")
def class_of(matches: FileMatches) -> Mapping[str, str]:
    return {stem: name for name, found in matches.by_class.items() for stem in found}


def test_all_stock_names_are_read(stems: tuple[str, ...]) -> None:
    assert len(stems) == 7372


def test_no_file_serves_two_classes_even_if_no_group_were_left_aside(
    pack: GamePack, stems: tuple[str, ...], matches: FileMatches
) -> None:
    without_groups = pack.sprites.model_copy(update={"apart": {}})
    assert matches.conflicts == {}
    assert match_files(without_groups, stems).conflicts == {}


def test_each_class_takes_as_many_files_as_were_counted_by_hand(
    pack: GamePack, stems: tuple[str, ...]
) -> None:
    without_groups = pack.sprites.model_copy(update={"apart": {}})
    by_class = match_files(without_groups, stems).by_class
    standing = {
        name: len([stem for stem in found if "_attack" not in stem])
        for name, found in by_class.items()
    }
    assert {name: standing[name] for name in COUNTS} == COUNTS


@pytest.mark.parametrize(("stem", "class_name"), LOOK_ALIKES.items())
def test_look_alike_names_go_where_they_belong(
    stems: tuple[str, ...], class_of: Mapping[str, str], stem: str, class_name: str | None
) -> None:
    assert stem in stems
    assert class_of.get(stem) == class_name


def test_nothing_dying_ruined_or_unfinished_serves_a_class(class_of: Mapping[str, str]) -> None:
    assert [stem for stem in class_of if LIFELESS.search(stem)] == []


def test_chronicles_is_set_apart_from_every_class(
    matches: FileMatches, class_of: Mapping[str, str]
) -> None:
    assert [stem for stem in class_of if CHRONICLES.search(stem)] == []
    assert {"u_inf_hoplite_idleA", "u_shp_trireme_idle", "b_greek_house_age2"} <= set(
        matches.apart["chronicles"]
    )


def test_animations_named_as_only_chronicles_names_them_serve_no_class(
    class_of: Mapping[str, str],
) -> None:
    """`_walk` for `_walkA`; of the standard game only some ships do it too."""
    units = [stem for stem in class_of if re.search(r"_(walk|idle|attack)$", stem)]
    assert [stem for stem in units if not stem.startswith("u_shp_")] == []


def test_heroes_serve_no_class(class_of: Mapping[str, str]) -> None:
    assert [stem for stem in class_of if "_hero_" in stem] == []


def test_nothing_of_the_stock_files_is_left_undecided(matches: FileMatches) -> None:
    assert matches.unmatched == ()


def test_every_alternative_of_every_pattern_finds_a_file(
    pack: GamePack, stems: tuple[str, ...]
) -> None:
    rules = pack.sprites
    patterns = [
        *rules.exclude,
        *(pattern for group in rules.apart.values() for pattern in group),
        *(pattern for rule in rules.rules for pattern in (*rule.include, *rule.exclude)),
    ]
    globs = {glob for pattern in patterns for glob in expand_braces(pattern)}
    idle = [glob for glob in globs if not any(map(matcher([glob]).fullmatch, stems))]
    assert sorted(idle) == []


def test_every_gate_gets_its_two_pillars(matches: FileMatches) -> None:
    gates = matches.by_class["gate"]
    corner = "b_west_gate_stone_corner"
    assert matches.pieces["b_west_gate_stone_ne_closed"] == (
        (Piece(corner, 72, -36), Piece("b_west_gate_stone_ne_closed"), Piece(corner, -72, 36)),
    )
    assert {len(matches.pieces[gate][0]) for gate in gates} == {3}


def test_every_town_center_gets_its_four_layers(matches: FileMatches) -> None:
    layers = {
        stem: [piece.stem.removeprefix(f"{stem}_").lower() for piece in matches.pieces[stem][0]]
        for stem in matches.by_class["town_center"]
    }
    assert {tuple(names[1:]) for names in layers.values()} == {("main", "back", "center", "front")}


def test_ships_with_a_separate_sail_get_one_of_every_style(matches: FileMatches) -> None:
    sails = [[piece.stem for piece in variant] for variant in matches.pieces["u_shp_galleon"]]
    assert len(sails) == 10
    assert ["u_shp_galleon", "u_shp_sail_west_ship_5"] in sails


def test_no_part_is_lacking(matches: FileMatches) -> None:
    assert matches.lacking == {}


def test_the_committed_table_is_current(pack: GamePack, stems: tuple[str, ...]) -> None:
    committed = (PACKS_FOLDER / "aoe2" / "matches.tsv").read_text("utf-8")
    assert match_table(pack, stems) == committed, (
        "print it anew: python -m tests.pipeline.games.match_table aoe2 NAMES > "
        "pipeline/games/aoe2/matches.tsv"
    )


@pytest.fixture(scope="module")
def stock_report(
    pack: GamePack, stems: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> CoverageReport:
    """The check of an installed game with all stock names, its files empty."""
    game = tmp_path_factory.mktemp("game")
    for folder, names in (
        (pack.sprites.folder, [f"{stem}{pack.sprites.suffix}" for stem in stems]),
        (pack.terrain.folder, ["g_grs.dds", "g_wtr.dds", "g_fm1.dds"]),
    ):
        (game / folder).mkdir(parents=True)
        for name in names:
            (game / folder / name).touch()
    return check_installed(pack, game)


def test_a_stock_installation_is_covered_but_for_the_farm(stock_report: CoverageReport) -> None:
    others = {
        known.name: known.state for known in stock_report.classes if known.state != "complete"
    }
    assert others == {"farm": "annotated"}
    assert stock_report.covered
    assert stock_report.unmatched == {}

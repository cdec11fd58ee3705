"""Terrain by name: classes, what each may serve as, and packs that say something impossible."""

import pytest
from pydantic import ValidationError

from pipeline.games.pack import TerrainRules
from pipeline.games.terrain import TerrainNames

CLASSES = {
    "land": ["g_grs", "g_x*"],
    "water": ["g_wt*"],
    "farm": ["g_fm[12]"],
    "void": ["g_bla"],
    "beach": ["g_bch", "g_xb"],
    "shallows": ["g_sh*"],
}


def rules(**changes: object) -> TerrainRules:
    base = {
        "folder": "textures",
        "classes": CLASSES,
        "land": [{"include": "g_grs", "weight": 4.0}, {"include": "*"}],
        "water": [{"terrain": "water", "weight": 2.0}],
    }
    return TerrainRules.model_validate(base | changes)


def test_every_texture_falls_in_one_class_or_is_reported() -> None:
    names = TerrainNames(rules())
    for name, known in {"g_grs": "land", "g_wt2": "water", "g_fm1": "farm"}.items():
        assert (names.classes_of(name), names.problem(name)) == ((known,), None)
    assert {name: names.problem(name) for name in ("g_new", "g_xb")} == {
        "g_new": "unknown: in no class of terrain.classes",
        "g_xb": "in more than one class: land, beach",
    }


def test_a_pack_without_classes_sorts_and_reports_nothing() -> None:
    plain = TerrainNames(rules(classes={}, water=[{"include": "g_wt*"}]))
    assert (plain.classes_of("o_x"), plain.problem("o_x")) == ((), None)
    assert plain.decide("o_x", "land") == 1.0


@pytest.mark.parametrize(
    ("name", "surface", "decision"),
    [
        ("g_grs", "land", 4.0),
        ("g_bch", "land", 1.0),
        ("g_wt2", "water", 2.0),
        ("g_wt2", "land", "water, not land"),
        ("g_grs", "water", "land, not water"),
        ("g_fm1", "land", "farm field: as plain ground it would be a farm without a label"),
        ("g_bla", "land", "void: nothing is there"),
        ("g_sh2", "water", "shallows: neither land nor water"),
        ("g_new", "land", "unknown: in no class of terrain.classes"),
        ("g_xb", "land", "in more than one class: land, beach"),
    ],
)
def test_the_class_decides_whatever_the_patterns_take(
    name: str, surface: str, decision: float | str
) -> None:
    assert TerrainNames(rules()).decide(name, surface) == decision


def test_what_the_pack_excludes_or_does_not_choose_is_left_out() -> None:
    names = TerrainNames(rules(land=[{"include": "g_grs"}], exclude=["g_grs"]))
    assert names.decide("g_grs", "land") == "excluded by the pack"
    assert names.decide("g_bch", "land") == "not in terrain.land"
    assert [names.is_left_out(name) for name in ("g_grs", "g_fm1", "g_bch")] == [True, True, False]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"land": [{"terrain": "farm"}]}, r"land\[0\].terrain: 'farm' never serves as that"),
        ({"water": [{"terrain": "land"}]}, r"water\[0\].terrain: 'land' never serves"),
        ({"land": [{"terrain": "road"}]}, "no patterns for 'road'"),
        ({"land": [{}]}, "either 'include'"),
        ({"land": [{"include": "*", "terrain": "land"}]}, "either 'include'"),
        ({"classes": {"land": ["a*"], "water": ["a*"]}}, r"more than one class: a\*"),
        ({"classes": {"lava": ["a*"]}}, "'void', 'water'"),
        ({"classes": {"land": ["a{"]}}, "brace"),
        ({"land": [{"include": "*", "weight": float("nan")}]}, "finite|greater"),
    ],
)
def test_rules_that_cannot_be_meant_are_refused(changes: dict, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        rules(**changes)

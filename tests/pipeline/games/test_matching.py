from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.games.matching import FileMatches, Piece, by_prefix, match_files, stem_of
from pipeline.games.pack import SpriteRule, SpriteRules


def rule(class_name: str, *include: str, **more: Any) -> SpriteRule:
    return SpriteRule(class_name=class_name, include=list(include), **more)


def rules(*parts: SpriteRule, **more: Any) -> SpriteRules:
    return SpriteRules(folder="sprites", rules=list(parts), **more)


def drawn(matches: FileMatches) -> dict[str, list[list[str]]]:
    """Names of the pieces of every sprite that has several, variant by variant."""
    return {
        stem: [[piece.stem for piece in variant] for variant in variants]
        for stem, variants in matches.pieces.items()
    }


def test_each_class_gets_the_files_of_all_its_rules_sorted() -> None:
    matches = match_files(
        rules(rule("wall", "wall_*"), rule("tree", "oak"), rule("tree", "ash")),
        ["wall_b", "oak", "ash", "wall_a"],
    )
    assert matches.by_class == {"wall": ("wall_a", "wall_b"), "tree": ("ash", "oak")}


def test_a_class_that_matches_nothing_is_listed_with_nothing() -> None:
    assert match_files(rules(rule("wall", "wall_*")), ["oak"]).by_class == {"wall": ()}


def test_a_rule_can_take_files_out_again() -> None:
    matches = match_files(rules(rule("fish", "fish_*", exclude=["*_underwater"])), FISH)
    assert matches.by_class == {"fish": ("fish_tuna",)}
    assert matches.unmatched == ("fish_tuna_underwater",)


FISH = ("fish_tuna", "fish_tuna_underwater")


def test_what_the_pack_excludes_serves_no_class_and_is_not_called_unmatched() -> None:
    matches = match_files(rules(rule("fish", "fish_*"), exclude=["*_underwater"]), FISH)
    assert matches.by_class == {"fish": ("fish_tuna",)}
    assert matches.excluded == ("fish_tuna_underwater",)
    assert matches.unmatched == ()


def test_a_file_that_two_classes_claim_serves_neither() -> None:
    matches = match_files(rules(rule("ram", "*ram*"), rule("archer", "*arambai*")), ["u_arambai"])
    assert matches.conflicts == {"u_arambai": ("archer", "ram")}
    assert matches.by_class == {"ram": (), "archer": ()}
    assert matches.unmatched == ()


def test_of_two_rules_of_one_class_the_first_takes_the_file() -> None:
    first, second = rule("ram", "*_idle", steps=3), rule("ram", "ram_*")
    matches = match_files(rules(first, second), ["ram_idle", "ram_walk"])
    assert [match.stems for match in matches.by_rule] == [("ram_idle",), ("ram_walk",)]


def test_groups_are_set_apart_before_any_class_is_asked() -> None:
    matches = match_files(
        rules(rule("ram", "*ram*"), apart={"expansion": ["*_ant_*"]}), ["a_ram", "a_ant_ram"]
    )
    assert matches.by_class == {"ram": ("a_ram",)}
    assert matches.apart == {"expansion": ("a_ant_ram",)}


def test_unmatched_files_are_grouped_by_prefix_the_largest_group_first() -> None:
    matches = match_files(rules(rule("x", "x")), ["s_flag_a", "u_cav_b", "u_cav_a", "plain"])
    assert list(by_prefix(matches.unmatched).items()) == [
        ("u_cav", ("u_cav_a", "u_cav_b")),
        ("plain", ("plain",)),
        ("s_flag", ("s_flag_a",)),
    ]


def test_parts_are_found_by_the_name_of_their_file_and_are_not_unmatched() -> None:
    centre = rule("town_center", "*_centre", parts=["<stem>_back", "<stem>_front"])
    matches = match_files(rules(centre), ["a_centre", "a_centre_back", "a_centre_front"])
    assert drawn(matches) == {"a_centre": [["a_centre", "a_centre_back", "a_centre_front"]]}
    assert matches.unmatched == ()


def test_a_part_that_the_game_lacks_is_left_out_and_named() -> None:
    centre = rule("town_center", "*_centre", parts=["<stem>_back", "<stem>_front"])
    matches = match_files(rules(centre), ["a_centre", "a_centre_front"])
    assert drawn(matches) == {"a_centre": [["a_centre", "a_centre_front"]]}
    assert matches.lacking == {"a_centre": ("a_centre_back",)}


def test_what_lies_behind_is_drawn_first_wherever_it_is_listed() -> None:
    pillars = [{"name": "<stem-2>_pillar", "dy": 72}, {"name": "<stem-2>_pillar", "dy": -72}]
    gate = rule("gate", "west_gate_n_open", parts=pillars)
    matches = match_files(rules(gate), ["west_gate_n_open", "west_gate_pillar"])
    assert matches.pieces == {
        "west_gate_n_open": (
            (
                Piece("west_gate_pillar", dy=-72),
                Piece("west_gate_n_open"),
                Piece("west_gate_pillar", dy=72),
            ),
        )
    }


def test_a_part_of_which_there_are_several_makes_variants() -> None:
    galley = rule("galley", "galley", parts=["sail_*"])
    matches = match_files(rules(galley), ["galley", "sail_asia", "sail_west"])
    assert drawn(matches) == {"galley": [["galley", "sail_asia"], ["galley", "sail_west"]]}


def test_a_suffix_may_tell_two_sizes_of_one_sprite_apart() -> None:
    large_apart = rules(rule("x", "x"), suffix="_x1.sld")
    assert stem_of("u_ram_x1.sld", large_apart) == "u_ram"
    assert stem_of("u_ram_x2.sld", large_apart) is None


def test_a_pattern_whose_braces_do_not_fit_is_refused_with_the_pack() -> None:
    with pytest.raises(ValidationError, match="brace"):
        rule("tree", "n_tree_{oak,ash")


NAMES = st.lists(st.text("ab_", min_size=1, max_size=5), max_size=20)
GLOBS = st.lists(st.text("ab_*?", min_size=1, max_size=4), min_size=1, max_size=3)


@settings(deadline=None)
@given(NAMES, st.lists(GLOBS, min_size=1, max_size=3), GLOBS, GLOBS)
def test_every_file_goes_to_exactly_one_place(
    names: list[str], includes: list[list[str]], excluded: list[str], apart: list[str]
) -> None:
    some = [rule(f"class_{index}", *include) for index, include in enumerate(includes)]
    matches = match_files(rules(*some, exclude=excluded, apart={"apart": apart}), names)
    places = [
        *(stem for match in matches.by_rule for stem in match.stems),
        *matches.excluded,
        *matches.apart["apart"],
        *matches.conflicts,
        *matches.unmatched,
    ]
    assert sorted(places) == sorted(set(names))

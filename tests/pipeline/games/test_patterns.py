import fnmatch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.games.patterns import MOST_EXPANSIONS, expand_braces, matcher, with_stem

PLAIN = st.text("ab_*?", min_size=1, max_size=8)


def test_alternatives_are_listed_in_the_order_in_which_they_are_written() -> None:
    assert expand_braces("n_{gold,stone}{,_33}") == (
        "n_gold",
        "n_gold_33",
        "n_stone",
        "n_stone_33",
    )


def test_a_pattern_without_braces_stands_for_itself() -> None:
    assert expand_braces("u_*_idleA") == ("u_*_idleA",)


@pytest.mark.parametrize("pattern", ["a{b", "a}b", "a{b{c,d},e}", "}{"])
def test_braces_that_do_not_fit_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="brace"):
        expand_braces(pattern)


def test_a_pattern_with_absurdly_many_alternatives_is_refused_without_listing_them() -> None:
    with pytest.raises(ValueError, match=str(MOST_EXPANSIONS)):
        expand_braces("{a,b}" * 40)


def test_case_matters_on_every_system() -> None:
    assert not matcher(["a_idleA"]).fullmatch("a_idlea")


def test_no_pattern_matches_nothing() -> None:
    assert not matcher([]).fullmatch("")


@settings(deadline=None)
@given(st.lists(PLAIN, max_size=4), st.text("ab_", max_size=8))
def test_a_matcher_takes_what_any_of_its_globs_takes(globs: list[str], name: str) -> None:
    expected = any(fnmatch.fnmatchcase(name, glob) for glob in globs)
    assert bool(matcher(globs).fullmatch(name)) == expected


@settings(deadline=None)
@given(st.lists(st.text("ab", max_size=3), min_size=1, max_size=4), st.text("ab", max_size=4))
def test_braces_take_exactly_their_alternatives(choices: list[str], name: str) -> None:
    pattern = matcher(["x{" + ",".join(choices) + "}y"])
    assert bool(pattern.fullmatch(f"x{name}y")) == (name in choices)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("<stem>_back", "b_gate_n_open_back"),
        ("<stem-2>_corner", "b_gate_corner"),
        ("<stem-1>_closed", "b_gate_n_closed"),
        ("sail", "sail"),
    ],
)
def test_a_part_is_named_after_its_base(pattern: str, name: str) -> None:
    assert with_stem(pattern, "b_gate_n_open") == name

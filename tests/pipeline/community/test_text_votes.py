"""Readings that people corrected: what is believed, and what never comes out."""

from __future__ import annotations

from datetime import date
from hashlib import sha256

import pytest
from detector_runtime.classify.text import TextMatcher
from hypothesis import given
from hypothesis import strategies as st

from pipeline.community.staged_crops import Contributions, StagedCrop
from pipeline.community.text_votes import (
    TextVotes,
    TextVotingRules,
    count_text_votes,
    normalised,
)

VALID = {"ship_type": ["Fleet Support Galleon", "Light Frigate", "Xebec"], "motto": []}
GALLEON = "Fleet Support Galleon"


def read(who: str, raw: str, name: str, slot: str = "ship_type", day: int = 1) -> Contributions:
    """One text as an install sent it; the reading is left empty where it was right."""
    crop = StagedCrop(
        sha256=sha256(f"{who} {raw} {name} {day}".encode()).hexdigest(),
        phash="0" * 16,
        kind="text",
        slot=slot,
        name=name,
        ml_name="" if raw == name else raw,
        date=date(2026, 11, day),
        width=120,
        height=16,
    )
    return Contributions(contributor=who, crops=(crop,))


def count(*contributions: Contributions, quorum: int = 2) -> tuple[TextVotes, ...]:
    return count_text_votes(contributions, VALID, TextVotingRules(quorum=quorum))


def corrections(votes: tuple[TextVotes, ...]) -> dict[tuple[str, str], str]:
    return {(one.slot, one.raw): one.text for one in votes if one.outcome == "corrected"}


def test_what_enough_people_correct_alike_is_corrected_for_everybody() -> None:
    votes = count(read("a", "F1eet Support Galleon", GALLEON), read("b", "Xebcc", "Xebec"))
    assert [one.outcome for one in votes] == ["too few votes"] * 2
    votes = count(*(read(who, "F1eet Support Galleon", GALLEON) for who in "ab"))
    assert corrections(votes) == {("ship_type", "F1eet Support Galleon"): GALLEON}


def test_spaces_and_unicode_make_no_other_reading_but_case_does() -> None:
    votes = count(
        read("a", "F1eet  Support\u00a0Galleon", GALLEON),
        read("b", "\uff261eet Support Galleon ", GALLEON),
        read("c", "F1EET SUPPORT GALLEON", GALLEON),
    )
    assert [(one.raw, one.outcome) for one in votes] == [
        ("F1EET SUPPORT GALLEON", "too few votes"),
        ("F1eet Support Galleon", "corrected"),
    ]


def test_an_install_has_one_vote_on_a_reading_its_last() -> None:
    many = [read("a", "Xebcc", "Xebec", day=day) for day in range(1, 9)]
    joined = Contributions(contributor="a", crops=tuple(c for one in many for c in one.crops))
    assert corrections(count(joined)) == {}
    changed = Contributions(
        contributor="a",
        crops=read("a", "Xebcc", "Light Frigate").crops + read("a", "Xebcc", "Xebec", day=2).crops,
    )
    assert corrections(count(changed, read("b", "Xebcc", "Xebec"))) == {
        ("ship_type", "Xebcc"): "Xebec"
    }


def test_two_answers_on_one_day_are_none() -> None:
    both = read("a", "Xebcc", "Light Frigate").crops + read("a", "Xebcc", "Xebec").crops
    (votes,) = count(Contributions(contributor="a", crops=both))
    assert (votes.votes, votes.outcome) == ({}, "right as it is")


def test_half_is_no_majority() -> None:
    crowd = [read(who, "Xebcc", "Xebec") for who in "ab"]
    crowd += [read(who, "Xebcc", "Light Frigate") for who in "cd"]
    assert [one.outcome for one in count(*crowd)] == ["no majority"]


def test_a_valid_text_is_never_corrected_however_many_say_so() -> None:
    assert count(*(read(who, "Light Frigate", "Xebec") for who in "abcdefgh")) == ()
    assert count(*(read(who, "LIGHT FRIGATE", "Xebec") for who in "abcdefgh")) == ()


def test_a_valid_text_without_its_spaces_is_corrected_to_nothing_else() -> None:
    crowd = [read(who, "LightFrigate", "Xebec") for who in "abcdefgh"]
    assert count(*crowd) == ()
    crowd += [read(who, "LightFrigate", "Light Frigate") for who in "ij"]
    assert corrections(count(*crowd)) == {("ship_type", "LightFrigate"): "Light Frigate"}


@pytest.mark.parametrize("valid", [("Tier 4", "Tier4"), ("Tier4", "Tier 4")])
def test_of_two_valid_texts_with_the_same_letters_neither_is_corrected(
    valid: tuple[str, str],
) -> None:
    other = dict(zip(valid, reversed(valid), strict=True))
    sent = [read(who, raw, name) for who in "abc" for raw, name in other.items()]
    votes = count_text_votes(sent, {"ship_type": valid}, TextVotingRules())
    assert corrections(votes) == {}


def test_what_is_not_valid_never_comes_out() -> None:
    assert count(*(read(who, "Xebcc", "Hacked") for who in "abcdefgh")) == ()


def test_a_slot_that_the_pack_does_not_name_holds_no_texts() -> None:
    assert count(*(read(who, "Bob", "Rob", slot="captain_name") for who in "abc")) == ()


def test_where_every_text_is_valid_whoever_confirms_a_reading_defends_it() -> None:
    crowd = [read(who, "Aye", "Eye", slot="motto") for who in "ab"]
    assert corrections(count(*crowd)) == {("motto", "Aye"): "Eye"}
    crowd += [read(who, "Aye", "Aye", slot="motto") for who in "cd"]
    assert corrections(count(*crowd)) == {}


def by_two(raw: str, name: str) -> list[Contributions]:
    return [read(f"{raw}{name}{who}", raw, name, slot="motto") for who in "ab"]


def test_no_chain_and_no_cycle() -> None:
    chain = count(*by_two("A", "B"), *by_two("B", "C"))
    assert {one.raw: one.outcome for one in chain} == {
        "A": "is itself corrected",
        "B": "corrected",
    }
    cycle = count(*by_two("A", "B"), *by_two("B", "A"))
    assert {one.outcome for one in cycle} == {"is itself corrected"}


def test_no_chain_where_capitals_make_no_difference() -> None:
    """As to whom the corrections are for: `detector_runtime.classify.text`."""
    chain = count(*by_two("Foo", "Bar"), *by_two("bar", "Baz"))
    assert corrections(chain) == {("motto", "bar"): "Baz"}
    cycle = count(*by_two("Foo", "Bar"), *by_two("BAR", "foo"))
    assert corrections(cycle) == {}
    # Capitals alone may be corrected: what comes out stays as it is.
    assert corrections(count(*by_two("foo", "Foo"))) == {("motto", "foo"): "Foo"}


TEXTS = st.sampled_from(
    ["Xebec", "xebec", "Light Frigate", "Xebcc", "Lght  Frigate", "A", "B", "b"]
)
CROWD = st.lists(
    st.builds(
        read,
        st.sampled_from("abcdef"),
        TEXTS,
        TEXTS,
        slot=st.sampled_from(["ship_type", "motto"]),
        day=st.integers(1, 3),
    ),
    max_size=40,
)


@given(CROWD, st.integers(1, 3))
def test_whatever_is_sent_corrections_keep_what_they_promise(
    crowd: list[Contributions], quorum: int
) -> None:
    joined = [
        Contributions(
            contributor=who,
            crops=tuple(c for one in crowd if one.contributor == who for c in one.crops),
        )
        for who in sorted({one.contributor for one in crowd})
    ]
    votes = count(*joined, quorum=quorum)
    assert votes == count(*joined[::-1], quorum=quorum)
    found = corrections(votes)
    for (slot, raw), text in found.items():
        of_slot = {read: name for (place, read), name in found.items() if place == slot}
        assert TextMatcher(VALID[slot], of_slot).match(text).text in (text, None)
        assert (slot, text) not in found
        assert raw == normalised(raw) != text
        assert raw not in VALID[slot]
        assert not VALID[slot] or text in VALID[slot]
    for one in votes:
        assert len({who for voters in one.votes.values() for who in voters}) == sum(
            map(len, one.votes.values())
        )
        if one.outcome == "corrected":
            assert len(one.votes[one.text]) >= quorum


@pytest.mark.parametrize("text", ["  a\tb\n", "\ufb01n", "\u00c5"])
def test_normalising_again_changes_nothing(text: str) -> None:
    assert normalised(normalised(text)) == normalised(text)

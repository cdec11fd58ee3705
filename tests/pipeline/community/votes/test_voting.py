"""Labels that players give become labels that are believed, or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from hashlib import sha256

import numpy as np
import pytest
from doubles.voters import Crowd, judge, label_icons
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.community.staged_crops import Contributions, StagedCrop
from pipeline.community.voted_crops import VotedCrop, Votes
from pipeline.community.votes.decisions import Decision
from pipeline.community.votes.grouping import SIDE, WINDOW, Colours
from pipeline.community.votes.neighbours import Layout
from pipeline.community.votes.voting import Opinion, VotingRules, VotingSources, count_votes

QUICK = Crowd(icons=600, installs=40)


def test_of_three_votes_with_a_fifth_hostile_98_of_100_labels_are_right() -> None:
    """And the plain rule, on the same uploads, has four of five, as nothing is byte-equal."""
    for colluding in (False, True):
        uploads = label_icons(replace(QUICK, colluding=colluding), seed=1)
        ours = judge(
            count_votes(uploads.contributions, VotingRules(), uploads.sources), uploads.truth
        )
        plain = count_votes(uploads.contributions, VotingRules(rule="plain"), uploads.sources)
        assert ours.mixed == 0
        assert ours.voted >= 0.98
        assert ours.accepted >= 0.995
        assert ours.coverage >= 0.85
        assert ours.calibration < 0.05
        assert judge(plain, uploads.truth).voted < 0.85


def test_a_careless_fifth_beside_a_hostile_one_is_not_believed_more_than_it_should() -> None:
    uploads = label_icons(replace(QUICK, careless=0.2), seed=2)
    found = judge(count_votes(uploads.contributions, VotingRules(), uploads.sources), uploads.truth)
    assert found.voted >= 0.96
    assert found.accepted >= 0.99


SWORD, AXE = 60, 180
"""Brightness of what stands for an icon."""


def sent(who: str, *labels: tuple[int, str], day: int = 1) -> Contributions:
    """Icons with the label that somebody gave each; every upload has bytes of its own."""
    return Contributions(
        contributor=who,
        crops=tuple(
            StagedCrop(
                sha256=f"{look:02x}{sha256(f'{who}{number}'.encode()).hexdigest()[2:]}",
                phash="0" * 16,
                kind="icon",
                slot="weapon",
                name=label,
                date=date(2026, 11, day),
                width=64,
                height=64,
            )
            for number, (look, label) in enumerate(labels)
        ),
    )


def windows(digest: str) -> Colours:
    return np.full((SIDE - WINDOW + 1, SIDE - WINDOW + 1, 3), int(digest[:2], 16), dtype=np.uint8)


def layout(digest: str) -> Layout:
    """As many kinds of layouts as of looks."""
    look = np.random.default_rng(int(digest[:2], 16)).normal(size=576)
    own = np.random.default_rng(int(digest[2:10], 16)).normal(size=576)
    cells = (look + own / 2).astype(np.float32)
    return cells / np.float32(np.linalg.norm(cells))


SOURCES = VotingSources(windows, layout)


def voted(*contributions: Contributions, rules: VotingRules | None = None) -> Votes:
    return count_votes(contributions, rules or VotingRules(), SOURCES)


def only(votes: Votes) -> VotedCrop:
    (crop,) = votes.crops
    return crop


def test_an_icon_that_one_install_floods_is_never_accepted() -> None:
    # It has been right often before.
    known = [sent(who, (SWORD, "Sword")) for who in "abcdefgh"]
    flood = sent("h", (SWORD, "Sword"), *[(AXE, "Hacked")] * 200)
    crops = voted(*known[:-1], flood).crops
    assert {crop.label: crop.status for crop in crops} == {
        "Sword": "accepted",
        "Hacked": "tentative",
    }


@pytest.mark.parametrize("honest", [2, 3])
def test_invented_installs_that_agree_on_their_own_images_outvote_no_more_people(
    honest: int,
) -> None:
    """Images that nobody else sends make whoever agrees on them look reliable."""
    hashes = [sha256(f"own {number}".encode()).hexdigest()[:16] for number in range(40)]
    liars = []
    for who in "yz":
        own = sent(who, *[(0, f"Own {number}") for number in range(40)]).crops
        apart = [
            crop.model_copy(update={"phash": phash})
            for crop, phash in zip(own, hashes, strict=True)
        ]
        lie = sent(who, *[(0, "")] * 40, (AXE, "Hacked")).crops[-1]
        liars.append(Contributions(contributor=who, crops=(*apart, lie)))
    votes = voted(*liars, *[sent(who, (AXE, "Axe")) for who in "abc"[:honest]])
    (fought,) = [crop for crop in votes.crops if "Axe" in crop.votes]
    assert (fought.label, fought.status) == ("Hacked", "disputed")
    assert fought.confidence > 0.95, "or the lie would not have been believed in any case"


def test_two_newcomers_that_agree_are_not_enough_but_three_are() -> None:
    assert only(voted(*[sent(who, (SWORD, "Sword")) for who in "ab"])).status == "tentative"
    assert only(voted(*[sent(who, (SWORD, "Sword")) for who in "abc"])).status == "accepted"


def test_votes_that_contradict_each_other_are_disputed() -> None:
    crop = only(
        voted(*[sent(who, (SWORD, label)) for who, label in zip("abcd", "XXYY", strict=True)])
    )
    assert crop.status == "disputed"
    assert crop.votes == {"X": ("a", "b"), "Y": ("c", "d")}


def test_whoever_contradicts_itself_on_one_day_has_no_vote_and_loses_no_image() -> None:
    crop = only(voted(sent("a", (SWORD, "Sword"), (SWORD, "Axe"))))
    assert (crop.status, crop.confidence, crop.votes) == ("tentative", 0.0, {})
    assert len(crop.members) == 2


def decide(look: int, label: str) -> VotingSources:
    digest = sent("a", (look, "Sword")).crops[0].sha256
    return replace(
        SOURCES, decisions=[Decision(sha256=digest, label=label, date=date(2026, 12, 1))]
    )


def test_a_decision_overrules_everybody() -> None:
    crowd = [sent(who, (SWORD, "Sword")) for who in "abc"]
    crop = only(count_votes(crowd, VotingRules(), decide(SWORD, "Axe")))
    assert (crop.label, crop.status, crop.decided) == ("Axe", "accepted", True)
    assert crop.confidence > 0.95
    assert crop.votes == {"Sword": ("a", "b", "c")}


def test_of_several_decisions_on_one_group_the_last_one_counts() -> None:
    crowd = [sent(who, (SWORD, "Sword")) for who in "ab"]
    first, second = sorted(crop.sha256 for content in crowd for crop in content.crops)
    later = Decision(sha256=first, label="Axe", date=date(2026, 12, 2))
    earlier = Decision(sha256=second, label="Mace", date=date(2026, 12, 1))
    sources = replace(SOURCES, decisions=[later, earlier])
    assert only(count_votes(crowd, VotingRules(), sources)).label == "Axe"


def test_those_whom_a_decision_refutes_are_believed_less() -> None:
    crowd = [sent(who, (SWORD, "Sword")) for who in "abc"]
    before = count_votes(crowd, VotingRules(), SOURCES).reliability
    after = count_votes(crowd, VotingRules(), decide(SWORD, "Axe")).reliability
    assert all(after[who] < before[who] for who in "abc")


def test_what_shows_nothing_is_left_out() -> None:
    crowd = [sent(who, (SWORD, "Sword"), (AXE, "Axe")) for who in "abc"]
    assert only(count_votes(crowd, VotingRules(), decide(SWORD, ""))).label == "Axe"


def always(opinions: dict[str, Opinion], kind: str, asked: Sequence[str]) -> dict[str, Opinion]:
    return opinions


def test_the_model_weighs_where_votes_are_few_and_never_counts_as_somebody() -> None:
    two = [sent(who, (SWORD, "Sword")) for who in "ab"]
    centre = only(count_votes(two, VotingRules(), SOURCES)).members[0].sha256
    for label, status in (("Sword", "accepted"), ("Axe", "tentative")):
        opinion = {centre: Opinion(label, 0.9)}
        sources = replace(SOURCES, opinions=partial(always, opinion))
        crop = only(count_votes(two, VotingRules(), sources))
        assert (crop.label, crop.status, crop.opinion) == ("Sword", status, label)
    alone = sent("a", (SWORD, "Sword"))
    sure = {alone.crops[0].sha256: Opinion("Sword", 0.999)}
    sources = replace(SOURCES, opinions=partial(always, sure))
    assert only(count_votes([alone], VotingRules(), sources)).status == "tentative"


@pytest.mark.parametrize("reliability", [0.0, 0.1])
def test_a_model_that_is_hardly_ever_right_takes_nothing_from_those_who_say_the_same(
    reliability: float,
) -> None:
    crowd = [sent(who, (SWORD, "Sword")) for who in "abc"]
    alone = count_votes(crowd, VotingRules(), SOURCES)
    opinion = {only(alone).members[0].sha256: Opinion("Sword", reliability)}
    asked = replace(SOURCES, opinions=partial(always, opinion))
    with np.errstate(divide="raise"):
        crop = only(count_votes(crowd, VotingRules(), asked))
    assert (crop.status, crop.confidence) == ("accepted", only(alone).confidence)


def test_the_model_is_asked_only_about_what_votes_leave_open() -> None:
    asked: list[str] = []

    def opinions(kind: str, digests: Sequence[str]) -> dict[str, Opinion]:
        asked.extend(digests)
        return {}

    agreed = [sent(who, (SWORD, "Sword")) for who in "abcde"]
    count_votes(agreed, VotingRules(), replace(SOURCES, opinions=opinions))
    assert asked == []
    disputed = [*agreed, sent("f", (SWORD, "Axe"))]
    count_votes(disputed, VotingRules(), replace(SOURCES, opinions=opinions))
    assert len(asked) == 1


def test_the_plain_rule_counts_each_image_of_equal_bytes_by_itself() -> None:
    crowd = [sent(who, (SWORD, label)) for who, label in zip("abc", ("X", "X", "Y"), strict=True)]
    crops = voted(*crowd, rules=VotingRules(rule="plain")).crops
    assert [(crop.label, crop.status) for crop in crops] == [("X", "accepted")] * 2 + [
        ("Y", "accepted")
    ]


def test_no_contributions_are_no_votes() -> None:
    assert voted() == Votes(crops=())


CROWDS = st.lists(
    st.builds(
        sent,
        st.sampled_from("abcdef"),
        st.tuples(st.sampled_from([SWORD, AXE]), st.sampled_from("XYZ")),
        day=st.integers(1, 3),
    ),
    unique_by=lambda one: one.contributor,
    max_size=6,
)


@settings(deadline=None, max_examples=30)
@given(CROWDS, st.sampled_from(["plain", "reliability"]))
def test_votes_keep_what_they_promise(crowd: list[Contributions], rule: str) -> None:
    votes = voted(*crowd, rules=VotingRules.model_validate({"rule": rule}))
    assert votes == voted(*crowd[::-1], rules=VotingRules.model_validate({"rule": rule}))
    sent_images = sorted(crop.sha256 for one in crowd for crop in one.crops)
    assert sorted(one.sha256 for crop in votes.crops for one in crop.members) == sent_images
    for crop in votes.crops:
        assert crop.label in crop.votes
        if rule == "reliability" and crop.status == "accepted":
            assert len(crop.votes[crop.label]) >= 2
            assert crop.confidence >= 0.95


@pytest.mark.parametrize("quorum", [1, 4])
def test_the_quorum_is_a_setting(quorum: int) -> None:
    crowd = [sent(who, (SWORD, "Sword")) for who in "abc"]
    status = only(voted(*crowd, rules=VotingRules(quorum=quorum))).status
    assert status == ("accepted" if quorum == 1 else "tentative")


@pytest.mark.parametrize(("quorum", "status"), [(2, "accepted"), (3, "disputed")])
def test_the_quorum_counts_those_who_give_the_label(quorum: int, status: str) -> None:
    """Two who are always right are sure enough against one who never is, and no third one."""
    looks = range(0, 160, 40)
    right = [(look, f"Icon {look}") for look in looks]
    votes = voted(
        *(sent(who, *right, (AXE, "Axe")) for who in "ab"),
        *(sent(who, *right) for who in "cdef"),
        sent("h", *((look, "Hacked") for look in looks), (AXE, "Sword")),
        rules=VotingRules(quorum=quorum),
    )
    states = {crop.label: crop.status for crop in votes.crops}
    assert states.pop("Axe") == status
    assert states == {label: "accepted" for _, label in right}


def screens(who: str, *shown: tuple[int, str]) -> Contributions:
    """Screens by their layout and type; no two look alike enough to be one group."""
    crops = tuple(
        crop.model_copy(update={"kind": "screen", "slot": "", "phash": f"{crop.sha256[10:26]}"})
        for crop in sent(who, *shown).crops
    )
    return Contributions(contributor=who, crops=crops)


CARGO, MARKET = 10, 20


def test_similar_screens_of_others_speak_for_a_screen() -> None:
    crowd = [screens(who, (CARGO, "CARGO"), (MARKET, "MARKET")) for who in "abcdefg"]
    crowd.append(screens("h", (CARGO, "MARKET"), (MARKET, "CARGO")))
    votes = voted(*crowd)
    right = {CARGO: "CARGO", MARKET: "MARKET"}
    for crop in votes.crops:
        look, label = int(crop.members[0].sha256[:2], 16), next(iter(crop.votes))
        if crop.contributors == {"h"}:
            assert (crop.label, crop.status) == (label, "disputed")
        else:
            assert (crop.label, crop.status) == (right[look], "accepted")
        assert not {who for said in crop.similar.values() for who in said} & crop.contributors


def test_a_screen_that_nobody_else_sends_is_not_accepted() -> None:
    crowd = [screens(who, (CARGO, "CARGO")) for who in "abcdefg"]
    new = screens("a", (MARKET, "MARKET"))
    crowd[0] = Contributions(contributor="a", crops=(*crowd[0].crops[:1], new.crops[0]))
    (open_one,) = [crop for crop in voted(*crowd).crops if crop.status != "accepted"]
    assert open_one.label == "MARKET"

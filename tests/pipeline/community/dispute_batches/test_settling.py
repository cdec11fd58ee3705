"""What tags decide, and what they leave alone."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.community.dispute_batches.dispute_batch import (
    DisputeBatch,
    DisputeBatchContent,
    DisputedCrop,
)
from pipeline.community.dispute_batches.settling import (
    Circumstances,
    DisputeLabelsError,
    ImageTags,
    decisions_of,
    left_to_ask,
    require_labels,
    settle,
)
from pipeline.community.dispute_batches.tag_labels import NO_NAME, tag_labels_of
from pipeline.community.votes.decisions import Decision

TODAY = date(2026, 3, 10)
SHOWN, OTHER = "a" * 64, "b" * 64
IMAGE = "0001_aaaaaaaaaaaaaaaa.png"
LONG = "Sword of " + "very " * 20 + "great length"
CROP = DisputedCrop(
    image=IMAGE,
    members=(SHOWN, OTHER),
    kind="icon",
    slot="weapon",
    status="disputed",
    label="Iron Sword",
    names=("Iron Sword", "Steel Sword", LONG),
    votes={"Iron Sword": 2, "Steel Sword": 2, LONG: 1},
)
BATCH = DisputeBatch(Path(), DisputeBatchContent(crops=(CROP,), waiting=0))
LABELS = tag_labels_of(BATCH.names)
KNOWN = {"icon": ("Iron Sword", "Steel Sword", "Round Shield", LONG), "screen": ("TRADE",)}


def known(*decisions: Decision, counting: set[str] | None = None) -> Circumstances:
    counts = {SHOWN, OTHER} if counting is None else counting
    return Circumstances("first", "task 7 in CVAT", counts, decisions, KNOWN)


def noted(label: str, sha256: str = SHOWN, batch: str = "") -> Decision:
    return Decision(sha256=sha256, label=label, date=date(2026, 1, 1), batch=batch)


def became(tags: ImageTags | None, about: Circumstances) -> tuple[str, str, list[Decision]]:
    """Outcome, label, and what is to be noted."""
    settled = settle(BATCH, {} if tags is None else {IMAGE: tags}, about)
    (crop,) = settled
    return crop.outcome, crop.label, list(decisions_of(settled, about, TODAY))


@pytest.mark.parametrize(
    ("given", "preset", "label"),
    [
        ((), ("Iron Sword",), "Iron Sword"),
        (("Steel Sword",), ("Iron Sword",), "Steel Sword"),
        (("Steel Sword", "Steel Sword"), (), "Steel Sword"),
        (("none of these",), ("Iron Sword",), ""),
        (("unreadable",), (), ""),
        ((LABELS[LONG],), (), LONG),
        (("Round Shield",), (), "Round Shield"),
    ],
)
def test_one_tag_of_a_person_decides_else_the_preset_one(
    given: tuple[str, ...], preset: tuple[str, ...], label: str
) -> None:
    outcome, decided, (decision,) = became(ImageTags(True, given, preset), known())
    assert (outcome, decided) == ("decided", label)
    assert (decision.sha256, decision.label, decision.date) == (SHOWN, label, TODAY)
    assert (decision.batch, decision.reason[:14]) == ("first", "task 7 in CVAT")
    assert decision.reason[14:] == (f": {given[0]}" if given and given[0] in NO_NAME else "")


@pytest.mark.parametrize(
    ("tags", "outcome"),
    [
        (None, "not in CVAT"),
        (ImageTags(False, ("Steel Sword",)), "not finished"),
        (ImageTags(True), "no tag"),
        (ImageTags(True, ("Steel Sword", "Iron Sword")), "several tags"),
        (ImageTags(True, ("Steel Sword", "unreadable")), "several tags"),
        (ImageTags(True, ("Butter Knife",)), "no such name"),
        (ImageTags(True, ("TRADE",)), "no such name"),
    ],
)
def test_what_decides_nothing(tags: ImageTags | None, outcome: str) -> None:
    assert became(tags, known()) == (outcome, "", [])
    # And takes nothing back that was decided in the same batch.
    assert became(tags, known(noted("Steel Sword", batch="first"))) == (
        "decided",
        "Steel Sword",
        [],
    )


def test_a_decision_by_hand_on_any_image_of_the_group_stays() -> None:
    tags = ImageTags(True, ("Steel Sword",))
    for image in (SHOWN, OTHER):
        about = known(noted("Iron Sword", image))
        assert became(tags, about) == ("decided by hand", "Iron Sword", [])
        assert left_to_ask(BATCH, about) == ()


def test_what_is_decided_by_hand_on_the_same_day_counts_whichever_image_it_is_of() -> None:
    """A batch has noted one for the other image, whose digest comes last."""
    about = known(noted("Iron Sword", OTHER, batch="first"), noted("Steel Sword", SHOWN))
    assert about.decision_on(CROP) == noted("Steel Sword", SHOWN)


def test_what_is_noted_already_is_not_noted_again_and_a_changed_tag_is() -> None:
    about = known(noted("Steel Sword", batch="first"))
    assert became(ImageTags(True, ("Steel Sword",)), about)[2] == []
    (again,) = became(ImageTags(True, ("Iron Sword",)), about)[2]
    assert again.label == "Iron Sword"


def test_an_image_of_a_withdrawn_contributor_is_dropped() -> None:
    about = known(counting={OTHER})
    assert became(ImageTags(True, ("Steel Sword",)), about) == ("withdrawn", "", [])
    assert left_to_ask(BATCH, about) == ()
    assert left_to_ask(BATCH, known()) == (CROP,)


def test_without_a_list_of_names_every_name_counts() -> None:
    about = Circumstances("first", "task 7", {SHOWN}, (), {"icon": ()})
    assert became(ImageTags(True, ("Butter Knife",)), about)[:2] == ("decided", "Butter Knife")


def test_labels_must_be_as_they_were_sent() -> None:
    sent = [*NO_NAME, *LABELS.values()]
    require_labels(BATCH, [*sent, "Round Shield"], "task 7")
    with pytest.raises(DisputeLabelsError, match="'Steel Sword' of task 7 was renamed or removed"):
        require_labels(BATCH, {*sent} - {"Steel Sword"}, "task 7")


TAGS = st.builds(
    ImageTags,
    st.booleans(),
    st.lists(st.sampled_from([*LABELS.values(), *NO_NAME, "x"]), max_size=2).map(tuple),
    st.lists(st.sampled_from([*LABELS.values()]), max_size=1).map(tuple),
)
NOTED = st.lists(
    st.builds(
        noted,
        st.sampled_from(["Iron Sword", "Steel Sword", ""]),
        st.sampled_from([SHOWN, OTHER]),
        st.sampled_from(["", "first", "second"]),
    ),
    max_size=1,
)


@given(TAGS, NOTED, st.sets(st.sampled_from([SHOWN, OTHER])))
def test_settling_twice_notes_nothing_more(
    tags: ImageTags, decisions: list[Decision], counting: set[str]
) -> None:
    first = known(*decisions, counting=counting)
    outcome, label, new = became(tags, first)
    by_hand = [one for one in decisions if one.batch != "first"]
    if by_hand or SHOWN not in counting or not tags.is_finished:
        assert new == []
    kept = {one.sha256: one for one in (*decisions, *new)}
    again = known(*kept.values(), counting=counting)
    assert became(tags, again) == (outcome, label, [])

"""Which disputed images are asked about first, and which not at all."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from pipeline.community.dispute_batches.choosing import (
    MOST_LABELS,
    MOST_NAMES,
    Excluded,
    choose_disputes,
)
from pipeline.community.voted_crops import CropMember, VotedCrop, Votes, VoteStatus


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def group(
    key: str,
    votes: Mapping[str, int],
    status: VoteStatus = "disputed",
    images: int = 1,
    **others: object,
) -> VotedCrop:
    """A group whose votes are of installs of its own, each of which sent its first image."""
    voters = {
        name: tuple(f"{key}-{name}-{number}" for number in range(count))
        for name, count in votes.items()
    }
    every = tuple(sorted(who for each in voters.values() for who in each))
    members = tuple(
        CropMember(
            sha256=digest(f"{key} {number}"),
            phash="0" * 16,
            contributors=every if number == 0 else every[:1],
        )
        for number in range(images)
    )
    return VotedCrop.model_validate(
        {
            **{"kind": "icon", "slot": "weapon", "status": status, "confidence": 0.5},
            **{"label": max(votes, key=votes.__getitem__), "votes": voters, "members": members},
            **others,
        }
    )


def chosen(*crops: VotedCrop, most: int = 9, **excluded: frozenset[str]) -> list[str]:
    """Digests of the images that are asked about."""
    content = choose_disputes(Votes(crops=crops), Excluded(**excluded), most)
    return [crop.sha256 for crop in content.crops]


def test_most_votes_come_first_then_the_nearest_tie_then_the_most_used() -> None:
    crops = [
        group("many", {"a": 4, "b": 1}),
        group("tie", {"a": 2, "b": 2}),
        group("lead", {"a": 3, "b": 1}, images=5),
        group("used", {"a": 2, "b": 2}, images=3),
        group("lone", {"a": 7}, "tentative"),
        group("sure of it", {"a": 1}, "tentative", confidence=0.9),
        group("unsure", {"a": 1}, "tentative", confidence=0.3),
        group("sure", {"a": 9}, "accepted"),
    ]
    order = ["many", "used", "tie", "lead", "lone", "unsure", "sure of it"]
    assert chosen(*crops) == [digest(f"{key} 0") for key in order]
    assert chosen(*crops[::-1], most=2) == [digest(f"{key} 0") for key in order[:2]]
    content = choose_disputes(Votes(crops=tuple(crops)), Excluded(), 2)
    assert content.waiting == 5
    assert [crop.image[:5] for crop in content.crops] == ["0001_", "0002_"]


def test_a_group_is_left_out_whichever_of_its_images_another_batch_has() -> None:
    crops = [group("one", {"a": 2, "b": 2}, images=3), group("two", {"a": 1, "b": 1})]
    taken = frozenset({digest("one 2")})
    assert chosen(*crops, images=taken) == [digest("two 0")]


def test_withdrawn_installs_take_their_votes_and_images_along() -> None:
    crop = group("one", {"a": 2, "b": 1}, images=2)
    (content,) = choose_disputes(
        Votes(crops=(crop,)), Excluded(installs=frozenset({"one-a-0", "one-a-1"})), 1
    ).crops
    assert (content.votes, content.label, content.names) == ({"b": 1}, "b", ("b",))
    assert content.members == (digest("one 0"),), "the other image was sent by a-0 alone"
    everybody = frozenset(who for voters in crop.votes.values() for who in voters)
    assert chosen(crop, installs=everybody) == []


def test_names_in_dispute_are_what_was_said_and_the_opinion_of_the_model() -> None:
    crop = group("one", {"a": 1, "b": 2}, opinion="m", similar={"s": ("x", "y"), "b": ("z",)})
    (asked,) = choose_disputes(Votes(crops=(crop,)), Excluded(), 1).crops
    assert asked.names == ("b", "m", "a", "s")
    assert asked.told == ("2: b", "1: a", "alike: 2 s", "alike: 1 b", "model: m")


def test_invented_names_are_bounded() -> None:
    """By image, and by batch: what does not fit waits, and what fits is not held up by it."""
    flood = [group(f"f{n}", {f"{n}-{k}": 1 for k in range(50)}) for n in range(60)]
    small = group("small", {"x": 1, "y": 1})
    content = choose_disputes(Votes(crops=(*flood, small)), Excluded(), 100)
    assert all(len(crop.names) == MOST_NAMES for crop in content.crops if crop.slot and crop.votes)
    names = {name for crop in content.crops for name in crop.names}
    assert len(names) <= MOST_LABELS
    assert len(content.crops) + content.waiting == 61


@given(
    st.lists(
        st.tuples(
            st.dictionaries(st.sampled_from("abcd"), st.integers(1, 4), min_size=1),
            st.sampled_from(["accepted", "disputed", "tentative"]),
            st.integers(1, 3),
        ),
        max_size=12,
    ),
    st.integers(1, 12),
    st.randoms(),
)
def test_the_choice_is_the_same_in_whatever_order_and_nothing_is_lost(
    drawn: list[tuple[dict[str, int], VoteStatus, int]], most: int, random: object
) -> None:
    crops = [group(str(n), *one[:2], images=one[2]) for n, one in enumerate(drawn)]
    content = choose_disputes(Votes(crops=tuple(crops)), Excluded(), most)
    random.shuffle(crops)  # type: ignore[attr-defined]
    assert choose_disputes(Votes(crops=tuple(crops)), Excluded(), most) == content
    unsettled = sum(crop.status != "accepted" for crop in crops)
    assert len(content.crops) + content.waiting == unsettled
    assert len(content.crops) == min(most, unsettled)
    digests = [member for crop in content.crops for member in crop.members]
    assert len(set(digests)) == len(digests)
    rest = choose_disputes(Votes(crops=tuple(crops)), Excluded(images={*digests}), most)
    assert not {*digests} & {member for crop in rest.crops for member in crop.members}

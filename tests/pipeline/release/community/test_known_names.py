from __future__ import annotations

from typing import Any

import pytest

from pipeline.community.voted_crops import CropMember, VotedCrop
from pipeline.release.community.known_names import known_names


def crop(label: str, *hashes: str, **changes: Any) -> VotedCrop:
    members = tuple(
        CropMember(sha256=f"{index:064x}", phash=one * 16, contributors=("a",))
        for index, one in enumerate(hashes)
    )
    fields: dict[str, Any] = {
        "kind": "icon",
        "slot": "weapon",
        "label": label,
        "status": "accepted",
        "confidence": 0.97,
        "votes": {label: ("a", "b", "c"), "Other": ("d",)},
        "members": members,
    }
    return VotedCrop(**(fields | changes))


def test_every_image_of_an_accepted_group_is_known_with_its_votes() -> None:
    names = known_names([crop("Phaser", "1", "2", "2")]).names
    assert list(names) == ["1" * 16, "2" * 16]
    assert {one.name for one in names.values()} == {"Phaser"}
    assert {(one.votes, one.confidence) for one in names.values()} == {(3, 0.97)}


def test_a_hash_that_two_names_share_stands_for_neither() -> None:
    names = known_names([crop("Ruby", "1", "2"), crop("Garnet", "1", "3")]).names
    assert {phash[0]: one.name for phash, one in names.items()} == {"2": "Ruby", "3": "Garnet"}


@pytest.mark.parametrize(
    ("who", "votes"), [(("e", "f", "g"), 6), (("a", "b", "e"), 4), (("a", "b", "c"), 3)]
)
def test_votes_of_two_groups_of_one_name_count_together_and_everybody_once(
    who: tuple[str, ...], votes: int
) -> None:
    other = crop("Ruby", "1", confidence=0.9, votes={"Ruby": who})
    (known,) = known_names([crop("Ruby", "1"), other]).names.values()
    assert (known.votes, known.confidence) == (votes, 0.97)


def test_what_a_maintainer_has_decided_is_known_although_nobody_says_so() -> None:
    (known,) = known_names([crop("Ruby", "1", votes={"Garnet": ("a",)})]).names.values()
    assert (known.name, known.votes) == ("Ruby", 1)


def test_what_is_not_believed_and_what_is_no_icon_is_left_out() -> None:
    doubtful = [crop("A", "1", status="tentative"), crop("B", "2", status="disputed")]
    others = [crop("C", "3", kind="text"), crop("D", "4", kind="screen", slot="")]
    assert known_names([*doubtful, *others]).names == {}

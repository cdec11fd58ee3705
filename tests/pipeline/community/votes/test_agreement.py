"""What the page of votes tells: who disagrees, about what, and the worst of each first."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pipeline.community.voted_crops import CropMember, VotedCrop, Votes, VoteStatus
from pipeline.community.votes.agreement import (
    CalledOtherwise,
    confusions,
    contributor_agreement,
    label_agreement,
)


def crop(label: str, status: VoteStatus = "accepted", **votes: str) -> VotedCrop:
    """A group of images with who says what of it, each person a letter."""
    return VotedCrop(
        kind="icon",
        slot="weapon",
        label=label,
        status=status,
        confidence=0.9,
        votes={said: tuple(who) for said, who in votes.items()},
        members=(CropMember(sha256="0" * 64, phash="0" * 16, contributors=("a",)),),
    )


CROPS = (
    crop("Sword", Sword="abc", Axe="d"),
    crop("Sword", Sword="abd", Axe="c"),
    crop("Bow", Bow="ab", Axe="d", Club="c"),
    crop("Club", "disputed", Club="ab", Bow="cd"),
)


@pytest.mark.parametrize(
    ("reliability", "order"),
    [({}, "cdab"), ({"a": 0.2, "b": 0.9, "c": 0.5, "d": 0.8}, "acdb")],
)
def test_the_least_reliable_contributor_is_first(
    reliability: Mapping[str, float], order: str
) -> None:
    """By how reliable they were found to be; where nobody asked, by how often others agree."""
    rows = contributor_agreement(Votes(crops=CROPS, reliability=dict(reliability)))
    assert "".join(row.contributor for row in rows) == order
    (found,) = (row for row in rows if row.contributor == "d")
    assert (found.votes, found.judged, found.agreed) == (4, 3, 1)


def test_the_label_of_which_least_is_accepted_is_first() -> None:
    rows = label_agreement(Votes(crops=CROPS))
    assert [(row.label, row.votes) for row in rows] == [("Club", 4), ("Bow", 4), ("Sword", 8)]
    assert [row.agreement for row in rows] == [0.5, 0.5, 0.75]


def test_what_is_taken_for_what_most_often_is_first() -> None:
    """Of groups that are accepted: of others nobody knows."""
    assert confusions(Votes(crops=CROPS)) == (
        CalledOtherwise("Sword", "Axe", 2),
        CalledOtherwise("Bow", "Axe", 1),
        CalledOtherwise("Bow", "Club", 1),
    )

"""How far those who voted agree: by label, by contributor, and what is taken for what."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.community.voted_crops import VotedCrop, Votes, VoteStatus

ORDER: dict[VoteStatus, int] = {"disputed": 0, "tentative": 1, "accepted": 2}


@dataclass(frozen=True)
class LabelAgreement:
    """How the groups of one label stand.

    Attributes:
        agreement: share of the votes on its groups that name it, 0 to 1.
    """

    kind: str
    label: str
    groups: dict[VoteStatus, int]
    votes: int
    agreement: float


@dataclass(frozen=True)
class ContributorAgreement:
    """How often one contributor's votes are the label that was voted.

    Attributes:
        judged: votes on groups that are accepted.
        agreed: those of them that name the label.
        reliability: as it was estimated, 0 to 1; None where the plain rule estimates none.
    """

    contributor: str
    votes: int
    judged: int
    agreed: int
    reliability: float | None


@dataclass(frozen=True)
class CalledOtherwise:
    """How often an accepted label was called something else."""

    label: str
    called: str
    times: int


def label_agreement(votes: Votes) -> tuple[LabelAgreement, ...]:
    """By label, those first of which the least is accepted."""
    groups: dict[tuple[str, str], list[VotedCrop]] = defaultdict(list)
    for crop in votes.crops:
        groups[crop.kind, crop.label].append(crop)
    rows = [_of_label(kind, label, crops) for (kind, label), crops in groups.items()]

    def accepted(row: LabelAgreement) -> float:
        return row.groups["accepted"] / sum(row.groups.values())

    return tuple(sorted(rows, key=lambda row: (accepted(row), row.agreement, row.label)))


def contributor_agreement(votes: Votes) -> tuple[ContributorAgreement, ...]:
    """By contributor, the least reliable first."""
    given, judged, agreed = Counter[str](), Counter[str](), Counter[str]()
    for crop in votes.crops:
        for label, who in crop.votes.items():
            given.update(who)
            if crop.status == "accepted":
                judged.update(who)
                agreed.update(who if label == crop.label else ())
    rows = [
        ContributorAgreement(who, given[who], judged[who], agreed[who], votes.reliability.get(who))
        for who in given
    ]

    def right(row: ContributorAgreement) -> float:
        if row.reliability is not None:
            return row.reliability
        return row.agreed / row.judged if row.judged else 1.0

    return tuple(sorted(rows, key=lambda row: (right(row), -row.votes, row.contributor)))


def confusions(votes: Votes) -> tuple[CalledOtherwise, ...]:
    """What accepted labels were called instead, the commonest first."""
    times = Counter[tuple[str, str]]()
    for crop in votes.crops:
        for label, who in crop.votes.items():
            if crop.status == "accepted" and label != crop.label:
                times[crop.label, label] += len(who)
    rows = [CalledOtherwise(label, called, count) for (label, called), count in times.items()]
    return tuple(sorted(rows, key=lambda row: (-row.times, row.label, row.called)))


def to_decide(votes: Votes) -> tuple[VotedCrop, ...]:
    """Groups that a person should look at, those first that teach most.

    Disputed ones come before those with too few votes, and among each the ones with most images:
    a decision on them settles most uploads, and shows best who is right.
    """
    open_ones = (crop for crop in votes.crops if crop.status != "accepted")
    return tuple(
        sorted(
            open_ones,
            key=lambda one: (ORDER[one.status], -len(one.contributors), one.members[0].sha256),
        )
    )


def counted(votes: Mapping[str, Sequence[str]]) -> tuple[tuple[str, int], ...]:
    """Labels with how many gave them, the commonest first."""
    counts = ((label, len(who)) for label, who in votes.items())
    return tuple(sorted(counts, key=lambda one: (-one[1], one[0])))


def refuted(votes: Votes) -> dict[str, list[tuple[VotedCrop, str]]]:
    """By contributor: accepted groups of which it said something else, with what it said."""
    found: dict[str, list[tuple[VotedCrop, str]]] = defaultdict(list)
    for crop in votes.crops:
        for label, who in crop.votes.items():
            if crop.status == "accepted" and label != crop.label:
                for contributor in who:
                    found[contributor].append((crop, label))
    return dict(found)


def _of_label(kind: str, label: str, crops: Sequence[VotedCrop]) -> LabelAgreement:
    states = Counter(crop.status for crop in crops)
    given = sum(len(who) for crop in crops for who in crop.votes.values())
    for_it = sum(len(crop.votes.get(label, ())) for crop in crops)
    return LabelAgreement(
        kind,
        label,
        {status: states[status] for status in ORDER},
        given,
        for_it / given if given else 0.0,
    )

"""What each contributor says of each image, one vote each.

Whoever sends an icon a hundred times has one vote on it. Of a contributor that contradicts itself
about images that show the same, the label counts that it gave last: people correct themselves.
Where it gave several on the last day, none counts, since dates know no hours.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from pipeline.community.staged_crops import Contributions


@dataclass(frozen=True, order=True)
class Ballot:
    """One label that one contributor gave to one image."""

    date: date
    contributor: str
    label: str
    sha256: str
    slot: str


def ballots_of(contributions: Iterable[Contributions], kind: str) -> tuple[Ballot, ...]:
    """All labels of images of a kind, sorted, whatever the order of the contributions."""
    return tuple(
        sorted(
            Ballot(crop.date, content.contributor, crop.name, crop.sha256, crop.slot)
            for content in contributions
            for crop in content.crops
            if crop.kind == kind
        )
    )


def last_labels(ballots: Iterable[Ballot]) -> dict[str, str]:
    """The label that each contributor gave last, of those who did not give two on that day."""
    latest: dict[str, set[str]] = defaultdict(set)
    day: dict[str, date] = {}
    for ballot in ballots:
        who = ballot.contributor
        if ballot.date > day.get(who, date.min):
            day[who], latest[who] = ballot.date, set()
        if ballot.date >= day.get(who, date.min):
            latest[who].add(ballot.label)
    return {who: next(iter(labels)) for who, labels in sorted(latest.items()) if len(labels) == 1}


def majority_of_first(ballots: Sequence[Ballot]) -> tuple[str, float]:
    """The plain rule: the label that most contributors gave; of equally many, who was first.

    Each contributor has one vote, that of its last label in the order of date and text. First is
    the earlier date; on one day, the lesser id of the contributor.

    Returns:
        The label, and its share of the votes.
    """
    last = {ballot.contributor: ballot for ballot in sorted(ballots)}
    counts = Counter(ballot.label for ballot in last.values())
    most = max(counts.values())
    first = min(ballot for ballot in last.values() if counts[ballot.label] == most)
    return first.label, most / len(last)


def most_named_slot(ballots: Iterable[Ballot]) -> str:
    """The place in the interface that most ballots name, of equally many the first by name."""
    counts = Counter(ballot.slot for ballot in ballots)
    return min(counts, key=lambda slot: (-counts[slot], slot))

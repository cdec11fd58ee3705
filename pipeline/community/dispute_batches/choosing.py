"""Which images that the votes have not settled are worth a person's time first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from pipeline.community.dispute_batches.dispute_batch import DisputeBatchContent, DisputedCrop
from pipeline.community.voted_crops import CropMember, VotedCrop, Votes
from pipeline.community.votes.agreement import ORDER, counted

MOST_NAMES = 8
"""In dispute for one image: one person can invent hundreds, and a list is to be read."""
MOST_LABELS = 200
"""Names in dispute in one batch: each becomes a label of the annotation tool."""
NAME_DIGITS = 16
Voters = tuple[str, ...]


@dataclass(frozen=True)
class Excluded:
    """What is not asked for.

    Attributes:
        images: digests that another batch has, or that are decided.
        installs: whose votes and images count no longer.
    """

    images: Set[str] = frozenset()
    installs: Set[str] = frozenset()


def choose_disputes(votes: Votes, excluded: Excluded, most: int) -> DisputeBatchContent:
    """The groups to ask about next: one of which an image is excluded is left out as a whole.

    Disputed ones come before those with too few votes; among each those with most votes, then those
    nearest to a tie, then those with most images, then the least sure. A group whose names would be
    too many for the batch waits for another one.

    Args:
        most: groups, at least 1.
    """
    ordered = sorted(_open_groups(votes, excluded), key=_worth)
    chosen, names = list[VotedCrop](), set[str]()
    for crop in ordered:
        wanted = names | {*names_in_dispute(crop)}
        if len(chosen) < most and len(wanted) <= MOST_LABELS:
            chosen.append(crop)
            names = wanted
    crops = tuple(_disputed(number, crop) for number, crop in enumerate(chosen, start=1))
    return DisputeBatchContent(crops=crops, waiting=len(ordered) - len(crops))


def names_in_dispute(crop: VotedCrop) -> tuple[str, ...]:
    """The label, then what else was said of the image, the commonest first, and by the model."""
    said = (name for votes in (crop.votes, crop.similar) for name, _ in counted(votes))
    first = [crop.label, *([crop.opinion] if crop.opinion else [])]
    return tuple(dict.fromkeys([*first, *said]))[:MOST_NAMES]


def _open_groups(votes: Votes, excluded: Excluded) -> Iterator[VotedCrop]:
    for crop in votes.crops:
        if crop.status == "accepted" or any(one.sha256 in excluded.images for one in crop.members):
            continue
        if (counting := _without(crop, excluded.installs)) is not None:
            yield counting


def _without(crop: VotedCrop, installs: Set[str]) -> VotedCrop | None:
    """A group without the votes and the images of some installs; None where nothing is left.

    Votes are counted by another asset, perhaps before somebody was withdrawn.
    """
    if not installs & crop.contributors:
        return crop
    members = tuple(_members_without(crop.members, installs))
    votes, similar = (_votes_without(one, installs) for one in (crop.votes, crop.similar))
    if not members or not votes:
        return None
    label = crop.label if crop.label in votes else counted(votes)[0][0]
    changed = {"members": members, "votes": votes, "similar": similar, "label": label}
    return crop.model_copy(update=changed)


def _votes_without(votes: Mapping[str, Sequence[str]], installs: Set[str]) -> dict[str, Voters]:
    counting = {name: tuple(w for w in who if w not in installs) for name, who in votes.items()}
    return {name: who for name, who in counting.items() if who}


def _members_without(members: Iterable[CropMember], installs: Set[str]) -> Iterator[CropMember]:
    for member in members:
        if who := tuple(one for one in member.contributors if one not in installs):
            yield member.model_copy(update={"contributors": who})


def _worth(crop: VotedCrop) -> tuple[int, int, float, int, float, str]:
    """Smaller is worth more."""
    counts = [count for _, count in counted(crop.votes)]
    total = sum(counts)
    lead = (counts[0] - (counts[1] if len(counts) > 1 else 0)) / total if total else 1.0
    worth = (ORDER[crop.status], -total, lead, -len(crop.members), crop.confidence)
    return (*worth, crop.members[0].sha256)


def _disputed(number: int, crop: VotedCrop) -> DisputedCrop:
    names = names_in_dispute(crop)
    digests = tuple(member.sha256 for member in crop.members)
    return DisputedCrop(
        image=f"{number:04}_{digests[0][:NAME_DIGITS]}.png",
        members=digests,
        kind=crop.kind,
        slot=crop.slot,
        status=crop.status,
        label=crop.label,
        names=names,
        votes={name: count for name, count in counted(crop.votes) if name in names},
        alike={name: count for name, count in counted(crop.similar) if name in names},
        model=crop.opinion,
    )

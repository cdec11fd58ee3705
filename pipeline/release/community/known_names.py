"""Names that the votes came to, by the perceptual hashes of the images that were voted on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from detector_runtime.classify.knowledge import Knowledge, KnownName

from pipeline.community.voted_crops import VotedCrop


def known_names(crops: Sequence[VotedCrop]) -> Knowledge:
    """What the runtime answers by an image's hash alone.

    Only icons whose label is accepted count. A hash that stands for two names stands for neither:
    it knows no colour, so look-alikes can share one.
    """
    groups: dict[str, list[VotedCrop]] = defaultdict(list)
    for crop in crops:
        if crop.kind == "icon" and crop.status == "accepted":
            for phash in {member.phash for member in crop.members}:
                groups[phash].append(crop)
    return Knowledge(
        names={
            phash: _known(groups[phash])
            for phash in sorted(groups)
            if len({crop.label for crop in groups[phash]}) == 1
        }
    )


def _known(groups: Sequence[VotedCrop]) -> KnownName:
    """What groups of one label know; whoever has voted on several of them is one person."""
    label = groups[0].label
    people = {who for crop in groups for who in crop.votes.get(label, ())}
    return KnownName(
        name=label,
        votes=max(len(people), 1),  # nobody, where a maintainer has decided
        confidence=max(crop.confidence for crop in groups),
    )

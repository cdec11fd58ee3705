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
    found: dict[str, dict[str, KnownName]] = defaultdict(dict)
    for crop in crops:
        if crop.kind != "icon" or crop.status != "accepted":
            continue
        votes = len(crop.votes.get(crop.label, ()))
        for phash in {member.phash for member in crop.members}:
            other = found[phash].get(crop.label)
            found[phash][crop.label] = KnownName(
                name=crop.label,
                votes=max(votes, 1) + (other.votes if other else 0),
                confidence=max(crop.confidence, other.confidence if other else 0.0),
            )
    single = {phash: names for phash, names in found.items() if len(names) == 1}
    return Knowledge(names={phash: next(iter(single[phash].values())) for phash in sorted(single)})

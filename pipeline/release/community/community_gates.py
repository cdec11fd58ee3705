"""What must hold before everybody gets a community model."""

from __future__ import annotations

from detector_runtime.classify.community_model import ICON_CLASSIFIER_FILE, CommunityModel

from pipeline.release.community.evidence import CommunityEvidence
from pipeline.release.version import OpenVersion

ENOUGH_IMAGES = 5
"""Of a name, before its share of right answers says anything."""


def keeps_contract(candidate: OpenVersion) -> tuple[bool, str]:
    """Whether a program could use it, and what it knows.

    Raises:
        DetectorError: it could not.
    """
    model = CommunityModel.load(candidate.folder)
    try:
        model.try_out()
        classes = model.icons.facts.classes
        screens = len(model.screens.facts.classes) if model.screens else 0
    finally:
        model.close()
    figure = f"{len(classes)} names of icons, {screens} kinds of screens"
    return classes == candidate.manifest.classes, figure


def is_no_worse(
    candidate: OpenVersion, champion: OpenVersion | None, margin: float
) -> tuple[bool, str]:
    """Whether its classifier of icons is not worse than the champion's.

    Judged by the paired comparison that was made with this very champion; where there is none, by
    the two shares of right answers, which other images may have judged.
    """
    evidence = CommunityEvidence.read(candidate.folder)
    if evidence.accuracy is None:
        return False, "no image could judge it"
    said = f"{evidence.accuracy} right of {evidence.images} images"
    if champion is None:
        return True, f"{said}, there is no champion yet"
    theirs = champion.manifest.files[ICON_CLASSIFIER_FILE].sha256
    if candidate.manifest.files[ICON_CLASSIFIER_FILE].sha256 == theirs:
        return True, f"{said}: it is the champion's classifier"
    paired = evidence.beside_champion
    if paired is not None and paired.champion_sha256 == theirs:
        return paired.passes, f"{said}: {paired.explanation}"
    before = CommunityEvidence.read(champion.folder).accuracy
    if before is None:
        return True, f"{said}; no image could judge the champion"
    figure = f"{said}, against {before} on other images"
    return evidence.accuracy.value >= before.value - margin, figure


def reaches_floors(candidate: OpenVersion, floor: float) -> tuple[bool, str]:
    """Whether no name with enough images is hardly ever found."""
    judged = [
        one
        for one in CommunityEvidence.read(candidate.folder).per_name
        if one.images >= ENOUGH_IMAGES
    ]
    if not judged:
        return True, f"no name was judged by {ENOUGH_IMAGES} images"
    below = [one for one in judged if one.right / one.images < floor]
    if below:
        return False, ", ".join(f"{one.name} {one.right} of {one.images}" for one in below[:10])
    worst = min(judged, key=lambda one: (one.right / one.images, one.name))
    return True, f"lowest of {len(judged)}: {worst.name} {worst.right} of {worst.images}"

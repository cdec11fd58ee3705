"""From trained classifiers to what goes into a community model, and what is said of it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from detector_runtime.classify.community_model import ICON_CLASSIFIER_FILE, TRAINING_MANIFEST_FILE

from pipeline.community.classifiers.answers import ask
from pipeline.community.classifiers.comparison import compare_classifiers
from pipeline.community.classifiers.dataset import (
    accepted_examples,
    believed_labels,
    image_files,
)
from pipeline.community.classifiers.manifest import TrainingManifest
from pipeline.community.classifiers.model import ClassifierModel
from pipeline.community.voted_crops import VotedCrops
from pipeline.errors import OutpostError
from pipeline.files import read_json
from pipeline.manifests import sha256_of
from pipeline.release.community.evidence import (
    AccuracyInterval,
    CommunityEvidence,
    CommunityEvidenceError,
    NameResult,
    PairedVerdict,
)
from pipeline.release.community.package import ClassifierPart


class UnbelievedImagesError(OutpostError):
    """A classifier that has learned from images that are not believed any more."""


def require_believed(model: ClassifierModel, voted: VotedCrops) -> None:
    """See that what a classifier was made from is still believed, before everybody gets it.

    It is where it was trained on these votes; not where a contributor was withdrawn since, or
    others outvoted them, and nothing has been trained on what is left.

    Raises:
        UnbelievedImagesError: it has learned from what is not.
    """
    kind = model.spec.kind
    gone = model.manifest.no_longer(believed_labels(voted, kind))
    if gone:
        raise UnbelievedImagesError(
            f"{gone} images that the {kind} classifier was made from are not believed any more to "
            "show that.",
            f"Materialize {kind}_classifier, which is then trained without them. Where too few "
            "images are left for that, wait for more contributions.",
        )


def part_of(model: ClassifierModel, trained_at: datetime) -> ClassifierPart:
    """What a community model takes of a classifier."""
    accuracy = model.evaluation.scores.accuracy
    return ClassifierPart(
        onnx=model.onnx,
        meta=model.meta_file,
        manifest=model.manifest_file,
        trained_at=trained_at,
        accuracy=accuracy.value if accuracy else None,
        images=sum(model.meta.images.values()),
        contributors=model.meta.contributors,
    )


def evidence_of(icons: ClassifierModel, beside_champion: PairedVerdict | None) -> CommunityEvidence:
    """What is said of how good a classifier of icons is."""
    scores = icons.evaluation.scores
    return CommunityEvidence(
        images=scores.images,
        accuracy=_interval(icons),
        per_name=tuple(
            NameResult(name=one.name, right=one.right, images=one.images)
            for one in scores.per_name
            if one.images
        ),
        beside_champion=beside_champion,
    )


def compare_with_champion(
    voted: VotedCrops, icons: ClassifierModel, champion: Path
) -> PairedVerdict | None:
    """Ask two classifiers of icons about images from which neither has learned, in pairs.

    One that is as good takes the champion's place where it knows more names, or where the champion
    was made from images that are not believed any more.

    Args:
        voted: that the new one was trained on.
        champion: the folder of the version that everybody has.

    Returns:
        None where there is no such image, or both are the same.

    Raises:
        CommunityEvidenceError: what the champion was trained on cannot be read.
        ClassifierModelError: one of the two cannot be asked.
    """
    model = champion / ICON_CLASSIFIER_FILE
    if sha256_of(model) == sha256_of(icons.onnx):
        # A version that says something new of the same model would be another one to publish.
        return None
    theirs = read_json(champion / TRAINING_MANIFEST_FILE, TrainingManifest, _damaged)
    fair = icons.manifest.images.keys() - {*icons.manifest.trained, *theirs.trained}
    examples = [one for one in accepted_examples(voted, "icon") if one.sha256 in fair]
    if not examples:
        return None
    files = image_files(voted, "icon")
    images = [files[one.sha256] for one in examples]
    gate = compare_classifiers(ask(icons.onnx, images), ask(model, images), examples)
    passes, explanation = gate.passes, gate.explanation
    gone = theirs.no_longer(believed_labels(voted, "icon"))
    if gone and gate.verdict == "not distinguishable":
        # What a withdrawn contributor taught has to go, although nothing gets better by that.
        passes = True
        explanation += f"; {gone} images that the champion learned are not believed any more"
    return PairedVerdict(champion_sha256=sha256_of(model), passes=passes, explanation=explanation)


def _interval(icons: ClassifierModel) -> AccuracyInterval | None:
    accuracy = icons.evaluation.scores.accuracy
    if accuracy is None:
        return None
    if accuracy.interval is None:
        return AccuracyInterval(value=accuracy.value)
    low, high = accuracy.interval.low, accuracy.interval.high
    return AccuracyInterval(value=accuracy.value, low=low, high=high)


def _damaged(file: Path, why: Exception) -> CommunityEvidenceError:
    return CommunityEvidenceError(
        f"The champion does not say what it was trained on ({file.name}): {why}",
        "Promote a version that was published by a current Outpost.",
    )

"""What the classifier in use takes images for, as one more voter.

Votes together with a model's own opinion are right more often than votes alone where these are few:
H. W. Goh, U. Tkachenko, J. Mueller: CROWDLAB (2022), https://arxiv.org/abs/2210.06812. A classifier
has learned from earlier votes, so it is not asked about images that it has learned from, weighs no
more than it was right about images that were new to it, and is nobody whom a quorum counts. One
that has learned from images that are nobody's any more, as of a contributor who was withdrawn, says
nothing until it is trained again: what was withdrawn would speak through it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from detector_runtime.classify.classifier import Classifier

from pipeline.community.classifiers.model import ClassifierModel
from pipeline.community.classifiers.scoring import ClassifierScores
from pipeline.community.staged_crops import CropKind
from pipeline.community.votes.voting import Opinion
from pipeline.progress import Report, silent, track

AT_ONCE = 64
"""Images that are in memory."""


@dataclass(frozen=True)
class ModelsInUse:
    """Classifiers that are asked.

    Attributes:
        models: by what they tell apart; perhaps none.
        images: files by their digest, of everybody who counts.
    """

    models: Mapping[CropKind, ClassifierModel]
    images: Mapping[str, Path]
    report: Report = silent

    def opinions(self, kind: CropKind, digests: Sequence[str]) -> Mapping[str, Opinion]:
        """What a model takes images for, by their digests: of those that it knows.

        Raises:
            DetectorError: the model or an image cannot be read.
        """
        model = self.models.get(kind)
        measured = measured_accuracy(model.evaluation.scores) if model else None
        if model is None or measured is None:
            return {}
        if not model.manifest.images.keys() <= self.images.keys():
            return {}
        learned = {*model.manifest.trained}
        return dict(self._asked(model, [one for one in digests if one not in learned], measured))

    def _asked(
        self, model: ClassifierModel, digests: Sequence[str], measured: float
    ) -> Iterator[tuple[str, Opinion]]:
        starts = range(0, len(digests), AT_ONCE)
        with closing(Classifier.load(model.onnx)) as classifier:
            for start in track(starts, len(starts), "asking the classifier", self.report):
                some = digests[start : start + AT_ONCE]
                found = classifier.classify([self.images[digest] for digest in some])
                for digest, one in zip(some, found, strict=True):
                    if one.name is not None:
                        yield digest, Opinion(one.name, min(one.confidence, measured))


def measured_accuracy(scores: ClassifierScores) -> float | None:
    """How often a classifier is right about images of groups that were new to it, 0 to 1.

    The lower end of the interval, where there is one; None where nothing was measured.
    """
    estimate = scores.accuracy_of_new_groups
    if estimate is None:
        return None
    return estimate.interval.low if estimate.interval else estimate.value

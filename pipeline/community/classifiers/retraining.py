"""Whether there is enough new to train a classifier again, and what it may start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pipeline.community.classifiers.job import ClassifierKind
from pipeline.community.classifiers.manifest import TrainingManifest

LEAST_NEW = 10
"""Images that are worth a training."""


@dataclass(frozen=True)
class RetrainingDecision:
    """What to do, and why in words.

    Attributes:
        fine_tunes: whether the training starts from the classifier before it.
    """

    trains: bool
    fine_tunes: bool
    reason: str

    def overridden(self, *, always: bool, anew: bool) -> RetrainingDecision:
        """The same as somebody asked for it otherwise: to train always, or without what was."""
        decision = self
        if always and not self.trains:
            decision = replace(decision, trains=True, reason="Trained all the same, as asked for.")
        if anew:
            decision = replace(decision, fine_tunes=False)
        return decision


def decide(
    kind: ClassifierKind,
    before: TrainingManifest | None,
    new: int,
    believed: Mapping[str, str],
) -> RetrainingDecision:
    """Whether to train.

    What a network has learned from an image cannot be taken out of it. So where images are not
    believed any more, because a contributor was withdrawn or others outvoted them, it is trained
    without the weights that had learned from them, however little is new.

    Args:
        before: of the classifier before it; None for the first.
        new: images that it had not.
        believed: label of every image that is accepted now, by digest.
    """
    if before is None:
        return RetrainingDecision(True, False, f"This is the first {kind} classifier.")
    gone = before.no_longer(believed)
    if gone:
        return RetrainingDecision(
            True,
            False,
            f"{gone} images that the {kind} classifier was made from are not believed any more to "
            "show that: it is trained without its old weights.",
        )
    if new == 0:
        return RetrainingDecision(
            False, True, f"The {kind} classifier has learned from the same images already."
        )
    if new < LEAST_NEW:
        return RetrainingDecision(
            False,
            True,
            f"{new} new images are fewer than the {LEAST_NEW} that a training of the {kind} "
            "classifier takes.",
        )
    return RetrainingDecision(True, True, f"{new} new images for the {kind} classifier.")

"""What became of each object and each detection of a frame, box by box."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum

from pydantic import ConfigDict, Field

from pipeline.evaluation.matching import ScoredBox, match_across_classes
from pipeline.labels.boxes import Box, LabelledBox
from pipeline.manifests import Record
from pipeline.provenance import ArtifactVersion


class Outcome(StrEnum):
    """What became of it."""

    FOUND = "found"
    MISSED = "missed"
    CONFUSED = "wrong class"
    FALSE = "nothing there"


class Verdict(Record):
    """One object, one detection, or both where they met; the box is the detection's, if any."""

    outcome: Outcome
    box: Box
    truth: int | None = Field(description="Class id of the object.")
    found: int | None = Field(description="Class id of the detection.")
    score: float | None


class ImageReference(Record):
    """An image as a file of a stored artifact, so that it need not be stored again."""

    version: ArtifactVersion
    path: str = Field(description="Relative to the artifact, with forward slashes.")


class FrameVerdicts(Record):
    """All verdicts on one frame."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    name: str
    domain: str = Field(description="'real' or 'synthetic'.")
    image: ImageReference = Field(alias="picture", description="Its key in files is older.")
    verdicts: tuple[Verdict, ...]


def verdicts_on(
    truths: Sequence[LabelledBox], detections: Sequence[ScoredBox]
) -> Iterator[Verdict]:
    """Judge the detections that count; objects and detections meet whatever their classes."""
    matching = match_across_classes(truths, detections)
    for truth_index, index in matching.matches:
        truth, found = truths[truth_index], detections[index]
        same = truth.class_id == found.class_id
        yield Verdict(
            outcome=Outcome.FOUND if same else Outcome.CONFUSED,
            box=found.box,
            truth=truth.class_id,
            found=found.class_id,
            score=found.score,
        )
    for index in matching.missed_truths:
        truth = truths[index]
        yield Verdict(
            outcome=Outcome.MISSED, box=truth.box, truth=truth.class_id, found=None, score=None
        )
    for index in matching.false_detections:
        found = detections[index]
        yield Verdict(
            outcome=Outcome.FALSE,
            box=found.box,
            truth=None,
            found=found.class_id,
            score=found.score,
        )

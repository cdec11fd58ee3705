"""The comparison of an export batch with the prelabels of its frames, as an artifact."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from pipeline.annotation.corrections.frame_corrections import CorrectedFrame, correct_frame
from pipeline.annotation.corrections.returned_frames import ReturnedFrames, returned_frames
from pipeline.annotation.corrections.summary import (
    CorrectionSummary,
    agreement_of,
    bias_of,
    class_corrections,
)
from pipeline.annotation.prelabels import PrelabelledFrames
from pipeline.errors import OutpostError
from pipeline.files import read_json, write_json
from pipeline.labels.batches import ExportBatch
from pipeline.manifests import Record
from pipeline.progress import Report, silent
from pipeline.provenance import ArtifactVersion

CORRECTIONS_FILE = "corrections.json"


class LabelCorrectionsError(OutpostError):
    """A comparison that cannot be read."""


class Corrections(Record):
    """What `corrections.json` holds."""

    class_names: tuple[str, ...]
    summary: CorrectionSummary
    frames: tuple[CorrectedFrame, ...] = Field(description="Sorted by place.")
    export: ArtifactVersion | None = Field(None, description="Where the images are kept.")


@dataclass(frozen=True)
class LabelCorrections:
    """The artifact of `label_corrections`.

    corrections.json    what became of the boxes, frame by frame and per class
    """

    folder: Path
    content: Corrections

    @classmethod
    def open(cls, folder: Path) -> LabelCorrections:
        """Read what `write` wrote.

        Raises:
            LabelCorrectionsError: the folder holds none, or some of another version.
        """
        return cls(folder, read_json(folder / CORRECTIONS_FILE, Corrections, _damaged))

    @classmethod
    def write(cls, folder: Path, content: Corrections) -> LabelCorrections:
        """Write it into a folder that exists."""
        write_json(folder / CORRECTIONS_FILE, content.model_dump(mode="json"))
        return cls(folder, content)

    @staticmethod
    def is_in(folder: Path) -> bool:
        """Whether a folder looks like such a comparison; `open` says whether it is one."""
        return (folder / CORRECTIONS_FILE).is_file()


def compare_labels(
    export: ExportBatch,
    prelabels: Mapping[str, PrelabelledFrames],
    version: ArtifactVersion | None = None,
    report: Report = silent,
    *,
    without_boxes: Collection[str] = (),
    beside: Mapping[str, Corrections] | None = None,
) -> Corrections:
    """Compare what people labelled with what a model had found in the same frames.

    A frame that people saw boxes in and that comes back without labels has all of them deleted.

    Args:
        beside: comparisons of other exports by the name of their batch. Frames that went out with
            those of this one count for the bias, those of the last by name where several have them.
        prelabels: by annotation batch; those whose frames have not come back don't matter.
        without_boxes: annotation batches that were sent so.
        version: of the export batch, by which its images are found again.
        report: told after every frame whose pixels are compared.
    """
    returned = returned_frames(export, prelabels, report)
    names = export.batch.class_names
    compared = [
        correct_frame(one, names, without_boxes=one.batch in without_boxes)
        for one in returned.frames
        if one.is_labelled or not (one.prelabelled.blind or one.batch in without_boxes)
    ]
    frames = sorted(compared, key=lambda one: one.place)
    summary = _summary(returned, frames, prelabels, names)
    summary = _with_bias_over(summary, frames, beside or {})
    return Corrections(class_names=names, summary=summary, frames=tuple(frames), export=version)


def _summary(
    returned: ReturnedFrames,
    frames: list[CorrectedFrame],
    prelabels: Mapping[str, PrelabelledFrames],
    names: tuple[str, ...],
) -> CorrectionSummary:
    shown = [frame for frame in frames if not frame.blind and not frame.unseen]
    unseen = [frame for frame in frames if frame.unseen]
    blind = [frame for frame in frames if frame.blind]
    batches = tuple(sorted({one.batch for one in returned.frames}))
    found = {box.class_name for one in returned.frames for box in one.prelabelled.boxes}
    return CorrectionSummary(
        batches=batches,
        models=tuple(sorted({prelabels[batch].model for batch in batches})),
        shown=class_corrections(shown, names),
        blind=class_corrections(blind, names),
        shown_agreement=agreement_of(shown),
        blind_agreement=agreement_of(blind),
        unseen_agreement=agreement_of(unseen),
        bias=bias_of(shown, blind),
        other_frames=returned.others,
        doubles=returned.doubles,
        unlabelled_blind=len(returned.frames) - len(frames),
        unknown_classes=tuple(sorted(found - set(names))),
    )


def _with_bias_over(
    summary: CorrectionSummary, frames: Sequence[CorrectedFrame], beside: Mapping[str, Corrections]
) -> CorrectionSummary:
    known = {(one.batch, one.sent_as) for one in frames}
    added: list[CorrectedFrame] = []
    exports = []
    for name in sorted(beside, reverse=True):
        new = list(_sent_with(summary.batches, beside[name].frames, known))
        if new:
            exports.append(name)
            added += new
            known.update((one.batch, one.sent_as) for one in new)
    if not added:
        return summary
    every = [one for one in (*frames, *added) if not one.unseen]
    shown = [one for one in every if not one.blind]
    bias = bias_of(shown, [one for one in every if one.blind])
    return summary.model_copy(update={"bias": bias, "bias_exports": tuple(sorted(exports))})


def _sent_with(
    batches: Collection[str], frames: Sequence[CorrectedFrame], known: Collection[tuple[str, str]]
) -> Iterator[CorrectedFrame]:
    """Frames of these annotation batches, of which it is known that they are others."""
    for one in frames:
        if one.batch in batches and one.sent_as and (one.batch, one.sent_as) not in known:
            yield one


def _damaged(file: Path, why: Exception) -> LabelCorrectionsError:
    return LabelCorrectionsError(
        f"{file} does not belong to a whole comparison: {why}",
        "Materialize label_corrections for this batch again.",
    )

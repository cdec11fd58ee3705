"""What the pages of export batches and of their merge show."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from assets.core.building import Metadata
from assets.core.metadata import LinkedTable, ShownImage, drawing, image, limited, table
from pipeline.labels.batches import ExportBatch
from pipeline.labels.boxes import Box
from pipeline.labels.comparing.box_differences import counted
from pipeline.labels.comparing.choosing import Duplicate
from pipeline.labels.coverage import (
    BoxesByBatch,
    CoverageColumn,
    SourceCoverage,
    coverage_columns,
    real_boxes,
    unvalidated_classes,
    with_held_out,
)
from pipeline.labels.merge import MergeSummary
from pipeline.labels.reports.coverage_map import TITLES, coverage_svg
from pipeline.labels.reports.flagged_shapes import (
    REJECTED,
    FlaggedShape,
    flagged_frames,
    flagged_shapes,
    flagged_sheet,
)
from pipeline.labels.reports.label_samples import batch_samples, training_samples
from pipeline.labels.reports.left_out_frames import left_out_sheet
from pipeline.labels.training_set import TrainingSet

MOST_ROWS = 50
"""Of a table of frames; the batch's report and the training set's summary have more."""
MOST_LINKED = 20
"""Rows of a table whose frames can be seen with a click; the gallery has all."""
MOST_COLUMNS = 30
"""Of the table of the coverage by source."""
SHOWN_COUNTS = {
    *("real_train", "real_val", "synthetic_train", "synthetic_val"),
    "difference_count",
    *("oversample_real", "listed_train", "held_out_by_subset", "left_out_near_test"),
}
"""Of a merge, on its page."""


@dataclass(frozen=True)
class MergePage:
    """What a merge's page shows that is not in the training set.

    Attributes:
        held_out: boxes that serve evaluation alone: batches that are held out are no input of a
            merge, and stand on its page as they are when it is made.
        batches: folders of those that were merged, by name.
        address: that `outpost gallery` takes.
    """

    held_out: BoxesByBatch
    batches: Mapping[str, Path]
    address: str


def show_batch(export: ExportBatch, address: str) -> Metadata:
    """Counts of a batch, and what was not understood.

    Args:
        address: that `outpost gallery` takes.
    """
    report, flagged = export.report, flagged_shapes(export.batch)
    rejected = [one for one in flagged if one.kind == REJECTED]
    findings = [one for one in flagged if one.kind != REJECTED]
    return {
        "frames": report.frames,
        "subsets": table(["subset", "frames"], report.subsets.items()),
        "boxes": report.boxes,
        "unlabelled_frames": len(report.unlabelled_frames),
        "rejected_shapes": report.rejected_shapes,
        "preview": [
            *_images(batch_samples(export), "labelled frames"),
            *_images(flagged_sheet(export, rejected), "rejected shapes"),
            *_images(flagged_sheet(export, findings), "what looks wrong"),
        ],
        "per_class": table(["class", "boxes"], report.per_class.items()),
        "sessions": table(
            ["session", "frames"],
            [[session or "unknown", frames] for session, frames in report.sessions.items()],
        ),
        "unknown_labels": table(["label", "shapes"], report.unknown_labels.items()),
        "left_out_labels": table(["label", "shapes"], report.left_out_labels.items()),
        "respelt_labels": table(["label", "taken for"], report.respelt_labels.items()),
        "rejected_reasons": table(["reason", "shapes"], report.rejected_reasons.items()),
        "rejected": _flagged_table(export, rejected, "reason"),
        "finding_counts": table(
            ["what looks wrong", "times"], Counter(found.kind for found in findings).items()
        ),
        "findings": _flagged_table(export, findings, "what looks wrong"),
        "gallery": f"outpost gallery {address}",
    }


def show_merge(training_set: TrainingSet, beside: MergePage) -> Metadata:
    """The training set's summary."""
    summary = training_set.summary
    sources = with_held_out(summary.coverage, beside.held_out)
    left_out = left_out_sheet(summary, beside.batches.get)
    return {
        **summary.model_dump(include=SHOWN_COUNTS),
        "duplicate_count": len(summary.duplicates),
        **{
            name: str(overlap)
            for name, overlap in (
                ("validation_frames_of_trained_sessions", summary.validation_sessions),
                ("test_frames_of_trained_sessions", summary.test_sessions),
            )
            if overlap is not None and overlap.frames
        },
        "zero_real_classes": ", ".join(summary.zero_real_classes) or "none",
        "unvalidated_classes": ", ".join(unvalidated_classes(summary.per_class)) or "none",
        "preview": [
            image(training_samples(training_set), "labelled training images"),
            drawing(coverage_svg(sources, training_set.class_names), "boxes by split and source"),
            *_images(left_out, "what rules left out"),
        ],
        "rules": table(
            ["rule", "what it did", "setting"],
            [[one.rule, one.effect, one.setting] for one in summary.rules],
        ),
        "coverage": _coverage(summary, sources),
        "coverage_by_source": _coverage_by_source(sources, training_set.class_names),
        "leakage": table(
            ["trained", "validated", "kind"],
            [[leak.trained, leak.judged, leak.kind] for leak in summary.validation_leaks],
        ),
        "replaced_batches": table(
            ["batch", "by", "why"], [[one.name, one.by, one.why] for one in summary.replaced]
        ),
        "duplicates": _pairs(summary.duplicates, len(summary.duplicates)),
        "near_test": _pairs(summary.near_test, summary.left_out_near_test),
        "differences": table(
            ["taken", "left out", "why", "boxes"],
            limited(
                [
                    [one.taken, one.left_out, one.why, counted(one.boxes)]
                    for one in summary.differences[:MOST_ROWS]
                ],
                summary.difference_count or len(summary.differences),
            ),
        ),
        "unknown_labels": table(["label", "shapes"], summary.unknown_labels.items()),
        "warnings": table(["warning"], [[warning] for warning in summary.warnings]),
        "gallery": f"outpost gallery {beside.address}",
    }


def _images(encoded: bytes | None, title: str) -> Iterator[ShownImage]:
    if encoded:
        yield image(encoded, title)


def _flagged_table(export: ExportBatch, shapes: Sequence[FlaggedShape], why: str) -> object:
    rows = [[one.frame, one.class_name, _corners(one.box), one.problem] for one in shapes]
    frames = [
        image(encoded, why) if encoded else None
        for encoded in flagged_frames(export, shapes[:MOST_LINKED])
    ]
    shown = list(limited(rows[:MOST_ROWS], len(rows)))
    return LinkedTable(["image", "class", "box", why], shown, frames)


def _corners(box: Box | None) -> str:
    return "" if box is None else ", ".join(f"{side:g}" for side in box)


def _pairs(pairs: Sequence[Duplicate], total: int) -> object:
    rows = [[one.taken, one.left_out, one.why] for one in pairs[:MOST_ROWS]]
    return table(["taken", "left out", "why"], limited(rows, total))


def _coverage(summary: MergeSummary, sources: Sequence[SourceCoverage]) -> object:
    held_out = real_boxes(sources, "held_out")
    return table(
        ["class", "real train", "real val", "held out", "synthetic train", "synthetic val"],
        [
            [
                *(name, c.real_train, c.real_val, held_out.get(name, 0)),
                *(c.synthetic_train, c.synthetic_val),
            ]
            for name, c in summary.per_class.items()
        ],
    )


def _coverage_by_source(sources: Sequence[SourceCoverage], class_names: Sequence[str]) -> object:
    columns = coverage_columns(sources, MOST_COLUMNS)
    return table(
        ["class", *map(_heading, columns)],
        [[name, *(one.boxes.get(name, 0) for one in columns)] for name in class_names],
    )


def _heading(column: CoverageColumn) -> str:
    return f"{TITLES[column.split]}: {column.source}"

"""What a gallery of labels says of all of them: coverage, rules, what a person should look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.gallery.items import Sheet, SheetRow
from pipeline.labels.batches import ExportBatch
from pipeline.labels.coverage import BoxesByBatch, coverage_columns, with_held_out
from pipeline.labels.merge import MergeSummary
from pipeline.labels.reports.coverage_map import TITLES, coverage_svg
from pipeline.labels.reports.flagged_shapes import (
    REJECTED,
    FlaggedShape,
    flagged_shapes,
    flagged_sheet,
)
from pipeline.labels.reports.left_out_frames import left_out_sheet
from pipeline.labels.training_set import TrainingSet

MOST_ROWS = 500
"""Of a table; filters of the page show all."""


@dataclass(frozen=True)
class MergedFrom:
    """What the gallery of a training set shows of other artifacts.

    Attributes:
        batches: folders of the batches that were merged, by name, as far as they are still there.
        held_out: boxes that serve evaluation alone.
    """

    batches: Mapping[str, Path] = field(default_factory=dict)
    held_out: BoxesByBatch = field(default_factory=dict)


def batch_sheets(export: ExportBatch) -> Iterator[Sheet]:
    """Rejected shapes and what looks wrong, if there are any, with crops."""
    flagged = flagged_shapes(export.batch)
    for title, is_rejected in (("Rejected shapes", True), ("What looks wrong", False)):
        shapes = [one for one in flagged if (one.kind == REJECTED) is is_rejected]
        if shapes:
            yield Sheet(
                title=f"{title} ({len(shapes)})",
                columns=("image", "class", "what", "why"),
                rows=_limited([_flagged(one) for one in shapes]),
                image=flagged_sheet(export, shapes) or b"",
            )


def merge_sheets(merged: TrainingSet, beside: MergedFrom) -> Iterator[Sheet]:
    """The coverage matrix, what each rule did, and which frames were left out."""
    summary = merged.summary
    if summary.coverage:
        yield _coverage(merged, beside)
    if summary.rules:
        yield Sheet(
            title="What each rule did",
            columns=("rule", "what it did", "setting"),
            rows=tuple(SheetRow((one.rule, one.effect, one.setting)) for one in summary.rules),
        )
    yield from _left_out(summary, beside)


def _coverage(merged: TrainingSet, beside: MergedFrom) -> Sheet:
    sources = with_held_out(merged.summary.coverage, beside.held_out)
    columns = coverage_columns(sources)
    return Sheet(
        title="Boxes by class, split and source",
        columns=("class", *(f"{TITLES[one.split]}: {one.source}" for one in columns)),
        rows=tuple(
            SheetRow((name, *(str(one.boxes.get(name, 0)) for one in columns)), {"classes": name})
            for name in merged.class_names
        ),
        image=coverage_svg(sources, merged.class_names).encode(),
        suffix="svg",
    )


def _left_out(summary: MergeSummary, beside: MergedFrom) -> Iterator[Sheet]:
    leaks = (*summary.validation_leaks, *summary.held_out_leaks)
    pairs = [
        *((one.taken, one.left_out, one.why) for one in summary.duplicates),
        *((one.taken, one.left_out, one.why) for one in summary.near_test),
        *((one.taken, one.left_out, one.why) for one in summary.differences),
        *((one.trained, one.judged, f"leak: {one.kind}") for one in leaks),
    ]
    if pairs:
        rows = [SheetRow(pair, {"name": pair[0]}) for pair in dict.fromkeys(pairs)]
        yield Sheet(
            title="Frames against each other",
            columns=("taken, or trained on", "left out, or judged", "why"),
            rows=_limited(rows),
            image=left_out_sheet(summary, beside.batches.get) or b"",
        )


def _flagged(shape: FlaggedShape) -> SheetRow:
    return SheetRow(
        (shape.frame, shape.class_name, shape.kind, shape.problem),
        {"name": shape.frame, "kinds": shape.kind},
    )


def _limited(rows: Sequence[SheetRow]) -> tuple[SheetRow, ...]:
    if len(rows) <= MOST_ROWS:
        return tuple(rows)
    return (*rows[:MOST_ROWS], SheetRow((f"... {MOST_ROWS} of {len(rows)} are listed",)))

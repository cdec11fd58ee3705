"""Reading what goes to annotators and comes back, for the gallery."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.annotation.annotation_batch import IMAGES_FOLDER
from pipeline.annotation.corrections.frame_corrections import CorrectedFrame
from pipeline.annotation.corrections.label_corrections import Corrections, LabelCorrections
from pipeline.annotation.corrections.plot import corrections_svg
from pipeline.annotation.corrections.summary import (
    ClassCorrections,
    CorrectionSummary,
    totals,
)
from pipeline.annotation.prelabels import PrelabelledFrame, PrelabelledFrames, Prelabels
from pipeline.evaluation.verdicts import ImageReference
from pipeline.gallery.items import Collection, Item, Mark, Sheet, SheetRow
from pipeline.labels.comparing.box_differences import BoxDifference
from pipeline.provenance import ArtifactVersion

PRELABEL = "prelabel"
BLIND, SHOWN, UNSEEN = "blind", "shown", "sent without boxes"
DELETED = "deleted"
TITLES = {
    SHOWN: "What became of the boxes",
    BLIND: "Blind frames: the model's boxes and the labels",
}
"""Of sheets; they stand on buttons."""
ImageFinder = Callable[[ImageReference], Path]


def prelabel_collection(folder: Path, title: str, find_image: ImageFinder) -> Collection:
    """The frames of an annotation batch with the boxes that a model found.

    Raises:
        PrelabelError: the folder holds no whole prelabels.
    """
    content = Prelabels.open(folder).content
    return Collection(
        title, content.class_names, tuple(_prelabelled(content, find_image)), measure="score"
    )


def corrections_collection(folder: Path, title: str, find_image: ImageFinder) -> Collection:
    """The frames that have come back, with what became of each box.

    Raises:
        LabelCorrectionsError: the folder holds no whole comparison.
    """
    content = LabelCorrections.open(folder).content
    return Collection(
        title,
        content.class_names,
        tuple(_corrected(content, find_image)),
        sheets=tuple(_sheets(content.summary)),
    )


def _prelabelled(content: PrelabelledFrames, find_image: ImageFinder) -> Iterator[Item]:
    for frame in content.frames if content.batch else ():
        path = f"{IMAGES_FOLDER}/{frame.name}"
        yield _item(content.batch, path, frame, find_image)


def _item(
    version: ArtifactVersion | None, path: str, frame: PrelabelledFrame, find_image: ImageFinder
) -> Item:
    assert version is not None
    return Item(
        image=find_image(ImageReference(version=version, path=path)),
        name=frame.name,
        width=frame.width,
        height=frame.height,
        source=BLIND if frame.blind else SHOWN,
        marks=tuple(
            Mark(one.box, one.class_name, PRELABEL, f"score {one.score:.2f}", one.score)
            for one in frame.boxes
        ),
    )


def _corrected(content: Corrections, find_image: ImageFinder) -> Iterator[Item]:
    for frame in content.frames if content.export else ():
        assert content.export is not None
        yield Item(
            image=find_image(ImageReference(version=content.export, path=frame.image)),
            name=frame.place,
            width=frame.width,
            height=frame.height,
            source=f"{_source_of(frame)}, {frame.batch}",
            marks=tuple(_marks(frame)),
        )


def _source_of(frame: CorrectedFrame) -> str:
    if frame.unseen:
        return UNSEEN
    return BLIND if frame.blind else SHOWN


def _marks(frame: CorrectedFrame) -> Iterator[Mark]:
    for kept in frame.kept:
        yield Mark(kept.box, kept.class_name, "kept")
    for one in frame.differences:
        kind = DELETED if one.change == "removed" else one.change
        yield Mark(one.box, one.class_name, kind, _note(one))


def _note(one: BoxDifference) -> str:
    if one.other_class is not None:
        return f"the model said {one.other_class}"
    if one.other_box is not None:
        return f"was at {', '.join(f'{side:.0f}' for side in one.other_box)}"
    return ""


def _sheets(summary: CorrectionSummary) -> Iterator[Sheet]:
    plot = corrections_svg(summary)
    columns = ("class", "boxes", "kept", "moved", "relabelled", "deleted", "added")
    for kind, rows in ((SHOWN, summary.shown), (BLIND, summary.blind)):
        if rows:
            yield Sheet(
                title=TITLES[kind],
                columns=columns,
                rows=tuple(_row(one) for one in (totals(rows), *rows)),
                image=plot.encode() if plot and kind == SHOWN else b"",
                suffix="svg",
            )


def _row(row: ClassCorrections) -> SheetRow:
    counts = (row.found, row.kept, row.moved, row.relabelled, row.deleted, row.added)
    filters = {} if row.class_name == "all" else {"classes": row.class_name}
    return SheetRow((row.class_name, *map(str, counts)), filters)

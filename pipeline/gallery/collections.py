"""Reading image sets for the gallery: synthetic, merged, exported, evaluated."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from detector_runtime.images import upright_size
from PIL import Image, UnidentifiedImageError

from pipeline.annotation.corrections.label_corrections import LabelCorrections
from pipeline.annotation.prelabels import Prelabels
from pipeline.errors import OutpostError
from pipeline.evaluation.evaluation import Evaluation
from pipeline.evaluation.verdicts import FrameVerdicts, ImageReference, Outcome, Verdict
from pipeline.gallery.annotation_sets import corrections_collection, prelabel_collection
from pipeline.gallery.items import Collection, Item, Mark
from pipeline.gallery.sheets import MergedFrom, batch_sheets, merge_sheets
from pipeline.labels.batches import ExportBatch, Frame
from pipeline.labels.boxes import Box, LabelledBox
from pipeline.labels.inspection.sessions import sessions_of
from pipeline.labels.reports.flagged_shapes import FlaggedShape, flagged_shapes, visible_mark
from pipeline.labels.synthetic import SUBSETS
from pipeline.labels.training_set import MergedFrame, TrainingSet, is_real
from pipeline.scenes.dataset.reader import WrittenObject, WrittenScene
from pipeline.scenes.dataset.synthetic_set import SyntheticSet

LABEL = "label"
DROPPED = "dropped"
ALONE = MergedFrom()
WHOLE_FRAME = "whole frame"
"""Stands for the class of a mark that is about no object."""
ImageFinder = Callable[[ImageReference], Path]


class GalleryError(OutpostError):
    """An artifact that holds no images, or that cannot be shown."""


def read_collection(
    folder: Path, title: str, find_image: ImageFinder, merged_from: MergedFrom = ALONE
) -> Collection:
    """Everything there is to show of an artifact's folder.

    Args:
        folder: of a synthetic set, a training set, an export batch, an evaluation, prelabels, or
            label corrections.
        title: of the page.
        find_image: where an image of another artifact lies; the last three refer to such.
        merged_from: what is shown of other artifacts where it is a training set.

    Raises:
        GalleryError: the folder holds nothing of that kind.
        OutpostError: what it holds cannot be read.
    """
    if SyntheticSet.is_in(folder):
        drawn = SyntheticSet.open(folder)
        return Collection(title, drawn.summary.classes, tuple(_synthetic(drawn)), "visible share")
    if TrainingSet.is_in(folder):
        merged = TrainingSet.open(folder)
        sheets = tuple(merge_sheets(merged, merged_from))
        return Collection(title, merged.class_names, tuple(_merged(merged)), sheets=sheets)
    if ExportBatch.is_in(folder):
        export = ExportBatch.open(folder)
        frames = (*export.batch.frames, *export.batch.unlabelled)
        sessions = sessions_of(frames)
        pairs = zip(frames, sessions, strict=True)
        flagged = _by_frame(flagged_shapes(export.batch))
        items = tuple(
            _exported(export, frame, session, flagged.get(frame.place, ()))
            for frame, session in pairs
        )
        sheets = tuple(batch_sheets(export))
        return Collection(title, export.batch.class_names, items, sheets=sheets)
    if Evaluation.is_in(folder):
        evaluation = Evaluation.open(folder)
        names = tuple(score.name for score in evaluation.report.real.per_class)
        items = tuple(_evaluated(frame, names, find_image) for frame in evaluation.verdicts())
        return Collection(title, names, items, "score")
    if Prelabels.is_in(folder):
        return prelabel_collection(folder, title, find_image)
    if LabelCorrections.is_in(folder):
        return corrections_collection(folder, title, find_image)
    raise GalleryError(
        f"{folder} holds no image set.",
        "Name a synthetic_set, cvat_export, cvat_merge, real_evaluation, prelabels or "
        "label_corrections, for example demo/synthetic_set.",
    )


def _synthetic(drawn: SyntheticSet) -> Iterator[Item]:
    for scene in drawn.scenes():
        yield Item(
            image=scene.image,
            name=scene.name,
            width=scene.width,
            height=scene.height,
            split=scene.subset,
            source=f"{scene.kind} scene",
            marks=tuple(_scene_marks(scene)),
        )


def _scene_marks(scene: WrittenScene) -> Iterator[Mark]:
    for item in scene.objects:
        box = item.visible or item.full
        if box is not None:
            kind = LABEL if item.dropped is None else DROPPED
            yield Mark(box, item.class_name, kind, _visibility(item), item.visible_fraction)


def _visibility(item: WrittenObject) -> str:
    parts = [item.dropped] if item.dropped else []
    if item.visible_fraction < 1:
        parts.append(f"{item.visible_fraction:.0%} visible")
    if item.truncated_fraction > 0:
        parts.append(f"{item.truncated_fraction:.0%} beyond the edge")
    if item.covered_by:
        parts.append(f"behind {', '.join(item.covered_by)}")
    return "; ".join(parts)


def _merged(merged: TrainingSet) -> Iterator[Item]:
    listed = [(subset, image) for subset in SUBSETS for image in merged.images(subset)]
    frames = {PurePosixPath(one.image).name: one for one in merged.real_frames()}
    for split, image in listed:
        width, height = _size(image)
        frame = frames.get(image.name)
        boxes = [row.labelled_box(width, height) for row in merged.rows_of(image)]
        yield Item(
            image=image,
            name=frame.title if frame else image.stem,
            width=width,
            height=height,
            split=split,
            source=_merged_source(image, frame),
            marks=_labels(boxes, merged.class_names),
        )


def _merged_source(image: Path, frame: MergedFrame | None) -> str:
    if frame is None:
        return "real" if is_real(image.name) else "synthetic"
    return f"batch {frame.batch}"


def _by_frame(shapes: Sequence[FlaggedShape]) -> dict[str, list[FlaggedShape]]:
    found: dict[str, list[FlaggedShape]] = defaultdict(list)
    for one in shapes:
        found[one.frame].append(one)
    return found


def _labels(boxes: Sequence[LabelledBox], names: Sequence[str]) -> tuple[Mark, ...]:
    return tuple(Mark(found.box, names[found.class_id], LABEL) for found in boxes)


def _exported(
    export: ExportBatch, frame: Frame, session: str | None, flagged: Sequence[FlaggedShape]
) -> Item:
    return Item(
        image=export.image_of(frame),
        name=frame.place,
        width=frame.width,
        height=frame.height,
        source=_source(frame, session),
        marks=(
            *_labels(frame.boxes, export.batch.class_names),
            *(_flagged(one, frame) for one in flagged),
        ),
    )


def _flagged(shape: FlaggedShape, frame: Frame) -> Mark:
    """What is wrong with a shape or a frame, where it can be seen in the frame."""
    whole = Box(0, 0, frame.width, frame.height)
    box = whole if shape.box is None else visible_mark(shape.box, whole)
    return Mark(box, shape.class_name or WHOLE_FRAME, shape.kind, shape.problem)


def _source(frame: Frame, session: str | None) -> str:
    told = f"session {session}" if session else "no session"
    return told if frame.boxes else f"{told}, without labels"


def _evaluated(frame: FrameVerdicts, names: Sequence[str], find_image: ImageFinder) -> Item:
    image = find_image(frame.image)
    width, height = _size(image)
    return Item(
        image=image,
        name=frame.name,
        width=width,
        height=height,
        source=frame.domain,
        marks=tuple(
            Mark(
                verdict.box,
                names[verdict.truth if verdict.truth is not None else verdict.found or 0],
                str(verdict.outcome),
                _score(verdict, names),
                verdict.score,
            )
            for verdict in frame.verdicts
        ),
    )


def _score(verdict: Verdict, names: Sequence[str]) -> str:
    if verdict.score is None or verdict.found is None:
        return ""
    taken = f"taken for {names[verdict.found]}, " if verdict.outcome is Outcome.CONFUSED else ""
    return f"{taken}score {verdict.score:.2f}"


def _size(file: Path) -> tuple[int, int]:
    try:
        with Image.open(file) as image:
            return upright_size(image)
    except (OSError, UnidentifiedImageError) as error:
        raise GalleryError(
            f"{file} is not an image: {error}.",
            "Run `outpost audit` on a model that was made from it, or materialize it again.",
        ) from error

"""CVAT's COCO 1.0 exports, checked and normalised.

What is particular to CVAT's files, and why reading them takes care: the format page of datumaro
(`format-coco.md`) and the issues of cvat-ai/cvat named below.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from pipeline.labels.batches import Batch, Frame, RejectedShape, RespeltLabel, UnknownLabel
from pipeline.labels.boxes import Box, LabelledBox
from pipeline.labels.formats.annotation_files import (
    CocoAnnotation,
    CocoImage,
    CocoMask,
    ExportedImage,
    check_told_apart,
    few,
    is_yolo,
    read_images,
)
from pipeline.labels.formats.cvat_export import ExportError, ExportFiles, open_export
from pipeline.labels.formats.frame_images import check_image
from pipeline.labels.formats.label_names import LabelIndex, is_left_out, nearest_class
from pipeline.labels.formats.shapes import (
    ShapeError,
    box_in_image,
    box_of_mask,
    box_of_polygons,
    box_of_rectangle,
    degrees_of,
)
from pipeline.labels.formats.yolo_export import read_yolo_images
from pipeline.labels.inspection.findings import (
    FindingKind,
    LabelFinding,
    box_problems,
    without_doubles,
)
from pipeline.labels.inspection.tracks import TrackedBox, TrackWatch, thumbnail_of
from pipeline.progress import Report, silent, track

BBOX_TOLERANCE = 1.5
"""Pixels by which a `bbox` may differ from the outline that it belongs to: earlier versions of
datumaro wrote that of a mask a pixel short (`find_mask_bbox`)."""
FAR = 1e6
"""Pixels; a shape that lies further away is nowhere."""
GROUPED = (
    "has an outline and a box that differ, as a group in CVAT makes one of several shapes; the {} "
    "was taken"
)
NO_BOX = (
    "has shapes, but none of them has a box, so it is learned as an image without objects; see the "
    "rejected shapes, and correct them in CVAT if an object is there"
)


@dataclass(frozen=True)
class ReadOptions:
    """What a person asks for one export.

    Attributes:
        accept_yolo: read a YOLO 1.1 export too, which lacks whatever is no plain rectangle.
        left_out_labels: labels that are no class on purpose, however they are spelt.
    """

    accept_yolo: bool = False
    left_out_labels: tuple[str, ...] = ()


def read_export(
    path: Path,
    class_names: Sequence[str],
    report: Report = silent,
    options: ReadOptions = ReadOptions(),
) -> Batch:
    """Read an export and make one box of every shape whose label is a class.

    Args:
        path: a zip archive or an unpacked folder.
        class_names: of the game pack, in the order of their ids. Labels are matched by name,
            regardless of case, spaces, hyphens and underscores; the export's own numbers mean
            nothing.
        report: told after every frame.
        options: what is asked for this export.

    Raises:
        LabelFileError: a label file of a YOLO export is damaged.
        ExportError: the export is unreadable, empty or without images; two images of one of its
            files share an id, or two of all their subset, folder and name; an image is corrupt or
            not of the proportions stated; or no label is known.
    """
    with open_export(path) as files:
        is_accepted = options.accept_yolo and is_yolo(files.names)
        images = read_yolo_images(path, files) if is_accepted else read_images(path, files)
        check_told_apart(path, images)
        reader = _FrameReader(path, files, tuple(class_names))
        read = [reader.read(one) for one in track(images, len(images), "read frames", report)]
    labelled = [frame for frame, one in zip(read, images, strict=True) if one.annotations]
    unlabelled = [frame for frame, one in zip(read, images, strict=True) if not one.annotations]
    unknown = [UnknownLabel(name, shapes) for name, shapes in sorted(reader.unknown.items())]
    left_out = options.left_out_labels
    batch = Batch(
        class_names=tuple(class_names),
        frames=tuple(sorted(labelled, key=_order)),
        unlabelled=tuple(sorted(unlabelled, key=_order)),
        unknown_labels=tuple(label for label in unknown if not is_left_out(label.name, left_out)),
        rejected=tuple(reader.rejected),
        respelt_labels=tuple(
            RespeltLabel(name, class_names[class_id], shapes)
            for (name, class_id), shapes in sorted(reader.respelt.items())
        ),
        findings=reader.all_findings(),
        left_out_labels=tuple(label for label in unknown if is_left_out(label.name, left_out)),
    )
    _check_not_empty(path, batch)
    return batch


class _FrameReader:
    """Reads frames one by one and keeps account of what it could not use."""

    def __init__(self, path: Path, files: ExportFiles, class_names: tuple[str, ...]) -> None:
        self.rejected: list[RejectedShape] = []
        self.unknown: Counter[str] = Counter()
        self.respelt: Counter[tuple[str, int]] = Counter()
        self._path = path
        self._files = files
        self._class_names = class_names
        self._classes = LabelIndex(class_names)
        self._findings: list[LabelFinding] = []
        self._tracks = TrackWatch()

    def read(self, one: ExportedImage) -> Frame:
        """An image and the boxes of its shapes."""
        origin = f"{self._path}: {one.member}"
        checked = check_image(origin, self._files.read(one.member), one.image)
        width, height = checked.pixels.size
        if (width, height) != (one.image.width, one.image.height):
            self._find_in_image(one, "scaled", _scaled(one.image, (width, height)))
        rejected_before = len(self.rejected)
        boxes, doubles = without_doubles(tuple(self._boxes(one, checked.pixels)))
        if not boxes and len(self.rejected) > rejected_before:
            self._find_in_image(one, "no box", NO_BOX)
        for double in doubles:
            self._find(one, "double", double, "was labelled twice; one of both was kept")
        return Frame(
            name=one.image.path.name,
            path=one.member,
            width=width,
            height=height,
            sha256=checked.sha256,
            phash=checked.phash,
            boxes=boxes,
            subset=one.subset.name,
            folder=one.folder,
            thumbnail=checked.thumbnail,
        )

    def all_findings(self) -> tuple[LabelFinding, ...]:
        """What looks wrong, when every frame is read."""
        return (*self._findings, *self._tracks.findings())

    def _boxes(self, one: ExportedImage, pixels: Image.Image) -> Iterator[LabelledBox]:
        width, height = pixels.size
        across, down = width / one.image.width, height / one.image.height
        for annotation in one.annotations:
            name = one.subset.labels[annotation.category_id]
            class_id = self._classes.class_of(name)
            if class_id is None:
                self.unknown[name] += 1
                continue
            if not self._classes.is_exact(name):
                self.respelt[name, class_id] += 1
            try:
                drawn, group = _box_of(annotation, one.image)
                drawn = drawn.scaled(across, down)
                labelled = LabelledBox(class_id, box_in_image(drawn, width, height))
            except ShapeError as reason:
                place = _place_of(annotation, across, down)
                self.rejected.append(RejectedShape(one.title, name, str(reason), place))
                continue
            if group:
                self._find(one, "group", labelled, group)
            for kind, problem in box_problems(drawn, width, height):
                self._find(one, kind, labelled, problem)
            self._follow(one, annotation, labelled, pixels)
            yield labelled

    def _follow(
        self,
        one: ExportedImage,
        annotation: CocoAnnotation,
        labelled: LabelledBox,
        pixels: Image.Image,
    ) -> None:
        track = annotation.attribute("track_id")
        if isinstance(track, bool) or not isinstance(track, int | str):
            return
        self._tracks.see(
            TrackedBox(
                frame=one.title,
                # Half a character, which JSON may hold, can be written into no report.
                track=(one.subset.name, one.folder, str(track).encode(errors="replace").decode()),
                class_name=self._class_names[labelled.class_id],
                box=labelled.box,
                is_key=str(annotation.attribute("keyframe")).lower() in ("true", "1"),
                thumbnail=thumbnail_of(pixels, labelled.box),
            )
        )

    def _find(
        self, one: ExportedImage, kind: FindingKind, labelled: LabelledBox, problem: str
    ) -> None:
        name = self._class_names[labelled.class_id]
        self._findings.append(LabelFinding(kind, one.title, name, labelled.box, problem))

    def _find_in_image(self, one: ExportedImage, kind: FindingKind, problem: str) -> None:
        self._findings.append(LabelFinding(kind, one.title, "", None, problem))


def _scaled(image: CocoImage, size: tuple[int, int]) -> str:
    return (
        f"was annotated at {image.width}x{image.height} and is {size[0]}x{size[1]} pixels large; "
        "its boxes were scaled"
    )


def _order(frame: Frame) -> tuple[str, str, str]:
    return frame.name, frame.subset, frame.folder


def _box_of(annotation: CocoAnnotation, image: CocoImage) -> tuple[Box, str]:
    """The box of whatever shape the annotation has, and what is wrong with it, or nothing.

    The outline says more than the `bbox`. But datumaro 1.13.12 makes one annotation of a rectangle
    and an outline that have one group in CVAT: its `bbox` is that of the rectangle alone, its
    `segmentation` that of the outline (`exporter.py`, `find_instance_parts`). Where the rectangle
    holds the outline, as where both are of one object, it is the box.
    """
    outline = _outline_of(annotation, image)
    if outline is None:
        if annotation.bbox is None:
            raise ShapeError("has neither a box nor an outline")
        # CVAT leaves the bbox of a turned rectangle unturned (cvat#4745, #7367).
        degrees = degrees_of(annotation.attribute("rotation"))
        return box_of_rectangle(annotation.bbox, degrees), ""
    if annotation.bbox is None:
        return outline, ""
    x, y, width, height = annotation.bbox
    bbox = Box(x, y, x + width, y + height)
    if max(abs(a - b) for a, b in zip(bbox, outline, strict=True)) <= BBOX_TOLERANCE:
        return outline, ""
    if outline.is_inside(bbox, BBOX_TOLERANCE):
        return bbox, GROUPED.format("box")
    return outline, GROUPED.format("outline")


def _place_of(annotation: CocoAnnotation, across: float = 1, down: float = 1) -> Box | None:
    """Around where a shape was drawn, as far as its numbers tell, for a person who looks for it.

    It may have no area, and lie beyond the image's edges.

    Args:
        across, down: how many times the image is as large as it was annotated.
    """
    shape = annotation.segmentation
    parts = shape if isinstance(shape, list) else []
    points = [point for part in parts for point in zip(part[0::2], part[1::2], strict=False)]
    if points:
        xs, ys = zip(*points, strict=True)
        drawn = Box(min(xs), min(ys), max(xs), max(ys))
    elif annotation.bbox is not None:
        x, y, width, height = annotation.bbox
        (x1, x2), (y1, y2) = sorted((x, x + width)), sorted((y, y + height))
        drawn = Box(x1, y1, x2, y2)
    else:
        return None
    found = drawn.scaled(across, down)
    # Numbers that no image has would be infinite when they are added, and no JSON.
    return found.rounded() if all(abs(side) < FAR for side in found) else None


def _outline_of(annotation: CocoAnnotation, image: CocoImage) -> Box | None:
    """The box around a mask or a polygon; None where there is neither.

    `iscrowd` is ignored on purpose: CVAT sets it on every brush mask of a single object.
    """
    shape = annotation.segmentation
    if isinstance(shape, CocoMask):
        if shape.size != (image.height, image.width):
            raise ShapeError("its mask is of another size than the image")
        return box_of_mask(shape.counts, image.height, image.width)
    parts = [part for part in shape or [] if part]
    return box_of_polygons(parts) if parts else None


def _check_not_empty(path: Path, batch: Batch) -> None:
    if not batch.frames:
        unlabelled = len(batch.unlabelled)
        raise ExportError(
            f"{path} is empty: nothing is annotated in its {unlabelled} frames.",
            "Annotate the frames in CVAT, save, and export again.",
        )
    if any(frame.boxes for frame in batch.frames):
        return
    unknown = (*batch.unknown_labels, *batch.left_out_labels)
    if unknown:
        raise ExportError(
            f"{path}: none of its labels is a class of this game: "
            f"{_explain_unknown(unknown, batch.class_names)}.",
            "Rename the labels in CVAT as the game pack's classes.yaml spells them.",
        )
    raise ExportError(
        f"{path}: none of its {len(batch.rejected)} shapes has a box; the first "
        f"{batch.rejected[0].reason}.",
        "Correct the shapes in CVAT and export again.",
    )


def _explain_unknown(unknown: Sequence[UnknownLabel], class_names: Sequence[str]) -> str:
    def explain(label: UnknownLabel) -> str:
        near = nearest_class(label.name, class_names)
        hint = f", perhaps {near}" if near else ""
        return f"'{label.name}' ({label.shapes} shapes{hint})"

    return few([explain(label) for label in unknown])

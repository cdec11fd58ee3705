"""CVAT's COCO 1.0 exports, checked and normalised.

An export is `annotations/instances_<subset>.json` with the images in `images/<subset>/` or
`images/`. What is particular to CVAT's files, and why reading them takes care: the format page of
datumaro (`format-coco.md`) and the issues of cvat-ai/cvat named below.
"""

from __future__ import annotations

import difflib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel, Field, FiniteFloat, ValidationError

from pipeline.labels.batches import Batch, Frame, RejectedShape, UnknownLabel
from pipeline.labels.boxes import Box, LabelledBox
from pipeline.labels.comparing.looks import look_of
from pipeline.labels.fingerprints import perceptual_hash
from pipeline.labels.formats.cvat_export import EXPORT_AGAIN, ExportError, ExportFiles, open_export
from pipeline.labels.formats.shapes import (
    ShapeError,
    box_in_image,
    box_of_mask,
    box_of_polygons,
    box_of_rectangle,
)
from pipeline.labels.images import (
    IMAGE_SUFFIXES,
    MAX_PIXELS,
    UNREADABLE,
    open_image,
    upright_content,
)
from pipeline.progress import Report, silent, track

NAMES_SHOWN = 5


def read_export(path: Path, class_names: Sequence[str], report: Report = silent) -> Batch:
    """Read an export and make one box of every shape whose label is a class.

    Args:
        path: a zip archive or an unpacked folder.
        class_names: of the game pack, in the order of their ids. Labels are matched by name; the
            export's own numbers mean nothing.
        report: told after every frame.

    Raises:
        ExportError: the export is unreadable, empty or without images; two of its frames share an
            id or a name; an image is corrupt or not of the size stated; or no label is known.
    """
    with open_export(path) as files:
        subsets = tuple(_subsets(path, files))
        images = [(subset, image) for subset in subsets for image in subset.images]
        _check_frames(path, images)
        members = _locate_images(path, files, images)
        reader = _FrameReader(path, files, tuple(class_names))
        frames = [
            reader.read(subset, image, members[image.file_name])
            for subset, image in track(images, len(images), "read frames", report)
        ]
    labelled = {
        frame.name
        for frame, (subset, image) in zip(frames, images, strict=True)
        if subset.annotations_of(image)
    }
    frames.sort(key=lambda frame: frame.name)
    batch = Batch(
        class_names=tuple(class_names),
        frames=tuple(frame for frame in frames if frame.name in labelled),
        unlabelled=tuple(frame for frame in frames if frame.name not in labelled),
        unknown_labels=tuple(
            UnknownLabel(name, shapes) for name, shapes in sorted(reader.unknown.items())
        ),
        rejected=tuple(reader.rejected),
    )
    _check_not_empty(path, batch)
    return batch


class _Image(BaseModel):
    id: int
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    file_name: str = Field(min_length=1)


class _Category(BaseModel):
    id: int
    name: str


class _Mask(BaseModel):
    size: tuple[int, int]
    """Height, width."""
    counts: list[int] | str


class _Annotation(BaseModel):
    image_id: int
    category_id: int
    bbox: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat] | None = None
    segmentation: _Mask | list[list[FiniteFloat]] | None = None
    attributes: dict[str, Any] = {}

    @property
    def rotation(self) -> float:
        """Degrees; CVAT leaves the bbox of a turned rectangle unturned (cvat#4745, #7367)."""
        return float(self.attributes.get("rotation") or 0.0)


class _Coco(BaseModel):
    images: list[_Image]
    categories: list[_Category]
    annotations: list[_Annotation]


@dataclass(frozen=True, eq=False)
class _Subset:
    """One annotation file: its name, the folder that holds the export, and its content."""

    name: str
    root: str
    images: list[_Image]
    by_image: Mapping[int, list[_Annotation]]
    category_names: dict[int, str]

    def annotations_of(self, image: _Image) -> list[_Annotation]:
        return self.by_image.get(image.id, [])


class _FrameReader:
    """Reads frames one by one and keeps account of what it could not use."""

    def __init__(self, path: Path, files: ExportFiles, class_names: tuple[str, ...]) -> None:
        self.rejected: list[RejectedShape] = []
        self.unknown: Counter[str] = Counter()
        self._path = path
        self._files = files
        self._ids = {name: index for index, name in enumerate(class_names)}

    def read(self, subset: _Subset, image: _Image, member: str) -> Frame:
        content = self._files.read(member)
        digest, phash, look = _check_image(f"{self._path}: {member}", content, image)
        return Frame(
            name=PurePosixPath(member).name,
            path=member,
            width=image.width,
            height=image.height,
            sha256=digest,
            phash=phash,
            boxes=tuple(self._boxes(subset, image)),
            look=look,
        )

    def _boxes(self, subset: _Subset, image: _Image) -> Iterator[LabelledBox]:
        for annotation in subset.annotations_of(image):
            name = subset.category_names[annotation.category_id]
            class_id = self._ids.get(name)
            if class_id is None:
                self.unknown[name] += 1
                continue
            try:
                box = box_in_image(_box_of(annotation, image), image.width, image.height)
            except ShapeError as reason:
                self.rejected.append(RejectedShape(image.file_name, name, str(reason)))
                continue
            yield LabelledBox(class_id, box)


def _box_of(annotation: _Annotation, image: _Image) -> Box:
    """The box of whatever shape the annotation has.

    `iscrowd` is ignored on purpose: CVAT sets it on every brush mask of a single object.
    """
    shape = annotation.segmentation
    if isinstance(shape, _Mask):
        if shape.size != (image.height, image.width):
            raise ShapeError("its mask is of another size than the image")
        return box_of_mask(shape.counts, image.height, image.width)
    parts = [part for part in shape or [] if part]
    if parts:
        return box_of_polygons(parts)
    if annotation.bbox is None:
        raise ShapeError("has neither a box nor an outline")
    return box_of_rectangle(annotation.bbox, annotation.rotation)


def _subsets(path: Path, files: ExportFiles) -> Iterator[_Subset]:
    found = [name for name in files.names if _is_annotation_file(PurePosixPath(name))]
    if not found:
        raise ExportError(
            f"{path} holds no annotations/instances_*.json, so it is not a COCO 1.0 export.",
            EXPORT_AGAIN,
        )
    for name in found:
        coco = _parse(f"{path}: {name}", files.read(name))
        by_image = defaultdict(list)
        for annotation in coco.annotations:
            by_image[annotation.image_id].append(annotation)
        subset = PurePosixPath(name).stem.removeprefix("instances_")
        root = PurePosixPath(name).parent.parent.as_posix()
        categories = {category.id: category.name for category in coco.categories}
        _check_references(f"{path}: {name}", coco, set(by_image), set(categories))
        yield _Subset(subset, root, coco.images, by_image, categories)


def _is_annotation_file(name: PurePosixPath) -> bool:
    # macOS adds a "__MACOSX" folder with files of the same names to archives that it packs.
    return (
        name.match("annotations/instances_*.json")
        and not name.name.startswith("._")
        and "__MACOSX" not in name.parts
    )


def _parse(origin: str, content: bytes) -> _Coco:
    try:
        return _Coco.model_validate(json.loads(content))
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"])
        raise ExportError(f"{origin}: {key}: {problem['msg']}.", EXPORT_AGAIN) from error
    except (ValueError, RecursionError) as error:
        raise ExportError(f"{origin} is not JSON ({error}).", EXPORT_AGAIN) from error


def _check_references(origin: str, coco: _Coco, used: set[int], categories: set[int]) -> None:
    strange = sorted(used - {image.id for image in coco.images})
    if strange:
        raise ExportError(
            f"{origin}: annotations belong to images that it doesn't list: {strange[:5]}.",
            EXPORT_AGAIN,
        )
    strange = sorted({each.category_id for each in coco.annotations} - categories)
    if strange:
        raise ExportError(
            f"{origin}: annotations have categories that it doesn't list: {strange[:5]}.",
            EXPORT_AGAIN,
        )


def _check_frames(path: Path, images: Sequence[tuple[_Subset, _Image]]) -> None:
    """Refuse frames that cannot be told apart.

    CVAT before 2.16.1 gives images that share a stem one id, and mixes up their boxes (cvat#4185,
    #8171); stems of different folders collide when the batch becomes one folder.
    """
    ids = Counter((subset.name, image.id) for subset, image in images)
    repeated = sorted(number for (_, number), n in ids.items() if n > 1)
    if repeated:
        raise ExportError(
            f"{path}: several images share the id {repeated[0]}; their boxes are mixed up.",
            "Update CVAT to 2.16.1 or later, or rename images that differ only by suffix, and "
            "export again.",
        )
    # Names that differ only by case are one file on Windows and macOS.
    stems = Counter(PurePosixPath(_posix(image.file_name)).stem.casefold() for _, image in images)
    collisions = sorted(stem for stem, n in stems.items() if n > 1)
    if collisions:
        raise ExportError(
            f"{path}: several images are named {_few(collisions)} (without folder and suffix).",
            "Rename them so that each name is unique, and export again.",
        )


def _locate_images(
    path: Path, files: ExportFiles, images: Sequence[tuple[_Subset, _Image]]
) -> dict[str, str]:
    """Where the image of every `file_name` lies in the export."""
    there = set(files.names)
    found: dict[str, str] = {}
    for subset, image in images:
        name = _posix(image.file_name)
        for folder in (f"images/{subset.name}", "images", "."):
            place = (PurePosixPath(subset.root) / folder / name).as_posix()
            if place in there:
                found.setdefault(image.file_name, place)
    missing = [image.file_name for _, image in images if image.file_name not in found]
    if images and not found:
        raise ExportError(f"{path} holds annotations but no images.", EXPORT_AGAIN)
    if missing:
        raise ExportError(
            f"{path} lacks the images of {len(missing)} of {len(images)} frames: {_few(missing)}.",
            EXPORT_AGAIN,
        )
    for name in found.values():
        _check_name(path, name)
    return found


def _check_name(path: Path, name: str) -> None:
    file = PurePosixPath(name)
    if file.suffix.lower() not in IMAGE_SUFFIXES:
        raise ExportError(
            f"{path}: {name} is not an image that trainers read.",
            f"Use one of {', '.join(IMAGE_SUFFIXES)}.",
        )
    if not file.name.isprintable():
        raise ExportError(
            f"{path}: {name!r} holds characters that no list of files can.", "Rename the image."
        )


def _check_image(origin: str, content: bytes, image: _Image) -> tuple[str, str, str]:
    """Decode the image whole, and compare its size with what the export says.

    Pillow's `verify` would be cheaper, but accepts JPEG files that are cut off.

    Returns the SHA-256 of its file as it is stored, its perceptual hash and its look.
    """
    try:
        with open_image(content) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise ExportError(
                    f"{origin} has {opened.width}x{opened.height} pixels; at most "
                    f"{MAX_PIXELS // 10**6} million are read.",
                    "Leave it out of the task.",
                )
            size = opened.size
        stored = upright_content(content)
        with open_image(stored) as turned:
            _check_size(origin, size, turned.size, image)
            return sha256(stored).hexdigest(), perceptual_hash(turned), look_of(turned)
    except UNREADABLE as error:
        raise ExportError(
            f"{origin} is corrupt ({error}).",
            "Replace the image in the CVAT task, or remove its frame, and export again.",
        ) from error


def _check_size(origin: str, size: tuple[int, int], turned: tuple[int, int], image: _Image) -> None:
    """Compare the size of the turned image, as CVAT shows it, with what the export says."""
    annotated = (image.width, image.height)
    if turned == annotated:
        return
    if size == annotated:
        raise ExportError(
            f"{origin} was annotated at {image.width}x{image.height} pixels, without the turn that "
            "its EXIF orientation asks for.",
            "Turn the image itself, for example with ImageMagick's `mogrify -auto-orient`, and "
            "annotate it again in a current CVAT, which shows such images upright.",
        )
    raise ExportError(
        f"{origin} is {turned[0]}x{turned[1]} pixels large, but was annotated "
        f"at {image.width}x{image.height}.",
        EXPORT_AGAIN,
    )


def _check_not_empty(path: Path, batch: Batch) -> None:
    if not batch.frames:
        unlabelled = len(batch.unlabelled)
        raise ExportError(
            f"{path} is empty: nothing is annotated in its {unlabelled} frames.",
            "Annotate the frames in CVAT, save, and export again.",
        )
    if any(frame.boxes for frame in batch.frames):
        return
    if batch.unknown_labels:
        raise ExportError(
            f"{path}: none of its labels is a class of this game: "
            f"{_explain_unknown(batch.unknown_labels, batch.class_names)}.",
            "Rename the labels in CVAT as the game pack's classes.yaml spells them.",
        )
    raise ExportError(
        f"{path}: none of its {len(batch.rejected)} shapes has a box; the first "
        f"{batch.rejected[0].reason}.",
        "Correct the shapes in CVAT and export again.",
    )


def _explain_unknown(unknown: Sequence[UnknownLabel], class_names: Sequence[str]) -> str:
    def explain(label: UnknownLabel) -> str:
        close = difflib.get_close_matches(label.name.lower(), class_names, n=1)
        hint = f", perhaps {close[0]}" if close else ""
        return f"'{label.name}' ({label.shapes} shapes{hint})"

    return _few([explain(label) for label in unknown])


def _posix(name: str) -> str:
    return name.replace("\\", "/")


def _few(names: Sequence[str]) -> str:
    rest = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {rest} more" if rest > 0 else "")

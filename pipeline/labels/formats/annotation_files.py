"""The annotation files of a COCO 1.0 export: what is written in them, and which image is meant.

An export has one `annotations/instances_<subset>.json` for each subset, and the images in
`images/<subset>/` or, as older versions of CVAT wrote them, in `images/`; below that they lie as in
the task, folders included.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from pydantic import BaseModel, Field, FiniteFloat, ValidationError, field_validator

from pipeline.labels.formats.cvat_export import EXPORT_AGAIN, ExportError, ExportFiles
from pipeline.labels.images import IMAGE_SUFFIXES
from pipeline.labels.portable_names import is_listable

NAMES_SHOWN = 5
DEFAULT_SUBSET = "default"
YOLO_FILES = ("obj.data", "obj.names", "data.yaml")


class CocoImage(BaseModel):
    """An image as an annotation file names it; its size is that at which it was annotated."""

    id: int
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    file_name: str = Field(min_length=1)

    @property
    def path(self) -> PurePosixPath:
        """Where it lies in the task."""
        return PurePosixPath(self.file_name.replace("\\", "/"))


class CocoCategory(BaseModel):
    """A label of the task, whether used or not."""

    id: int
    name: str

    @field_validator("name")
    @classmethod
    def _can_be_written(cls, name: str) -> str:
        # JSON may hold half a character, which no file in UTF-8 can.
        if any("\ud800" <= letter <= "\udfff" for letter in name):
            raise ValueError("holds half a character (a lone surrogate)")
        return name


class CocoMask(BaseModel):
    """A mask as lengths of runs, as numbers or in COCO's compressed text."""

    size: tuple[int, int]
    """Height, width."""
    counts: list[int] | str


class CocoAnnotation(BaseModel):
    """One shape."""

    image_id: int
    category_id: int
    bbox: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat] | None = None
    segmentation: CocoMask | list[list[FiniteFloat]] | None = None
    attributes: Any = None
    """What people defined in CVAT, beside `rotation`, `track_id` and `keyframe` of CVAT's own. Any
    value may be of any type, and is judged where it is used."""

    def attribute(self, name: str) -> Any:
        """One of them; None where there is none."""
        return self.attributes.get(name) if isinstance(self.attributes, dict) else None


class CocoFile(BaseModel):
    """A whole annotation file."""

    images: list[CocoImage]
    categories: list[CocoCategory]
    annotations: list[CocoAnnotation]


@dataclass(frozen=True, eq=False)
class ExportSubset:
    """One annotation file of an export.

    Attributes:
        name: as CVAT calls it: "default", "Train", "Validation", "Test".
        root: the folder of the export that holds its `annotations` and `images`.
        by_image: its shapes by the id of their image.
        labels: names by id.
    """

    name: str
    root: PurePosixPath
    images: Sequence[CocoImage]
    by_image: Mapping[int, Sequence[CocoAnnotation]]
    labels: Mapping[int, str]

    def annotations_of(self, image: CocoImage) -> Sequence[CocoAnnotation]:
        return self.by_image.get(image.id, ())


class ExportedImage(NamedTuple):
    """An image of an export.

    Attributes:
        member: path of its file in the export.
        folder: where it lies in the task, forward slashes; empty at its top. An export that was
            put together of several has the folder of each before it.
    """

    subset: ExportSubset
    image: CocoImage
    member: str
    folder: str

    @property
    def title(self) -> str:
        """The image for a person: its path in the task, below its subset if that has a name."""
        subset = "" if self.subset.name == DEFAULT_SUBSET else self.subset.name
        return "/".join(part for part in (subset, self.folder, self.image.path.name) if part)

    @property
    def annotations(self) -> Sequence[CocoAnnotation]:
        """Its shapes, in the order of the file."""
        return self.subset.annotations_of(self.image)


def read_images(path: Path, files: ExportFiles) -> tuple[ExportedImage, ...]:
    """Every image of an export's annotation files with its shapes.

    Args:
        path: of the export, for errors.
        files: of the export.

    Raises:
        ExportError: there is no annotation file, one is damaged, images share an id, or the file of
            an image is missing.
    """
    subsets = tuple(_read_subsets(path, files))
    for subset in subsets:
        _check_ids(path, subset)
    return tuple(_locate(path, files, subsets))


def check_told_apart(path: Path, images: Sequence[ExportedImage]) -> None:
    """Refuse images that share what a frame is told by: their subset, their folder and their name.

    So it is where annotation files of several folders name an image of one folder.

    Raises:
        ExportError: there are such images.
    """
    shared = _repeated((one.subset.name, one.folder, one.image.path.name) for one in images)
    if shared:
        titles = ["/".join(part for part in parts if part) for parts in shared]
        raise ExportError(
            f"{path}: several images have one subset, folder and name: {few(titles)}.",
            "Give each image a name of its own in the CVAT task, or put each task into an export "
            "of its own.",
        )


def is_yolo(names: Iterable[str]) -> bool:
    """Whether files are those of CVAT's YOLO 1.1 or of ultralytics' formats, and not of COCO."""
    paths = [PurePosixPath(name) for name in names]
    has_yolo = any(path.name in YOLO_FILES for path in paths)
    return has_yolo and not any(_is_annotation_file(path) for path in paths)


def may_be_export(names: Iterable[str]) -> bool:
    """Whether one of these files is such as only an export has, at whatever depth.

    What is read, or refused with the reason: COCO's annotations, or those of a YOLO export.
    """
    paths = map(PurePosixPath, names)
    return any(_is_annotation_file(path) or path.name in YOLO_FILES for path in paths)


def few(names: Sequence[str]) -> str:
    """The first few of many names, for a message."""
    rest = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _read_subsets(path: Path, files: ExportFiles) -> Iterator[ExportSubset]:
    found = [PurePosixPath(name) for name in files.names]
    found = [name for name in found if _is_annotation_file(name)]
    if not found and is_yolo(files.names):
        raise ExportError(
            f"{path} is a YOLO export. CVAT writes only rectangles into one: polygons, masks and "
            "the rotation of rectangles are not in it.",
            f"{EXPORT_AGAIN} Where all shapes are plain rectangles, accept_yolo in the launchpad "
            "of cvat_export has a 'YOLO 1.1' export read as it is.",
        )
    if not found:
        raise ExportError(
            f"{path} holds no annotations/instances_*.json, so it is not a COCO 1.0 export.",
            EXPORT_AGAIN,
        )
    for name in found:
        _check_listable(path, name.as_posix())
        origin = f"{path}: {name}"
        coco = _parse(origin, files.read(name.as_posix()))
        by_image = defaultdict(list)
        for annotation in coco.annotations:
            by_image[annotation.image_id].append(annotation)
        labels = {category.id: category.name for category in coco.categories}
        _check_references(origin, coco, set(by_image), set(labels))
        yield ExportSubset(
            name.stem.removeprefix("instances_"), name.parent.parent, coco.images, by_image, labels
        )


def _is_annotation_file(name: PurePosixPath) -> bool:
    # macOS adds a "__MACOSX" folder with files of the same names to archives that it packs.
    return (
        name.match("annotations/instances_*.json")
        and not name.name.startswith("._")
        and "__MACOSX" not in name.parts
    )


def _parse(origin: str, content: bytes) -> CocoFile:
    try:
        return CocoFile.model_validate(json.loads(content))
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"])
        raise ExportError(f"{origin}: {key}: {problem['msg']}.", EXPORT_AGAIN) from error
    except (ValueError, RecursionError) as error:
        raise ExportError(f"{origin} is not JSON ({error}).", EXPORT_AGAIN) from error


def _check_references(origin: str, coco: CocoFile, used: set[int], labels: set[int]) -> None:
    strange = sorted(used - {image.id for image in coco.images})
    if strange:
        raise ExportError(
            f"{origin}: annotations belong to images that it doesn't list: {strange[:5]}.",
            EXPORT_AGAIN,
        )
    strange = sorted({each.category_id for each in coco.annotations} - labels)
    if strange:
        raise ExportError(
            f"{origin}: annotations have categories that it doesn't list: {strange[:5]}.",
            EXPORT_AGAIN,
        )


def _check_ids(path: Path, subset: ExportSubset) -> None:
    """Refuse images whose shapes cannot be told apart.

    CVAT before 2.16.1 gives images that share a stem one id, and mixes up their boxes (cvat#4185,
    #8171). With ids of their own, images may share a name as they like: each is told by its subset,
    its folder and its name.
    """
    repeated = _repeated(image.id for image in subset.images)
    if repeated:
        raise ExportError(
            f"{path}: several images share the id {repeated[0]}; their boxes are mixed up.",
            "Update CVAT to 2.16.1 or later, or rename images that differ only by suffix, and "
            "export again.",
        )


def _locate(
    path: Path, files: ExportFiles, subsets: Sequence[ExportSubset]
) -> Iterator[ExportedImage]:
    """Find the file of every image."""
    there = set(files.names)
    images = [(subset, image) for subset in subsets for image in subset.images]
    members = [_member_of(subset, image, there) for subset, image in images]
    _check_all_found(path, [image for _, image in images], members)
    several = len({subset.root for subset in subsets}) > 1
    for (subset, image), member in zip(images, members, strict=True):
        assert member is not None
        _check_name(path, member)
        folder = subset.root / image.path.parent if several else image.path.parent
        yield ExportedImage(subset, image, member, "" if folder.name == "" else folder.as_posix())


def _member_of(subset: ExportSubset, image: CocoImage, there: set[str]) -> str | None:
    for folder in (f"images/{subset.name}", "images", "."):
        member = (subset.root / folder / image.path).as_posix()
        if member in there:
            return member
    return None


def _check_all_found(
    path: Path, images: Sequence[CocoImage], members: Sequence[str | None]
) -> None:
    found = [member for member in members if member is not None]
    if images and not found:
        raise ExportError(f"{path} holds annotations but no images.", EXPORT_AGAIN)
    pairs = zip(images, members, strict=True)
    missing = [image.file_name for image, member in pairs if member is None]
    if missing:
        raise ExportError(
            f"{path} lacks the images of {len(missing)} of {len(images)} frames: {few(missing)}.",
            EXPORT_AGAIN,
        )
    shared = _repeated(found)
    if shared:
        raise ExportError(
            f"{path}: several frames are to be shown by one file: {few(shared)}.", EXPORT_AGAIN
        )


def _check_name(path: Path, member: str) -> None:
    file = PurePosixPath(member)
    if file.suffix.lower() not in IMAGE_SUFFIXES:
        raise ExportError(
            f"{path}: {member} is not an image that trainers read.",
            f"Use one of {', '.join(IMAGE_SUFFIXES)}.",
        )
    _check_listable(path, member)


def _check_listable(path: Path, member: str) -> None:
    if not is_listable(member):
        raise ExportError(
            f"{path}: {member!r} holds characters that no list of files can.", "Rename the file."
        )


def _repeated(values: Iterable[Any]) -> list[Any]:
    """What occurs more than once, sorted."""
    return sorted(value for value, times in Counter(values).items() if times > 1)

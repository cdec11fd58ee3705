"""CVAT's YOLO 1.1 exports: rectangles alone, read only where somebody asks for it.

    obj.names                    the labels, one a line, in the order of their ids
    obj_<subset>_data/           each image with a label file beside it, folders as in the task

The default subset is called `train` (`format-yolo.md` of datumaro). An image without a label file
has no shapes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pipeline.labels.formats.annotation_files import (
    DEFAULT_SUBSET,
    CocoAnnotation,
    CocoImage,
    ExportedImage,
    ExportSubset,
)
from pipeline.labels.formats.cvat_export import EXPORT_AGAIN, ExportError, ExportFiles
from pipeline.labels.formats.yolo import parse_rows
from pipeline.labels.images import IMAGE_SUFFIXES, UNREADABLE, open_image, upright_content

SUBSETS = {"valid": "Validation", "test": "Test"}
DATA_FOLDER = re.compile(r"obj_(.+)_data")


def read_yolo_images(path: Path, files: ExportFiles) -> tuple[ExportedImage, ...]:
    """Every image of a YOLO 1.1 export with its rectangles.

    Args:
        path: of the export, for errors.
        files: of the export.

    Raises:
        ExportError: the names of the labels or the images are not there, or an image is corrupt.
        LabelFileError: a line of a label file is no rectangle inside its image.
    """
    found = [name for name in files.names if PurePosixPath(name).name == "obj.names"]
    if len(found) != 1:
        raise ExportError(
            f"{path} is not a YOLO 1.1 export: it has {len(found)} files obj.names instead of one.",
            EXPORT_AGAIN,
        )
    root = PurePosixPath(found[0]).parent
    lines = _text(path, files, found[0]).rstrip().splitlines()
    labels = {number: line.strip() for number, line in enumerate(lines)}
    images = tuple(_images(path, files, root, labels))
    if not images:
        raise ExportError(f"{path} holds annotations but no images.", EXPORT_AGAIN)
    return images


def _images(
    path: Path, files: ExportFiles, root: PurePosixPath, labels: dict[int, str]
) -> Iterator[ExportedImage]:
    there = set(files.names)
    for number, name in enumerate(files.names):
        member = PurePosixPath(name)
        if member.suffix.lower() not in IMAGE_SUFFIXES or not member.is_relative_to(root):
            continue
        data, *inside = member.relative_to(root).parts
        subset = DATA_FOLDER.fullmatch(data)
        if subset is None or not inside:
            continue
        task_path = PurePosixPath(*inside)
        width, height = _size(f"{path}: {name}", files.read(name))
        image = CocoImage(id=number, width=width, height=height, file_name=task_path.as_posix())
        text_file = member.with_suffix(".txt").as_posix()
        text = _text(path, files, text_file) if text_file in there else ""
        shapes = [
            CocoAnnotation(
                image_id=number,
                category_id=row.class_id,
                bbox=(
                    (row.centre_x - row.width / 2) * width,
                    (row.centre_y - row.height / 2) * height,
                    row.width * width,
                    row.height * height,
                ),
            )
            for row in parse_rows(text, len(labels), f"{path}: {text_file}")
        ]
        one = ExportSubset(_subset_of(subset[1]), root, [image], {number: shapes}, labels)
        folder = task_path.parent
        yield ExportedImage(one, image, name, "" if folder.name == "" else folder.as_posix())


def _subset_of(name: str) -> str:
    # CVAT's own subset is "Train": only the small letter tells of none.
    return DEFAULT_SUBSET if name == "train" else SUBSETS.get(name.lower(), name)


def _size(origin: str, content: bytes) -> tuple[int, int]:
    try:
        with open_image(upright_content(content)) as image:
            return image.size
    except UNREADABLE as error:
        raise ExportError(
            f"{origin} is corrupt ({error}).",
            "Replace the image in the CVAT task, or remove its frame, and export again.",
        ) from error


def _text(path: Path, files: ExportFiles, name: str) -> str:
    try:
        return files.read(name).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ExportError(f"{path}: {name} is not text.", EXPORT_AGAIN) from error

"""The whole YOLO 1.1 layout, as CVAT imports and exports it.

    obj.data                    number of classes, where the lists are
    obj.names                   the labels, one a line, in the order of their ids
    train.txt                   the images, one a line
    obj_train_data/             a label file for each image, folders as in the task

Paths in the first three start with `data/`, which readers drop. A line has no room for a score.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from pipeline.labels.formats.written_images import (
    Content,
    LabelledImage,
    LabelWriteError,
    check_images,
    write_archive,
)
from pipeline.labels.formats.yolo import format_labels

SUBSET = "train"
"""As this format calls the subset of what was given none."""
DATA_FOLDER = f"obj_{SUBSET}_data"
LIST_FILE = f"{SUBSET}.txt"
OBJ_DATA = """\
classes = {classes}
{subset} = data/{list_file}
names = data/obj.names
backup = backup/
"""


def label_file_of(image: LabelledImage) -> str:
    """Where an image's labels lie below the folder of images."""
    return PurePosixPath(image.path).with_suffix(".txt").as_posix()


def images_of_one_label_file(images: Sequence[LabelledImage]) -> tuple[str, ...]:
    """Paths of images that differ by suffix alone, so that they would share a label file."""
    times = Counter(label_file_of(image).casefold() for image in images)
    return tuple(
        sorted(image.path for image in images if times[label_file_of(image).casefold()] > 1)
    )


def write_yolo(
    target: Path,
    images: Sequence[LabelledImage],
    class_names: Sequence[str],
    content: Content | None = None,
) -> None:
    """Write a YOLO 1.1 archive.

    Args:
        target: the zip archive; its folder is made, and a file there is replaced.
        images: in the order in which they are listed.
        class_names: in the order of their ids.
        content: gives the bytes of an image's file, which lies beside its labels.

    Raises:
        LabelWriteError: see `check_images`; or two images would share a label file.
        OSError: the archive cannot be written.
    """
    check_images(images, class_names)
    shared = images_of_one_label_file(images)
    if shared:
        raise LabelWriteError(
            f"{shared[0]} and {shared[1]} would share a label file, because YOLO leaves the suffix "
            "of an image out.",
            "Rename one of them, or use COCO 1.0.",
        )
    write_archive(target, _members(images, class_names, content))


def _members(
    images: Sequence[LabelledImage], class_names: Sequence[str], content: Content | None
) -> Iterator[tuple[str, bytes]]:
    listed = "".join(f"data/{DATA_FOLDER}/{image.path}\n" for image in images)
    data = OBJ_DATA.format(classes=len(class_names), subset=SUBSET, list_file=LIST_FILE)
    yield "obj.data", data.encode()
    yield "obj.names", "".join(f"{name}\n" for name in class_names).encode()
    yield LIST_FILE, listed.encode()
    for image in images:
        labels = format_labels(image.boxes, image.width, image.height)
        yield f"{DATA_FOLDER}/{label_file_of(image)}", labels.encode()
        if content is not None:
            yield f"{DATA_FOLDER}/{image.path}", content(image)

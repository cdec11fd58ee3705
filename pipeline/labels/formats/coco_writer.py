"""COCO 1.0 as CVAT imports it: categories by name with ids from 1, rectangles with their scores.

CVAT hands the file to datumaro, which takes an id of 0 for none (cvat#4750), and a `score` beside
the `bbox` for the attribute of that name, whatever `attributes` says (1.13.12, `coco/base.py`).
CVAT keeps an attribute where the label has one of its name, and drops it where not; `source: auto`
among them marks the shape as one that a model drew (`import_dm_annotations`). A rectangle is a
`bbox` with an empty `segmentation`; anything there would become a polygon beside it. datumaro
rounds corners to a hundredth of a pixel, so corners are written as such: what it rounds twice may
be off by twice as much.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.labels.boxes import LabelledBox
from pipeline.labels.formats.written_images import (
    Content,
    LabelledImage,
    check_images,
    write_archive,
)

SUBSET = "default"
"""As CVAT calls the subset of what was given none."""
SCORE_DIGITS = 6
CORNER_DIGITS = 2
"""Decimals of a pixel that datumaro keeps (`COORDINATE_ROUNDING_DIGITS`)."""
ABOUT = {
    "licenses": [{"name": "", "id": 0, "url": ""}],
    "info": {
        "contributor": "",
        "date_created": "",
        "description": "",
        "url": "",
        "version": "",
        "year": "",
    },
}
"""What readers expect to be there."""


def coco_document(images: Sequence[LabelledImage], class_names: Sequence[str]) -> dict[str, Any]:
    """The content of an annotation file.

    Args:
        images: in the order in which they get their ids.
        class_names: in the order of their ids, which are 0, 1, ... here and 1, 2, ... in the file.

    Raises:
        LabelWriteError: see `check_images`.
    """
    check_images(images, class_names)
    return {
        **ABOUT,
        "categories": [
            {"id": number, "name": name, "supercategory": ""}
            for number, name in enumerate(class_names, start=1)
        ],
        "images": [_image(number, image) for number, image in enumerate(images, start=1)],
        "annotations": [
            {"id": number, **annotation}
            for number, annotation in enumerate(_annotations(images), start=1)
        ],
    }


def coco_text(images: Sequence[LabelledImage], class_names: Sequence[str]) -> str:
    """The same as JSON, which CVAT imports as it is.

    Raises:
        LabelWriteError: see `check_images`.
    """
    return json.dumps(coco_document(images, class_names), separators=(",", ":")) + "\n"


def write_coco(
    target: Path,
    images: Sequence[LabelledImage],
    class_names: Sequence[str],
    content: Content | None = None,
) -> None:
    """Write a COCO 1.0 archive.

        annotations/instances_default.json
        images/default/             the images where their content is given, else empty

    Args:
        target: the zip archive; its folder is made, and a file there is replaced.
        images: see `coco_document`.
        class_names: see `coco_document`.
        content: gives the bytes of an image's file. CVAT needs none to import labels into a task
            that has the images.

    Raises:
        LabelWriteError: see `check_images`.
        OSError: the archive cannot be written.
    """
    text = coco_text(images, class_names)
    write_archive(target, _members(text, images, content))


def _members(
    text: str, images: Sequence[LabelledImage], content: Content | None
) -> Iterator[tuple[str, bytes]]:
    yield f"annotations/instances_{SUBSET}.json", text.encode()
    if content is None:
        # datumaro 1.13.12 reads no export without a folder of images, even an empty one.
        yield f"images/{SUBSET}/", b""
    else:
        for image in images:
            yield f"images/{SUBSET}/{image.path}", content(image)


def _image(number: int, image: LabelledImage) -> dict[str, Any]:
    return {
        "id": number,
        "width": image.width,
        "height": image.height,
        "file_name": image.path,
        "license": 0,
        "flickr_url": "",
        "coco_url": "",
        "date_captured": 0,
    }


def _annotations(images: Sequence[LabelledImage]) -> Iterator[dict[str, Any]]:
    for image_id, image in enumerate(images, start=1):
        for index, labelled in enumerate(image.boxes):
            yield {
                "image_id": image_id,
                **_rectangle(labelled),
                **(_by_model(image.scores[index]) if image.scores else {}),
            }


def _rectangle(labelled: LabelledBox) -> dict[str, Any]:
    x1, y1, x2, y2 = (round(side, CORNER_DIGITS) for side in labelled.box)
    width, height = round(x2 - x1, CORNER_DIGITS), round(y2 - y1, CORNER_DIGITS)
    return {
        "category_id": labelled.class_id + 1,
        "segmentation": [],
        "area": round(width * height, CORNER_DIGITS),
        "bbox": [x1, y1, width, height],
        "iscrowd": 0,
        "attributes": {"occluded": False, "rotation": 0.0},
    }


def _by_model(score: float) -> dict[str, Any]:
    return {
        "score": round(score, SCORE_DIGITS),
        "attributes": {"occluded": False, "rotation": 0.0, "source": "auto"},
    }

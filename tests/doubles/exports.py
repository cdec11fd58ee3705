"""Exports as CVAT writes them in COCO 1.0, with rectangles alone."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from PIL import Image


def write_export(
    path: Path,
    images: Mapping[str, Image.Image],
    labels: Sequence[str],
    boxes: Iterable[tuple[str, str, Sequence[float]]] = (),
) -> Path:
    """A zip archive.

    Args:
        images: by file name.
        labels: of the task, whether used or not.
        boxes: image, label, and x, y, width, height in pixels.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, image in images.items():
            png = io.BytesIO()
            image.save(png, "PNG")
            archive.writestr(f"images/default/{name}", png.getvalue())
        archive.writestr("annotations/instances_default.json", annotations(images, labels, boxes))
    return path


def annotations(
    images: Mapping[str, Image.Image],
    labels: Sequence[str],
    boxes: Iterable[tuple[str, str, Sequence[float]]],
) -> str:
    """What an archive says of its images."""
    files, ids = list(images), {label: number for number, label in enumerate(labels, start=1)}
    document = {
        "images": [
            {"id": number, "file_name": name, "width": image.width, "height": image.height}
            for number, (name, image) in enumerate(images.items(), start=1)
        ],
        "categories": [{"id": number, "name": label} for label, number in ids.items()],
        "annotations": [
            {
                "id": number,
                "image_id": files.index(name) + 1,
                "category_id": ids[label],
                "bbox": list(bbox),
                "segmentation": [],
                "iscrowd": 0,
            }
            for number, (name, label, bbox) in enumerate(boxes, start=1)
        ],
    }
    return json.dumps(document)

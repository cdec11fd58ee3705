"""The built-in game's captures as annotators would hand them over: CVAT exports, COCO 1.0.

The archives have the layout and the habits of CVAT's own: labels numbered from 1 in the project's
order and not in the pack's, also those that were not used; boxes without a segmentation, polygons
with one; `occluded` among the attributes and `rotation` for boxes alone, beside the
attribute `owner` of every label.
"""

from __future__ import annotations

import io
import json
import multiprocessing
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from detector_runtime.system.cores import usable_cores
from PIL import Image

from pipeline.demo_game.art.catalogue import DECOY, DISTRACTOR, sprite_files
from pipeline.demo_game.art.raycasting import Pixels
from pipeline.demo_game.game_folder import drawing_version
from pipeline.demo_game.renderer import FRAMES, Screenshot, SeenObject, screenshot
from pipeline.errors import OutpostError
from pipeline.files import replacing, write_json
from pipeline.processes import end_with_parent
from pipeline.progress import Report, silent, track

Shape = dict[str, Any]
"""The part of an annotation that says where it is: segmentation, area, bbox, attributes."""

VERSIONS = ".drawn.json"
"""Remembers by which code each archive was drawn."""
EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The first moment that a zip archive can name; a fixed one keeps its bytes the same."""


class ExportBatchError(OutpostError):
    """The captures cannot be written to the exports folder."""


def write_export_batches(exports_folder: Path, report: Report = silent) -> tuple[Path, ...]:
    """Write the three export batches of the built-in game; what lies there already is kept.

    `session_harbour.zip` holds boxes and `session_valley.zip` polygons, for training and
    validation; `heldout_session.zip` holds boxes for evaluation alone. An archive is replaced only
    when its bytes would be others.

    Raises:
        ExportBatchError: the folder cannot be written.
    """
    files = tuple(exports_folder / name for name in BATCHES)
    try:
        drawn = _versions(exports_folder)
        missing = [
            file
            for file in files
            if drawn.get(file.name) != drawing_version() or not file.is_file()
        ]
        if missing:
            exports_folder.mkdir(parents=True, exist_ok=True)
        for file, archive in zip(missing, _archives(missing, report), strict=True):
            _replace(file, archive)
            _remember(file)
    except OSError as error:
        raise ExportBatchError(
            f"The built-in game's captures cannot be written to {exports_folder}: {error}",
            "Free some space there (20 MB), or choose a folder that you may write to.",
        ) from error
    return files


def _box_shape(seen: SeenObject) -> Shape:
    box = seen.box
    return {
        "segmentation": [],
        "area": round(box.area, 2),
        "bbox": [float(box.x1), float(box.y1), float(box.width), float(box.height)],
        "attributes": {"occluded": seen.occluded, "rotation": 0.0, **_owner(seen)},
    }


def _polygon_shape(seen: SeenObject) -> Shape:
    """One polygon for every visible piece, as CVAT writes polygons that form a group."""
    pieces = list(_outlines(seen))
    points = np.concatenate(pieces)
    (x1, y1), (x2, y2) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return {
        "segmentation": [piece.astype(float).ravel().tolist() for piece in pieces],
        "area": sum(_area(piece) for piece in pieces),
        "bbox": [float(x1), float(y1), float(x2 - x1), float(y2 - y1)],
        "attributes": {"occluded": seen.occluded, **_owner(seen)},
    }


def _owner(seen: SeenObject) -> dict[str, str]:
    return {} if seen.owner is None else {"owner": seen.owner}


BATCHES: Mapping[str, tuple[str, Callable[[SeenObject], Shape]]] = {
    "session_harbour.zip": ("harbour", _box_shape),
    "session_valley.zip": ("valley", _polygon_shape),
    "heldout_session.zip": ("heldout", _box_shape),
}
"""The session in each archive, and how it was annotated."""


def _archives(files: Sequence[Path], report: Report) -> Iterator[bytes]:
    """The contents of archives, in their order; a process for each core draws screenshots."""
    workers = min(usable_cores(), FRAMES)
    if workers == 1 or not files:
        for file in files:
            yield _archive(file.name, map(screenshot, *_frames_of(file)), report)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=end_with_parent) as pool:
        try:
            drawn = [pool.map(screenshot, *_frames_of(file)) for file in files]
            for file, frames in zip(files, drawn, strict=True):
                yield _archive(file.name, frames, report)
        except BrokenProcessPool as error:
            raise ExportBatchError(
                "A process that drew the built-in game's screenshots was killed, most often "
                "because memory ran out.",
                "Close other programs and run again.",
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _frames_of(file: Path) -> tuple[list[str], range]:
    """Session and number of each screenshot in an archive."""
    session, _ = BATCHES[file.name]
    return [session] * FRAMES, range(FRAMES)


def _archive(name: str, played: Iterable[Screenshot], report: Report) -> bytes:
    session, shape_of = BATCHES[name]
    frames = track(played, FRAMES, f"play the {session} session", report)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        add_subset(archive, "default", frames, shape_of)
    return stream.getvalue()


def add_subset(
    archive: zipfile.ZipFile,
    subset: str,
    frames: Iterable[Screenshot],
    shape_of: Callable[[SeenObject], Shape] = _box_shape,
) -> int:
    """Add one of CVAT's subsets to an export: images one by one, then the annotation file of them.

    Returns:
        How many images there are.
    """
    document = _empty_coco()
    for frame in frames:
        _add(archive, f"images/{subset}/{frame.name}.png", stored_png(frame.image))
        _annotate(document, frame, shape_of)
    _add(archive, f"annotations/instances_{subset}.json", json.dumps(document).encode())
    return len(document["images"])


def _empty_coco() -> dict[str, Any]:
    # In alphabetical order, which is not that of the pack.
    labels = sorted({file.shows for file in sprite_files()} - {DISTRACTOR, DECOY})
    no_one = ("contributor", "date_created", "description", "url", "version", "year")
    return {
        "licenses": [{"name": "", "id": 0, "url": ""}],
        "info": dict.fromkeys(no_one, ""),
        "categories": [
            {"id": number, "name": label, "supercategory": ""}
            for number, label in enumerate(labels, start=1)
        ],
        "images": [],
        "annotations": [],
    }


def _annotate(
    document: dict[str, Any], frame: Screenshot, shape_of: Callable[[SeenObject], Shape]
) -> None:
    """Add a screenshot, and what is to be seen in it."""
    images, annotations = document["images"], document["annotations"]
    categories = {label["name"]: label["id"] for label in document["categories"]}
    images.append(_image_entry(len(images) + 1, frame))
    for seen in frame.objects:
        annotations.append(
            {
                "id": len(annotations) + 1,
                "image_id": len(images),
                "category_id": categories[seen.class_name],
                "iscrowd": 0,
                **shape_of(seen),
            }
        )


def _image_entry(image_id: int, frame: Screenshot) -> dict[str, Any]:
    height, width = frame.image.shape[:2]
    return {
        "id": image_id,
        "width": width,
        "height": height,
        "file_name": f"{frame.name}.png",
        "license": 0,
        "flickr_url": "",
        "coco_url": "",
        "date_captured": 0,
    }


def _outlines(seen: SeenObject) -> Iterator[np.ndarray[Any, np.dtype[np.int64]]]:
    """Corners (x, y) around each visible piece."""
    count, pieces = cv2.connectedComponents(seen.mask.astype(np.uint8), connectivity=8)
    for number in range(1, count):
        y, x = np.nonzero(pieces == number)
        # A pixel is a square: its far edges belong to it.
        corners = np.concatenate([np.stack([x + dx, y + dy], 1) for dx in (0, 1) for dy in (0, 1)])
        hull = cv2.convexHull(corners.astype(np.int32))[:, 0, :].astype(np.int64)
        yield hull + np.array([seen.box.x1, seen.box.y1], np.int64)


def _area(corners: np.ndarray[Any, np.dtype[np.int64]]) -> float:
    """Of a polygon, by the shoelace formula."""
    x, y = corners[:, 0], corners[:, 1]
    return abs(int((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())) / 2


def stored_png(image: Pixels) -> bytes:
    """Stored, not compressed: deflate differs between machines."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, format="PNG", compress_level=0)
    return stream.getvalue()


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, EARLIEST)
    # By default these two depend on the operating system.
    entry.create_system, entry.external_attr = 3, 0o644 << 16
    archive.writestr(entry, data)


def _replace(file: Path, data: bytes) -> None:
    if file.is_file() and file.read_bytes() == data:
        return
    with replacing(file) as fresh:
        fresh.write_bytes(data)


def _versions(folder: Path) -> dict[str, str]:
    try:
        return dict(json.loads((folder / VERSIONS).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _remember(file: Path) -> None:
    versions = {**_versions(file.parent), file.name: drawing_version()}
    with replacing(file.with_name(VERSIONS)) as fresh:
        write_json(fresh, versions, indent=2)

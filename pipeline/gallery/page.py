"""Writing a gallery: a folder that opens in any browser straight from the disk.

    <folder>/
        index.html          the page with its style and program
        data.js             every image and box; a script, because a browser reads no other file
                            for a page that has no server
        images/           hard links to the images (copies where they are impossible)
        thumbnails/         of images that are larger than a tile
        sheets/             images about all of them

The page draws only the tiles that are in sight, so it stays quick with many thousands of images.
"""

from __future__ import annotations

import json
import shutil
import uuid
from concurrent.futures import ThreadPoolExecutor
from html import escape
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from detector_runtime.tools.palette import class_colour

from pipeline.annotation.corrections.plot import COLOURS as CORRECTION_COLOURS
from pipeline.evaluation.reports.drawing import COLOURS
from pipeline.files import write_text
from pipeline.gallery.collections import GalleryError
from pipeline.gallery.items import Collection, Item, Sheet
from pipeline.links import link_file
from pipeline.progress import Report, silent, track
from pipeline.visualization.palette import hex_of

TILE_WIDTH = 320
"""Pixels; smaller images are their own thumbnails."""
THUMBNAIL_QUALITY = 82
REDUCED = (
    (4, cv2.IMREAD_REDUCED_COLOR_4),
    (2, cv2.IMREAD_REDUCED_COLOR_2),
    (0, cv2.IMREAD_COLOR),
)
"""A JPEG decoder leaves out what a small image has no use for."""
THREADS = 4
DATA_FILE = "data.js"
HERE = Path(__file__).parent


def write_gallery(folder: Path, collection: Collection, report: Report = silent) -> Path:
    """Write a gallery, whole or not at all; the path of its page.

    Args:
        folder: an earlier gallery there is replaced.
        report: is told the number of finished images.

    Raises:
        GalleryError: the folder holds something else, or an image cannot be read.
    """
    if folder.exists() and not (folder / DATA_FILE).is_file():
        raise GalleryError(
            f"{folder} exists already and is not a gallery.",
            "Name a folder that does not exist yet.",
        )
    draft = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    try:
        (draft / "images").mkdir(parents=True)
        (draft / "thumbnails").mkdir()
        (draft / "sheets").mkdir()
        _write_images(draft, collection, report)
        for number, sheet in enumerate(collection.sheets):
            if sheet.image:
                (draft / _sheet_file(number, sheet)).write_bytes(sheet.image)
        write_text(draft / DATA_FILE, f"window.GALLERY = {_data(collection)};\n")
        write_text(draft / "index.html", _page(collection.title))
        if folder.exists():
            shutil.rmtree(folder)
        draft.replace(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder / "index.html"


def _write_images(draft: Path, collection: Collection, report: Report) -> None:
    def write(numbered: tuple[int, Item]) -> None:
        number, item = numbered
        link_file(item.image, draft / "images" / _file_name(number, item))
        if _needs_thumbnail(item):
            (draft / "thumbnails" / f"{number:06d}.jpg").write_bytes(_thumbnail(item))

    # Threads do: OpenCV decodes and encodes without holding the interpreter.
    with ThreadPoolExecutor(THREADS) as pool:
        written = pool.map(write, enumerate(collection.items))
        for _ in track(written, len(collection.items), "gallery", report):
            pass


def _thumbnail(item: Item) -> bytes:
    encoded = np.frombuffer(item.image.read_bytes(), np.uint8)
    reading = next((mode for factor, mode in REDUCED if item.width >= factor * TILE_WIDTH))
    image = cv2.imdecode(encoded, reading) if encoded.size else None
    if image is None:
        raise GalleryError(f"{item.image} is not an image.", "Materialize its asset again.")
    size = (TILE_WIDTH, max(1, round(TILE_WIDTH * item.height / item.width)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return bytes(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, THUMBNAIL_QUALITY])[1])


def _needs_thumbnail(item: Item) -> bool:
    return item.width > TILE_WIDTH * 1.5


def _file_name(number: int, item: Item) -> str:
    """Numbers, because an image's own name may hold anything."""
    return f"{number:06d}{item.image.suffix.lower()}"


def _sheet_file(number: int, sheet: Sheet) -> str:
    return f"sheets/{number}.{sheet.suffix}"


def _sheet(number: int, sheet: Sheet) -> dict[str, Any]:
    return {
        "title": sheet.title,
        "image": _sheet_file(number, sheet) if sheet.image else None,
        "columns": sheet.columns,
        "rows": [{"cells": row.cells, "filters": dict(row.filters)} for row in sheet.rows],
    }


def _data(collection: Collection) -> str:
    """One line per image; boxes as [x1, y1, x2, y2, class, kind, value, note]."""
    kinds = sorted({mark.kind for item in collection.items for mark in item.marks})
    classes = _classes(collection)
    colours = {
        "classes": [hex_of(class_colour(number)) for number in range(len(classes))],
        "outcomes": {
            **{str(outcome): colour for outcome, colour in COLOURS.items()},
            **CORRECTION_COLOURS,
        },
    }
    head = {
        **{"classes": classes, "kinds": kinds, "colours": colours, "measure": collection.measure},
        "sheets": [_sheet(number, sheet) for number, sheet in enumerate(collection.sheets)],
    }
    names = {name: number for number, name in enumerate(classes)}
    lines = (
        _dump(_entry(number, item, names, kinds)) for number, item in enumerate(collection.items)
    )
    items = ",\n".join(lines)
    return f'{_dump(head)[:-1]},"items":[\n{items}\n]}}'


def _classes(collection: Collection) -> list[str]:
    """The game's classes, then whatever else is marked, such as distractors."""
    others = {mark.class_name for item in collection.items for mark in item.marks}
    return [*collection.class_names, *sorted(others.difference(collection.class_names))]


def _entry(number: int, item: Item, names: dict[str, int], kinds: list[str]) -> dict[str, Any]:
    return {
        "name": item.name,
        "split": item.split,
        "source": item.source,
        "size": [item.width, item.height],
        "image": f"images/{_file_name(number, item)}",
        "tile": f"thumbnails/{number:06d}.jpg" if _needs_thumbnail(item) else None,
        "marks": [
            [
                *(_short(side, 1) for side in mark.box),
                names[mark.class_name],
                kinds.index(mark.kind),
                None if mark.value is None else _short(mark.value, 3),
                mark.note,
            ]
            for mark in item.marks
        ],
    }


def _short(value: float, digits: int) -> float:
    """Rounded; as an integer where it is one, because there are millions of them to parse."""
    rounded = round(value, digits)
    return int(rounded) if rounded == int(rounded) else rounded


def _page(title: str) -> str:
    page = (HERE / "page.html").read_text("utf-8")
    parts = {
        "TITLE": escape(title),
        "STYLE": (HERE / "page.css").read_text("utf-8"),
        "PROGRAM": (HERE / "page.js").read_text("utf-8"),
    }
    for name, text in parts.items():
        page = page.replace(f"<!--{name}-->", text)
    return page


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

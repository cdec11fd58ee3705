"""The gallery's folder: complete, portable, and never half-written."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from detector_runtime.tools.palette import class_colour

from pipeline.annotation.corrections.plot import COLOURS as CORRECTION_COLOURS
from pipeline.evaluation.reports.drawing import COLOURS
from pipeline.gallery.collections import GalleryError
from pipeline.gallery.items import Collection, Item, Mark, Sheet, SheetRow
from pipeline.gallery.page import write_gallery
from pipeline.labels.boxes import Box
from pipeline.progress import Progress
from pipeline.visualization.palette import hex_of


def item(file: Path, width: int = 80, height: int = 60, name: str = "a", note: str = "") -> Item:
    cv2.imwrite(str(file), np.full((height, width, 3), 99, np.uint8))
    mark = Mark(Box(1, 2, 30.25, 40), "tree", "label", note)
    return Item(file, name, width, height, "land scene", (mark,), "train")


def collection(*items: Item, title: str = "set") -> Collection:
    return Collection(title, ("sheep", "tree"), items)


def data_of(folder: Path) -> Any:
    text = (folder / "data.js").read_text("utf-8")
    return json.loads(text.removeprefix("window.GALLERY = ").removesuffix(";\n"))


def test_the_data_name_every_image_and_box(tmp_path: Path) -> None:
    page = write_gallery(tmp_path / "g", collection(item(tmp_path / "a.png", note="50% visible")))
    data = data_of(page.parent)
    assert data["classes"] == ["sheep", "tree"]
    assert data["colours"]["classes"] == [hex_of(class_colour(number)) for number in range(2)]
    outcomes = {str(each): colour for each, colour in COLOURS.items()}
    assert data["colours"]["outcomes"] == {**outcomes, **CORRECTION_COLOURS}
    (entry,) = data["items"]
    assert entry["marks"] == [[1, 2.0, 30.2, 40.0, 1, 0, None, "50% visible"]]
    assert (page.parent / entry["image"]).read_bytes() == (tmp_path / "a.png").read_bytes()


def test_sheets_lie_beside_the_images(tmp_path: Path) -> None:
    row = SheetRow(("a", "has no area"), {"name": "a"})
    sheets = (Sheet("rejected", ("image", "why"), (row,), b"jpeg"), Sheet("rules", ("rule",), ()))
    some = Collection("set", ("tree",), (item(tmp_path / "a.png"),), sheets=sheets)
    page = write_gallery(tmp_path / "g", some)
    first, second = data_of(page.parent)["sheets"]
    assert (page.parent / first["image"]).read_bytes() == b"jpeg"
    assert first["rows"] == [{"cells": ["a", "has no area"], "filters": {"name": "a"}}]
    assert (second["image"], second["rows"]) == (None, [])


def test_only_large_images_get_thumbnails(tmp_path: Path) -> None:
    small, large = item(tmp_path / "s.png"), item(tmp_path / "l.png", 1280, 720)
    page = write_gallery(tmp_path / "g", collection(small, large))
    first, second = data_of(page.parent)["items"]
    assert first["tile"] is None
    thumbnail = cv2.imread(str(page.parent / second["tile"]))
    assert thumbnail.shape == (180, 320, 3)


def test_names_are_text_and_nothing_else(tmp_path: Path) -> None:
    nasty = "</script><b>&\u2028"
    page = write_gallery(
        tmp_path / "g", collection(item(tmp_path / "a.png", name=nasty), title=nasty)
    )
    assert data_of(page.parent)["items"][0]["name"] == nasty
    assert "<b>" not in page.read_text("utf-8")


def test_what_is_marked_beyond_the_classes_can_be_chosen_too(tmp_path: Path) -> None:
    some = item(tmp_path / "a.png")
    page = write_gallery(tmp_path / "g", Collection("set", ("sheep",), (some,)))
    assert data_of(page.parent)["classes"] == ["sheep", "tree"]


def test_a_gallery_replaces_a_gallery_and_nothing_else(tmp_path: Path) -> None:
    some = collection(item(tmp_path / "a.png"))
    write_gallery(tmp_path / "g", some)
    write_gallery(tmp_path / "g", some)
    (tmp_path / "mine").mkdir()
    with pytest.raises(GalleryError, match="is not a gallery"):
        write_gallery(tmp_path / "mine", some)


def test_a_broken_image_leaves_nothing_behind(tmp_path: Path) -> None:
    broken = item(tmp_path / "a.png", 1280, 720)
    broken.image.write_bytes(b"no image")
    with pytest.raises(GalleryError, match=r"a\.png is not an image"):
        write_gallery(tmp_path / "g", collection(broken))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.png"]


def test_progress_counts_images(tmp_path: Path) -> None:
    seen: list[Progress] = []
    write_gallery(tmp_path / "g", collection(item(tmp_path / "a.png")), seen.append)
    assert (seen[-1].done, seen[-1].total) == (1, 1)

"""Rejected shapes and findings, drawn where they are."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.labels.batches import ExportBatch
from pipeline.labels.boxes import Box
from pipeline.labels.formats.coco import read_export
from pipeline.labels.reports.flagged_shapes import (
    FlaggedShape,
    by_group,
    draw_flagged,
    flagged_shapes,
    flagged_sheet,
    visible_mark,
)

CLASSES = ("sheep", "wolf", "ship")
FRAME = Image.new("RGB", (640, 360), (90, 120, 60))
SIZE = (308, 173)
ORANGE = np.array((213, 94, 0))


@pytest.fixture
def stored(export: Any, shapes: Any, tmp_path: Path) -> ExportBatch:
    for number in range(9):
        export.frame(
            f"a_{number}.png",
            shapes.rectangle("wolf", 16, 16, 0, 24),
            shapes.rectangle("sheep", 4, 4, 20, 20),
            shapes.rectangle("sheep", 4, 4, 20, 20),
        )
    source = export.write()
    return ExportBatch.write(tmp_path / "batch", read_export(source, CLASSES), source)


def orange(image: Image.Image) -> np.ndarray:
    """Which pixels have the colour of a rejected shape."""
    return np.abs(np.asarray(image.convert("RGB"), np.int16) - ORANGE).sum(axis=2) < 20


def rejected(box: Box | None) -> FlaggedShape:
    return FlaggedShape("rejected", "a.png", "sheep", box, "has no area")


def test_rejected_shapes_come_before_findings_and_are_grouped(stored: ExportBatch) -> None:
    groups = by_group(flagged_shapes(stored.batch))
    assert {group: len(found) for group, found in groups.items()} == {
        "rejected: has no area": 9,
        "double": 9,
    }
    first = groups["rejected: has no area"][0]
    assert (first.frame, first.class_name, first.box) == ("a_0.png", "wolf", Box(16, 16, 16, 40))


def test_a_sheet_has_the_same_bytes_again(stored: ExportBatch) -> None:
    shapes = flagged_shapes(stored.batch)
    sheet = flagged_sheet(stored, shapes)
    assert sheet is not None
    assert flagged_sheet(ExportBatch.open(stored.folder), shapes) == sheet
    with Image.open(io.BytesIO(sheet)) as opened:
        assert opened.width == 960
        assert orange(opened).any()


@pytest.mark.parametrize(("kinds", "shown"), [(1, 6), (4, 6), (5, 3)])
def test_of_many_shapes_a_few_are_shown_of_each_kind(
    stored: ExportBatch, kinds: int, shown: int
) -> None:
    def height(of_each: int) -> int:
        shapes = [
            FlaggedShape(f"kind {kind}", "a_0.png", "sheep", Box(4, 4, 24, 24), "looks wrong")
            for kind in range(kinds)
            for _ in range(of_each)
        ]
        with Image.open(io.BytesIO(flagged_sheet(stored, shapes) or b"")) as opened:
            return opened.height

    assert height(9) == height(shown)


def test_a_batch_without_flagged_shapes_has_no_sheet(stored: ExportBatch) -> None:
    assert flagged_sheet(stored, ()) is None


def test_a_batch_of_before_shows_the_frame_without_a_place(stored: ExportBatch) -> None:
    before = replace(stored.batch, rejected=(replace(stored.batch.rejected[0], drawn=None),))
    shapes = [one for one in flagged_shapes(before) if one.kind == "rejected"]
    assert flagged_sheet(replace(stored, batch=before), shapes) is not None


def test_an_image_that_is_gone_spoils_no_sheet(stored: ExportBatch) -> None:
    for frame in stored.batch.frames:
        stored.image_of(frame).unlink()
    assert flagged_sheet(stored, flagged_shapes(stored.batch)) is not None


def test_a_shape_is_drawn_around_where_it_is() -> None:
    drawn = orange(draw_flagged(FRAME, rejected(Box(300, 160, 340, 200)), SIZE))
    rows, columns = np.nonzero(drawn)
    middle = (rows.min() + rows.max()) / 2, (columns.min() + columns.max()) / 2
    assert middle == pytest.approx((SIZE[1] / 2, SIZE[0] / 2), abs=3)
    assert columns.max() - columns.min() == pytest.approx(rows.max() - rows.min(), abs=3)


def test_a_finding_is_not_drawn_like_a_rejected_shape() -> None:
    box = Box(300, 160, 340, 200)
    found = FlaggedShape("double", "a.png", "sheep", box, "is there twice")
    assert not orange(draw_flagged(FRAME, found, SIZE)).any()


def test_the_whole_frame_is_shown_where_nobody_knows_the_place() -> None:
    whole = draw_flagged(FRAME, rejected(None), SIZE)
    assert not orange(whole).any()
    seen = np.asarray(whole)[:, :, 1] > 100
    assert seen.mean() > 0.9


sides = st.floats(-3000, 3000)


@settings(deadline=None, max_examples=80)
@given(sides, sides, st.floats(0, 2000), st.floats(0, 2000))
def test_a_shape_of_any_size_at_any_place_is_seen_beside_some_of_its_frame(
    x: float, y: float, width: float, height: float
) -> None:
    tile = draw_flagged(FRAME, rejected(Box(x, y, x + width, y + height)), SIZE)
    assert tile.size == SIZE
    assert orange(tile).any()
    assert (np.abs(np.asarray(tile, np.int16) - (90, 120, 60)).sum(axis=2) < 20).any()


@given(sides, sides, st.floats(0, 2000), st.floats(0, 2000))
def test_a_mark_lies_in_its_bounds_and_is_large_enough(
    x: float, y: float, width: float, height: float
) -> None:
    bounds = Box(0, 0, 640, 360)
    mark = visible_mark(Box(x, y, x + width, y + height), bounds)
    assert mark.is_inside(bounds)
    assert min(mark.width, mark.height) >= 6 - 1e-6

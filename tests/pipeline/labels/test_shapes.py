from __future__ import annotations

import contextlib
import math

import numpy as np
import pytest
from doubles.masks import Mask, compressed, runs_of
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.labels.boxes import Box
from pipeline.labels.formats.shapes import (
    ShapeError,
    box_in_image,
    box_of_mask,
    box_of_polygons,
    box_of_rectangle,
    decompress,
)

sizes = st.tuples(st.integers(1, 12), st.integers(1, 12))
masks = sizes.flatmap(
    lambda size: st.lists(
        st.booleans(), min_size=size[0] * size[1], max_size=size[0] * size[1]
    ).map(lambda bits: np.array(bits, dtype=bool).reshape(size))
)


@settings(deadline=None)
@given(masks)
def test_a_masks_box_holds_its_set_pixels_exactly(mask: Mask) -> None:
    height, width = mask.shape
    for counts in (runs_of(mask), compressed(runs_of(mask))):
        if not mask.any():
            with pytest.raises(ShapeError, match="empty"):
                box_of_mask(counts, height, width)
            continue
        rows, columns = np.nonzero(mask)
        assert box_of_mask(counts, height, width) == Box(
            columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        )


@settings(deadline=None)
@given(st.lists(st.integers(0, 10_000_000), max_size=12))
def test_compressed_runs_are_read_back(runs: list[int]) -> None:
    assert decompress(compressed(runs)) == runs


@pytest.mark.parametrize(
    ("text", "size", "box"),
    [
        # Encoded by pycocotools 2.0.
        ("9340<", (7, 5), Box(1, 2, 3, 5)),
        ("Z13U10`e0f0jYO0000000000000U2XO", (40, 30), Box(1, 2, 30, 40)),
    ],
)
def test_masks_of_the_reference_encoder_are_read(
    text: str, size: tuple[int, int], box: Box
) -> None:
    assert box_of_mask(text, *size) == box


@pytest.mark.parametrize("counts", [[3, 3], [-1, 13], [13], "9340<", "~", "oooooooooooooooo", "o"])
def test_a_mask_that_does_not_fill_its_image_is_refused(counts: list[int] | str) -> None:
    with pytest.raises(ShapeError):
        box_of_mask(counts, 4, 3)


@settings(deadline=None)
@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ShapeError):
        box_of_mask(text, 6, 5)


points = st.tuples(st.floats(-500, 500), st.floats(-500, 500))
parts = st.lists(points, min_size=3, max_size=8).map(lambda ps: [v for p in ps for v in p])


@settings(deadline=None)
@given(st.lists(parts, min_size=1, max_size=4))
def test_every_part_of_a_polygon_is_inside_its_box(polygon: list[list[float]]) -> None:
    box = box_of_polygons(polygon)
    xs = [x for part in polygon for x in part[0::2]]
    ys = [y for part in polygon for y in part[1::2]]
    assert (box.x1, box.x2) == (min(xs), max(xs))
    assert (box.y1, box.y2) == (min(ys), max(ys))


@pytest.mark.parametrize("part", [[0, 0, 5, 5], [0, 0, 5, 5, 9]])
def test_a_part_without_three_points_is_refused(part: list[float]) -> None:
    with pytest.raises(ShapeError, match="three points"):
        box_of_polygons([[0, 0, 4, 0, 4, 4], part])


@settings(deadline=None)
@given(
    st.tuples(st.floats(-50, 50), st.floats(-50, 50), st.floats(1, 50), st.floats(1, 50)),
    st.floats(-720, 720),
)
def test_a_rotated_rectangles_box_is_the_hull_of_its_corners(
    bbox: tuple[float, float, float, float], degrees: float
) -> None:
    x, y, width, height = bbox
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turned = [
        (
            x + width / 2 + dx * width / 2 * cosine - dy * height / 2 * sine,
            y + height / 2 + dx * width / 2 * sine + dy * height / 2 * cosine,
        )
        for dx in (-1, 1)
        for dy in (-1, 1)
    ]
    box = box_of_rectangle(bbox, degrees)
    assert (box.x1, box.y1) == pytest.approx(
        [min(axis) for axis in zip(*turned, strict=True)], abs=1e-9
    )
    assert (box.x2, box.y2) == pytest.approx(
        [max(axis) for axis in zip(*turned, strict=True)], abs=1e-9
    )


def test_a_rectangle_turned_by_a_right_angle_swaps_its_sides() -> None:
    box = box_of_rectangle((10, 20, 8, 4), 90)
    assert (box.rounded().width, box.rounded().height) == (4, 8)


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        (Box(5, 5, 5, 9), "no area"),
        (Box(9, 5, 5, 9), "no area"),
        (Box(200, 5, 220, 9), "inside the image"),
        (Box(99.5, 5, 220, 9), "inside the image"),
    ],
)
def test_a_box_without_a_pixel_in_the_image_is_refused(box: Box, reason: str) -> None:
    with pytest.raises(ShapeError, match=reason):
        box_in_image(box, 100, 60)


def test_a_box_is_clipped_to_the_image() -> None:
    assert box_in_image(Box(-5, 10, 30.12345, 99), 100, 60) == Box(0, 10, 30.123, 60)

"""Each way in which CVAT and datumaro write one and the same shape leads to its box."""

from __future__ import annotations

import itertools
import json
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from doubles.masks import Mask, compressed, runs_of
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import TypeAdapter

from pipeline.labels.batches import Batch, RejectedShape
from pipeline.labels.boxes import Box
from pipeline.labels.formats.coco import read_export

WIDTH, HEIGHT = 64, 48


def read(shapes: list[dict[str, Any]]) -> Batch:
    """What is read of an export with one frame and these shapes of the class sheep."""
    annotations = [
        {"id": n, "image_id": 1, "category_id": 1, "iscrowd": 0, **shape}
        for n, shape in enumerate(shapes, start=1)
    ]
    document = {
        "images": [{"id": 1, "width": WIDTH, "height": HEIGHT, "file_name": "a_0.png"}],
        "categories": [{"id": 1, "name": "sheep"}],
        "annotations": annotations,
    }
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "images" / "default" / "a_0.png"
        file = Path(folder) / "annotations" / "instances_default.json"
        for parent in (image.parent, file.parent):
            parent.mkdir(parents=True)
        Image.new("RGB", (WIDTH, HEIGHT)).save(image)
        file.write_text(json.dumps(document))
        return read_export(Path(folder), ("sheep",))


def boxes_of(shapes: list[dict[str, Any]]) -> list[Box]:
    batch = read(shapes)
    assert batch.rejected == ()
    return [labelled.box for labelled in batch.frames[0].boxes]


def parts_of(mask: Mask) -> list[list[int]]:
    """The outline of each row's set pixels, as a polygon of many parts."""
    parts = []
    for y, row in enumerate(mask):
        for is_set, xs in itertools.groupby(range(WIDTH), key=lambda x: bool(row[x])):
            first, *rest = xs
            if is_set:
                last = [first, *rest][-1] + 1
                parts.append([first, y, last, y, last, y + 1, first, y + 1])
    return parts


@st.composite
def masks(draw: st.DrawFn) -> Mask:
    """An ellipse, with others of it cut off or added."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    for _ in range(draw(st.integers(1, 3))):
        x, y = draw(st.floats(0, WIDTH)), draw(st.floats(0, HEIGHT))
        a, b = draw(st.floats(1, 30)), draw(st.floats(1, 30))
        mask ^= ((columns - x) / a) ** 2 + ((rows - y) / b) ** 2 <= 1
    if not mask.any():
        mask[draw(st.integers(0, HEIGHT - 1)), draw(st.integers(0, WIDTH - 1))] = True
    return mask


@settings(deadline=None, max_examples=60)
@given(masks())
def test_a_mask_gives_the_same_box_in_both_forms_and_as_a_polygon(mask: Mask) -> None:
    rows, columns = np.nonzero(mask)
    box = Box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    runs, size = runs_of(mask), [HEIGHT, WIDTH]
    shapes = [
        {"segmentation": {"counts": runs, "size": size}, "iscrowd": 1, "bbox": [0, 0, 1, 1]},
        {"segmentation": {"counts": compressed(runs), "size": size}, "iscrowd": 1},
        {"segmentation": {"counts": runs, "size": size}, "iscrowd": 0},
        {"segmentation": parts_of(mask), "bbox": [0, 0, 1, 1]},
        {"segmentation": parts_of(mask), "iscrowd": 1},
    ]
    for shape in shapes:  # One by one: doubles of one class are joined.
        assert boxes_of([shape]) == [box]


@settings(deadline=None, max_examples=60)
@given(
    st.tuples(st.floats(8, 40), st.floats(8, 30), st.floats(4, 20), st.floats(4, 15)),
    st.floats(-720, 720),
    st.booleans(),
)
def test_a_rotated_rectangle_is_the_polygon_of_its_corners(
    bbox: tuple[float, float, float, float], degrees: float, as_text: bool
) -> None:
    x, y, width, height = bbox
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    corners = [
        (
            x + width / 2 + dx * width * cosine - dy * height * sine,
            y + height / 2 + dx * width * sine + dy * height * cosine,
        )
        for dx, dy in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))
    ]
    rotation = f"{degrees!r}" if as_text else degrees
    rotated = {"segmentation": [], "bbox": list(bbox), "attributes": {"rotation": rotation}}
    polygon = {"segmentation": [[value for corner in corners for value in corner]]}
    (one,), (other,) = boxes_of([rotated]), boxes_of([polygon])
    assert one == pytest.approx(other, abs=0.5)
    # Datumaro writes two decimals.
    rounded = {"segmentation": [[round(v, 2) for corner in corners for v in corner]]}
    assert boxes_of([rounded])[0] == pytest.approx(other, abs=0.01)


@pytest.mark.parametrize(
    "attributes",
    [
        None,
        [],
        ["a"],
        "text",
        {},
        {"rotation": None},
        {"rotation": 0},
        {"rotation": "0.0"},
        {"rotation": 180},
        {"occluded": None, "owner": ["red", 3], "hp": "12", "seen": {"by": "me"}, "id": 1.5},
        {"track_id": None, "keyframe": "yes"},
        {"track_id": "x", "keyframe": True},
        {"track_id": [3], "keyframe": [True]},
    ],
)
def test_attributes_of_any_type_leave_a_rectangle_as_it_is(attributes: object) -> None:
    shape = {"segmentation": [], "bbox": [4, 5, 10, 8], "attributes": attributes}
    assert boxes_of([shape]) == [Box(4, 5, 14, 13)]


@pytest.mark.parametrize("rotation", ["45,0", "", "north", True, False, [45], {"deg": 45}, "nan"])
def test_a_rotation_that_is_no_number_rejects_its_shape_alone(rotation: object) -> None:
    batch = read(
        [
            {"segmentation": [], "bbox": [4, 5, 10, 8], "attributes": {"rotation": rotation}},
            {"segmentation": [], "bbox": [30, 5, 10, 8]},
            {"segmentation": [[1, 1, 9, 1, 9, 9]], "attributes": {"rotation": rotation}},
        ]
    )
    assert [labelled.box for labelled in batch.frames[0].boxes] == [
        Box(30, 5, 40, 13),
        Box(1, 1, 9, 9),
    ]
    assert [shape.reason for shape in batch.rejected] == ["its rotation is not a number"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)


@settings(deadline=None, max_examples=80)
@given(st.dictionaries(st.sampled_from(["rotation", "track_id", "keyframe", "hp"]), json_values))
def test_no_attribute_spoils_an_export(attributes: dict[str, Any]) -> None:
    good = {"segmentation": [], "bbox": [30, 5, 10, 8]}
    batch = read([{"segmentation": [], "bbox": [4, 5, 10, 8], "attributes": attributes}, good])
    boxes = [labelled.box for labelled in batch.frames[0].boxes]
    assert boxes[-1] == Box(30, 5, 40, 13)
    assert len(boxes) + len(batch.rejected) == 2


numbers = st.floats(allow_nan=False, allow_infinity=False)


@settings(deadline=None, max_examples=60)
@given(
    st.none() | st.tuples(numbers, numbers, numbers, numbers),
    st.lists(st.lists(numbers, max_size=7), max_size=2),
)
def test_where_a_rejected_shape_was_drawn_can_be_stored(
    bbox: tuple[float, ...] | None, parts: list[list[float]]
) -> None:
    batch = read([{"segmentation": parts, "bbox": bbox}, {"bbox": [30, 5, 10, 8]}])
    for shape in batch.rejected:
        stored = json.loads(TypeAdapter(RejectedShape).dump_json(shape))
        assert TypeAdapter(RejectedShape).validate_python(stored) == shape


def test_a_rejected_shape_of_before_has_no_place() -> None:
    told = {"frame": "a.png", "class_name": "sheep", "reason": "has no area"}
    assert TypeAdapter(RejectedShape).validate_python(told).drawn is None


def test_a_rejected_polygon_is_where_its_points_are() -> None:
    shape = {"segmentation": [[4, 5, 30, 9]], "bbox": [0, 0, 1, 1]}
    [rejected] = read([shape, {"bbox": [30, 5, 10, 8]}]).rejected
    assert rejected.drawn == Box(4, 5, 30, 9)

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.labels.boxes import Box, LabelledBox
from pipeline.labels.formats.yolo import LabelFileError, format_labels, parse_rows, read_rows

WIDTH, HEIGHT = 1280, 721


def box_of(fractions: tuple[float, float, float, float]) -> Box:
    x1, x2 = sorted((fractions[0] * (WIDTH - 1), fractions[1] * (WIDTH - 1)))
    y1, y2 = sorted((fractions[2] * (HEIGHT - 1), fractions[3] * (HEIGHT - 1)))
    return Box(x1, y1, x2 + 1, y2 + 1)


unit = st.floats(0, 1)
labelled = st.builds(LabelledBox, st.integers(0, 59), st.tuples(unit, unit, unit, unit).map(box_of))


@settings(deadline=None)
@given(st.lists(labelled, max_size=8))
def test_boxes_come_back_to_a_hundredth_of_a_pixel(boxes: list[LabelledBox]) -> None:
    rows = parse_rows(format_labels(boxes, WIDTH, HEIGHT), 60, "labels")
    back = [row.labelled_box(WIDTH, HEIGHT) for row in rows]
    assert [label.class_id for label in back] == [label.class_id for label in boxes]
    for one, other in zip(boxes, back, strict=True):
        assert (one.box.x1, one.box.y1) == pytest.approx((other.box.x1, other.box.y1), abs=0.01)
        assert (one.box.x2, one.box.y2) == pytest.approx((other.box.x2, other.box.y2), abs=0.01)


@given(st.lists(labelled, max_size=8), st.booleans())
def test_each_line_is_what_formatting_its_numbers_one_by_one_gives(
    boxes: list[LabelledBox], whole: bool
) -> None:
    """Shares of whole pixels are kept as text; they are the same to the last digit."""
    if whole:
        boxes = [LabelledBox(one.class_id, Box(*map(round, one.box))) for one in boxes]
    plain = [
        (
            class_id,
            (x1 + x2) / 2 / WIDTH,
            (y1 + y2) / 2 / HEIGHT,
            (x2 - x1) / WIDTH,
            (y2 - y1) / HEIGHT,
        )
        for class_id, (x1, y1, x2, y2) in boxes
    ]
    assert format_labels(boxes, WIDTH, HEIGHT) == "".join(
        f"{class_id} {x:.6f} {y:.6f} {width:.6f} {height:.6f}\n"
        for class_id, x, y, width, height in plain
    )


def test_a_line_has_six_decimals() -> None:
    text = format_labels([LabelledBox(3, Box(0, 0, 64, 36))], 1280, 720)
    assert text == "3 0.025000 0.025000 0.050000 0.050000\n"


def test_an_empty_file_has_no_objects() -> None:
    assert parse_rows("\n", 3, "labels") == ()


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("0 0.5 0.5 0.1", "4 fields instead of 5"),
        ("0 0.5 0.5 0.1 0.1 0.9", "6 fields instead of 5"),
        ("wolf 0.5 0.5 0.1 0.1", "not a whole number"),
        ("1.0 0.5 0.5 0.1 0.1", "not a whole number"),
        ("3 0.5 0.5 0.1 0.1", r"class 3 is not one of 0\.\.2"),
        ("-1 0.5 0.5 0.1 0.1", "class -1"),
        ("0 0.5 0.5 0 0.1", "no area"),
        ("0 0.5 nan 0.1 0.1", "no area"),
        ("0 0.5 0.5 0.1 inf", "no area"),
        ("0 0.96 0.5 0.1 0.1", r"leaves the image by 0\.01"),
        ("0 0.5 0.01 0.1 0.1", r"leaves the image by 0\.04"),
        ("0 640 360 64 36", "leaves the image"),
    ],
)
def test_a_wrong_line_is_named_by_its_number(tmp_path: Path, line: str, problem: str) -> None:
    file = tmp_path / "a.txt"
    file.write_text(f"0 0.5 0.5 0.1 0.1\n\n{line}\n")
    with pytest.raises(LabelFileError, match=rf"a\.txt, line 3: .*{problem}"):
        read_rows(file, 3)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabelFileError, match=r"a\.txt is missing"):
        read_rows(tmp_path / "a.txt", 3)

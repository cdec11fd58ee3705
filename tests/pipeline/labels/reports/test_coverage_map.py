"""The coverage as an image: well-formed, as wide as a page, and honest about what is missing."""

from __future__ import annotations

import re
from collections import Counter
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.labels.coverage import SourceCoverage
from pipeline.labels.reports.coverage_map import (
    LONGEST_NAME,
    REAL,
    SYNTHETIC,
    WIDTH,
    coverage_svg,
    shortened,
)

CLASSES = ("sheep", "wolf", "ship")
SOURCES = (
    SourceCoverage(batch="a", train={"sheep": 12}, val={"sheep": 3}),
    SourceCoverage(batch="b", train={"wolf": 1234}),
    SourceCoverage(batch=None, train={"sheep": 56789, "ship": 7}),
)


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter() if element.text]


def test_every_class_has_a_row_with_its_numbers_and_a_sign_where_labels_are_missing() -> None:
    said = texts(coverage_svg(SOURCES, CLASSES))
    assert {"sheep", "○ wolf", "× ship", "12", "1.2k", "57k", "7"} <= set(said)
    assert "× 1 of 3 classes have no real label in training or validation" in said
    assert any(text.startswith("○ 1 more have none in validation") for text in said)


def test_real_and_synthetic_boxes_have_colours_of_their_own() -> None:
    rects = ElementTree.fromstring(coverage_svg(SOURCES, CLASSES)).iter()
    fills = Counter(one.attrib["fill"] for one in rects if "fill-opacity" in one.attrib)
    # Of the batches each box is in a column of its own and in the sums.
    assert fills == {f"rgb({REAL})": 6, f"rgb({SYNTHETIC})": 2}


def test_columns_name_split_and_source() -> None:
    said = texts(coverage_svg(SOURCES, CLASSES))
    assert [text for text in said if text.startswith("train: ")] == [
        *("train: all batches", "train: a", "train: b", "train: synthetic"),
    ]


@pytest.mark.parametrize("batches", [0, 1, 40])
def test_everything_lies_within_the_page(batches: int) -> None:
    many = [SourceCoverage(batch=f"b{n}", train={"sheep": n + 1}) for n in range(batches)]
    svg = coverage_svg([*many, SOURCES[-1]], [f"class {n}" for n in range(60)])
    root = ElementTree.fromstring(svg)
    cells = [one for one in root.iter() if one.tag.endswith("rect") and "x" in one.attrib]
    assert all(float(one.attrib["x"]) + float(one.attrib["width"]) <= WIDTH for one in cells)
    assert int(root.attrib["width"]) == WIDTH


def test_names_are_text_and_nothing_else() -> None:
    nasty = "<b>&\"'"
    svg = coverage_svg([SourceCoverage(batch=nasty, train={nasty: 1})], [nasty])
    assert f"○ {nasty}" in texts(svg)
    assert re.search("<b>", svg) is None


def test_the_same_matrix_has_the_same_bytes() -> None:
    assert coverage_svg(SOURCES, CLASSES) == coverage_svg(SOURCES, CLASSES)


@given(st.text(max_size=60))
def test_a_long_name_keeps_its_beginning_and_its_end(name: str) -> None:
    short = shortened(name)
    assert len(short) <= LONGEST_NAME
    if len(name) > LONGEST_NAME:
        begin, _, end = short.partition("…") if "…" not in name else ("", "", "")
        assert name.startswith(begin)
        assert name.endswith(end)
    else:
        assert short == name

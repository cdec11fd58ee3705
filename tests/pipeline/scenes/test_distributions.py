"""Sizes and positions of drawn boxes beside those of real ones: an SVG that says what it shows."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from pipeline.labels.boxes import Box
from pipeline.scenes.dataset.synthetic_set import SyntheticSet
from pipeline.scenes.reports.box_sizes import SeenBox, synthetic_boxes
from pipeline.scenes.reports.distributions import distribution_svg, position_distance

NAMES = ("keep", "she<ep")
SVG = "{http://www.w3.org/2000/svg}"


def boxes(seed, name="keep", side=40.0, low=0.0, high=1.0, count=400) -> list[SeenBox]:
    rng = np.random.default_rng(seed)
    places = rng.uniform(low, high, (count, 2)).tolist()
    box = Box(0, 0, side, side)
    return [
        SeenBox(name, f"p{number % 20}", box, (x, y), cut=False)
        for number, (x, y) in enumerate(places)
    ]


def texts(svg: str) -> list[str]:
    return [element.text for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_every_class_has_a_row_with_its_rates():
    svg = distribution_svg([*boxes(1), *boxes(2, "she<ep", 16)], boxes(3, side=50), NAMES)
    shown = texts(svg)
    assert "keep" in shown
    assert "she<ep" in shown
    assert "20.00 / 20.00" in shown
    assert "20.00 / 0.00" in shown
    assert "Where boxes lie, real: 400 in 20 images" in shown


def test_a_larger_class_lies_farther_right():
    def middles(svg: str) -> list[float]:
        found = ElementTree.fromstring(svg).iter(f"{SVG}rect")
        return [float(rect.get("x")) for rect in found if rect.get("fill") == "black"]

    drawn, real = middles(distribution_svg(boxes(1, side=30), boxes(2, side=60), NAMES))
    assert drawn < real
    again, same = middles(distribution_svg(boxes(1, side=60), boxes(2, side=60), NAMES))
    assert again == same == real


def test_without_real_frames_it_is_drawn_all_the_same():
    svg = distribution_svg(boxes(1), (), NAMES)
    assert "No real frames to compare with." in texts(svg)
    assert "20.00 / -" in texts(svg)
    ElementTree.fromstring(distribution_svg((), (), NAMES))


def test_positions_differ_by_nothing_to_everything():
    assert position_distance(boxes(1), boxes(1)) == 0.0
    assert position_distance(boxes(1, high=0.4), boxes(2, low=0.6)) == 1.0
    assert position_distance(boxes(1, count=9000), boxes(2, count=9000)) < 0.08
    assert position_distance((), boxes(1)) is None


@pytest.mark.parametrize("at", [(0.0, 0.0), (1.0, 1.0), (-0.1, 1.2)])
def test_boxes_on_the_very_edge_are_counted(at):
    edge = [SeenBox("keep", "p", Box(0, 0, 5, 5), at, cut=True)]
    assert position_distance(edge, edge) == 0.0


def test_a_written_set_can_be_shown(written, pack):
    svg = distribution_svg(
        synthetic_boxes(SyntheticSet.open(written).scenes()), (), pack().class_names
    )
    assert set(pack().class_names) <= set(texts(svg))

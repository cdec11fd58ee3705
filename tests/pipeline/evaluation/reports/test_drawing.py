from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageColor

from pipeline.evaluation.matching import ScoredBox
from pipeline.evaluation.reports.drawing import COLOURS, draw_comparison
from pipeline.evaluation.verdicts import Outcome
from pipeline.labels.boxes import Box, LabelledBox
from pipeline.visualization.annotators import LEGEND_HEIGHT

BOX = Box(60, 60, 100, 90)
CLASSES = ("sheep", "wolf")


def drawn(truths: list[LabelledBox], detections: list[ScoredBox]) -> np.ndarray:
    image = Image.new("RGB", (200, 150), "#404040")
    return np.asarray(draw_comparison(image, truths, detections, CLASSES))


@pytest.mark.parametrize(
    ("truths", "detections", "outcome"),
    [
        ([LabelledBox(0, BOX)], [ScoredBox(0, 0.9, BOX)], Outcome.FOUND),
        ([LabelledBox(0, BOX)], [], Outcome.MISSED),
        ([LabelledBox(0, BOX)], [ScoredBox(1, 0.9, BOX)], Outcome.CONFUSED),
        ([], [ScoredBox(1, 0.9, BOX)], Outcome.FALSE),
    ],
)
def test_each_outcome_has_its_colour(
    truths: list[LabelledBox], detections: list[ScoredBox], outcome: Outcome
) -> None:
    pixels = drawn(truths, detections)
    expected = ImageColor.getrgb(COLOURS[outcome])
    assert tuple(pixels[75, 60]) == tuple(pixels[75, 99]) == expected
    assert tuple(pixels[60, 80]) == tuple(pixels[89, 80]) == expected
    assert tuple(pixels[75, 80]) == (0x40, 0x40, 0x40)


def test_the_image_keeps_its_size_above_the_legend() -> None:
    pixels = drawn([], [])
    assert pixels.shape == (150 + LEGEND_HEIGHT, 200, 3)
    assert (pixels[:150] == 0x40).all()


def test_the_frame_itself_is_left_alone() -> None:
    image = Image.new("RGBA", (50, 50))
    before = image.tobytes()
    draw_comparison(image, [LabelledBox(0, Box(0, 0, 50, 50))], [], CLASSES)
    assert image.tobytes() == before


def test_boxes_at_the_edge_and_of_a_pixel_are_drawn() -> None:
    edge = [LabelledBox(0, Box(0, 0, 1, 1)), LabelledBox(1, Box(199, 149, 200, 150))]
    assert drawn(edge, []).shape[2] == 3

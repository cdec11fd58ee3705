"""The sheet shows what both sides find, above the score that is shown."""

import io
from typing import Any

import numpy as np
from PIL import Image

from pipeline.export.parity import Answers
from pipeline.export.parity_sheet import parity_sheet
from pipeline.visualization.annotators import LEGEND_HEIGHT
from pipeline.visualization.tiles import TILE_WIDTH

NAMES = ("house", "boat")


def sheet_of(weights: list[list[float]], export: list[list[float]], count: int = 1) -> Any:
    images = np.full((count, 3, 80, 100), 0.5, np.float32)
    rows = [np.array(found, np.float32).reshape(-1, 6) for found in (weights, export)]
    encoded = parity_sheet(Answers(images, [rows[0]] * count, [rows[1]] * count), NAMES)
    return np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"), np.int16)


def test_four_images_of_many_stand_in_two_columns() -> None:
    pixels = sheet_of([], [], count=7)
    assert pixels.shape == (2 * 320 + LEGEND_HEIGHT, 2 * TILE_WIDTH, 3)


def test_only_what_scores_enough_is_drawn() -> None:
    bare = sheet_of([], [])
    weak = sheet_of([[10, 40, 60, 70, 0.1, 0]], [[10, 40, 60, 70, 0.1, 0]])
    assert np.array_equal(bare, weak)


def test_a_box_of_either_side_alone_is_seen_in_its_colour() -> None:
    box = [20.0, 40.0, 70.0, 70.0, 0.9, 1.0]
    left_edge = (slice(200, 260), slice(80, 83))
    of_weights = sheet_of([box], [])[left_edge].mean(axis=(0, 1))
    of_export = sheet_of([], [box])[left_edge].mean(axis=(0, 1))
    assert of_weights[2] > of_weights[0] + 60, "blue"
    assert of_export[0] > of_export[2] + 20, "orange"

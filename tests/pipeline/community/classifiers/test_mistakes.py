"""The sheet of what a classifier gets wrong: its order, as people see it."""

from __future__ import annotations

import io
from collections import Counter

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.community.classifiers.answers import ClassifierAnswers
from pipeline.community.classifiers.mistakes import mistakes_sheet, reliability_svg
from pipeline.community.classifiers.scoring import (
    ClassifierScores,
    ReliabilityBin,
    score_answers,
)
from pipeline.community.classifiers.split import Example

RED, GREEN, BLUE = (230, 20, 20), (20, 200, 20), (20, 20, 230)


def scores_of(*said: tuple[str, float]) -> ClassifierScores:
    """What comes of answers about images that all show an axe, from three people."""
    probabilities = [[sure, 1 - sure] if name == "axe" else [1 - sure, sure] for name, sure in said]
    answers = ClassifierAnswers(
        ("axe", "bow"), 0.6, 1.0, np.array(probabilities, np.float32).reshape(-1, 2)
    )
    examples = [Example(str(n), "axe", f"g{n}", (f"install-{n}",), 1.0) for n in range(len(said))]
    return score_answers(answers, examples, np.zeros(len(said), bool), Counter(axe=3, bow=3))


def test_the_surest_mistakes_come_first_and_then_what_is_least_sure() -> None:
    scores = scores_of(("bow", 0.7), ("bow", 0.95), ("axe", 0.6))
    colours = (BLUE, RED, GREEN)
    images = {
        str(number): np.full((64, 64, 3), colour, np.uint8) for number, colour in enumerate(colours)
    }
    sheet = mistakes_sheet(scores, images)
    assert sheet is not None
    pixels = np.asarray(Image.open(io.BytesIO(sheet)).convert("RGB")).astype(int)
    (red, green, blue) = (places(pixels, colour) for colour in (RED, GREEN, BLUE))
    middle = green[:, 0].min()
    above = {name: found[found[:, 0] < middle] for name, found in (("red", red), ("blue", blue))}
    assert above["red"][:, 1].max() < above["blue"][:, 1].min(), "of mistakes the surest is first"
    below = [found[found[:, 0] >= middle][:, 1] for found in (green, blue, red)]
    assert below[0].max() < below[1].min() < below[2].min(), "of all the least sure is first"


def places(pixels: NDArray[np.int64], colour: tuple[int, int, int]) -> NDArray[np.int64]:
    """Rows and columns of a colour, as JPEG leaves it."""
    return np.argwhere((np.abs(pixels - np.array(colour)) < 25).all(axis=2))


def test_without_an_image_that_judges_there_is_no_sheet() -> None:
    assert mistakes_sheet(scores_of(), {}) is None


def test_a_dot_lies_where_its_confidence_and_its_share_of_right_answers_meet() -> None:
    svg = reliability_svg([ReliabilityBin(images=3, confidence=0.5, accuracy=1.0)])
    assert '<circle cx="134.0" cy="34.0"' in svg

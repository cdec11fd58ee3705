"""Previews: images that open, with every class named."""

import cv2
import numpy as np
import pytest
from doubles.artifacts import write_set_summary

from pipeline.games.sections.scenes import LabelPolicy
from pipeline.scenes.dataset.layout import SceneSetError
from pipeline.scenes.dataset.synthetic_set import SyntheticSet
from pipeline.scenes.reports.samples import sample_sheet

NAMES = ("house", "soldier", "boat", "fish", "gull")


def test_the_sample_sheet_shows_images_of_the_set_with_boxes(written):
    drawn = SyntheticSet.open(written)
    for count, size in ((1, (326, 406)), (7, (3 * 326, 3 * 406)), (500, (14 * 326, 3 * 406))):
        sheet = sample_sheet(drawn, NAMES, LabelPolicy(), count)
        pixels = cv2.imdecode(np.frombuffer(sheet, np.uint8), cv2.IMREAD_COLOR)
        assert pixels.shape[:2] == size
    assert sample_sheet(drawn, NAMES, LabelPolicy()) == sample_sheet(drawn, NAMES, LabelPolicy())


def test_the_sample_sheet_of_an_empty_set_says_what_to_do(tmp_path):
    write_set_summary(tmp_path, NAMES, images=0)
    with pytest.raises(SceneSetError, match="holds no images"):
        sample_sheet(SyntheticSet.open(tmp_path), NAMES, LabelPolicy())

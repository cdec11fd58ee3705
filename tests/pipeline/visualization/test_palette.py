import numpy as np
from detector_runtime.tools.palette import class_colour

from pipeline.visualization.palette import hex_of, readable_on_black


def test_hex_is_what_pages_write() -> None:
    assert hex_of((0, 158, 115)) == "#009e73"


def test_every_class_can_be_read_on_black() -> None:
    for class_id in range(100):
        luminance = np.array(readable_on_black(class_colour(class_id))) @ (0.299, 0.587, 0.114)
        assert luminance > 120

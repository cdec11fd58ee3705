import io

import numpy as np
import pytest
from PIL import Image

from pipeline.visualization.tiles import create_tiles, encode_jpeg, resized


def tile(level: int, height: int = 4) -> Image.Image:
    return Image.new("RGB", (6, height), (level, level, level))


def test_tiles_stand_in_rows_as_high_as_the_highest() -> None:
    sheet = np.asarray(create_tiles([tile(50), tile(100, 5), tile(150)], columns=2))[..., 0]
    assert sheet.shape == (2 * 5, 2 * 6)
    assert (sheet[:4, :6] == 50).all()
    assert (sheet[:5, 6:] == 100).all()
    assert (sheet[5:9, :6] == 150).all()
    assert (sheet[4, :6] == 0).all()
    assert (sheet[5:, 6:] == 0).all()


def test_gaps_and_room_below_show_the_ground() -> None:
    sheet = np.asarray(create_tiles([tile(50)], 2, gap=3, ground=(9, 8, 7), below=10))
    assert sheet.shape == (4 + 3 + 10, 2 * (6 + 3), 3)
    assert (sheet[:4, :6] == 50).all()
    assert (sheet[4:] == (9, 8, 7)).all()
    assert (sheet[:, 6:] == (9, 8, 7)).all()


@pytest.mark.parametrize(("size", "height"), [((800, 600), 300), ((1000, 1), 1), ((200, 300), 600)])
def test_a_resized_image_keeps_its_shape(size: tuple[int, int], height: int) -> None:
    assert resized(Image.new("RGB", size)).size == (400, height)


def test_a_jpeg_is_one() -> None:
    opened = Image.open(io.BytesIO(encode_jpeg(tile(90))))
    assert (opened.format, opened.size) == ("JPEG", (6, 4))

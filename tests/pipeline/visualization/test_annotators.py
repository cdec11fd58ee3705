import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipeline.visualization.annotators import draw_box, draw_label, draw_legend

RED = (255, 0, 0)


def canvas(width: int = 100, height: int = 80) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (width, height), (90, 90, 90))
    return image, ImageDraw.Draw(image)


def changed(image: Image.Image) -> np.ndarray:
    return (np.asarray(image) != 90).any(axis=2)


def test_a_box_ends_before_its_exclusive_corner() -> None:
    image, pen = canvas()
    draw_box(pen, (10, 20, 31, 41), RED)
    rows, columns = np.nonzero(changed(image))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (20, 40, 10, 30)
    assert not changed(image)[21:40, 11:30].any()


def test_a_box_is_enlarged_with_its_image() -> None:
    image, pen = canvas()
    draw_box(pen, (5, 10, 15, 20), RED, width=2, zoom=2.0)
    rows, columns = np.nonzero(changed(image))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (20, 39, 10, 29)


@pytest.mark.parametrize(
    "box", [(0, 0, 0, 0), (5, 5, 5.2, 5.2), (99, 79, 100, 80), (-9, -9, 300, 1)]
)
def test_a_box_of_any_size_can_be_drawn(box: tuple[float, float, float, float]) -> None:
    image, pen = canvas()
    draw_box(pen, box, RED)
    assert changed(image).any()


@pytest.mark.parametrize("corner", [(10, 40), (0, 0), (95, 79), (-20, -20)])
def test_a_text_lies_whole_in_the_image(corner: tuple[float, float]) -> None:
    image, pen = canvas()
    draw_label(pen, "knight", corner, RED, font_size=10)
    sides = np.ptp(np.nonzero(changed(image)), axis=1)
    image, pen = canvas()
    draw_label(pen, "knight", (10, 40), RED, font_size=10)
    # The black ground is a pixel wider than the text, on either side.
    assert (abs(sides - np.ptp(np.nonzero(changed(image)), axis=1)) <= 1).all()


def test_a_legend_tells_each_colour() -> None:
    image, pen = canvas(300)
    draw_legend(pen, [("weights", RED), ("export", (0, 255, 0))], top=50, font_size=11)
    pixels = np.asarray(image).reshape(-1, 3).tolist()
    assert list(RED) in pixels
    assert [0, 255, 0] in pixels
    assert not changed(image)[:50].any()

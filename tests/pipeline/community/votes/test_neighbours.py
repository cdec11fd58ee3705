from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipeline.community.votes.neighbours import layout_of, nearest_of_others


def screen(columns: int, size: tuple[int, int], ground: str, ink: str) -> Image.Image:
    """A window of slots, in a size and colours of its own."""
    image = Image.new("RGB", size, ground)
    pen, (width, height) = ImageDraw.Draw(image), size
    for column in range(columns):
        left = width * (0.1 + 0.8 * column / columns)
        pen.rectangle((left, height * 0.2, left + width * 0.5 / columns, height * 0.7), ink)
    return image


def test_layouts_are_alike_whatever_the_size_and_the_colours() -> None:
    first = layout_of(screen(3, (640, 360), "black", "white"))
    same = layout_of(screen(3, (480, 300), "#223344", "#bb8844"))
    other = layout_of(screen(5, (640, 360), "black", "white"))
    assert first @ same > 0.8 > first @ other
    assert np.linalg.norm(first) == pytest.approx(1, abs=1e-5)


def test_a_screen_without_edges_is_like_none() -> None:
    assert not layout_of(Image.new("RGB", (64, 64), "red")).any()


def test_each_other_contributor_speaks_once_by_its_most_similar_screen() -> None:
    layouts = np.array([[1, 0], [0.8, 0.6], [0.9, 0.435], [0, 1]], dtype=np.float32)
    owners = [frozenset("a"), frozenset("b"), frozenset("b"), frozenset("c")]
    found = nearest_of_others(layouts, owners, 5)
    assert found[0] == (("b", 2), ("c", 3))
    assert found[3] == (("b", 1), ("a", 0))
    assert nearest_of_others(layouts, owners, 1)[0] == (("b", 2),)


def test_who_has_sent_it_too_is_no_other() -> None:
    layouts = np.eye(2, dtype=np.float32)
    assert nearest_of_others(layouts, [frozenset("ab"), frozenset("b")], 3) == ((), (("a", 0),))

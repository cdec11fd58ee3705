"""Parts share images without touching each other, and what is found goes back where it was."""

from __future__ import annotations

import numpy as np
from detector_runtime.images import Frame
from hypothesis import given
from hypothesis import strategies as st

from pipeline.play.perception.packing import GAP, laid_together, places_of, taken_apart

MOST = (96, 80)
sizes = st.lists(st.tuples(st.integers(1, MOST[0]), st.integers(1, MOST[1])), max_size=20)


@given(sizes)
def test_no_part_touches_another_and_all_lie_inside(parts: list[tuple[int, int]]) -> None:
    taken: dict[int, np.ndarray] = {}
    for (width, height), place in zip(parts, places_of(parts, MOST), strict=True):
        assert place.left + width <= MOST[0]
        assert place.top + height <= MOST[1]
        image = taken.setdefault(place.image, np.zeros((MOST[1] + GAP, MOST[0] + GAP), bool))
        around = image[place.top : place.top + height + GAP, place.left : place.left + width + GAP]
        assert not around.any()
        around[:] = True
    assert sorted(taken) == list(range(len(taken)))


def test_small_parts_share_an_image() -> None:
    assert len({place.image for place in places_of([(30, 20)] * 6, MOST)}) == 2
    assert len({place.image for place in places_of([MOST, (1, 1)], MOST)}) == 2


@given(sizes)
def test_what_is_found_in_a_part_comes_back_to_it(
    parts: list[tuple[int, int]],
) -> None:
    frames = [
        Frame(np.full((height, width, 3), number, np.uint8))
        for number, (width, height) in enumerate(parts)
    ]
    places = places_of(parts, MOST)
    images = laid_together(frames, places, MOST)
    # A model that finds each part, and what is twice as wide and reaches into the next one.
    rows = [[] for _image in images]
    for number, (frame, place) in enumerate(zip(frames, places, strict=True)):
        left, top, width, height = place.left, place.top, frame.width, frame.height
        pixels = images[place.image].pixels[top : top + height, left : left + width]
        assert (pixels == number).all()
        rows[place.image].append((left, top, left + width, top + height, 0.5, number))
        rows[place.image].append((left, top, left + 1.5 * width, top + height, 0.4, number))
    found = taken_apart([np.array(each, np.float32) for each in rows], parts, places)
    for number, (each, (width, height)) in enumerate(zip(found, parts, strict=True)):
        assert each[:, 5].tolist() == [number, number]
        assert each[:, :4].tolist() == [[0, 0, width, height]] * 2

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.labels.fingerprints import NEAR_DUPLICATE_BITS, hash_distances, perceptual_hash

GOLDEN = "802adda64bb74a97"

hashes = st.integers(0, 2**64 - 1).map(lambda number: f"{number:016x}")


def distance(one: Image.Image, other: Image.Image) -> int:
    return int(hash_distances([perceptual_hash(one)], [perceptual_hash(other)])[0, 0])


@settings(deadline=None)
@given(st.lists(hashes, max_size=4), st.lists(hashes, min_size=1, max_size=4))
def test_the_distance_is_the_number_of_differing_bits(one: list[str], other: list[str]) -> None:
    expected = [[(int(a, 16) ^ int(b, 16)).bit_count() for b in other] for a in one]
    assert hash_distances(one, other).tolist() == expected


def test_the_hash_is_the_same_everywhere() -> None:
    ramp = np.add.outer(np.arange(48) ** 2 // 12, np.arange(64) * 2) % 256
    assert perceptual_hash(Image.fromarray(ramp.astype(np.uint8))) == GOLDEN


def test_an_image_encoded_anew_is_nearly_the_same(shapes: Any) -> None:
    view = shapes.image("view", (640, 360))
    smaller = view.resize((320, 180)).convert("L").convert("RGB")
    assert distance(view, smaller) <= NEAR_DUPLICATE_BITS


def test_a_moved_unit_leaves_the_view_nearly_the_same(shapes: Any) -> None:
    here, there = (shapes.image("view", (640, 360)) for _ in range(2))
    here.paste((255, 0, 0), (100, 100, 130, 130))
    there.paste((255, 0, 0), (500, 200, 530, 230))
    assert distance(here, there) <= NEAR_DUPLICATE_BITS


def test_other_views_are_far_apart(shapes: Any) -> None:
    views = [perceptual_hash(shapes.image(f"view {n}", (640, 360))) for n in range(12)]
    distances = hash_distances(views, views)[~np.eye(12, dtype=bool)]
    assert distances.min() > NEAR_DUPLICATE_BITS

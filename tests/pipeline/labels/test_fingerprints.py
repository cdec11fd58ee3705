from __future__ import annotations

from typing import Any

import numpy as np
from detector_runtime.classify.hashes import hash_distances, perceptual_hash
from PIL import Image

from pipeline.labels.fingerprints import NEAR_DUPLICATE_BITS


def distance(one: Image.Image, other: Image.Image) -> int:
    return int(hash_distances([perceptual_hash(one)], [perceptual_hash(other)])[0, 0])


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

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from detector_runtime.classify.hashes import hash_distances, perceptual_hash

GOLDEN = "802adda64bb74a97"

hashes = st.integers(0, 2**64 - 1).map(lambda number: f"{number:016x}")


@settings(deadline=None)
@given(st.lists(hashes, max_size=4), st.lists(hashes, min_size=1, max_size=4))
def test_the_distance_is_the_number_of_differing_bits(one: list[str], other: list[str]) -> None:
    expected = [[(int(a, 16) ^ int(b, 16)).bit_count() for b in other] for a in one]
    assert hash_distances(one, other).tolist() == expected


def test_the_hash_is_the_same_everywhere() -> None:
    ramp = np.add.outer(np.arange(48) ** 2 // 12, np.arange(64) * 2) % 256
    assert perceptual_hash(Image.fromarray(ramp.astype(np.uint8))) == GOLDEN

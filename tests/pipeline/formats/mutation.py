"""Sound files, damaged in every way that has a name."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

import numpy as np

EXTREMES = (0, 1, 0x7FFF, 0x8000, 0xFFFF, 4096)


def mutants(seeds: Sequence[bytes], count: int, seed: int, structure: int = 96) -> Iterator[bytes]:
    """Files with bytes changed, cut out, doubled, or numbers set to extremes.

    Args:
        seeds: sound files.
        count: how many damaged ones.
        seed: of the damage.
        structure: bytes at the beginning that say most about a file; they are hit more often.
    """
    rng = np.random.default_rng(seed)
    for _ in range(count):
        data = bytearray(seeds[rng.integers(len(seeds))])
        for _ in range(rng.integers(1, 6)):
            _damage(data, rng, structure)
            if not data:
                break
        yield bytes(data)


def _damage(data: bytearray, rng: np.random.Generator, structure: int) -> None:
    reach = len(data) if rng.random() < 0.6 else min(len(data), structure)
    at = int(rng.integers(reach))
    match rng.integers(5):
        case 0:
            data[at] = rng.integers(256)
        case 1:
            data[at] ^= 1 << int(rng.integers(8))
        case 2:
            del data[at : at + int(rng.integers(1, 40))]
        case 3:
            data[at:at] = data[at : at + int(rng.integers(1, 40))]
        case _:
            data[at : at + 2] = struct.pack("<H", rng.choice(EXTREMES))

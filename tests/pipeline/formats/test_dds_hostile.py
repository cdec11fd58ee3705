"""Damaged and malicious textures end in the reader's own error, soon."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.formats.dds import DdsError, read_dds
from tests.pipeline.formats.mutation import mutants
from tests.pipeline.formats.test_dds import bc7_texture, gradient, saved

SECONDS = 10.0
"""Of the processor, so that a busy machine counts for nothing."""
HEADER_BYTES = 148
SEEDS = (
    saved(gradient(), "DXT1"),
    saved(gradient(), "DXT5"),
    saved(gradient(), None),
    bc7_texture((200, 100, 50, 255)),
)


def survive(inputs: Iterable[bytes], folder: Path) -> int:
    """Read everything; returns how many were sound."""
    file, sound = folder / "damaged.dds", 0
    for data in inputs:
        file.write_bytes(data)
        began = time.thread_time()
        try:
            pixels = read_dds(file)
            assert pixels.shape[2] in (3, 4)
            sound += 1
        except DdsError:
            pass
        assert time.thread_time() - began < SECONDS, data[:HEADER_BYTES].hex()
    return sound


def test_mutated_textures_raise_the_readers_own_error_or_none(tmp_path: Path) -> None:
    sound = survive(mutants(SEEDS, 2_000, seed=1, structure=HEADER_BYTES), tmp_path)
    assert 0 < sound < 2_000


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
def test_a_hundred_thousand_mutated_textures(tmp_path: Path) -> None:
    sound = survive(mutants(SEEDS, 100_000, seed=2, structure=HEADER_BYTES), tmp_path)
    assert 0 < sound < 100_000


@given(st.binary(max_size=200))
@settings(deadline=None, max_examples=100)
def test_noise_behind_a_sound_header_is_refused_or_read(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes
) -> None:
    folder = tmp_path_factory.mktemp("noise")
    survive((seed[:128] + noise for seed in SEEDS), folder)


@pytest.mark.parametrize("sides", [(65_536, 4), (4, 2**31), (2**32 - 1, 2**32 - 1), (0, 0), (0, 4)])
def test_sides_that_no_texture_has_are_refused_before_memory_is_taken(
    tmp_path: Path, sides: tuple[int, int]
) -> None:
    data = bytearray(SEEDS[0])
    data[12:20] = struct.pack("<2I", *sides)
    (tmp_path / "wide.dds").write_bytes(data)
    with pytest.raises(DdsError):
        read_dds(tmp_path / "wide.dds")

"""The outline layer's run-length code."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipeline.formats.sld import SldError
from pipeline.formats.sld_outline import decode_tiles, encode_tiles, mask_of, tiles_of

FEW_TILES = st.sampled_from([0, 0, 0, 0xFFFF, 0xFFFF, 1, 0x8000])


def row(stream: bytes, columns: int) -> list[int]:
    return decode_tiles(b"\0\0" + stream, 1, columns)[0].tolist()


@given(hnp.arrays(np.uint16, st.tuples(st.integers(0, 4), st.integers(0, 300)), elements=FEW_TILES))
@settings(deadline=None, max_examples=60)
def test_what_is_written_is_read_again(tiles: np.ndarray) -> None:
    assert np.array_equal(decode_tiles(encode_tiles(tiles), *tiles.shape), tiles)


@given(hnp.arrays(np.bool_, st.sampled_from([(4, 8), (8, 4), (12, 16)])))
@settings(deadline=None, max_examples=40)
def test_masks_and_tiles_say_the_same(mask: np.ndarray) -> None:
    assert np.array_equal(mask_of(tiles_of(mask)), mask)


def test_bits_of_a_tile_run_along_its_rows() -> None:
    mask = np.zeros((4, 4), bool)
    mask[1, 2] = True
    assert tiles_of(mask).tolist() == [[1 << 6]]


def test_a_run_before_the_first_tile_is_empty_and_one_after_it_repeats_it() -> None:
    assert row(b"\x02" + b"\x82\xff\xff\x34\x12" + b"\x03", 7) == [0, 0, 0xFFFF, *[0x1234] * 4]


def test_a_row_that_ends_early_is_filled_with_its_last_tile() -> None:
    assert row(b"\x81\x01\x00", 3) == [1, 1, 1]


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(b"\x05", id="longer than the box"),
        pytest.param(b"\x82\x01\x00", id="ends within a tile"),
    ],
)
def test_a_damaged_row_is_refused(stream: bytes) -> None:
    with pytest.raises(SldError, match="outline"):
        row(stream, 4)


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"\0", id="table cut off"),
        pytest.param(b"\x09\0\0\0\x04\x04", id="row outside"),
        pytest.param(b"\x02\0\x01\0\x04\x04", id="rows in the wrong order"),
    ],
)
def test_a_damaged_table_is_refused(payload: bytes) -> None:
    with pytest.raises(SldError, match="outline"):
        decode_tiles(payload, 2, 4)

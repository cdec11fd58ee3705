"""The outline layer's run-length code."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipeline.formats.sld import SldError
from pipeline.formats.sld.outline import (
    Outlines,
    bits_of,
    decode_outlines,
    encode_tiles,
    tiles_of,
)
from tests.pipeline.formats.comparing import image_of

FEW_TILES = st.sampled_from([0, 0, 0, 0xFFFF, 0xFFFF, 1, 0x8000])


def decode_tiles(payload: bytes, rows: int, columns: int, first_block: int = 0) -> np.ndarray:
    """The tiles of one outline, which lies between other bytes."""
    outlines = Outlines(*(np.array([n]) for n in (3, 3 + len(payload), rows, columns)))
    first_blocks = np.full(rows, first_block, np.uint16)
    return decode_outlines(b"abc" + payload + b"def", outlines, first_blocks).reshape(rows, columns)


def row(stream: bytes, columns: int, first_block: int = 0) -> list[int]:
    return decode_tiles(b"\0\0" + stream, 1, columns, first_block)[0].tolist()


@given(hnp.arrays(np.uint16, st.tuples(st.integers(0, 4), st.integers(0, 300)), elements=FEW_TILES))
@settings(deadline=None, max_examples=60)
def test_what_is_written_is_read_again(tiles: np.ndarray) -> None:
    for first_block in (0, 1, 0xFFFF):
        read = decode_tiles(encode_tiles(tiles), *tiles.shape, first_block)
        assert np.array_equal(read, tiles)


@given(st.lists(hnp.arrays(np.uint16, (3, 9), elements=FEW_TILES), max_size=4))
@settings(deadline=None, max_examples=40)
def test_many_outlines_are_read_as_each_alone(several: list[np.ndarray]) -> None:
    payloads = [encode_tiles(tiles) for tiles in several]
    lengths = [len(payload) for payload in payloads]
    ends = np.cumsum(lengths, dtype=np.int64)
    many = np.full(len(several), 3), np.full(len(several), 9)
    outlines = Outlines(ends - np.array(lengths, np.int64), ends, *many)
    read = decode_outlines(b"".join(payloads), outlines, np.zeros(3 * len(several), np.uint16))
    assert read.tolist() == [tile for tiles in several for tile in tiles.reshape(-1).tolist()]


@given(hnp.arrays(np.bool_, st.sampled_from([(4, 8), (8, 4), (12, 16)])))
@settings(deadline=None, max_examples=40)
def test_masks_and_tiles_say_the_same(mask: np.ndarray) -> None:
    bits = bits_of(tiles_of(mask).reshape(-1)).reshape(-1, 4, 4)
    assert np.array_equal(image_of(bits, mask.shape[1]), mask)


def test_bits_of_a_tile_run_along_its_rows() -> None:
    mask = np.zeros((4, 4), bool)
    mask[1, 2] = True
    assert tiles_of(mask).tolist() == [[1 << 6]]


def test_a_run_before_the_first_tile_is_empty_and_one_after_it_repeats_it() -> None:
    assert row(b"\x02" + b"\x82\xff\xff\x34\x12" + b"\x03", 7) == [0, 0, 0xFFFF, *[0x1234] * 4]


def test_a_row_that_ends_early_is_filled_with_its_last_tile() -> None:
    assert row(b"\x81\x01\x00", 3) == [1, 1, 1]


class TestARunOfOneBeforeTheLastTiles:
    """`1, tiles` at the end of a row: what the game's files mean by it."""

    def test_it_follows_the_tiles_where_another_run_stands_before_it(self) -> None:
        stream = b"\x81\x05\0" + b"\x02" + b"\x01" + b"\x82\x06\0\x07\0"
        assert row(stream, 6) == [5, 5, 5, 6, 7, 7]

    def test_it_stays_where_tiles_stand_before_it(self) -> None:
        stream = b"\x81\x05\0" + b"\x01" + b"\x82\x06\0\x07\0"
        assert row(stream, 4) == [5, 5, 6, 7]

    def test_it_stays_where_it_does_not_end_the_row(self) -> None:
        stream = b"\x02" + b"\x01" + b"\x81\x06\0" + b"\x02"
        assert row(stream, 6) == [0, 0, 0, 6, 6, 6]

    @pytest.mark.parametrize(
        ("first_block", "tiles"), [(0, [0, 6, 7]), (4, [0, 6, 7]), (6, [6, 7, 7]), (7, [6, 7, 7])]
    )
    def test_at_the_beginning_the_image_decides(self, first_block: int, tiles: list[int]) -> None:
        assert row(b"\x01" + b"\x82\x06\0\x07\0", 3, first_block) == tiles


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

"""The outline layer: a silhouette of one bit per pixel, run-length coded in tiles of 4x4 pixels.

A tile is a 16-bit number whose bit `4 * y + x` says that pixel (x, y) is covered. After the layer's
two flag bytes stands a table with one u16 per row of tiles: where the row's bytes begin, counted
from the end of the table. A row is a series of commands:

- a byte below 0x80 repeats the last tile that often (before the first tile, the empty one);
- any other byte is followed by that many tiles, its high bit not counted.
"""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

from pipeline.formats.blocks import SIDE, blocks_of, image_of
from pipeline.formats.sld_model import Mask, SldError

Tiles = npt.NDArray[np.uint16]
"""[rows of tiles, columns of tiles]."""

LITERAL = 0x80
LONGEST_RUN = 0x7F
_BITS = np.arange(SIDE * SIDE, dtype=np.uint16)
_LITERALS = tuple(struct.Struct(f"<{count}H") for count in range(LONGEST_RUN + 1))


def decode_tiles(payload: bytes, rows: int, columns: int) -> Tiles:
    """Read the row table and the rows that follow it.

    A row that ends early is filled with its last tile.

    Raises:
        SldError: the table or a row points outside the payload, or a row is too long.
    """
    table_bytes = 2 * rows
    if len(payload) < table_bytes:
        raise _damaged("its table of rows is cut off")
    starts = [table_bytes + offset for offset in struct.unpack_from(f"<{rows}H", payload)]
    ends = [*starts, len(payload)][1:]
    tiles: list[int] = []
    for row, (start, end) in enumerate(zip(starts, ends, strict=True)):
        if not start <= end <= len(payload):
            raise _damaged(f"row {row} lies outside the layer")
        _decode_row(payload, start, end, tiles, columns)
    return np.array(tiles, np.uint16).reshape(rows, columns)


def encode_tiles(tiles: Tiles) -> bytes:
    """Write the row table and the rows; undoes `decode_tiles`.

    Raises:
        SldError: the rows are too long for the 16-bit table.
    """
    rows = [_encode_row(row.tolist()) for row in tiles]
    starts = [0, *np.cumsum([len(row) for row in rows]).tolist()][: len(rows)]
    if starts and starts[-1] > 0xFFFF:
        raise SldError(
            "An outline layer needs more than 65,535 bytes.",
            "Give the frame a smaller or simpler outline, or none.",
        )
    return struct.pack(f"<{len(rows)}H", *starts) + b"".join(rows)


def tiles_of(mask: Mask) -> Tiles:
    """Pack bool [h, w], both multiples of 4, into tiles."""
    rows, columns = mask.shape[0] // SIDE, mask.shape[1] // SIDE
    bits = blocks_of(mask).reshape(rows, columns, SIDE * SIDE).astype(np.uint16)
    tiles: Tiles = np.bitwise_or.reduce(bits << _BITS, axis=2)
    return tiles


def mask_of(tiles: Tiles) -> Mask:
    """Unpack tiles into bool [h, w]."""
    covered = bits_of(tiles.reshape(-1)).reshape(-1, SIDE, SIDE)
    mask: Mask = image_of(covered, tiles.shape[1] * SIDE)
    return mask


def bits_of(tiles: Tiles) -> Mask:
    """The 16 pixels of each tile, row by row: uint16 [n] to bool [n, 16]."""
    return (tiles[:, None] >> _BITS & 1).astype(np.bool_)


def _decode_row(payload: bytes, position: int, end: int, tiles: list[int], columns: int) -> None:
    """Append the tiles of one row, whose bytes lie between `position` and `end`."""
    full = len(tiles) + columns
    last = 0
    while position < end:
        command = payload[position]
        position += 1
        if command < LITERAL:
            tiles += [last] * command
        elif command > LITERAL:
            literals = _LITERALS[command - LITERAL]
            if position + literals.size > end:
                raise _damaged("a row ends within a tile")
            tiles += literals.unpack_from(payload, position)
            position += literals.size
            last = tiles[-1]
        if len(tiles) > full:
            raise _damaged("a row holds more tiles than the box is wide")
    tiles += [last] * (full - len(tiles))


def _encode_row(tiles: list[int]) -> bytes:
    stream = bytearray()
    last = position = 0
    while position < len(tiles):
        end = position
        if tiles[position] == last:
            while end < len(tiles) and end - position < LONGEST_RUN and tiles[end] == last:
                end += 1
            stream.append(end - position)
        else:
            while end < len(tiles) and end - position < LONGEST_RUN and tiles[end] != last:
                last = tiles[end]
                end += 1
            stream.append(LITERAL | end - position)
            stream += struct.pack(f"<{end - position}H", *tiles[position:end])
        position = end
    return bytes(stream)


def _damaged(how: str) -> SldError:
    return SldError(
        f"An outline layer is damaged: {how}.",
        "Let the game's launcher verify its files, then read the file again.",
    )

"""The outline layer: a silhouette of one bit per pixel, run-length coded in tiles of 4x4 pixels.

A tile is a 16-bit number whose bit `4 * y + x` says that pixel (x, y) is covered. After the layer's
two flag bytes stands a table with one u16 per row of tiles: where the row's bytes begin, counted
from the end of the table. A row is a series of commands:

- a byte below 0x80 repeats the last tile that often (before the first tile, the empty one);
- any other byte is followed by that many tiles, its high bit not counted.

Whoever writes the game's files puts a last run of a single tile *before* the tiles that it follows:
a row that ends with the commands `1, tiles` may mean `tiles, 1`. It does where another run stands
before the 1, as two runs in a row would have been one. At the beginning of a row both are possible,
and the image decides: the tiles begin the row where its first block shows all pixels of the first
of them. So read, outlines are equal to the image, to the last pixel, in all frames of the game's
files at hand that inherit nothing.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.formats.blocks import SIDE, blocks_of
from pipeline.formats.ranges import Numbers, joined_ranges, starts_of
from pipeline.formats.sld.model import Mask, SldError
from pipeline.formats.sld.structure import numbers_at

Tiles = npt.NDArray[np.uint16]

LITERAL = 0x80
LONGEST_RUN = 0x7F
_BITS = np.arange(SIDE * SIDE, dtype=np.uint16)
_BYTE = np.arange(256)
_STEPS = np.where(_BYTE >= LITERAL, 1 + 2 * (_BYTE & LONGEST_RUN), 1)
"""Bytes from one command to the next, by the first one's byte."""
FEW_ROWS = 32
"""Fewer rows are walked through faster one by one."""


class Outlines(NamedTuple):
    """Where outline layers lie in a file, column by column: arrays [outlines].

    Attributes:
        body: the row table's first byte.
        end: the first byte after the layer.
        rows, columns: of tiles.
    """

    body: Numbers
    end: Numbers
    rows: Numbers
    columns: Numbers


def decode_outlines(
    data: bytes, outlines: Outlines, first_blocks: Tiles, wanted: Mask | None = None
) -> Tiles:
    """Read many outlines at once.

    A row that ends early is filled with its last tile.

    Args:
        data: what the offsets in `outlines` point into.
        first_blocks: of every row of all outlines, what the image's block at its beginning
            shows, as a tile.
        wanted: which rows to read; the others stay empty. All by default.

    Returns:
        The tiles of all outlines, row by row, joined: uint16 [tiles].

    Raises:
        SldError: a table or a row points outside its layer, or a row is too long.
    """
    rows = _find_rows(data, outlines)
    if wanted is not None:
        rows = rows._replace(end=np.where(wanted, rows.end, rows.start))
    commands = _find_commands(data, rows)
    counts = commands.tiles
    counts[_misplaced(data, commands, first_blocks)] = 0
    filled = np.bincount(commands.row, counts, len(rows.columns)).astype(np.int64)
    if (filled > rows.columns).any():
        raise _damaged("a row holds more tiles than the box is wide")

    tiles = np.zeros(rows.columns.sum(), np.uint16)
    first_tile = starts_of(rows.columns)
    in_row = starts_of(counts) - starts_of(filled)[commands.row]
    place = first_tile[commands.row] + in_row
    is_literal = np.flatnonzero(commands.is_literal)
    number = joined_ranges(np.zeros(len(is_literal), np.int64), counts[is_literal])
    at = np.repeat(commands.at[is_literal] + 1, counts[is_literal]) + 2 * number
    tiles[np.repeat(place[is_literal], counts[is_literal]) + number] = numbers_at(data, at, "<u2")

    # Runs repeat what stands before them, and so does the rest of a row that ends early.
    last = first_tile + filled
    is_run = np.flatnonzero(~commands.is_literal & (in_row > 0))
    unfilled = np.flatnonzero((filled > 0) & (filled < rows.columns))
    begin = np.concatenate((place[is_run], last[unfilled]))
    length = np.concatenate((counts[is_run], rows.columns[unfilled] - filled[unfilled]))
    return _with_runs(tiles, begin, length)


def encode_tiles(tiles: Tiles) -> bytes:
    """Write the row table and the rows; undoes `decode_outlines`.

    Args:
        tiles: uint16 [rows, columns].

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


def bits_of(tiles: Tiles) -> Mask:
    """The 16 pixels of each tile, row by row: uint16 [n] to bool [n, 16]."""
    bits: Mask = (tiles[:, None] >> _BITS & 1).astype(np.bool_)
    return bits


# --- Reading ---------------------------------------------------------------------------------


class _Rows(NamedTuple):
    """The rows of all outlines: where their bytes are, and how many tiles they have."""

    start: Numbers
    end: Numbers
    columns: Numbers


class _Commands(NamedTuple):
    """The commands of all rows, in order.

    Attributes:
        at: offset of the command's byte.
        row: the row that it belongs to.
        is_literal: whether tiles follow it; else it is a run.
        tiles: how many it makes.
    """

    at: Numbers
    row: Numbers
    is_literal: Mask
    tiles: Numbers


def _find_rows(data: bytes, outlines: Outlines) -> _Rows:
    table_end = outlines.body + 2 * outlines.rows
    if (table_end > outlines.end).any():
        raise _damaged("its table of rows is cut off")
    layer = np.repeat(np.arange(len(outlines.rows)), outlines.rows)
    number = joined_ranges(np.zeros(len(outlines.rows), np.int64), outlines.rows)
    offset = numbers_at(data, outlines.body[layer] + 2 * number, "<u2")
    start = table_end[layer] + offset
    is_last = number == outlines.rows[layer] - 1
    end = np.where(is_last, outlines.end[layer], np.roll(start, -1))
    outside = (start > end) | (end > outlines.end[layer])
    if outside.any():
        raise _damaged(f"row {number[outside.argmax()]} lies outside the layer")
    return _Rows(start, end, outlines.columns[layer])


def _find_commands(data: bytes, rows: _Rows) -> _Commands:
    """Walk through all rows together: where a command begins depends on the one before."""
    everything = np.frombuffer(data, np.uint8)
    row, position = np.arange(len(rows.start)), rows.start
    found = [(row[:0], position[:0])]
    while True:
        unfinished = position < rows.end[row]
        if (position > rows.end[row]).any():
            raise _damaged("a row ends within a tile")
        row, position = row[unfinished], position[unfinished]
        if len(row) < FEW_ROWS:
            break
        found.append((row, position))
        position = position + _STEPS[everything[position]]
    left = zip(row.tolist(), position.tolist(), strict=True)
    found += [_commands_of_row(data, rows, *each) for each in left]

    at = np.concatenate([places for _, places in found])
    row = np.concatenate([numbers for numbers, _ in found])
    order = np.argsort(row, kind="stable")
    at, row = at[order], row[order]
    byte = everything[at]
    return _Commands(at, row, byte >= LITERAL, (byte & LONGEST_RUN).astype(np.int64))


def _commands_of_row(data: bytes, rows: _Rows, row: int, position: int) -> tuple[Numbers, Numbers]:
    """The commands of one row from a position on, each with the row's number."""
    found: list[int] = []
    end = int(rows.end[row])
    while position < end:
        found.append(position)
        position += int(_STEPS[data[position]])
    if position > end:
        raise _damaged("a row ends within a tile")
    return np.full(len(found), row, np.int64), np.array(found, np.int64)


def _misplaced(data: bytes, commands: _Commands, first_blocks: Tiles) -> Numbers:
    """The commands that are a last run of one tile and stand before the tiles that it follows.

    They can count as nothing, since the end of a row is filled with its last tile anyway.
    """
    is_last = np.diff(commands.row, append=-1) != 0
    is_one = ~commands.is_literal & (commands.tiles == 1) & ~is_last
    before_last_tiles = np.roll(is_last & commands.is_literal & (commands.tiles > 0), -1)
    one = np.flatnonzero(is_one & before_last_tiles)
    is_first = (one == 0) | (commands.row[one - 1] != commands.row[one])
    next_tile = numbers_at(data, commands.at[one + 1] + 1, "<u2")
    begins_row = (next_tile & ~first_blocks[commands.row[one]]) == 0
    return one[np.where(is_first, begins_row, ~commands.is_literal[one - 1])]


def _with_runs(tiles: Tiles, begin: Numbers, length: Numbers) -> Tiles:
    """Repeat the tile before each run. A run may follow another, so the first ones come first."""
    order = np.argsort(begin, kind="stable")
    begin, length = begin[order], length[order]
    # A run right after another one repeats what stands before both.
    follows = np.flatnonzero(begin[1:] == (begin + length)[:-1]) + 1
    source = begin - 1
    origin = np.arange(len(begin))
    origin[follows] = 0
    source = source[np.maximum.accumulate(origin)]
    value = tiles[source]
    shown = np.flatnonzero(value)
    tiles[joined_ranges(begin[shown], length[shown])] = np.repeat(value[shown], length[shown])
    return tiles


# --- Writing ---------------------------------------------------------------------------------


def _encode_row(tiles: list[int]) -> bytes:
    """A row's commands. A single tile is never a run: readers differ on where that belongs."""
    stream = bytearray()
    position = 0
    while position < len(tiles):
        run = _run_at(tiles, position)
        if run:
            stream.append(run)
            position += run
            continue
        end = position + 1
        while end < len(tiles) and end - position < LONGEST_RUN and not _run_at(tiles, end):
            end += 1
        stream.append(LITERAL | end - position)
        stream += struct.pack(f"<{end - position}H", *tiles[position:end])
        position = end
    return bytes(stream)


def _run_at(tiles: list[int], position: int) -> int:
    """How many tiles from here on repeat the one before; 0 where it is fewer than two."""
    last = tiles[position - 1] if position else 0
    end = position
    while end < len(tiles) and end - position < LONGEST_RUN and tiles[end] == last:
        end += 1
    return end - position if end - position > 1 else 0


def _damaged(how: str) -> SldError:
    return SldError(
        f"An outline layer is damaged: {how}.",
        "Let the game's launcher verify its files, then read the file again.",
    )

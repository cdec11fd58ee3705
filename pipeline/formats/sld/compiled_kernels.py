"""The loops of the SLD decoder, compiled; `plain_kernels` says what they do.

Nothing here checks whether an index lies within its array. What the loops rely on was checked when
the file's structure was read: boxes, commands and blocks lie within the layers, layers within the
file, and commands within their boxes. Only outlines are checked here. One that is damaged is read
again by the plain loops, which say what is wrong with it.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from numba import int64, uint16, uint32

from pipeline.compilation import compiled, inlined
from pipeline.formats.blocks import Bytes
from pipeline.formats.ranges import Numbers
from pipeline.formats.sld import plain_kernels
from pipeline.formats.sld.grid import Grid, Resolved, Stack
from pipeline.formats.sld.model import Mask
from pipeline.formats.sld.outline import Outlines, Tiles
from pipeline.formats.sld.structure import NONE_BEFORE, Layers

Words: TypeAlias = npt.NDArray[np.uint32]
"""Four pixels of one channel each, or one of four."""
Three: TypeAlias = tuple[int, int, int]

SIDE, NO_BLOCK, ALL_COVERED, LITERAL, LONGEST_RUN = 4, 0, 0xFFFF, 0x80, 0x7F
"""As in `blocks`, `grid` and `outline`; see `pipeline.compilation` for why they stand here too."""
OPAQUE = np.uint32(0xFF000000)
"""Alpha of a pixel of four channels, red in its lowest byte."""
NO_PARENT = -1
"""The first cell of what a layer inherits from that inherits nothing."""


def resolve(data: bytes, layers: Layers, blocks: Numbers, before: Grid) -> Resolved:
    """As `plain_kernels.resolve`."""
    grid = Grid(
        np.concatenate((before.layers, blocks)),
        np.concatenate((before.cells, np.full(layers.blocks[blocks].sum(), NO_BLOCK, np.int64))),
    )
    inherited = np.zeros(len(grid.cells), np.bool_)
    _resolve(_bytes(data), _resolving(layers, grid, blocks), grid.cells, inherited)
    return Resolved(grid, inherited)


def outline_tiles(
    data: bytes, outlines: Outlines, first: Numbers, resolved: Resolved, all_rows: bool
) -> Tiles:
    """As `plain_kernels.outline_tiles`."""
    table = np.stack((*outlines, first), axis=1)
    tiles = np.zeros((outlines.rows * outlines.columns).sum(), np.uint16)
    cells, inherited = resolved.grid.cells, resolved.inherited
    if _outline_tiles(_bytes(data), table, (cells, inherited), all_rows, tiles):
        return tiles
    return plain_kernels.outline_tiles(data, outlines, first, resolved, all_rows)


def covered(outlines: Outlines, first: Numbers, tiles: Tiles, resolved: Resolved) -> Tiles:
    """As `plain_kernels.covered`."""
    shown = np.full(len(resolved.grid.cells), ALL_COVERED, np.uint16)
    _cover(first, outlines.rows * outlines.columns, tiles, resolved.inherited, shown)
    return shown


def colours(data: bytes, stack: Stack, cells: Numbers, shown: Tiles) -> Bytes:
    """As `plain_kernels.colours`."""
    image = np.empty((stack.height, stack.width, 4), np.uint8)
    if image.size:
        pixels = image.view("<u4")[..., 0]
        _colours(_bytes(data), stack.first, stack.rows, cells, shown, pixels)
    return image


def values(data: bytes, stack: Stack, cells: Numbers) -> Bytes:
    """As `plain_kernels.values`."""
    image = np.zeros((stack.height, stack.width), np.uint8)
    if image.size:
        _values(_bytes(data), stack.first, stack.rows, cells, image.view("<u4"))
    return image


def _bytes(data: bytes) -> Bytes:
    return np.frombuffer(data, np.uint8)


def _resolving(layers: Layers, grid: Grid, blocks: Numbers) -> Numbers:
    """What `_resolve` needs to know of each layer and its parent: int64 [layers, 11].

    Places are in blocks.
    """
    parent = layers.inherits[blocks]
    has_parent = parent != NONE_BEFORE
    parent_first = np.full(len(blocks), NO_PARENT, np.int64)
    parent_first[has_parent] = grid.first_cells(layers, parent[has_parent])
    box, parent_box = layers.box[blocks] // SIDE, layers.box[parent] // SIDE
    columns = (
        grid.first_cells(layers, blocks),
        layers.body[blocks],
        layers.commands[blocks],
        *box[:, :3].T,
        parent_first,
        *parent_box.T,
    )
    return np.stack(columns, axis=1)


# --- Cells -----------------------------------------------------------------------------------


@compiled
def _resolve(data: Bytes, table: Numbers, cells: Numbers, inherited: Mask) -> None:
    for number in range(table.shape[0]):
        first, body, commands, left, top, right = table[number, :6]
        parent = table[number, 6]
        box = (left, top, right - left)
        at, block = first, body + 2 * commands
        for command in range(commands):
            skip = int64(data[body + 2 * command])
            draw = int64(data[body + 2 * command + 1])
            if parent != NO_PARENT and skip:
                _inherit((first, at, skip), box, table[number, 6:], cells)
                inherited[at : at + skip] = True
            at += skip
            drawn = cells[at : at + draw]
            for n in range(drawn.size):
                drawn[n] = block + 8 * n
            at += draw
            block += 8 * draw


@compiled
def _inherit(run: Three, box: Three, parent: Numbers, cells: Numbers) -> None:
    """Cells of a run take over those of the parent at the same place of the canvas."""
    first, at, count = run
    left, top, columns = box
    parent_first, parent_left, parent_top, parent_right, parent_bottom = parent
    parent_columns = parent_right - parent_left
    row, column = divmod(at - first, columns)
    y, x = row + top, column + left
    for n in range(count):
        if parent_left <= x < parent_right and parent_top <= y < parent_bottom:
            above = (y - parent_top) * parent_columns
            cells[at + n] = cells[parent_first + above + x - parent_left]
        x += 1
        if x == left + columns:
            x = left
            y += 1


# --- Outlines --------------------------------------------------------------------------------


@compiled
def _outline_tiles(
    data: Bytes, table: Numbers, grid: tuple[Numbers, Mask], all_rows: bool, tiles: Tiles
) -> bool:
    """Whether the outlines are sound; their tiles are filled in."""
    cells, inherited = grid
    filled = 0
    for number in range(table.shape[0]):
        body, end, rows, columns, first = table[number]
        table_end = body + 2 * rows
        if table_end > end:
            return False
        for row in range(rows):
            start = table_end + _short(data, body + 2 * row)
            stop = end if row == rows - 1 else table_end + _short(data, body + 2 * row + 2)
            if start > stop or stop > end:
                return False
            cell = first + row * columns
            if all_rows or _shows_stale(cells[cell : cell + columns], inherited, cell):
                block = int64(cells[cell]) if columns else 0
                into = tiles[filled : filled + columns]
                if not _read_row(data, (start, stop), block, into):
                    return False
            filled += columns
    return True


@compiled
def _shows_stale(cells: Numbers, inherited: Mask, first: int) -> bool:
    shows = False
    for n in range(cells.size):
        shows |= inherited[first + n] and cells[n] != NO_BLOCK
    return shows


@compiled
def _read_row(data: Bytes, place: tuple[int, int], first_block: int, tiles: Tiles) -> bool:
    """Whether a row's commands are sound; its tiles are filled in. See `outline`."""
    start, stop = place
    misplaced = _misplaced(data, start, stop, first_block)
    at, filled, last = start, 0, uint16(0)
    while at < stop:
        byte = int64(data[at])
        count = 0 if at == misplaced else byte & LONGEST_RUN
        at += 1
        is_literal = byte >= LITERAL
        if filled + count > tiles.size or (is_literal and at + 2 * count > stop):
            return False
        for n in range(count):
            if is_literal:
                last = uint16(_short(data, at + 2 * n))
            tiles[filled + n] = last
        if is_literal:
            at += 2 * count
        filled += count
    tiles[filled:] = last
    return True


@compiled
def _misplaced(data: Bytes, start: int, stop: int, first_block: int) -> int:
    """Where a last run of one tile is that belongs behind the tiles after it, or -1."""
    last = before = earlier = -1
    at = start
    while at < stop:
        earlier, before, last = before, last, at
        byte = int64(data[at])
        at += 1 + 2 * (byte & LONGEST_RUN) if byte >= LITERAL else 1
    if at != stop or before < 0 or data[before] != 1 or data[last] <= LITERAL:
        return -1
    if earlier >= 0:
        return before if data[earlier] < LITERAL else -1
    tile = _short(data, last + 1)
    return before if tile & ~_opaque_bits(data, first_block) == 0 else -1


@compiled
def _opaque_bits(data: Bytes, block: int) -> int:
    """As `blocks.opaque_bits_of_bc1`, of the block at an offset; none of NO_BLOCK."""
    if block == NO_BLOCK:
        return 0
    if _short(data, block) > _short(data, block + 2):
        return ALL_COVERED
    bits = 0
    for pixel in range(SIDE * SIDE):
        index = (data[block + 4 + pixel // SIDE] >> (2 * (pixel % SIDE))) & 3
        bits |= int64(index != 3) << pixel
    return bits


@compiled
def _cover(first: Numbers, counts: Numbers, tiles: Tiles, inherited: Mask, shown: Tiles) -> None:
    done = 0
    for number in range(first.size):
        cell, count = first[number], counts[number]
        whose, mine = inherited[cell : cell + count], shown[cell : cell + count]
        theirs = tiles[done : done + count]
        for n in range(mine.size):
            mine[n] = theirs[n] if whose[n] else uint16(ALL_COVERED)
        done += count


# --- Pixels ----------------------------------------------------------------------------------


@inlined
def _short(data: Bytes, at: int) -> int:
    word: int = int64(data[at]) | int64(data[at + 1]) << 8
    return word


@inlined
def _word(data: Bytes, at: int) -> np.uint32:
    word: np.uint32 = (
        uint32(data[at])
        | uint32(data[at + 1]) << uint32(8)
        | uint32(data[at + 2]) << uint32(16)
        | uint32(data[at + 3]) << uint32(24)
    )
    return word


@compiled
def _colours(
    data: Bytes, first: Numbers, rows: Numbers, cells: Numbers, shown: Tiles, image: Words
) -> None:
    columns = image.shape[1] // SIDE
    palette = np.zeros(4, np.uint32)
    top = 0
    for number in range(first.size):
        for row in range(rows[number]):
            begin = first[number] + row * columns
            offsets = cells[begin : begin + columns]
            tiles = shown[begin : begin + columns]
            for column in range(columns):
                block, tile = offsets[column], uint32(tiles[column])
                indices = uint32(0)
                if block == NO_BLOCK or tile == 0:
                    palette[0] = 0
                    tile = uint32(ALL_COVERED)
                else:
                    _bc1_palette(data, block, palette)
                    indices = _word(data, block + 4)
                for y in range(SIDE):
                    line = image[top + y, SIDE * column : SIDE * column + SIDE]
                    for x in range(SIDE):
                        line[x] = palette[(indices >> uint32(8 * y + 2 * x)) & uint32(3)]
                if tile != uint32(ALL_COVERED):
                    for y in range(SIDE):
                        line = image[top + y, SIDE * column : SIDE * column + SIDE]
                        for x in range(SIDE):
                            line[x] *= (tile >> uint32(SIDE * y + x)) & uint32(1)
            top += SIDE


@inlined
def _bc1_palette(data: Bytes, block: int, palette: Words) -> None:
    """The four colours of a BC1 block; interpolated channels are rounded down."""
    one, other = _short(data, block), _short(data, block + 2)
    palette[0], palette[1] = _widened(one), _widened(other)
    if one > other:
        palette[2], palette[3] = _mixed(one, other, 2, 1), _mixed(one, other, 1, 2)
    else:
        palette[2], palette[3] = _mixed(one, other, 1, 1), 0


@inlined
def _widened(colour: int) -> np.uint32:
    return _mixed(colour, colour, 1, 0)


@inlined
def _mixed(one: int, other: int, share: int, rest: int) -> np.uint32:
    """A pixel of two colours of 5, 6 and 5 bits, each channel with its shares of the two."""
    red = (share * _five(one >> 11) + rest * _five(other >> 11)) // (share + rest)
    green = (share * _six(one >> 5) + rest * _six(other >> 5)) // (share + rest)
    blue = (share * _five(one) + rest * _five(other)) // (share + rest)
    pixel: np.uint32 = uint32(red | green << 8 | blue << 16) | OPAQUE
    return pixel


@inlined
def _five(bits: int) -> int:
    return (bits & 31) << 3 | (bits & 31) >> 2


@inlined
def _six(bits: int) -> int:
    return (bits & 63) << 2 | (bits & 63) >> 4


@compiled
def _values(data: Bytes, first: Numbers, rows: Numbers, cells: Numbers, image: Words) -> None:
    """Four pixels of a line are one number, the leftmost in its lowest byte."""
    palette = np.zeros(8, np.uint32)
    top = 0
    columns = image.shape[1]
    for number in range(first.size):
        for row in range(rows[number]):
            begin = first[number] + row * columns
            offsets = cells[begin : begin + columns]
            for column in range(columns):
                block = offsets[column]
                if block != NO_BLOCK:
                    _bc4_palette(int64(data[block]), int64(data[block + 1]), palette)
                    for y in range(SIDE):
                        # Two lines have 24 bits of indices.
                        at = block + 2 + 3 * (y // 2)
                        bits = _short(data, at) | int64(data[at + 2]) << 16
                        bits >>= 12 * (y % 2)
                        line = uint32(0)
                        for x in range(SIDE):
                            line |= palette[(bits >> (3 * x)) & 7] << uint32(8 * x)
                        image[top + y, column] = line
            top += SIDE


@compiled
def _bc4_palette(one: int, other: int, palette: Words) -> None:
    palette[0], palette[1] = one, other
    steps = 7 if one > other else 5
    for step in range(1, steps):
        palette[step + 1] = ((steps - step) * one + step * other) // steps
    if steps == 5:
        palette[6], palette[7] = 0, 255

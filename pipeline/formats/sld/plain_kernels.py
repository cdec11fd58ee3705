"""The loops of the SLD decoder as calls of numpy and Pillow, many blocks at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from pipeline.formats.blocks import (
    BLOCK_BYTES,
    SIDE,
    TRANSPARENT_BC1,
    TRANSPARENT_BC4,
    Bytes,
    Codes,
    image_of_blocks,
    opaque_bits_of_bc1,
)
from pipeline.formats.ranges import Numbers, joined_ranges, starts_of
from pipeline.formats.sld.grid import ALL_COVERED, NO_BLOCK, Grid, Resolved, Stack
from pipeline.formats.sld.outline import Outlines, Tiles, bits_of, decode_outlines
from pipeline.formats.sld.structure import (
    NONE_BEFORE,
    LayerBox,
    Layers,
    command_bytes,
    numbers_at,
    overlap,
)

Cell = TypeVar("Cell", np.int64, np.bool_)


def resolve(data: bytes, layers: Layers, blocks: Numbers, before: Grid) -> Resolved:
    """The cells of some layers, behind those of earlier ones that they inherit from.

    Layers come in the order of the file, so what one inherits is resolved already.

    Args:
        data, layers: of the whole file.
        blocks: numbers of those to resolve, rising; all of them are made of blocks.
        before: earlier layers, resolved.
    """
    grid = Grid(
        np.concatenate((before.layers, blocks)),
        np.concatenate((before.cells, _drawn_cells(data, layers, blocks))),
    )
    skipped, inherited = grid.cells == NO_BLOCK, np.zeros(len(grid.cells), np.bool_)
    for layer, parent, first, parent_first, reached, same_box in _heirs(layers, grid, blocks):
        # What the commands did not reach inherits nothing.
        mine = slice(first, first + reached)
        inherited[mine] = skipped[mine]
        if same_box:
            source = grid.cells[parent_first : parent_first + reached]
            np.copyto(grid.cells[mine], source, where=skipped[mine])
        else:
            box, parent_box = _box_of(layers, layer), _box_of(layers, parent)
            here, there = overlap(box, parent_box)
            source = _area(grid.cells, parent_first, parent_box)[there]
            target = _area(grid.cells, first, box)[here]
            np.copyto(target, source, where=_area(inherited, first, box)[here])
    return Resolved(grid, inherited)


def outline_tiles(
    data: bytes, outlines: Outlines, first: Numbers, resolved: Resolved, all_rows: bool
) -> Tiles:
    """The tiles of outlines, joined.

    Args:
        data: the whole file.
        first: where the cells of each one's main layer begin in the grid.
        all_rows: read every row; otherwise only those where the main layer shows inherited blocks,
            and the others stay empty.

    Raises:
        SldError: an outline is damaged.
    """
    cells = joined_ranges(first, outlines.rows * outlines.columns)
    offsets = resolved.grid.cells[cells]
    columns = np.repeat(outlines.columns, outlines.rows)
    row_start, is_row = starts_of(columns), columns > 0
    first_blocks = np.zeros(len(columns), np.uint16)
    codes = _codes(data, offsets[row_start[is_row]], TRANSPARENT_BC1)
    first_blocks[is_row] = opaque_bits_of_bc1(codes)
    wanted = None
    if not all_rows:
        wanted = np.zeros(len(columns), np.bool_)
        if len(cells):
            stale = resolved.inherited[cells] & (offsets != NO_BLOCK)
            wanted[is_row] = np.logical_or.reduceat(stale, row_start[is_row])
    return decode_outlines(data, outlines, first_blocks, wanted)


def covered(outlines: Outlines, first: Numbers, tiles: Tiles, resolved: Resolved) -> Tiles:
    """What outlines cover of inherited blocks of main layers, for every cell; all of others.

    Args:
        outlines, first, resolved: as in `outline_tiles`.
        tiles: what it returned.
    """
    shown = np.full(len(resolved.grid.cells), ALL_COVERED, np.uint16)
    cells = joined_ranges(first, outlines.rows * outlines.columns)
    shown[cells] = np.where(resolved.inherited[cells], tiles, ALL_COVERED)
    return shown


def colours(data: bytes, stack: Stack, cells: Numbers, shown: Tiles) -> Bytes:
    """The image of a stack of BC1 layers, transparent where a pixel is not covered.

    Args:
        data: the whole file.
        cells: of the grid.
        shown: for every cell, a tile of what is covered of it.

    Returns:
        uint8 [stack.height, stack.width, 4], RGBA.
    """
    chosen = stack.cells
    codes = _codes(data, cells[chosen], TRANSPARENT_BC1)
    tiles = shown[chosen]
    codes[tiles == 0] = TRANSPARENT_BC1
    image = image_of_blocks(codes, stack.columns, "BC1")
    _clear(image, stack.columns, tiles)
    return image


def values(data: bytes, stack: Stack, cells: Numbers) -> Bytes:
    """The image of a stack of BC4 layers: uint8 [stack.height, stack.width].

    Rows of blocks that are blank, as most of players' are, cost little.
    """
    codes = _codes(data, cells[stack.cells], TRANSPARENT_BC4)
    rows = codes.reshape(stack.height // SIDE, stack.columns)
    shows = rows.any(axis=1)
    image = np.zeros((len(rows), SIDE, stack.width), np.uint8)
    if shows.any():
        seen = image_of_blocks(rows[shows].reshape(-1), stack.columns, "BC4")
        image[shows] = seen.reshape(-1, SIDE, stack.width)
    return image.reshape(stack.height, stack.width)


def _heirs(
    layers: Layers, grid: Grid, blocks: Numbers
) -> Iterator[tuple[int, int, int, int, int, bool]]:
    """Layers that inherit, and those that they inherit from.

    The numbers of the two, their first cells in the grid, how many cells the commands of the former
    cover, and whether both lie at the same place.
    """
    own = blocks[layers.inherits[blocks] != NONE_BEFORE]
    parent = layers.inherits[own]
    columns = (
        own,
        parent,
        grid.first_cells(layers, own),
        grid.first_cells(layers, parent),
        layers.reached[own],
        (layers.box[own] == layers.box[parent]).all(axis=1),
    )
    return zip(*(column.tolist() for column in columns), strict=True)


def _box_of(layers: Layers, layer: int) -> LayerBox:
    return LayerBox(*layers.box[layer].tolist())


def _area(cells: npt.NDArray[Cell], first: int, box: LayerBox) -> npt.NDArray[Cell]:
    """A layer's part of one value per cell: [rows, columns]."""
    return cells[first : first + box.rows * box.columns].reshape(box.rows, box.columns)


def _drawn_cells(data: bytes, layers: Layers, blocks: Numbers) -> Numbers:
    """The cells of layers as their commands state them: drawn blocks' offsets, else NO_BLOCK."""
    commands = command_bytes(data, layers, blocks).astype(np.int64)
    skip, draw = commands.T
    drawn, reached, sizes = layers.drawn[blocks], layers.reached[blocks], layers.blocks[blocks]
    # The commands of a layer may end before its box does: what follows lies farther along.
    ahead = np.repeat(starts_of(sizes) - starts_of(reached), layers.commands[blocks])
    first_drawn = starts_of(skip + draw) + skip + ahead
    cells = np.full(sizes.sum(), NO_BLOCK, np.int64)
    first = layers.first_block[blocks]
    offsets = BLOCK_BYTES * joined_ranges(first // BLOCK_BYTES, drawn)
    cells[joined_ranges(first_drawn, draw)] = offsets + np.repeat(first % BLOCK_BYTES, drawn)
    return cells


def _codes(data: bytes, offsets: Numbers, blank: int) -> Codes:
    codes: Codes = numbers_at(data, offsets, "<u8")
    codes[offsets == NO_BLOCK] = blank
    return codes


def _clear(image: Bytes, columns: int, tiles: Tiles) -> None:
    """Make pixels that are not covered transparent, in blocks that are covered in part."""
    partly = np.flatnonzero((tiles != ALL_COVERED) & (tiles != 0))
    if not len(partly):
        return
    row, column = np.divmod(partly, columns)
    pixels = image.view(np.uint32).reshape(-1, SIDE)
    at = (SIDE * row[:, None] + np.arange(SIDE)) * columns + column[:, None]
    pixels[at] *= bits_of(tiles[partly]).reshape(-1, SIDE, SIDE)

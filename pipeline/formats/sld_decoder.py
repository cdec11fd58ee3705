"""The pixels of chosen frames of an SLD file, many frames at a time.

Deltas are resolved on block *positions*, not on pixels: each layer becomes a grid of cells, one per
4x4 block, which hold the block's offset in the file, and an inherited cell takes over the offset
of a cell of the layer before. Only then are blocks decoded. Layers of one width are stacked for it,
so that a stack is a single compressed picture, and its pixels are where they belong at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.formats.blocks import (
    SIDE,
    TRANSPARENT_BC1,
    TRANSPARENT_BC4,
    Codes,
    opaque_bits_of_bc1,
    picture_of_blocks,
)
from pipeline.formats.ranges import Numbers, joined_ranges, starts_of
from pipeline.formats.sld_model import COLOUR_KINDS, LayerKind, Mask, PlacedLayer, SldFrame
from pipeline.formats.sld_outline import Outlines, Tiles, bits_of, decode_outlines
from pipeline.formats.sld_structure import (
    KINDS,
    NO_LAYER,
    NONE_BEFORE,
    Box,
    Layers,
    Structure,
    command_bytes,
    numbers_at,
    overlap,
)

NO_BLOCK = 0
"""Stands for the offset of a block where there is none; no block begins where the file does."""
Array = npt.NDArray[Any]

BATCH_BLOCKS = 1 << 16
"""Blocks of frames that are resolved together: 4 MiB of colours."""
ALL_COVERED = 0xFFFF
"""The outline's tile that covers all pixels of its block."""


@dataclass(frozen=True)
class Wish:
    """What is wanted of every frame; see `sld.decode`."""

    layers: frozenset[LayerKind]
    clear_stale: bool


def decode_frames(
    data: bytes, structure: Structure, indices: Iterable[int], wish: Wish
) -> Iterator[SldFrame]:
    """Decode frames in the order of the file, and nothing that they do not need.

    Args:
        data: the file that `structure` was read from.
        indices: of the frames; each is decoded once.
        wish: which layers, and how.

    Raises:
        SldError: an outline is damaged.
    """
    before = _Grid(np.zeros(0, np.int64), np.zeros(0, np.int64))
    for batch in _batches(structure, np.unique(np.fromiter(indices, np.int64)), wish):
        resolved = _resolve(data, structure.layers, batch.blocks, before)
        yield from _frames(structure, batch.frames, _pictures(data, structure, batch, resolved))
        before = _last_of_each_kind(structure.layers, resolved.grid)


@dataclass(frozen=True, eq=False)
class _Batch:
    """Frames that are decoded together, and their layers; all are numbers in rising order.

    Attributes:
        frames: those that are asked for.
        blocks: layers of blocks whose grids are needed: shown, looked at or inherited from.
        shown: layers of blocks whose pixels are wanted.
        outlines: outlines that are wanted, or clear what a main layer inherits.
        wish: what was wanted of every frame.
    """

    frames: Numbers
    blocks: Numbers
    shown: Numbers
    outlines: Numbers
    wish: Wish


def _batches(structure: Structure, frames: Numbers, wish: Wish) -> Iterator[_Batch]:
    """Group the frames, and the layers that they need, so that a batch fits the cache."""
    layers = structure.layers
    shown, outlines = _wanted(structure, frames, wish)
    looked_at = np.zeros(len(layers), np.bool_)
    looked_at[structure.layers_of_kind(LayerKind.MAIN)[layers.frame[outlines]]] = True
    needed = structure.with_ancestors(looked_at | _marked(shown, len(layers)))
    needed[outlines] = True

    blocks_of_frames = np.bincount(
        layers.frame[needed], layers.blocks[needed], minlength=len(structure.canvas)
    )
    blocks_of_frames[frames] = np.maximum(blocks_of_frames[frames], 1)
    for first, end in _shares(blocks_of_frames):
        own = needed & (layers.frame >= first) & (layers.frame < end)
        own[outlines] = False
        yield _Batch(
            frames=_between(frames, frames, first, end),
            blocks=np.flatnonzero(own),
            shown=_between(shown, layers.frame[shown], first, end),
            outlines=_between(outlines, layers.frame[outlines], first, end),
            wish=wish,
        )


def _wanted(structure: Structure, frames: Numbers, wish: Wish) -> tuple[Numbers, Numbers]:
    """The layers of blocks that are wanted of the frames, and the outlines that are needed."""
    kinds = [number for number, kind in enumerate(KINDS) if kind in wish.layers]
    wanted = structure.layer_of[frames][:, kinds].reshape(-1)
    wanted = np.sort(wanted[wanted != NO_LAYER])
    is_outline = structure.layers.kind[wanted] == LayerKind.OUTLINE
    outlines = wanted[is_outline]
    if wish.clear_stale and LayerKind.MAIN in wish.layers:
        main = structure.layers_of_kind(LayerKind.MAIN)[frames]
        outline = structure.layers_of_kind(LayerKind.OUTLINE)[frames]
        both = (main != NO_LAYER) & (outline != NO_LAYER)
        clears = structure.layers.inherits[main[both]] != NONE_BEFORE
        outlines = np.union1d(outlines, outline[both][clears])
    return wanted[~is_outline], outlines


def _shares(sizes: Array) -> Iterator[tuple[int, int]]:
    """Split a sequence into runs whose sizes add up to BATCH_BLOCKS or less, or that are single.

    Runs without any size are left out.
    """
    first, total = 0, 0.0
    for number, size in enumerate(sizes.tolist()):
        if total and total + size > BATCH_BLOCKS:
            yield first, number
            first, total = number, 0.0
        total += size
    if total:
        yield first, len(sizes)


def _between(values: Numbers, keys: Numbers, first: int, end: int) -> Numbers:
    """The values whose keys, which rise, lie between two numbers."""
    return values[np.searchsorted(keys, first) : np.searchsorted(keys, end)]


def _marked(numbers: Numbers, count: int) -> Mask:
    mask = np.zeros(count, np.bool_)
    mask[numbers] = True
    return mask


# --- Resolving deltas ------------------------------------------------------------------------


class _Grid(NamedTuple):
    """The cells of several layers, one layer after another, row by row.

    Attributes:
        layers: their numbers, rising.
        cells: for each block its offset in the file, or NO_BLOCK.
    """

    layers: Numbers
    cells: Numbers


class _Resolved(NamedTuple):
    """A grid with its deltas resolved, and which of its cells were left to inheritance."""

    grid: _Grid
    inherited: Mask


def _resolve(data: bytes, layers: Layers, blocks: Numbers, before: _Grid) -> _Resolved:
    """The cells of a batch's layers, behind those of earlier ones that they inherit from.

    Layers come in the order of the file, so what one inherits is resolved already.
    """
    grid = _Grid(
        np.concatenate((before.layers, blocks)),
        np.concatenate((before.cells, _drawn_cells(data, layers, blocks))),
    )
    skipped, inherited = grid.cells == NO_BLOCK, np.zeros(len(grid.cells), np.bool_)
    for heir in _heirs(layers, grid, blocks):
        # What the commands did not reach inherits nothing.
        mine = slice(heir.first, heir.first + heir.reached)
        inherited[mine] = skipped[mine]
        if heir.same_box:
            source = grid.cells[heir.parent_first : heir.parent_first + heir.reached]
            np.copyto(grid.cells[mine], source, where=skipped[mine])
        else:
            box, parent_box = _box_of(layers, heir.layer), _box_of(layers, heir.parent)
            here, there = overlap(box, parent_box)
            source = _area(grid.cells, heir.parent_first, parent_box)[there]
            target, where = (_area(each, heir.first, box)[here] for each in (grid.cells, inherited))
            np.copyto(target, source, where=where)
    return _Resolved(grid, inherited)


class _Heir(NamedTuple):
    """A layer that inherits, and the one that it inherits from.

    Attributes:
        first, parent_first: the first cells of the two in the grid.
        reached: how many cells the commands of the layer cover.
        same_box: whether both lie at the same place.
    """

    layer: int
    parent: int
    first: int
    parent_first: int
    reached: int
    same_box: bool


def _heirs(layers: Layers, grid: _Grid, blocks: Numbers) -> Iterator[_Heir]:
    own = blocks[layers.inherits[blocks] != NONE_BEFORE]
    parent = layers.inherits[own]
    first = starts_of(layers.blocks[grid.layers])
    columns = (
        own,
        parent,
        first[np.searchsorted(grid.layers, own)],
        first[np.searchsorted(grid.layers, parent)],
        layers.reached[own],
        (layers.box[own] == layers.box[parent]).all(axis=1),
    )
    return map(_Heir, *(column.tolist() for column in columns))


def _box_of(layers: Layers, layer: int) -> Box:
    return Box(*layers.box[layer].tolist())


def _area(cells: Array, first: int, box: Box) -> Array:
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
    cells[joined_ranges(first_drawn, draw)] = _block_offsets(layers.first_block[blocks], drawn)
    return cells


def _block_offsets(first: Numbers, count: Numbers) -> Numbers:
    return 8 * joined_ranges(first // 8, count) + np.repeat(first % 8, count)


def _last_of_each_kind(layers: Layers, grid: _Grid) -> _Grid:
    """A layer inherits from the one before it of its kind, so no older one is needed again."""
    kinds = layers.kind[grid.layers]
    last = np.sort([np.flatnonzero(kinds == kind)[-1] for kind in np.unique(kinds)])
    last = last.astype(np.int64)
    return _Grid(grid.layers[last], grid.cells[_cells_of(layers, grid, grid.layers[last])])


def _cells_of(layers: Layers, grid: _Grid, chosen: Numbers) -> Numbers:
    """Where the cells of some of a grid's layers lie in it, joined."""
    sizes = layers.blocks[grid.layers]
    number = np.searchsorted(grid.layers, chosen)
    return joined_ranges(starts_of(sizes)[number], sizes[number])


# --- Decoding blocks -------------------------------------------------------------------------


def _pictures(
    data: bytes, structure: Structure, batch: _Batch, resolved: _Resolved
) -> dict[int, Array]:
    """The pixels of every wanted layer of the batch's frames."""
    layers = structure.layers
    is_colour = (layers.kind[batch.shown] & sum(COLOUR_KINDS)) > 0
    tiles = _outline_tiles(data, structure, batch, resolved)
    colours = _stacked(layers, batch.shown[is_colour])
    values = _stacked(layers, batch.shown[~is_colour])
    covered = _covered(structure, batch, tiles, resolved)
    pictures = {
        **_colour_pictures(data, layers, colours, resolved.grid, covered),
        **_value_pictures(data, layers, values, resolved.grid),
    }
    if LayerKind.OUTLINE in batch.wish.layers:
        pictures |= _masks(layers, batch.outlines, tiles)
    return pictures


def _outline_tiles(data: bytes, structure: Structure, batch: _Batch, resolved: _Resolved) -> Tiles:
    """The tiles of all outlines, joined.

    Where nobody wants to see them, only rows where the main layer shows inherited blocks are read.
    """
    layers, outlines = structure.layers, batch.outlines
    place = Outlines(
        layers.body[outlines], layers.end[outlines], layers.rows[outlines], layers.columns[outlines]
    )
    main = structure.layers_of_kind(LayerKind.MAIN)[layers.frame[outlines]]
    cells = _cells_of(layers, resolved.grid, main)
    offsets = resolved.grid.cells[cells]
    columns = np.repeat(place.columns, place.rows)
    row_start, is_row = starts_of(columns), columns > 0
    first_blocks = np.zeros(len(columns), np.uint16)
    codes = _codes(data, offsets[row_start[is_row]], TRANSPARENT_BC1)
    first_blocks[is_row] = opaque_bits_of_bc1(codes)
    wanted = None
    if LayerKind.OUTLINE not in batch.wish.layers and len(cells):
        stale = resolved.inherited[cells] & (offsets != NO_BLOCK)
        wanted = np.zeros(len(columns), np.bool_)
        wanted[is_row] = np.logical_or.reduceat(stale, row_start[is_row])
    return decode_outlines(data, place, first_blocks, wanted)


def _covered(structure: Structure, batch: _Batch, tiles: Tiles, resolved: _Resolved) -> Tiles:
    """What outlines cover of inherited blocks of main layers, for every cell; all of others."""
    layers = structure.layers
    covered = np.full(len(resolved.grid.cells), ALL_COVERED, np.uint16)
    if batch.wish.clear_stale and len(batch.outlines):
        main = structure.layers_of_kind(LayerKind.MAIN)[layers.frame[batch.outlines]]
        cells = _cells_of(layers, resolved.grid, main)
        covered[cells] = np.where(resolved.inherited[cells], tiles, ALL_COVERED)
    return covered


class _Stack(NamedTuple):
    """Layers of one width, which lie below one another as one picture."""

    layers: Numbers
    columns: int
    rows: int

    @property
    def width(self) -> int:
        return SIDE * self.columns

    @property
    def height(self) -> int:
        return SIDE * self.rows


def _stacked(layers: Layers, chosen: Numbers) -> list[_Stack]:
    """Group layers by their width; empty ones make stacks without pixels."""
    columns, rows = layers.columns[chosen], layers.rows[chosen]
    return [
        _Stack(chosen[columns == width], int(width), int(rows[columns == width].sum()))
        for width in np.unique(columns)
    ]


def _colour_pictures(
    data: bytes, layers: Layers, stacks: list[_Stack], grid: _Grid, covered: Tiles
) -> dict[int, Array]:
    """RGBA of BC1 layers, transparent where a pixel is not covered."""
    pictures: dict[int, Array] = {}
    for stack in stacks:
        cells = _cells_of(layers, grid, stack.layers)
        codes = _codes(data, grid.cells[cells], TRANSPARENT_BC1)
        tiles = covered[cells]
        codes[tiles == 0] = TRANSPARENT_BC1
        picture = picture_of_blocks(codes, stack.columns, "BC1")
        _clear(picture, stack.columns, tiles)
        pictures |= _cut(layers, stack, picture)
    return pictures


def _value_pictures(
    data: bytes, layers: Layers, stacks: list[_Stack], grid: _Grid
) -> dict[int, Array]:
    """Values of BC4 layers; rows of blocks that are blank, as most of players' are, cost little."""
    pictures: dict[int, Array] = {}
    for stack in stacks:
        codes = _codes(data, grid.cells[_cells_of(layers, grid, stack.layers)], TRANSPARENT_BC4)
        rows = codes.reshape(stack.rows, stack.columns)
        shows = rows.any(axis=1)
        picture = np.zeros((stack.rows, SIDE, stack.width), np.uint8)
        if shows.any():
            seen = picture_of_blocks(rows[shows].reshape(-1), stack.columns, "BC4")
            picture[shows] = seen.reshape(-1, SIDE, stack.width)
        pictures |= _cut(layers, stack, picture.reshape(stack.height, stack.width))
    return pictures


def _codes(data: bytes, offsets: Numbers, blank: int) -> Codes:
    codes: Codes = numbers_at(data, offsets, "<u8")
    codes[offsets == NO_BLOCK] = blank
    return codes


def _clear(picture: Array, columns: int, tiles: Tiles) -> None:
    """Make pixels that are not covered transparent, in blocks that are covered in part."""
    partly = np.flatnonzero((tiles != ALL_COVERED) & (tiles != 0))
    if not len(partly):
        return
    row, column = np.divmod(partly, columns)
    pixels = picture.view(np.uint32).reshape(-1, SIDE)
    at = (SIDE * row[:, None] + np.arange(SIDE)) * columns + column[:, None]
    pixels[at] *= bits_of(tiles[partly]).reshape(-1, SIDE, SIDE)


def _masks(layers: Layers, outlines: Numbers, tiles: Tiles) -> dict[int, Array]:
    """The pixels of outlines: bool [h, w] each."""
    grid = _Grid(outlines, np.arange(len(tiles)))
    pictures: dict[int, Array] = {}
    for stack in _stacked(layers, outlines):
        bits = bits_of(tiles[_cells_of(layers, grid, stack.layers)])
        blocks = bits.reshape(stack.rows, stack.columns, SIDE, SIDE).swapaxes(1, 2)
        pictures |= _cut(layers, stack, blocks.reshape(stack.height, stack.width))
    return pictures


def _cut(layers: Layers, stack: _Stack, picture: Array) -> Iterable[tuple[int, Array]]:
    """The layers of a stack apart from one another."""
    ends = np.cumsum(SIDE * layers.rows[stack.layers]).tolist()
    starts = [0, *ends][:-1]
    return [
        (layer, picture[start:end])
        for layer, start, end in zip(stack.layers.tolist(), starts, ends, strict=True)
    ]


def _frames(
    structure: Structure, frames: Numbers, pictures: Mapping[int, Array]
) -> Iterator[SldFrame]:
    canvas, hotspot = structure.canvas[frames].tolist(), structure.hotspot[frames].tolist()
    layer_of = structure.layer_of[frames]
    box = structure.layers.box[layer_of].tolist() if len(structure.layers) else layer_of.tolist()
    rows = zip(canvas, hotspot, layer_of.tolist(), box, strict=True)
    for (width, height), (x, y), numbers, boxes in rows:
        main, shadow, outline, damage, player = [
            PlacedLayer(place[0], place[1], pictures[layer]) if layer in pictures else None
            for layer, place in zip(numbers, boxes, strict=True)
        ]
        yield SldFrame(width, height, (x, y), main, shadow, outline, damage, player)

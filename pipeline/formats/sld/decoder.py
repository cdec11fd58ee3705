"""The pixels of chosen frames of an SLD file, many frames at a time.

Deltas are resolved on block *positions*, not on pixels: each layer becomes a grid of cells, one per
4x4 block, which hold the block's offset in the file, and an inherited cell takes over the offset
of a cell of the layer before. Only then are blocks decoded. Layers of one width are stacked for it,
so that a stack is a single compressed image, and its pixels are where they belong at once. The
loops over blocks stand in `kernels`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pipeline.formats.blocks import SIDE, Array
from pipeline.formats.ranges import Numbers, joined_ranges
from pipeline.formats.sld.grid import ALL_COVERED, Grid, Resolved, Stack
from pipeline.formats.sld.kernels import BlockKernels, loops_for
from pipeline.formats.sld.model import COLOUR_KINDS, LayerKind, PlacedLayer, SldFrame
from pipeline.formats.sld.outline import Outlines, Tiles, bits_of
from pipeline.formats.sld.structure import KINDS, NO_LAYER, NONE_BEFORE, Layers, Structure

BATCH_BLOCKS = 1 << 16
"""Blocks of frames that are resolved together: 4 MiB of colours."""


@dataclass(frozen=True)
class DecodeOptions:
    """What is wanted of every frame; see `sld.decode`."""

    layers: frozenset[LayerKind]
    clear_stale: bool


def decode_frames(
    data: bytes, structure: Structure, indices: Iterable[int], options: DecodeOptions
) -> Iterator[SldFrame]:
    """Decode frames in the order of the file, and nothing that they do not need.

    Args:
        data: the file that `structure` was read from.
        indices: of the frames; each is decoded once.

    Raises:
        SldError: an outline is damaged.
    """
    before = Grid(np.zeros(0, np.int64), np.zeros(0, np.int64))
    for batch in _batches(structure, np.unique(np.fromiter(indices, np.int64)), options):
        loops = loops_for(int(structure.layers.blocks[batch.blocks].sum()))
        resolved = loops.resolve(data, structure.layers, batch.blocks, before)
        images = _images(loops, _Source(data, structure, batch, resolved))
        yield from _frames(structure, batch.frames, images)
        before = _last_of_each_kind(structure.layers, resolved.grid)


@dataclass(frozen=True, eq=False)
class _Batch:
    """Frames that are decoded together, and their layers; all are numbers in rising order.

    Attributes:
        frames: those that are asked for.
        blocks: layers of blocks whose grids are needed: shown, looked at or inherited from.
        shown: layers of blocks whose pixels are wanted.
        outlines: outlines that are wanted, or clear what a main layer inherits.
        options: what was wanted of every frame.
    """

    frames: Numbers
    blocks: Numbers
    shown: Numbers
    outlines: Numbers
    options: DecodeOptions


def _batches(structure: Structure, frames: Numbers, options: DecodeOptions) -> Iterator[_Batch]:
    """Group the frames, and the layers that they need, so that a batch fits the cache."""
    layers = structure.layers
    shown, outlines = _wanted(structure, frames, options)
    looked_at = np.zeros(len(layers), np.bool_)
    looked_at[structure.layers_of_kind(LayerKind.MAIN)[layers.frame[outlines]]] = True
    looked_at[shown] = True
    needed = structure.with_ancestors(looked_at)
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
            options=options,
        )


def _wanted(
    structure: Structure, frames: Numbers, options: DecodeOptions
) -> tuple[Numbers, Numbers]:
    """The layers of blocks that are wanted of the frames, and the outlines that are needed."""
    kinds = [number for number, kind in enumerate(KINDS) if kind in options.layers]
    wanted = structure.layer_of[frames][:, kinds].reshape(-1)
    wanted = np.sort(wanted[wanted != NO_LAYER])
    is_outline = structure.layers.kind[wanted] == LayerKind.OUTLINE
    outlines = wanted[is_outline]
    if options.clear_stale and LayerKind.MAIN in options.layers:
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


def _last_of_each_kind(layers: Layers, grid: Grid) -> Grid:
    """A layer inherits from the one before it of its kind, so no older one is needed again."""
    kinds = layers.kind[grid.layers]
    last = np.sort([np.flatnonzero(kinds == kind)[-1] for kind in np.unique(kinds)])
    chosen = grid.layers[last.astype(np.int64)]
    cells = joined_ranges(grid.first_cells(layers, chosen), layers.blocks[chosen])
    return Grid(chosen, grid.cells[cells])


# --- Pixels ----------------------------------------------------------------------------------


class _Source(NamedTuple):
    """A batch of a file, with its deltas resolved."""

    data: bytes
    structure: Structure
    batch: _Batch
    resolved: Resolved


def _images(loops: BlockKernels, source: _Source) -> dict[int, Array]:
    """The pixels of every wanted layer of the batch's frames."""
    layers, batch, grid = source.structure.layers, source.batch, source.resolved.grid
    tiles, covered = _read_outlines(loops, source)
    is_colour = (layers.kind[batch.shown] & sum(COLOUR_KINDS)) > 0
    images: dict[int, Array] = {}
    for stack in _stacked(layers, grid, batch.shown[is_colour]):
        images |= _cut(stack, loops.colours(source.data, stack, grid.cells, covered))
    for stack in _stacked(layers, grid, batch.shown[~is_colour]):
        images |= _cut(stack, loops.values(source.data, stack, grid.cells))
    if LayerKind.OUTLINE in batch.options.layers:
        images |= _masks(layers, batch.outlines, tiles)
    return images


def _read_outlines(loops: BlockKernels, source: _Source) -> tuple[Tiles, Tiles]:
    """The tiles of all outlines, joined; and what is covered of every cell of the grid."""
    data, structure, batch, resolved = source
    layers, outlines = structure.layers, batch.outlines
    everything = np.full(len(resolved.grid.cells), ALL_COVERED, np.uint16)
    if not len(outlines):
        return np.zeros(0, np.uint16), everything
    place = Outlines(
        layers.body[outlines], layers.end[outlines], layers.rows[outlines], layers.columns[outlines]
    )
    main = structure.layers_of_kind(LayerKind.MAIN)[layers.frame[outlines]]
    first = resolved.grid.first_cells(layers, main)
    all_rows = LayerKind.OUTLINE in batch.options.layers
    tiles = loops.outline_tiles(data, place, first, resolved, all_rows)
    clears = batch.options.clear_stale
    return tiles, loops.covered(place, first, tiles, resolved) if clears else everything


def _stacked(layers: Layers, grid: Grid, chosen: Numbers) -> list[Stack]:
    """Group layers by their width; empty ones make stacks without pixels."""
    columns, rows = layers.columns[chosen], layers.rows[chosen]
    first = grid.first_cells(layers, chosen)
    return [
        Stack(chosen[alike], first[alike], rows[alike], int(width))
        for width in np.unique(columns)
        for alike in [columns == width]
    ]


def _masks(layers: Layers, outlines: Numbers, tiles: Tiles) -> dict[int, Array]:
    """The pixels of outlines: bool [h, w] each."""
    grid = Grid(outlines, np.arange(len(tiles)))
    images: dict[int, Array] = {}
    for stack in _stacked(layers, grid, outlines):
        bits = bits_of(tiles[stack.cells])
        blocks = bits.reshape(stack.height // SIDE, stack.columns, SIDE, SIDE).swapaxes(1, 2)
        images |= _cut(stack, blocks.reshape(stack.height, stack.width))
    return images


def _cut(stack: Stack, image: Array) -> Iterable[tuple[int, Array]]:
    """The layers of a stack apart from one another."""
    ends = np.cumsum(SIDE * stack.rows).tolist()
    starts = [0, *ends][:-1]
    return [
        (layer, image[start:end])
        for layer, start, end in zip(stack.layers.tolist(), starts, ends, strict=True)
    ]


def _frames(
    structure: Structure, frames: Numbers, images: Mapping[int, Array]
) -> Iterator[SldFrame]:
    canvas, hotspot = structure.canvas[frames].tolist(), structure.hotspot[frames].tolist()
    layer_of = structure.layer_of[frames]
    box = structure.layers.box[layer_of].tolist() if len(structure.layers) else layer_of.tolist()
    rows = zip(canvas, hotspot, layer_of.tolist(), box, strict=True)
    for (width, height), (x, y), numbers, boxes in rows:
        main, shadow, outline, damage, player = [
            PlacedLayer(place[0], place[1], images[layer]) if layer in images else None
            for layer, place in zip(numbers, boxes, strict=True)
        ]
        yield SldFrame(width, height, (x, y), main, shadow, outline, damage, player)

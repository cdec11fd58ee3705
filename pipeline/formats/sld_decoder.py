"""The pixels of chosen frames of an SLD file, many blocks at a time.

Deltas are resolved on block *positions*, not on pixels: each layer becomes a grid of file offsets,
one per 4x4 block, and a skipped block takes over the offset from the grid before. Only then are the
blocks of many frames decoded together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.formats.blocks import BLOCK_BYTES, SIDE, decode_bc1, decode_bc4
from pipeline.formats.sld_model import (
    COLOUR_KINDS,
    LayerKind,
    Mask,
    PlacedLayer,
    SldFrame,
)
from pipeline.formats.sld_outline import Tiles, bits_of, decode_tiles, mask_of
from pipeline.formats.sld_structure import (
    NONE_BEFORE,
    Box,
    LayerRecord,
    Structure,
    command_bytes,
    overlap,
)

Offsets = npt.NDArray[np.int64]
"""File offset of each block; NO_BLOCK where it is transparent."""
NO_BLOCK = 0
Array = npt.NDArray[Any]
Bytes = npt.NDArray[np.uint8]

BATCH_BLOCKS = 1 << 15
"""Blocks of frames that are resolved together: 2 MiB of colours."""
DECODE_BATCH = 2_048
"""Blocks decoded at once; larger batches leave the processor's cache."""
ALL_COVERED = 0xFFFF
"""The outline's tile that covers all pixels of its block."""
BC1_ROW = np.complex128
"""Stands for the 16 bytes of a block's row: numpy moves numbers faster than bytes."""
BC4_ROW = np.uint32


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
    before: Mapping[int, _Grid] = {}
    for batch in _batches(structure, set(indices), wish):
        grids = _resolve(data, structure, batch, before)
        images = _images(data, structure, batch, grids, wish)
        for frame in batch.frames:
            yield _assemble(structure, frame, images)
        before = {layer: grids[layer] for layer in _last_of_each_kind(structure, grids)}


@dataclass(frozen=True)
class _Batch:
    """Frames that are decoded together, and the layers needed for it.

    Attributes:
        frames: those that are asked for.
        colours, values, outlines: their layers of BC1 blocks, of BC4 blocks, and of neither.
        ancestors: layers of other frames that these inherit from.
    """

    frames: list[int]
    colours: list[int]
    values: list[int]
    outlines: list[int]
    ancestors: list[int]

    @property
    def layers(self) -> list[int]:
        """All layers of blocks, in the order of the file."""
        return sorted([*self.colours, *self.values, *self.ancestors])


class _Grid(NamedTuple):
    """The blocks of one layer: [rows, columns]."""

    offsets: Offsets
    inherited: Mask | None


def _batches(structure: Structure, wanted: set[int], wish: Wish) -> Iterator[_Batch]:
    """Group the wanted frames, and those between that they need, into batches."""
    records = structure.layers
    layers = structure.with_ancestors(
        layer for frame in wanted for layer in _needed(structure, frame, wish)
    )
    layers_of: dict[int, list[int]] = {frame: [] for frame in wanted}
    for layer in layers:
        layers_of.setdefault(records[layer].frame, []).append(layer)

    frames: list[int] = []
    blocks = 0
    for frame in sorted(layers_of):
        size = sum(records[layer].blocks for layer in layers_of[frame])
        if frames and blocks + size > BATCH_BLOCKS:
            yield _batch_of(structure, frames, layers_of, wanted)
            frames, blocks = [], 0
        frames.append(frame)
        blocks += size
    if frames:
        yield _batch_of(structure, frames, layers_of, wanted)


def _needed(structure: Structure, frame: int, wish: Wish) -> list[int]:
    """The layers of a frame that are wanted, and the outline if it clears one of them."""
    layers = structure.frames[frame].layers
    needed = [layer for kind, layer in layers.items() if kind in wish.layers]
    if LayerKind.OUTLINE not in wish.layers and LayerKind.OUTLINE in layers and wish.clear_stale:
        main = layers[LayerKind.MAIN]
        if main in needed and structure.layers[main].inherits != NONE_BEFORE:
            needed.append(layers[LayerKind.OUTLINE])
    return needed


def _batch_of(
    structure: Structure, frames: list[int], layers_of: dict[int, list[int]], wanted: set[int]
) -> _Batch:
    batch = _Batch([frame for frame in frames if frame in wanted], [], [], [], [])
    for frame in frames:
        for layer in layers_of[frame]:
            kind = structure.layers[layer].kind
            if frame not in wanted:
                batch.ancestors.append(layer)
            elif kind is LayerKind.OUTLINE:
                batch.outlines.append(layer)
            elif kind in COLOUR_KINDS:
                batch.colours.append(layer)
            else:
                batch.values.append(layer)
    return batch


def _last_of_each_kind(structure: Structure, layers: Iterable[int]) -> Iterable[int]:
    """A layer inherits from the one before it of its kind, so no older one is needed again."""
    return {structure.layers[layer].kind: layer for layer in sorted(layers)}.values()


# --- Resolving deltas ------------------------------------------------------------------------


def _resolve(
    data: bytes, structure: Structure, batch: _Batch, before: Mapping[int, _Grid]
) -> dict[int, _Grid]:
    """The grids of a batch's layers, which lie one after another in one array."""
    records = structure.layers
    flat = _drawn_offsets(data, structure, batch.layers)
    empty = flat == NO_BLOCK
    grids = dict(before)
    start = 0
    for layer in batch.layers:
        record = records[layer]
        shape = record.box.rows, record.box.columns
        offsets = flat[start : start + record.blocks].reshape(shape)
        inherited = None
        if record.inherits != NONE_BEFORE:
            # What the commands did not reach inherits nothing.
            empty[start + int(structure.reached[layer]) : start + record.blocks] = False
            inherited = empty[start : start + record.blocks].reshape(shape)
            mine, theirs = overlap(record.box, records[record.inherits].box)
            parent = grids[record.inherits].offsets
            np.copyto(offsets[mine], parent[theirs], where=inherited[mine])
        grids[layer] = _Grid(offsets, inherited)
        start += record.blocks
    return grids


def _drawn_offsets(data: bytes, structure: Structure, layers: list[int]) -> Offsets:
    """Offsets of the drawn blocks of layers, joined; all others are NO_BLOCK."""
    records = [structure.layers[layer] for layer in layers]
    commands = np.frombuffer(command_bytes(data, records), np.uint8)
    draws = np.resize(np.array([False, True]), len(commands))
    reached_at = np.flatnonzero(np.repeat(draws, commands))

    drawn, reached = structure.drawn[layers], structure.reached[layers]
    sizes = np.array([record.blocks for record in records], np.int64)
    first_blocks = np.array([record.first_block for record in records], np.int64)
    # The commands of a layer may end before its box does: what follows lies farther along.
    ahead = _starts(sizes) - _starts(reached)
    number = np.arange(len(reached_at)) - np.repeat(_starts(drawn), drawn)
    offsets = np.full(sizes.sum(), NO_BLOCK, np.int64)
    offsets[reached_at + np.repeat(ahead, drawn)] = (
        np.repeat(first_blocks, drawn) + number * BLOCK_BYTES
    )
    return offsets


def _starts(lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Where each of several joined parts begins."""
    return np.cumsum(lengths) - lengths


# --- Decoding blocks -------------------------------------------------------------------------


def _images(
    data: bytes, structure: Structure, batch: _Batch, grids: Mapping[int, _Grid], wish: Wish
) -> dict[int, Array]:
    """The pixels of every wanted layer of the batch's frames."""
    records = structure.layers
    tiles = {layer: _tiles(data, records[layer]) for layer in batch.outlines}
    covered = _covered(structure, batch, grids, tiles) if wish.clear_stale else {}
    boxes = {layer: records[layer].box for layer in (*batch.colours, *batch.values)}
    images = {
        **_pixels(data, boxes, grids, batch.colours, _BlockRows(BC1_ROW, _rows_of_bc1), covered),
        **_pixels(data, boxes, grids, batch.values, _BlockRows(BC4_ROW, _rows_of_bc4), {}),
    }
    if LayerKind.OUTLINE in wish.layers:
        images |= {layer: mask_of(outline) for layer, outline in tiles.items()}
    return images


def _tiles(data: bytes, layer: LayerRecord) -> Tiles:
    return decode_tiles(data[layer.body : layer.end], layer.box.rows, layer.box.columns)


def _covered(
    structure: Structure, batch: _Batch, grids: Mapping[int, _Grid], tiles: Mapping[int, Tiles]
) -> dict[int, Tiles]:
    """Of delta main layers with an outline: what it covers of inherited blocks, all of others."""
    covered: dict[int, Tiles] = {}
    for frame in batch.frames:
        layers = structure.frames[frame].layers
        outline = tiles.get(layers.get(LayerKind.OUTLINE, NONE_BEFORE))
        grid = grids.get(layers.get(LayerKind.MAIN, NONE_BEFORE))
        if outline is not None and grid is not None and grid.inherited is not None:
            covered[layers[LayerKind.MAIN]] = np.where(grid.inherited, outline, ALL_COVERED)
    return covered


@dataclass(frozen=True)
class _BlockRows:
    """How blocks become rows of four pixels.

    Attributes:
        item: a type of number as large as one row.
        decode: uint8 [n, 8] and what is covered of each block, to `item` [n, 4].
    """

    item: type[np.generic]
    decode: Callable[[Bytes, Tiles], Array]


def _rows_of_bc1(blocks: Bytes, covered: Tiles) -> Array:
    """Rows of RGBA, transparent where a pixel is not covered."""
    packed = decode_bc1(blocks).view(np.uint32).reshape(-1, SIDE * SIDE)
    partly = np.flatnonzero(covered != ALL_COVERED)
    packed[partly] *= bits_of(covered[partly])
    return packed.view(BC1_ROW)


def _rows_of_bc4(blocks: Bytes, _covered: Tiles) -> Array:
    return decode_bc4(blocks).reshape(-1, SIDE * SIDE).view(BC4_ROW)


def _pixels(
    data: bytes,
    boxes: Mapping[int, Box],
    grids: Mapping[int, _Grid],
    layers: Sequence[int],
    rows: _BlockRows,
    covered: Mapping[int, Tiles],
) -> dict[int, Array]:
    """The pixels of each layer, [h, w] or [h, w, 4]: parts of one array."""
    if not layers:
        return {}
    sizes = np.array([grids[layer].offsets.size for layer in layers])
    offsets = np.concatenate([grids[layer].offsets.reshape(-1) for layer in layers])
    tiles = _joined(sizes, layers, covered)
    columns = np.repeat([boxes[layer].columns for layer in layers], sizes)
    places = _places_of_blocks(sizes, columns)
    present = np.flatnonzero(offsets)
    # Element i is the eight bytes from offset i on.
    windows = np.ndarray(len(data) - BLOCK_BYTES + 1, np.uint64, data, strides=(1,))
    drawn = np.zeros(SIDE * len(offsets), rows.item)
    for start in range(0, len(present), DECODE_BATCH):
        at = present[start : start + DECODE_BATCH]
        blocks = windows[offsets[at]].view(np.uint8).reshape(-1, BLOCK_BYTES)
        beneath = columns[at][:, None] * np.arange(SIDE)
        drawn[places[at][:, None] + beneath] = rows.decode(blocks, tiles[at])
    pixels = drawn.view(np.uint8)
    channels = () if rows.item is BC4_ROW else (4,)
    parts = {}
    start = 0
    for layer in layers:
        height, width = SIDE * boxes[layer].rows, SIDE * boxes[layer].columns
        end = start + height * width * (drawn.itemsize // SIDE)
        parts[layer] = pixels[start:end].reshape(height, width, *channels)
        start = end
    return parts


def _joined(
    sizes: npt.NDArray[np.int64], layers: Sequence[int], covered: Mapping[int, Tiles]
) -> Tiles:
    """What is covered of every block of the layers, one layer after another."""
    joined = np.full(sizes.sum(), ALL_COVERED, np.uint16)
    for layer, start in zip(layers, _starts(sizes).tolist(), strict=True):
        if layer in covered:
            tiles = covered[layer].reshape(-1)
            joined[start : start + len(tiles)] = tiles
    return joined


def _places_of_blocks(sizes: npt.NDArray[np.int64], columns: Array) -> npt.NDArray[np.int64]:
    """Where the first row of each block belongs, counted in rows of blocks, layer after layer."""
    number = np.arange(len(columns)) - np.repeat(_starts(sizes), sizes)
    above = number // np.maximum(columns, 1) * columns
    places: npt.NDArray[np.int64] = (
        np.arange(len(columns)) + np.repeat((SIDE - 1) * _starts(sizes), sizes) + (SIDE - 1) * above
    )
    return places


def _assemble(structure: Structure, frame: int, images: Mapping[int, Array]) -> SldFrame:
    record = structure.frames[frame]

    def placed(kind: LayerKind) -> PlacedLayer | None:
        layer = record.layers.get(kind, NONE_BEFORE)
        if layer not in images:
            return None
        box = structure.layers[layer].box
        return PlacedLayer(box.left, box.top, images[layer])

    return SldFrame(
        canvas_width=record.canvas_width,
        canvas_height=record.canvas_height,
        hotspot=record.hotspot,
        main=placed(LayerKind.MAIN),
        shadow=placed(LayerKind.SHADOW),
        outline=placed(LayerKind.OUTLINE),
        damage=placed(LayerKind.DAMAGE),
        player=placed(LayerKind.PLAYER),
    )

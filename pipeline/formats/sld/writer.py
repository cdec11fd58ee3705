"""Frames to the bytes of an SLD file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.formats.blocks import (
    SIDE,
    TRANSPARENT_BC1,
    TRANSPARENT_BC4,
    Array,
    Codes,
    blocks_of,
    encode_bc1,
    encode_bc4,
)
from pipeline.formats.sld.model import (
    BC4,
    COLOUR_KINDS,
    DELTA,
    HEADER_FILL,
    HEADER_SIZES,
    MAX_FRAMES,
    MAX_SIDE,
    OUTLINE_FLAG,
    OWN_BOX_KINDS,
    SIGNATURE,
    VERSION,
    LayerKind,
    Mask,
    PlacedLayer,
    SldError,
    SldFrame,
    heading_starts,
)
from pipeline.formats.sld.outline import encode_tiles, tiles_of
from pipeline.formats.sld.structure import (
    BOX,
    COMMAND_COUNT,
    FILE_HEADER,
    FLAGS,
    FRAME_HEADER,
    LAYER_LENGTH,
    LayerBox,
    overlap,
)

OPAQUE = 128
"""Alpha from which a pixel counts as opaque: BC1 knows nothing between."""
LONGEST_RUN = 255
MOST_COMMANDS = 0xFFFF


def encode(frames: Sequence[SldFrame], header_size: int = 16) -> bytes:
    """Write frames as one SLD file.

    Layers may lie anywhere on the canvas and have any size; they are grown to whole 4x4 blocks.
    Damage, outline and player share the box of `main`, which therefore grows to cover them all and
    must be there if one of them is. Colours lose precision as BC1 does (RGB565, four per 4x4
    block), `shadow` and `player` as BC4 does (eight values per block). Blocks equal to those of the
    frame before are not stored again. The same frames give the same bytes on every machine.

    When the number of frames is a multiple of 16, or one more, the file is taken as 16 headings and
    each of them begins with a frame that refers to none before it.

    Args:
        frames: in the order of the file: heading by heading from east clockwise, step by step.
        header_size: 16 or 14, both occur in the game.

    Raises:
        SldError: the frames do not fit the format; the text names the frame and the layer.
    """
    if header_size not in HEADER_SIZES:
        raise SldError(f"SLD headers have no size of {header_size}.", "Use 16 or 14.")
    if not 1 <= len(frames) <= MAX_FRAMES:
        raise SldError(
            f"{len(frames)} frames do not make an SLD file.", f"Give 1 to {MAX_FRAMES} frames."
        )
    fill = HEADER_FILL.to_bytes(header_size - FILE_HEADER.size, "little")
    written = bytearray(FILE_HEADER.pack(SIGNATURE, VERSION, len(frames), 0, header_size) + fill)
    starts = frozenset(heading_starts(len(frames)))
    before: dict[LayerKind, _Grid] = {}
    for index, frame in enumerate(frames):
        if index in starts:
            before = {}
        layers = _layers_of(frame, index)
        written += _frame_header(frame, index, layers)
        for layer in layers.values():
            body = _layer_body(layer, layers.get(LayerKind.OUTLINE), before)
            written += LAYER_LENGTH.pack(LAYER_LENGTH.size + len(body)) + body
            written += bytes((header_size - len(written)) % 4)
    return bytes(written)


@dataclass(frozen=True, eq=False)
class _Layer:
    """A layer's pixels within a box of whole blocks."""

    kind: LayerKind
    box: LayerBox
    pixels: Array


@dataclass(frozen=True, eq=False)
class _Grid:
    """A layer's blocks as numbers of eight bytes, [rows, columns], and which of them show."""

    box: LayerBox
    codes: Codes
    visible: Mask


def _frame_header(frame: SldFrame, index: int, layers: dict[LayerKind, _Layer]) -> bytes:
    x, y = frame.hotspot
    if not (min(frame.canvas_width, frame.canvas_height) >= 0 and min(x, y) >= -0x8000):
        raise _misfit(f"Frame {index}", "its canvas or hotspot is too small")
    if max(frame.canvas_width, frame.canvas_height) > MAX_SIDE or max(x, y) > 0x7FFF:
        raise _misfit(f"Frame {index}", f"its canvas is longer than {MAX_SIDE} pixels")
    mask = sum(layers)
    return FRAME_HEADER.pack(frame.canvas_width, frame.canvas_height, x, y, mask, 0, index)


# --- Layers in boxes of whole blocks ---------------------------------------------------------


def _layers_of(frame: SldFrame, index: int) -> dict[LayerKind, _Layer]:
    """The frame's layers, in the order of the file."""
    placed = {
        kind: layer
        for kind in LayerKind
        if (layer := getattr(frame, kind.name.lower())) is not None
    }
    for kind, layer in placed.items():
        _check(kind, layer, f"The {kind.name.lower()} layer of frame {index}")
    sharing = [layer for kind, layer in placed.items() if kind is not LayerKind.SHADOW]
    if sharing and LayerKind.MAIN not in placed:
        raise _misfit(f"Frame {index}", "it has layers that need a main layer, and has none")
    shared = _box_around(sharing)
    return {
        kind: _boxed(kind, layer, _box_around([layer]) if kind is LayerKind.SHADOW else shared)
        for kind, layer in placed.items()
    }


def _check(kind: LayerKind, layer: PlacedLayer, name: str) -> None:
    shape = (layer.height, layer.width, *((4,) if kind in COLOUR_KINDS else ()))
    kind_of_number = np.bool_ if kind is LayerKind.OUTLINE else np.uint8
    if layer.pixels.shape != shape or layer.pixels.dtype != kind_of_number:
        raise _misfit(name, f"its pixels are {layer.pixels.dtype} {list(layer.pixels.shape)}")
    if min(layer.x, layer.y) < 0:
        raise _misfit(name, f"it begins at ({layer.x}, {layer.y}), left of or above the canvas")
    if max(layer.x + layer.width, layer.y + layer.height) > MAX_SIDE:
        raise _misfit(name, f"it reaches beyond {MAX_SIDE} pixels")


def _box_around(layers: Sequence[PlacedLayer]) -> LayerBox:
    """The smallest box of whole blocks that holds the layers."""
    if not layers:
        return LayerBox(0, 0, 0, 0)
    return LayerBox(
        min(layer.x for layer in layers) // SIDE * SIDE,
        min(layer.y for layer in layers) // SIDE * SIDE,
        -(-max(layer.x + layer.width for layer in layers) // SIDE) * SIDE,
        -(-max(layer.y + layer.height for layer in layers) // SIDE) * SIDE,
    )


def _boxed(kind: LayerKind, layer: PlacedLayer, box: LayerBox) -> _Layer:
    size = (box.bottom - box.top, box.right - box.left)
    pixels = np.zeros((*size, *layer.pixels.shape[2:]), layer.pixels.dtype)
    top, left = layer.y - box.top, layer.x - box.left
    pixels[top : top + layer.height, left : left + layer.width] = layer.pixels
    return _Layer(kind, box, pixels)


# --- Layers to bytes -------------------------------------------------------------------------


def _layer_body(layer: _Layer, outline: _Layer | None, before: dict[LayerKind, _Grid]) -> bytes:
    """Everything after the length; notes the layer's blocks in `before`."""
    if layer.kind is LayerKind.OUTLINE:
        return FLAGS.pack(OUTLINE_FLAG, 0) + encode_tiles(tiles_of(layer.pixels))
    grid = _grid_of(layer)
    own_box = BOX.pack(*layer.box) if layer.kind in OWN_BOX_KINDS else b""
    flags = 0 if layer.kind in COLOUR_KINDS else BC4
    parent = before.get(layer.kind)
    before[layer.kind] = grid

    whole = _commands(grid.visible) + _codes(grid, grid.visible, layer.kind)
    if parent is not None:
        kept = _kept(layer, outline, grid, parent)
        drawn = ~kept & (grid.visible | _seen_through(grid, parent))
        delta = _commands(drawn) + _codes(grid, drawn, layer.kind)
        if len(delta) < len(whole):
            return own_box + FLAGS.pack(flags | DELTA, 0) + delta
    return own_box + FLAGS.pack(flags, 0) + whole


def _grid_of(layer: _Layer) -> _Grid:
    blocks = blocks_of(layer.pixels)
    is_colour = layer.kind in COLOUR_KINDS
    covered = blocks[..., 3] >= OPAQUE if is_colour else blocks > 0
    visible = covered.any(axis=(1, 2))
    codes = np.zeros(len(blocks), np.uint64)
    encoded = (encode_bc1 if is_colour else encode_bc4)(blocks[visible])
    codes[visible] = encoded.view("<u8")[:, 0]
    shape = (layer.box.rows, layer.box.columns)
    return _Grid(layer.box, codes.reshape(shape), visible.reshape(shape))


def _kept(layer: _Layer, outline: _Layer | None, grid: _Grid, parent: _Grid) -> Mask:
    """Blocks that show what the parent shows there."""
    mine, theirs = overlap(grid.box, parent.box)
    kept = np.zeros_like(grid.visible)
    kept[mine] = parent.visible[theirs] & (grid.codes[mine] == parent.codes[theirs])
    kept &= grid.visible
    if layer.kind is LayerKind.MAIN and outline is not None:
        # A reader clears inherited pixels that the outline does not cover: draw those blocks.
        bare = (layer.pixels[..., 3] >= OPAQUE) & ~outline.pixels
        kept &= ~blocks_of(bare).any(axis=(1, 2)).reshape(kept.shape)
    return kept


def _seen_through(grid: _Grid, parent: _Grid) -> Mask:
    """Blocks where the parent would show if they were skipped."""
    mine, theirs = overlap(grid.box, parent.box)
    seen = np.zeros_like(grid.visible)
    seen[mine] = parent.visible[theirs]
    return seen


def _codes(grid: _Grid, drawn: Mask, kind: LayerKind) -> bytes:
    """The drawn blocks; those that show nothing are drawn to hide what was there before."""
    transparent = TRANSPARENT_BC1 if kind in COLOUR_KINDS else TRANSPARENT_BC4
    codes = np.where(grid.visible, grid.codes, np.uint64(transparent))
    return codes[drawn].astype("<u8").tobytes()


def _commands(drawn: Mask) -> bytes:
    """The skip and draw commands, with their count before them."""
    commands = bytes(count for pair in _runs(drawn.reshape(-1)) for count in pair)
    if len(commands) // 2 > MOST_COMMANDS:
        raise SldError(
            "A layer is too fragmented for an SLD file.", "Give the frame fewer separate parts."
        )
    return COMMAND_COUNT.pack(len(commands) // 2) + commands


def _runs(drawn: Mask) -> Iterator[tuple[int, int]]:
    """Pairs of how many blocks to skip and how many to draw then, each at most 255."""
    edges = np.flatnonzero(np.diff(drawn, prepend=False, append=False)).tolist()
    position = 0
    for start, end in [*zip(edges[::2], edges[1::2], strict=True), (len(drawn), len(drawn))]:
        skip, draw = start - position, end - start
        while skip > LONGEST_RUN:
            yield LONGEST_RUN, 0
            skip -= LONGEST_RUN
        while draw > LONGEST_RUN:
            yield skip, LONGEST_RUN
            skip, draw = 0, draw - LONGEST_RUN
        if skip or draw:
            yield skip, draw
        position = end


def _misfit(name: str, how: str) -> SldError:
    return SldError(
        f"{name} does not fit the SLD format: {how}.",
        "See `SldFrame` for the layers' types and shapes, and move or crop what lies outside.",
    )

"""Where everything lies in an SLD file, checked, before a single pixel is decoded.

An SLD file has no table of frames: each layer states its length, and the next one follows at the
next offset that is congruent to the header's size modulo 4. All integers are little-endian.

    file    "SLDX", u16 version, u16 frames, u16 0, u16 header size, u32 or u16 0xFF
    frame   u16 width, u16 height, i16 hotspot x, i16 hotspot y, u8 layer mask, u8, u16 index
    layer   u32 length with these four bytes, then by kind
            main, shadow            u16 x1, y1, x2, y2, u8 flags, u8; then commands and blocks
            damage, player          u8 flags, u8; then commands and blocks
            outline                 u8 flags, u8; then what `outline` describes
    commands and blocks             u16 count, count times (u8 skip, u8 draw), 8 bytes a drawn block

The commands run through the 4x4 blocks of the box row by row. What a skipped block shows depends on
the layer's delta flag; what the commands do not reach is transparent.

Only finding the layers takes a step for each of them. Everything else is read and checked for all
layers at once, in columns.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from pipeline.formats.blocks import BLOCK_BYTES, SIDE, Array, Bytes
from pipeline.formats.ranges import Numbers, joined_ranges
from pipeline.formats.sld.model import (
    DELTA,
    HEADER_SIZES,
    MAX_BLOCKS,
    MAX_FILE_BYTES,
    MAX_FRAME_BLOCKS,
    MAX_FRAMES,
    MAX_SIDE,
    OWN_BOX_KINDS,
    SIGNATURE,
    VERSION,
    LayerKind,
    Mask,
    SldError,
)

FILE_HEADER = struct.Struct("<4sHHHH")
FRAME_HEADER = struct.Struct("<HHhhBBH")
FRAME_FIELDS = np.dtype("<u2, <u2, <i2, <i2, u1, u1, <u2")
LAYER_LENGTH = struct.Struct("<I")
BOX = struct.Struct("<4H")
FLAGS = struct.Struct("<BB")
COMMAND_COUNT = struct.Struct("<H")

FRAME_HEADER_BYTES = FRAME_HEADER.size
LAYER_LENGTH_BYTES = LAYER_LENGTH.size
MASK_AT = 8
"""Of a frame's header."""
ALL_KINDS = sum(LayerKind)
KINDS_IN_MASK = [[kind for kind in LayerKind if mask & kind] for mask in range(ALL_KINDS + 1)]
KINDS = tuple(LayerKind)
NONE_BEFORE = -1
NO_LAYER = -1
WHOLE = (slice(None), slice(None))


class LayerBox(NamedTuple):
    """A layer's area on the canvas in pixels, right and bottom exclusive; multiples of 4."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def columns(self) -> int:
        return (self.right - self.left) // SIDE

    @property
    def rows(self) -> int:
        return (self.bottom - self.top) // SIDE


@dataclass(frozen=True, eq=False)
class Layers:
    """The layers of all frames in the order of the file, column by column: arrays [layers].

    Offsets are in bytes from the start of the file. Layers that share the main layer's box are left
    out of frames without a main layer, where they show nothing.

    Attributes:
        frame: its number.
        kind: a `LayerKind`.
        box: [layers, 4], pixels; see `LayerBox`.
        body: first byte after the flags; for layers of blocks, after the count of commands.
        commands: how many; 0 for an outline.
        end: first byte after the layer.
        inherits: the layer whose blocks stand where this one skips, or NONE_BEFORE.
        reached, drawn: how many blocks the commands cover, and draw.
    """

    frame: Numbers
    kind: Numbers
    box: Numbers
    body: Numbers
    commands: Numbers
    end: Numbers
    inherits: Numbers
    reached: Numbers
    drawn: Numbers

    def __len__(self) -> int:
        return len(self.kind)

    @cached_property
    def columns(self) -> Numbers:
        return (self.box[:, 2] - self.box[:, 0]) // SIDE

    @cached_property
    def rows(self) -> Numbers:
        return (self.box[:, 3] - self.box[:, 1]) // SIDE

    @cached_property
    def blocks(self) -> Numbers:
        return self.rows * self.columns

    @cached_property
    def first_block(self) -> Numbers:
        """Offset of the first drawn block."""
        return self.body + 2 * self.commands


@dataclass(frozen=True, eq=False)
class Structure:
    """Everything about a file except its pixels.

    Attributes:
        canvas: [frames, 2], width and height in pixels.
        hotspot: [frames, 2], x and y on the canvas.
        layers: of all frames.
        layer_of: [frames, 5], a frame's layer of each kind in the order of `KINDS`, or NO_LAYER.
        warnings: oddities that do no harm.
    """

    canvas: Numbers
    hotspot: Numbers
    layers: Layers
    layer_of: Numbers
    warnings: tuple[str, ...]

    def layers_of_kind(self, kind: LayerKind) -> Numbers:
        """Each frame's layer of a kind, or NO_LAYER."""
        return self.layer_of[:, KINDS.index(kind)]

    def with_ancestors(self, wanted: Mask) -> Mask:
        """Mark what the marked layers inherit from, too, however far back."""
        needed = wanted.copy()
        added = np.flatnonzero(wanted)
        while len(added):
            parents = self.layers.inherits[added]
            parents = parents[parents != NONE_BEFORE]
            added = np.unique(parents[~needed[parents]])
            needed[added] = True
        return needed


def parse(data: bytes) -> Structure:
    """Walk through a file.

    Raises:
        SldError: it is no SLD file, is damaged, or is larger than any real one.
    """
    frame_count, header_size = _file_header(data)
    places, end = _walk(data, frame_count, header_size)
    frames = _frames(data, places)
    layers, odd_padding = _layers(data, places, header_size)
    trailing = [f"{len(data) - end} bytes follow the last frame"] if end < len(data) else []
    layer_of = np.full((frame_count, len(KINDS)), NO_LAYER, np.int64)
    layer_of[layers.frame, np.searchsorted(KINDS, layers.kind)] = np.arange(len(layers))
    return Structure(
        canvas=np.stack((frames["f0"], frames["f1"]), axis=1).astype(np.int64),
        hotspot=np.stack((frames["f2"], frames["f3"]), axis=1).astype(np.int64),
        layers=layers,
        layer_of=layer_of,
        warnings=(*_odd_numbers(frames["f6"]), *odd_padding, *trailing),
    )


def overlap(box: LayerBox, other: LayerBox) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The blocks that two boxes share, as rows and columns of the one and of the other."""
    if box == other:
        return WHOLE, WHOLE
    left, top = max(box.left, other.left), max(box.top, other.top)
    right, bottom = min(box.right, other.right), min(box.bottom, other.bottom)
    right, bottom = max(left, right), max(top, bottom)

    def within(area: LayerBox) -> tuple[slice, slice]:
        rows = slice((top - area.top) // SIDE, (bottom - area.top) // SIDE)
        return rows, slice((left - area.left) // SIDE, (right - area.left) // SIDE)

    return within(box), within(other)


def command_bytes(data: bytes, layers: Layers, chosen: Numbers) -> Bytes:
    """The commands of some layers, joined: uint8 [commands, 2], how many to skip and to draw."""
    at = joined_ranges(layers.body[chosen], 2 * layers.commands[chosen])
    return np.frombuffer(data, np.uint8)[at].reshape(-1, 2)


def numbers_at(data: bytes, offsets: Numbers, kind: str) -> Array:
    """Numbers of a type such as `<u2` that begin at the offsets, aligned or not.

    The offsets must leave room for a whole number in the data.
    """
    dtype = np.dtype(kind)
    room = max(len(data) - dtype.itemsize + 1, 0)
    # Element i of this view is the number that begins at byte i.
    windows: Array = np.ndarray((room,), dtype, data, strides=(1,))
    return windows[offsets]


# --- The walk --------------------------------------------------------------------------------


class _Places(NamedTuple):
    """Where frames and layers begin, and the layers' frames, kinds and lengths."""

    frame_at: list[int]
    layer_at: list[int]
    layer_frame: list[int]
    layer_kind: list[LayerKind]
    layer_length: list[int]


def _file_header(data: bytes) -> tuple[int, int]:
    if len(data) > MAX_FILE_BYTES:
        raise too_large(f"it has {len(data)} bytes, more than {MAX_FILE_BYTES}")
    if len(data) < FILE_HEADER.size or not data.startswith(SIGNATURE):
        raise SldError("This is not an SLD file.", "Choose a file that begins with 'SLDX'.")
    _, version, frame_count, _, header_size = FILE_HEADER.unpack_from(data)
    if version != VERSION:
        raise SldError(
            f"This SLD file has version {version}; only version {VERSION} is known.",
            "Update Outpost, or take the file from a current copy of the game.",
        )
    if header_size not in HEADER_SIZES:
        raise damaged(f"its header claims {header_size} bytes instead of 16 or 14")
    if frame_count == 0:
        raise damaged("it holds no frames")
    if frame_count > MAX_FRAMES:
        raise too_large(f"it has {frame_count} frames, more than {MAX_FRAMES}")
    return frame_count, header_size


def _walk(data: bytes, frame_count: int, header_size: int) -> tuple[_Places, int]:
    """Find every frame and layer, and where the last one ends."""
    frame_at, layer_at, layer_frame, layer_kind, layer_length = places = _Places([], [], [], [], [])
    position, size = header_size, len(data)
    for index in range(frame_count):
        layers_at = position + FRAME_HEADER_BYTES
        if layers_at > size:
            raise damaged(f"it ends within frame {index}")
        mask = data[position + MASK_AT]
        if mask & ~ALL_KINDS:
            raise damaged(f"frame {index} has unknown layers (mask {mask:#04x})")
        if index > 0 and not (mask or any(data[position:layers_at])):
            # Files that were not written to their end are known: zeros from 1 MiB on.
            raise damaged(f"frame {index} is blank")
        frame_at.append(position)
        position = layers_at
        for kind in KINDS_IN_MASK[mask]:
            # Beyond the file's end this is a number of fewer bytes, and the check refuses it.
            length = int.from_bytes(data[position : position + 4], "little")
            end = position + length
            if length < LAYER_LENGTH_BYTES or end > size:
                raise damaged(f"the {_name(kind, index)} claims {length} bytes")
            layer_at.append(position)
            layer_frame.append(index)
            layer_kind.append(kind)
            layer_length.append(length)
            position = end + (header_size - end) % 4
    return places, min(position, size)


def _frames(data: bytes, places: _Places) -> Array:
    """The headers of all frames."""
    at = np.array(places.frame_at)[:, None] + np.arange(FRAME_FIELDS.itemsize)
    frames = np.frombuffer(data, np.uint8)[at].view(FRAME_FIELDS)[:, 0]
    longest = np.maximum(frames["f0"], frames["f1"])

    def says(frame: int) -> SldError:
        size = f"{frames['f0'][frame]}x{frames['f1'][frame]}"
        return too_large(f"frame {frame} is {size}, longer than {MAX_SIDE} pixels")

    _refuse(longest > MAX_SIDE, says)
    return frames


# --- Layers, all at once ---------------------------------------------------------------------


def _layers(data: bytes, places: _Places, header_size: int) -> tuple[Layers, list[str]]:
    """The layers that show something, and what is odd about the padding of any."""
    frame = np.array(places.layer_frame, np.int64)
    kind = np.array(places.layer_kind, np.int64)
    start = np.array(places.layer_at, np.int64)
    end = start + np.array(places.layer_length, np.int64)
    odd_padding = _odd_padding(data, end, header_size, frame, kind)

    has_main = np.zeros(len(places.frame_at), np.bool_)
    has_main[frame[kind == LayerKind.MAIN]] = True
    shown = np.flatnonzero(_is_any_of(kind, OWN_BOX_KINDS) | has_main[frame])
    frame, kind, start, end = frame[shown], kind[shown], start[shown], end[shown]
    name = _Namer(frame, kind)

    body = _bodies(start, end, kind, name)
    box = _boxes(data, frame, kind, start, name)
    is_outline = kind == LayerKind.OUTLINE
    commands = numbers_at(data, body - COMMAND_COUNT.size, "<u2").astype(np.int64)
    commands[is_outline] = 0
    flags = numbers_at(data, body - np.where(is_outline, 2, 4), "u1")
    _refuse(
        body + 2 * commands > end, lambda i: damaged(f"the {name(i)} has more commands than bytes")
    )
    nothing = np.zeros(len(kind), np.int64)
    layers = Layers(
        frame=frame,
        kind=kind,
        box=box,
        body=body,
        commands=commands,
        end=end,
        inherits=_parents(kind, ((flags & DELTA) != 0) & ~is_outline),
        reached=nothing,
        drawn=nothing,
    )
    _check_sizes(layers)
    return _with_counts(data, layers, name), odd_padding


class _Namer(NamedTuple):
    """Names layers in messages."""

    frame: Numbers
    kind: Numbers

    def __call__(self, layer: int) -> str:
        return _name(LayerKind(int(self.kind[layer])), int(self.frame[layer]))


def _bodies(start: Numbers, end: Numbers, kind: Numbers, name: _Namer) -> Numbers:
    """Where commands or the outline's rows begin."""
    own_box = np.where(_is_any_of(kind, OWN_BOX_KINDS), BOX.size, 0)
    count = np.where(kind == LayerKind.OUTLINE, 0, COMMAND_COUNT.size)
    body: Numbers = start + LAYER_LENGTH.size + own_box + FLAGS.size + count
    _refuse(body > end, lambda i: damaged(f"the {name(i)} claims {end[i] - start[i]} bytes"))
    return body


def _boxes(data: bytes, frame: Numbers, kind: Numbers, start: Numbers, name: _Namer) -> Numbers:
    """Every layer's box: its own, or that of its frame's main layer."""
    owns = np.flatnonzero(_is_any_of(kind, OWN_BOX_KINDS))
    at = start[owns, None] + LAYER_LENGTH.size + 2 * np.arange(4)
    stated = numbers_at(data, at, "<u2").astype(np.int64)
    left, top, right, bottom = stated.T
    odd = (left > right) | (top > bottom) | (np.bitwise_or.reduce(stated, axis=1) % SIDE > 0)
    far = np.maximum(right, bottom) > MAX_SIDE

    def box_of(layer: int) -> tuple[int, ...]:
        return tuple(stated[layer].tolist())

    _refuse(odd, lambda i: damaged(f"the {name(int(owns[i]))} has the box {box_of(i)}"))
    _refuse(
        far,
        lambda i: too_large(
            f"the {name(int(owns[i]))} reaches to {box_of(i)[2:]}, beyond {MAX_SIDE}"
        ),
    )
    box = np.zeros((len(kind), 4), np.int64)
    box[owns] = stated
    main_of = np.zeros(int(frame.max(initial=0)) + 1, np.int64)
    mains = np.flatnonzero(kind == LayerKind.MAIN)
    main_of[frame[mains]] = mains
    shares = ~_is_any_of(kind, OWN_BOX_KINDS)
    box[shares] = box[main_of[frame[shares]]]
    return box


def _parents(kind: Numbers, is_delta: Mask) -> Numbers:
    """For delta layers the layer before of the same kind, else NONE_BEFORE."""
    parents = np.full(len(kind), NONE_BEFORE, np.int64)
    for each in KINDS:
        layers = np.flatnonzero(kind == each)
        parents[layers[1:]] = layers[:-1]
    parents[~is_delta] = NONE_BEFORE
    return parents


def _check_sizes(layers: Layers) -> None:
    blocks = layers.blocks
    if blocks.sum() > MAX_BLOCKS:
        raise too_large(f"its layers cover more than {MAX_BLOCKS} blocks")
    of_frames = np.bincount(layers.frame, blocks)
    _refuse(
        of_frames > MAX_FRAME_BLOCKS,
        lambda frame: too_large(f"frame {frame} covers more than {MAX_FRAME_BLOCKS} blocks"),
    )


def _with_counts(data: bytes, layers: Layers, name: _Namer) -> Layers:
    """Add up the commands of each layer, which must stay within its box and its bytes."""
    commands = command_bytes(data, layers, np.arange(len(layers)))
    totals = np.zeros((len(commands) + 1, 2), np.int64)
    np.cumsum(commands, axis=0, out=totals[1:])
    ends = np.concatenate((np.zeros(1, np.int64), np.cumsum(layers.commands)))
    counts = np.diff(totals[ends], axis=0)
    reached, drawn = counts.sum(axis=1), counts[:, 1]
    _refuse(
        reached > layers.blocks, lambda i: damaged(f"the {name(i)} holds more blocks than its box")
    )
    _refuse(
        layers.first_block + drawn * BLOCK_BYTES > layers.end,
        lambda i: damaged(f"the {name(i)} ends within its blocks"),
    )
    return replace(layers, reached=reached, drawn=drawn)


def _is_any_of(kind: Numbers, kinds: frozenset[LayerKind]) -> Mask:
    return (kind & sum(kinds)) > 0


# --- What is odd, and what is wrong ----------------------------------------------------------


def _odd_numbers(numbers: Array) -> list[str]:
    odd = np.flatnonzero(numbers != np.arange(len(numbers)))
    return [f"frame {frame} calls itself {numbers[frame]}" for frame in odd.tolist()]


def _odd_padding(
    data: bytes, end: Numbers, header_size: int, frame: Numbers, kind: Numbers
) -> list[str]:
    everything = np.frombuffer(data, np.uint8)
    padding = np.minimum((header_size - end) % 4, len(data) - end)
    odd = np.zeros(len(end), np.bool_)
    for ahead in range(3):
        padded = np.flatnonzero(padding > ahead)
        odd[padded] |= everything[end[padded] + ahead] != 0
    name = _Namer(frame, kind)
    return [
        f"the {name(layer)} is followed by bytes other than zero"
        for layer in np.flatnonzero(odd).tolist()
    ]


def _refuse(wrong: Mask, says: Callable[[int], SldError]) -> None:
    """Raise for the first layer or frame that is marked."""
    if wrong.any():
        raise says(int(wrong.argmax()))


def _name(kind: LayerKind, frame: int) -> str:
    return f"{kind.name.lower()} layer of frame {frame}"


def damaged(how: str) -> SldError:
    """The error for a file that does not hold together."""
    return SldError(
        f"The SLD file is damaged: {how}.",
        "Let the game's launcher verify its files, then read the file again.",
    )


def too_large(how: str) -> SldError:
    """The error for a file beyond the limits."""
    return SldError(
        f"The SLD file is too large: {how}.",
        "No file of the game is that large: check where this one came from.",
    )

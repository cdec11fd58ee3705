"""Where everything lies in an SLD file, checked, before a single pixel is decoded.

An SLD file has no table of frames: each layer states its length, and the next one follows at the
next offset that is congruent to the header's size modulo 4. All integers are little-endian.

    file    "SLDX", u16 version, u16 frames, u16 0, u16 header size, u32 or u16 0xFF
    frame   u16 width, u16 height, i16 hotspot x, i16 hotspot y, u8 layer mask, u8, u16 index
    layer   u32 length with these four bytes, then by kind
            main, shadow            u16 x1, y1, x2, y2, u8 flags, u8; then commands and blocks
            damage, player          u8 flags, u8; then commands and blocks
            outline                 u8 flags, u8; then what `sld_outline` describes
    commands and blocks             u16 count, count times (u8 skip, u8 draw), 8 bytes a drawn block

The commands run through the 4x4 blocks of the box row by row. What a skipped block shows depends on
the layer's delta flag; what the commands do not reach is transparent.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.formats.blocks import BLOCK_BYTES, SIDE
from pipeline.formats.sld_model import (
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
    SldError,
)

FILE_HEADER = struct.Struct("<4sHHHH")
FRAME_HEADER = struct.Struct("<HHhhBBH")
LAYER_LENGTH = struct.Struct("<I")
BOX = struct.Struct("<4H")
FLAGS = struct.Struct("<BB")
COMMAND_COUNT = struct.Struct("<H")
BOXED_HEAD = struct.Struct("<I4HBBH")
SHARING_HEAD = struct.Struct("<IBBH")
OUTLINE_HEAD = struct.Struct("<IBB")
"""What stands before the commands, or the outline's rows: read at once, as a file has thousands."""

Counts = npt.NDArray[np.int64]

HEADS = {
    LayerKind.MAIN: BOXED_HEAD,
    LayerKind.SHADOW: BOXED_HEAD,
    LayerKind.OUTLINE: OUTLINE_HEAD,
    LayerKind.DAMAGE: SHARING_HEAD,
    LayerKind.PLAYER: SHARING_HEAD,
}
ALL_KINDS = sum(LayerKind)
KINDS_IN_MASK = [[kind for kind in LayerKind if mask & kind] for mask in range(ALL_KINDS + 1)]
NONE_BEFORE = -1
WHOLE = (slice(None), slice(None))


class Box(NamedTuple):
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


class LayerRecord(NamedTuple):
    """Where one layer lies; offsets are in bytes from the start of the file."""

    frame: int
    kind: LayerKind
    box: Box
    blocks: int
    """How many the box holds."""
    body: int
    """First byte after the flags; for layers of blocks, after the count of commands."""
    end: int
    commands: int
    """How many; 0 for an outline."""
    inherits: int
    """Index of the layer whose blocks stand where this one skips, or NONE_BEFORE."""

    @property
    def first_block(self) -> int:
        """Offset of the first drawn block."""
        return self.body + 2 * self.commands


class FrameRecord(NamedTuple):
    """A frame's header and the indices of its layers."""

    canvas_width: int
    canvas_height: int
    hotspot: tuple[int, int]
    layers: dict[LayerKind, int]


@dataclass(frozen=True, eq=False)
class Structure:
    """Everything about a file except its pixels.

    Attributes:
        layers: of all frames, in the order of the file.
        reached, drawn: how many blocks the commands of each layer cover, and draw.
    """

    header_size: int
    frames: tuple[FrameRecord, ...]
    layers: tuple[LayerRecord, ...]
    reached: Counts
    drawn: Counts
    warnings: tuple[str, ...]

    def with_ancestors(self, wanted: Iterable[int]) -> list[int]:
        """The given layers and all that they inherit from, in the order of the file."""
        needed: set[int] = set()
        for layer in wanted:
            link = layer
            while link != NONE_BEFORE and link not in needed:
                needed.add(link)
                link = self.layers[link].inherits
        return sorted(needed)


def parse(data: bytes) -> Structure:
    """Walk through a file.

    Raises:
        SldError: it is no SLD file, is damaged, or is larger than any real one.
    """
    return _Walk(data).run()


class _Walk:
    """The state of one walk: where it is and what came before."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0
        self.frames: list[FrameRecord] = []
        self.layers: list[LayerRecord] = []
        self.warnings: list[str] = []
        self.last_of_kind: dict[LayerKind, int] = {}
        self.kind: LayerKind | None = None
        self.blocks = 0

    def run(self) -> Structure:
        frame_count, header_size = self._file_header()
        self.position = self.phase = header_size
        for index in range(frame_count):
            self._frame(index)
        if self.position < len(self.data):
            self.warnings.append(f"{len(self.data) - self.position} bytes follow the last frame")
        reached, drawn = _block_counts(self.data, self.layers)
        _check_counts(self.layers, reached, drawn)
        return Structure(
            header_size=header_size,
            frames=tuple(self.frames),
            layers=tuple(self.layers),
            reached=reached,
            drawn=drawn,
            warnings=tuple(self.warnings),
        )

    def _file_header(self) -> tuple[int, int]:
        if len(self.data) > MAX_FILE_BYTES:
            raise too_large(f"it has {len(self.data)} bytes, more than {MAX_FILE_BYTES}")
        if len(self.data) < FILE_HEADER.size or not self.data.startswith(SIGNATURE):
            raise SldError("This is not an SLD file.", "Choose a file that begins with 'SLDX'.")
        _, version, frame_count, _, header_size = FILE_HEADER.unpack_from(self.data)
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

    def _frame(self, index: int) -> None:
        self.kind = None
        header = self._take(FRAME_HEADER)
        if index > 0 and not any(header):
            # Files that were not written to their end are known: zeros from 1 MiB on.
            raise damaged(f"frame {index} is blank")
        width, height, x, y, mask, _, number = header
        if max(width, height) > MAX_SIDE:
            raise too_large(f"frame {index} is {width}x{height}, longer than {MAX_SIDE} pixels")
        if mask & ~ALL_KINDS:
            raise damaged(f"frame {index} has unknown layers (mask {mask:#04x})")
        if number != index:
            self.warnings.append(f"frame {index} calls itself {number}")
        layers: dict[LayerKind, int] = {}
        blocks_before = self.blocks
        for kind in KINDS_IN_MASK[mask]:
            self.kind = kind
            self._layer(kind, layers)
        if self.blocks - blocks_before > MAX_FRAME_BLOCKS:
            raise too_large(f"frame {index} covers more than {MAX_FRAME_BLOCKS} blocks")
        self.frames.append(FrameRecord(width, height, (x, y), layers))

    def _layer(self, kind: LayerKind, layers: dict[LayerKind, int]) -> None:
        start = self.position
        # A layer that shares the main layer's box shows nothing where there is no main layer.
        shows = kind in OWN_BOX_KINDS or LayerKind.MAIN in layers
        length, *fields = self._take(HEADS[kind] if shows else LAYER_LENGTH)
        end = start + length
        if length < LAYER_LENGTH.size or end > len(self.data):
            raise damaged(f"the {self._place()} claims {length} bytes")
        if shows:
            record = self._record(kind, self._box(kind, layers, fields), fields, end)
            layers[kind] = self.last_of_kind[kind] = len(self.layers)
            self.layers.append(record)
        self._skip_padding(end)

    def _box(self, kind: LayerKind, layers: dict[LayerKind, int], fields: Sequence[int]) -> Box:
        if kind not in OWN_BOX_KINDS:
            return self.layers[layers[LayerKind.MAIN]].box
        left, top, right, bottom = fields[:4]
        if left > right or top > bottom or (left | top | right | bottom) % SIDE:
            raise damaged(f"the {self._place()} has the box {(left, top, right, bottom)}")
        if max(right, bottom) > MAX_SIDE:
            raise too_large(f"the {self._place()} reaches to {(right, bottom)}, beyond {MAX_SIDE}")
        return Box(left, top, right, bottom)

    def _record(self, kind: LayerKind, box: Box, fields: Sequence[int], end: int) -> LayerRecord:
        blocks = (box.bottom - box.top) * (box.right - box.left) // SIDE**2
        self.blocks += blocks
        if self.blocks > MAX_BLOCKS:
            raise too_large(f"its layers cover more than {MAX_BLOCKS} blocks")
        commands, inherits = 0, NONE_BEFORE
        if kind is not LayerKind.OUTLINE:
            flags, _, commands = fields[-3:]
            if flags & DELTA:
                inherits = self.last_of_kind.get(kind, NONE_BEFORE)
        if self.position + 2 * commands > end:
            raise damaged(f"the {self._place()} has more commands than bytes")
        frame, body = len(self.frames), self.position
        return LayerRecord(frame, kind, box, blocks, body, end, commands, inherits)

    def _skip_padding(self, end: int) -> None:
        self.position = min(end + (self.phase - end) % 4, len(self.data))
        if self.position > end and self.data[end : self.position].strip(b"\0"):
            self.warnings.append(f"the {self._place()} is followed by bytes other than zero")

    def _take(self, fields: struct.Struct) -> tuple[int, ...]:
        try:
            values = fields.unpack_from(self.data, self.position)
        except struct.error:
            raise damaged(f"it ends within the {self._place()}") from None
        self.position += fields.size
        return values

    def _place(self) -> str:
        """Where the walk is, for messages."""
        frame = f"frame {len(self.frames)}"
        return frame if self.kind is None else f"{self.kind.name.lower()} layer of {frame}"


def _block_counts(data: bytes, layers: Sequence[LayerRecord]) -> tuple[Counts, Counts]:
    commands = np.frombuffer(command_bytes(data, layers), np.uint8).reshape(-1, 2)
    totals = np.zeros((len(commands) + 1, 2), np.int64)
    np.cumsum(commands, axis=0, out=totals[1:])
    ends = np.cumsum([0, *(layer.commands for layer in layers)], dtype=np.int64)
    counts = np.diff(totals[ends], axis=0)
    return counts.sum(axis=1), counts[:, 1]


def _check_counts(layers: Sequence[LayerRecord], reached: Counts, drawn: Counts) -> None:
    """Every layer's commands must stay within its box, and its blocks within its bytes."""
    for layer, reach, draws in zip(layers, reached.tolist(), drawn.tolist(), strict=True):
        if reach > layer.blocks:
            raise damaged(f"a {layer.kind.name.lower()} layer holds more blocks than its box")
        if layer.first_block + draws * BLOCK_BYTES > layer.end:
            raise damaged(f"a {layer.kind.name.lower()} layer ends within its blocks")


def overlap(box: Box, other: Box) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The blocks that two boxes share, as rows and columns of the one and of the other."""
    if box == other:
        return WHOLE, WHOLE
    left, top = max(box.left, other.left), max(box.top, other.top)
    right, bottom = min(box.right, other.right), min(box.bottom, other.bottom)
    right, bottom = max(left, right), max(top, bottom)

    def within(area: Box) -> tuple[slice, slice]:
        rows = slice((top - area.top) // SIDE, (bottom - area.top) // SIDE)
        return rows, slice((left - area.left) // SIDE, (right - area.left) // SIDE)

    return within(box), within(other)


def command_bytes(data: bytes, layers: Iterable[LayerRecord]) -> bytes:
    """The commands of the layers, joined."""
    return b"".join(data[layer.body : layer.first_block] for layer in layers)


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

"""An SLD decoder that is slow and obviously right: one pixel at a time, one dictionary per layer.

It shares no code with `pipeline.formats` and follows the format page line by line. A layer is a
dictionary from canvas position to value, so that "the same canvas position in the layer before" is
a plain look-up. The tests hold the real reader against it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

Colour = tuple[int, int, int, int]
TRANSPARENT: Colour = (0, 0, 0, 0)

KIND_NAMES = {1: "main", 2: "shadow", 4: "outline", 8: "damage", 16: "player"}


@dataclass
class ReferenceLayer:
    box: tuple[int, int, int, int]
    pixels: dict[tuple[int, int], object] = field(default_factory=dict)
    """Every pixel of the box by its canvas position."""


@dataclass
class ReferenceFrame:
    canvas: tuple[int, int]
    hotspot: tuple[int, int]
    layers: dict[str, ReferenceLayer]


def reference_frames(data: bytes, clear_stale: bool = True) -> Iterator[ReferenceFrame]:
    """Decode a sound file from its first frame to its last."""
    signature, version, frame_count, _, header_size = struct.unpack_from("<4sHHHH", data, 0)
    assert (signature, version) == (b"SLDX", 4)
    position = header_size
    before: dict[str, ReferenceLayer] = {}
    for _ in range(frame_count):
        width, height, x, y, mask, _, _ = struct.unpack_from("<HHhhBBH", data, position)
        position += 12
        layers: dict[str, ReferenceLayer] = {}
        inherited: set[tuple[int, int]] = set()
        for bit, name in KIND_NAMES.items():
            if not mask & bit:
                continue
            (length,) = struct.unpack_from("<I", data, position)
            payload = data[position + 4 : position + length]
            position += length
            while position % 4 != header_size % 4:
                position += 1
            if name in ("main", "shadow"):
                box = struct.unpack_from("<4H", payload, 0)
                payload = payload[8:]
            elif "main" in layers:
                box = layers["main"].box
            else:
                continue
            if name == "outline":
                layers[name] = outline_layer(payload[2:], layers["main"])
            else:
                parent = before.get(name) if payload[0] & 0x80 else None
                layer, taken = block_layer(payload[2:], box, name, parent)
                layers[name] = before[name] = layer
                if name == "main":
                    inherited = taken
        yield ReferenceFrame((width, height), (x, y), cleared(layers, inherited, clear_stale))


def cleared(
    layers: dict[str, ReferenceLayer], inherited: set[tuple[int, int]], clear_stale: bool
) -> dict[str, ReferenceLayer]:
    """Without inherited main pixels that the outline does not cover; `before` keeps them."""
    if not clear_stale or "outline" not in layers:
        return layers
    main = ReferenceLayer(layers["main"].box, dict(layers["main"].pixels))
    for place in inherited:
        if not layers["outline"].pixels[place]:
            main.pixels[place] = TRANSPARENT
    return {**layers, "main": main}


def block_layer(
    payload: bytes, box: tuple[int, int, int, int], name: str, parent: ReferenceLayer | None
) -> tuple[ReferenceLayer, set[tuple[int, int]]]:
    """A layer of BC1 or BC4 blocks, and which of its pixels come from `parent`."""
    left, top, right, bottom = box
    corners = [(x, y) for y in range(top, bottom, 4) for x in range(left, right, 4)]
    nothing = TRANSPARENT if name in ("main", "damage") else 0
    decode = bc1 if name in ("main", "damage") else bc4
    layer = ReferenceLayer(box)
    for x in range(left, right):
        for y in range(top, bottom):
            layer.pixels[x, y] = nothing
    inherited: set[tuple[int, int]] = set()

    (count,) = struct.unpack_from("<H", payload, 0)
    block_at = 2 + 2 * count
    number = 0
    for command in range(count):
        skip, draw = payload[2 + 2 * command], payload[3 + 2 * command]
        for x, y in corners[number : number + skip]:
            for place in ((x + dx, y + dy) for dy in range(4) for dx in range(4)):
                if parent is not None and place in parent.pixels:
                    layer.pixels[place] = parent.pixels[place]
                    inherited.add(place)
        number += skip
        for x, y in corners[number : number + draw]:
            values = decode(payload[block_at : block_at + 8])
            block_at += 8
            for i, value in enumerate(values):
                layer.pixels[x + i % 4, y + i // 4] = value
        number += draw
    return layer, inherited


def outline_layer(payload: bytes, main: ReferenceLayer) -> ReferenceLayer:
    left, top, right, bottom = main.box
    rows, columns = (bottom - top) // 4, (right - left) // 4
    starts = [struct.unpack_from("<H", payload, 2 * row)[0] + 2 * rows for row in range(rows)]
    layer = ReferenceLayer(main.box)
    for row, (start, end) in enumerate(zip(starts, [*starts[1:], len(payload)], strict=True)):
        places = [(left + dx, top + 4 * row + dy) for dy in range(4) for dx in range(4)]
        first_block = [columns > 0 and main.pixels[place][3] == 255 for place in places]
        commands = in_order(outline_commands(payload[start:end]), first_block)
        tiles: list[int] = []
        for command in commands:
            last = tiles[-1] if tiles else 0
            tiles += [last] * command if isinstance(command, int) else command
        while tiles and len(tiles) < columns:
            tiles.append(tiles[-1])
        for column in range(columns):
            tile = tiles[column] if tiles else 0
            for bit in range(16):
                place = (left + 4 * column + bit % 4, top + 4 * row + bit // 4)
                layer.pixels[place] = tile >> bit & 1 == 1
    return layer


def outline_commands(stream: bytes) -> list[int | list[int]]:
    """Runs as their length, other commands as the tiles that they list."""
    commands: list[int | list[int]] = []
    position = 0
    while position < len(stream):
        byte = stream[position]
        position += 1
        if byte < 128:
            commands.append(byte)
        else:
            count = byte - 128
            commands.append(list(struct.unpack_from(f"<{count}H", stream, position)))
            position += 2 * count
    return commands


def in_order(commands: list[int | list[int]], first_block: list[bool]) -> list[int | list[int]]:
    """A last run of one tile, which is written before the tiles that it follows, put behind them.

    It is such a run if another run stands before it, or if nothing does and the image's first
    block shows all that the first of the tiles covers.
    """
    if len(commands) < 2:
        return commands
    *others, one, tiles = commands
    if one != 1 or not isinstance(tiles, list) or not tiles:
        return commands
    if others:
        misplaced = isinstance(others[-1], int)
    else:
        misplaced = all(first_block[bit] for bit in range(16) if tiles[0] >> bit & 1)
    return [*others, tiles, one] if misplaced else commands


def bc1(block: bytes) -> list[Colour]:
    """Sixteen colours, row by row."""
    c0, c1, bits = struct.unpack("<HHI", block)
    a, b = widened(c0), widened(c1)
    if c0 > c1:
        third = tuple((2 * p + q) // 3 for p, q in zip(a, b, strict=True))
        fourth = (*((p + 2 * q) // 3 for p, q in zip(a, b, strict=True)), 255)
    else:
        third = tuple((p + q) // 2 for p, q in zip(a, b, strict=True))
        fourth = TRANSPARENT
    colours = [(*a, 255), (*b, 255), (*third, 255), fourth]
    return [colours[bits >> 2 * i & 3] for i in range(16)]


def widened(colour: int) -> tuple[int, int, int]:
    """RGB565 to 8 bits each by repeating the high bits: 31 becomes 255."""
    red, green, blue = colour >> 11, colour >> 5 & 63, colour & 31
    return red * 8 + red // 4, green * 4 + green // 16, blue * 8 + blue // 4


def bc4(block: bytes) -> list[int]:
    """Sixteen values, row by row."""
    a, b = block[0], block[1]
    bits = int.from_bytes(block[2:], "little")
    if a > b:
        values = [a, b] + [((7 - i) * a + i * b) // 7 for i in range(1, 7)]
    else:
        values = [a, b] + [((5 - i) * a + i * b) // 5 for i in range(1, 5)] + [0, 255]
    return [values[bits >> 3 * i & 7] for i in range(16)]

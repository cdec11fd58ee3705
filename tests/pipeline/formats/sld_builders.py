"""Small SLD files for tests: written byte by byte, or drawn at random and encoded."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from pipeline.formats.sld import PlacedLayer, SldFrame

RED = bytes.fromhex("00f8 0000 00000000")
GREEN = bytes.fromhex("e007 0000 00000000")
FULL = bytes.fromhex("ff00 000000000000")
"""A BC4 block of 255."""

RED_PIXEL = (255, 0, 0, 255)
GREEN_PIXEL = (0, 255, 0, 255)


def commands(*pairs: tuple[int, int], blocks: Sequence[bytes] = ()) -> bytes:
    return struct.pack("<H", len(pairs)) + bytes(n for p in pairs for n in p) + b"".join(blocks)


def main(box: tuple[int, int, int, int], body: bytes, flags: int = 0) -> tuple[int, bytes]:
    return 0x01, struct.pack("<4HBB", *box, flags, 0) + body


def shadow(box: tuple[int, int, int, int], body: bytes, flags: int = 1) -> tuple[int, bytes]:
    return 0x02, struct.pack("<4HBB", *box, flags, 0) + body


def outline(rows: Sequence[bytes]) -> tuple[int, bytes]:
    starts = [sum(map(len, rows[:row])) for row in range(len(rows))]
    return 0x04, b"\x05\0" + struct.pack(f"<{len(rows)}H", *starts) + b"".join(rows)


def player(body: bytes, flags: int = 1) -> tuple[int, bytes]:
    return 0x10, bytes((flags, 0)) + body


def header_size_of(data: bytes) -> int:
    """What a file says of its header: 16 or 14."""
    return int.from_bytes(data[10:12], "little")


def sld(
    *frames: Sequence[tuple[int, bytes]], header_size: int = 16, canvas: tuple[int, int] = (16, 16)
) -> bytes:
    """A file of frames, each a list of layers in the order of their bits."""
    data = struct.pack("<4s4H", b"SLDX", 4, len(frames), 0, header_size)
    data += (255).to_bytes(header_size - 12, "little")
    for index, layers in enumerate(frames):
        mask = sum(bit for bit, _ in layers)
        data += struct.pack("<HHhhBBH", *canvas, 8, 8, mask, 0, index)
        for _, body in layers:
            data += struct.pack("<I", len(body) + 4) + body
            data += bytes((header_size - len(data)) % 4)
    return data


def random_frame(rng: np.random.Generator, layers: Sequence[str] = ("main",)) -> SldFrame:
    """A frame with the given layers at places that need not lie on whole blocks."""
    frame = SldFrame(40, 36, (int(rng.integers(-5, 50)), 18))
    for name in layers:
        x, y, width, height = (int(n) for n in rng.integers((0, 0, 1, 1), (30, 26, 22, 22)))
        frame = replace(frame, **{name: PlacedLayer(x, y, _pixels(rng, name, height, width))})
    return frame


def _pixels(rng: np.random.Generator, name: str, height: int, width: int) -> np.ndarray:
    holes = rng.random((height, width)) < 0.3
    if name == "outline":
        return ~holes
    if name in ("shadow", "player"):
        values = rng.integers(0, 256, (height, width), dtype=np.uint8)
        return np.where(holes, np.uint8(0), values)
    pixels = rng.integers(0, 256, (height, width, 4), dtype=np.uint8)
    pixels[..., 3] = np.where(holes, 0, 255)
    return pixels


ALL_LAYERS = ("main", "shadow", "outline", "damage", "player")


def animation(seed: int, count: int) -> list[SldFrame]:
    """Frames with varying layers, of which neighbours share much."""
    rng = np.random.default_rng(seed)
    frames: list[SldFrame] = []
    for _ in range(count):
        if frames and rng.random() < 0.7:
            frames.append(_nudged(rng, frames[-1]))
        else:
            chosen = [name for name in ALL_LAYERS[1:] if rng.random() < 0.6]
            needs_main = any(name != "shadow" for name in chosen)
            with_main = needs_main or rng.random() < 0.7
            frames.append(random_frame(rng, (["main"] if with_main else []) + chosen))
    return frames


animations = st.builds(animation, st.integers(0, 2**32), st.sampled_from([1, 2, 3, 5, 16, 17, 20]))


def _nudged(rng: np.random.Generator, frame: SldFrame) -> SldFrame:
    """The frame with a patch of each layer changed, and now and then a layer moved."""
    changes = {}
    for name in ALL_LAYERS:
        layer = getattr(frame, name)
        if layer is None:
            continue
        pixels = layer.pixels.copy()
        rows, columns = (
            slice(*sorted(rng.integers(0, 22, 2))),
            slice(*sorted(rng.integers(0, 22, 2))),
        )
        pixels[rows, columns] = rng.choice([0, 255, 90]).astype(pixels.dtype)
        step = 4 * int(rng.random() < 0.2)
        changes[name] = PlacedLayer(layer.x + step, layer.y, pixels)
    return replace(frame, **changes)

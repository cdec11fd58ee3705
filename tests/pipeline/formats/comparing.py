"""Comparing decoded frames and blocks, with the reference decoder and with each other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

from pipeline.formats.blocks import SIDE
from pipeline.formats.sld import SldFrame
from tests.pipeline.formats.reference_sld import KIND_NAMES, ReferenceFrame


def image_of(blocks: np.ndarray, width: int) -> np.ndarray:
    """Join [n, 4, 4, ...] blocks, row by row, to an image of that width; undoes `blocks_of`."""
    tiled = blocks.reshape(-1, width // SIDE, *blocks.shape[1:]).swapaxes(1, 2)
    rows = tiled.shape[0] * SIDE
    return np.ascontiguousarray(tiled).reshape(rows, width, *blocks.shape[3:])


def same_frame(one: SldFrame, other: SldFrame) -> bool:
    """Equal to the last pixel and place."""
    return _described(one) == _described(other)


def agrees(frame: SldFrame, reference: ReferenceFrame) -> bool:
    """Every layer has the reference's box and, pixel by pixel, its values."""
    placed = {name for name in KIND_NAMES.values() if getattr(frame, name) is not None}
    return (
        (frame.canvas_width, frame.canvas_height) == reference.canvas
        and frame.hotspot == reference.hotspot
        and placed == set(reference.layers)
        and all(_layer_agrees(frame, reference, name) for name in placed)
    )


def _layer_agrees(frame: SldFrame, reference: ReferenceFrame, name: str) -> bool:
    layer, expected = getattr(frame, name), reference.layers[name]
    left, top, right, bottom = expected.box
    if (layer.x, layer.y, layer.width, layer.height) != (left, top, right - left, bottom - top):
        return False
    places = [(x, y) for y in range(top, bottom) for x in range(left, right)]
    values = np.array([expected.pixels[place] for place in places], layer.pixels.dtype)
    return np.array_equal(layer.pixels, values.reshape(layer.pixels.shape))


def digest_of_frames(frames: Iterable[SldFrame]) -> str:
    """SHA-256 over everything that frames hold."""
    digest = hashlib.sha256()
    for frame in frames:
        for part in _described(frame):
            digest.update(repr(part).encode())
    return digest.hexdigest()


def _described(frame: SldFrame) -> tuple[object, ...]:
    layers = []
    for name in KIND_NAMES.values():
        layer = getattr(frame, name)
        if layer is not None:
            pixels = np.ascontiguousarray(layer.pixels)
            content = hashlib.sha256(pixels.tobytes()).hexdigest()
            layers.append((name, layer.x, layer.y, pixels.shape, pixels.dtype.str, content))
    return frame.canvas_width, frame.canvas_height, frame.hotspot, tuple(layers)

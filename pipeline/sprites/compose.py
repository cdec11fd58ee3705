"""Frames, one over another on their ground anchors, to the trimmed pixels of one sprite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.formats.sld import PlacedLayer, SldFrame
from pipeline.sprites.library import Pixels

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class ComposedSprite:
    """Pixels of a sprite; its fields are fields of a `library.Sprite`, see there."""

    hotspot: tuple[int, int]
    rgba: Pixels
    player_weight: Pixels | None
    shadow: Pixels | None
    shadow_offset: tuple[int, int]


class SpritePatch(NamedTuple):
    """Pixels and where their top left lies, from the ground anchor."""

    left: int
    top: int
    pixels: Array


def compose(frames: Sequence[SldFrame]) -> ComposedSprite | None:
    """Lay frames over one another, the first one lowest, and trim the result.

    The box is that of the opaque pixels of the main layers: a shadow reaches farther, and has a
    faint ring around the figure, so it must not widen a label. What lies outside of a frame's
    canvas is not shown by the game and is left out.

    Returns:
        None when no pixel is opaque.
    """
    images = [(patch, frame) for frame in frames if (patch := _on_canvas(frame.main, frame))]
    image = _joined([patch for patch, _ in images])
    weight = SpritePatch(image.left, image.top, np.zeros(image.pixels.shape[:2], np.uint8))
    for patch, frame in images:
        opaque = patch.pixels[..., 3] > 0
        _window(image, patch)[opaque] = patch.pixels[opaque]
        _window(weight, patch)[opaque] = _weight_under(patch, frame)[opaque]
    trimmed = _trimmed(image, image.pixels[..., 3] > 0)
    if trimmed is None:
        return None

    shadow = _shadow(frames)
    own_weight = _window(weight, trimmed)
    return ComposedSprite(
        hotspot=(-trimmed.left, -trimmed.top),
        rgba=np.ascontiguousarray(trimmed.pixels),
        player_weight=np.ascontiguousarray(own_weight) if own_weight.any() else None,
        shadow=None if shadow is None else np.ascontiguousarray(shadow.pixels),
        shadow_offset=(
            (0, 0) if shadow is None else (shadow.left - trimmed.left, shadow.top - trimmed.top)
        ),
    )


def _shadow(frames: Sequence[SldFrame]) -> SpritePatch | None:
    """The darkest of all shadows at each pixel."""
    patches = [patch for frame in frames if (patch := _on_canvas(frame.shadow, frame))]
    joined = _joined(patches)
    for patch in patches:
        window = _window(joined, patch)
        np.maximum(window, patch.pixels, out=window)
    return _trimmed(joined, joined.pixels > 0)


def _weight_under(patch: SpritePatch, frame: SldFrame) -> Array:
    """The player's weight at every pixel of an image, 0 where the layer does not reach."""
    under = np.zeros(patch.pixels.shape[:2], np.uint8)
    layer = _on_canvas(frame.player, frame)
    if layer is not None:
        both = _joined([patch._replace(pixels=under), layer])
        _window(both, layer)[...] = layer.pixels
        under = _window(both, patch)
    return under


def _on_canvas(layer: PlacedLayer | None, frame: SldFrame) -> SpritePatch | None:
    """The part of a layer within its frame's canvas; None when nothing is left."""
    if layer is None:
        return None
    bottom, right = frame.canvas_height - layer.y, frame.canvas_width - layer.x
    pixels = layer.pixels[: max(bottom, 0), : max(right, 0)]
    x, y = frame.hotspot
    return SpritePatch(layer.x - x, layer.y - y, pixels) if pixels.size else None


def _joined(patches: Sequence[SpritePatch]) -> SpritePatch:
    """An empty patch that has room for all."""
    if not patches:
        return SpritePatch(0, 0, np.zeros((0, 0, 4), np.uint8))
    left, top = min(patch.left for patch in patches), min(patch.top for patch in patches)
    right = max(patch.left + patch.pixels.shape[1] for patch in patches)
    bottom = max(patch.top + patch.pixels.shape[0] for patch in patches)
    channels = patches[0].pixels.shape[2:]
    return SpritePatch(left, top, np.zeros((bottom - top, right - left, *channels), np.uint8))


def _window(canvas: SpritePatch, patch: SpritePatch) -> Array:
    """The part of a canvas that a patch covers."""
    top, left = patch.top - canvas.top, patch.left - canvas.left
    height, width = patch.pixels.shape[:2]
    return canvas.pixels[top : top + height, left : left + width]


def _trimmed(patch: SpritePatch, shows: Array) -> SpritePatch | None:
    """The smallest part that holds all pixels that show."""
    if not shows.any():
        return None
    rows, columns = np.flatnonzero(shows.any(axis=1)), np.flatnonzero(shows.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    pixels = patch.pixels[top : int(rows[-1]) + 1, left : int(columns[-1]) + 1]
    return SpritePatch(patch.left + left, patch.top + top, pixels)

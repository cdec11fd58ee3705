"""Light, water and edges: what changes how a sprite or a whole scene looks, not what is where.

Everything works in place or on one sprite's pixels and is made for speed: light is one table for
each channel, a vignette one multiplication by an enlarged grid, and the rest touches single
sprites.
"""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.scenes.pixels.atlas import OPAQUE
from pipeline.scenes.pixels.kernels import shade
from pipeline.scenes.plan import Light, Placement, Surface
from pipeline.sprites.library import Pixels

VIGNETTE_GRID = (15, 24)
"""Rows and columns from which the smooth darkening of a vignette is enlarged."""


def shed_light(image: Pixels, light: Light) -> None:
    """Change the colours of an image (uint8 [h, w, 4], BGRX) in place."""
    if light.factor != (1.0, 1.0, 1.0) or any(light.add):
        factor, add = (*light.factor[::-1], 1.0), (*light.add[::-1], 0.0)
        values = np.rint(np.arange(256.0)[:, None] * factor + add).clip(0, 255)
        cv2.LUT(image, values.astype(np.uint8).reshape(1, 256, 4), image)
    if light.vignette > 0:
        darken(image, _vignette(image.shape[1], image.shape[0], round(light.vignette * 255)))


def darken(image: Pixels, light: Pixels, left: int = 0, top: int = 0) -> None:
    """Keep of a part of an image what a plane says of its light.

    Args:
        image: uint8 [height, width, 4], BGRX; changed in place.
        light: uint8, 255 where the image stays as it is; it may reach outside the image.
        left, top: where it lies.
    """
    shade(image, np.asarray(cv2.bitwise_not(light), np.uint8), (left, top))


def apply_edges(bgra: Pixels, placement: Placement, surface: Surface) -> None:
    """Give a placed sprite (uint8 [h, w, 4], premultiplied) its edge and its water, in place."""
    if placement.edge == "feathered":
        feather(bgra)
    elif placement.edge == "hard":
        harden(bgra)
    if placement.waterline is not None:
        submerge(bgra, placement.waterline, surface)


def feather(bgra: Pixels) -> None:
    """Fade a sprite's outermost pixels inwards; it never reaches beyond what it was."""
    # Without the border it would not fade where it touches its own rectangle.
    alpha = cv2.copyMakeBorder(cv2.extractChannel(bgra, 3), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    kept = cv2.blur(alpha, (3, 3))[1:-1, 1:-1]
    cv2.multiply(bgra, cv2.merge([kept] * 4), bgra, 1 / 255)


def harden(bgra: Pixels) -> None:
    """Keep what was at least half opaque, fully, and nothing of the rest."""
    alpha = cv2.extractChannel(bgra, 3)
    mask = cv2.threshold(alpha, OPAQUE - 1, 255, cv2.THRESH_BINARY)[1]
    cv2.divide(bgra, cv2.merge([alpha] * 4), bgra, 255)
    cv2.bitwise_and(bgra, cv2.merge([mask] * 4), bgra)


def submerge(bgra: Pixels, waterline: int, surface: Surface) -> None:
    """Show a sprite through water from a row on, the less the deeper."""
    under = bgra[waterline:]
    rows, width = under.shape[:2]
    depth = np.arange(rows, dtype=np.float32) + np.float32(0.5)
    seen = (surface.opacity * (1.0 - depth / np.float32(surface.fade))).clip(0.0, 1.0)
    kept = np.rint(255 * seen).astype(np.uint8)
    cv2.multiply(under, np.repeat(kept, 4 * width).reshape(under.shape), under, 1 / 255)


def _vignette(width: int, height: int, darkness: int) -> Pixels:
    """uint8 [height, width], 255 in the middle and darker with the distance from it."""
    rows, columns = VIGNETTE_GRID
    y = np.linspace(-1.0, 1.0, rows)[:, None] ** 2
    x = np.linspace(-1.0, 1.0, columns)[None, :] ** 2
    light = np.rint(255.0 - darkness * ((x + y) / 2.0) ** 2).astype(np.uint8)
    return np.asarray(cv2.resize(light, (width, height)), np.uint8)

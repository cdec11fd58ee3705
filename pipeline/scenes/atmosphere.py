"""Light, water and edges: what changes how a sprite or a whole scene looks, not what is where.

Everything works in place or on one sprite's pixels and is made for speed: light is one matrix for
all pixels, a vignette one multiplication by an enlarged grid, and the rest touches single
sprites.
"""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.scenes.scene import Edge, Light, Placement, Surface
from pipeline.sprites.library import Pixels

OPAQUE = 128
"""The alpha from which a pixel counts as an object's own; shadows and soft edges do not."""
VIGNETTE_GRID = (15, 24)
"""Rows and columns from which the smooth darkening of a vignette is enlarged."""


def shed_light(image: Pixels, light: Light) -> None:
    """Change the colours of a picture (uint8 [h, w, 3], RGB) in place."""
    if light.factor != (1.0, 1.0, 1.0) or any(light.add):
        matrix = np.column_stack((np.diag(light.factor), light.add)).astype(np.float32)
        cv2.transform(image, matrix, image)
    if light.vignette > 0:
        shade = _vignette(image.shape[1], image.shape[0], round(light.vignette * 255))
        cv2.multiply(image, shade, image, 1 / 255)


def altered(
    colour: Pixels, alpha: Pixels, placement: Placement, surface: Surface
) -> tuple[Pixels, Pixels]:
    """A placed sprite's premultiplied colours and alpha with its edge, and in its water."""
    if placement.edge != "as it is":
        colour, alpha = edged(colour, alpha, placement.edge)
    if placement.waterline is not None:
        colour, alpha = submerged(colour, alpha, placement.waterline, surface)
    return colour, alpha


def edged(colour: Pixels, alpha: Pixels, edge: Edge) -> tuple[Pixels, Pixels]:
    """A sprite's premultiplied colours and alpha with another kind of edge.

    Feathering fades the outermost two pixels inwards and never reaches beyond the sprite; a hard
    edge keeps what was at least half opaque, fully.
    """
    if edge == "feathered":
        # Without its border the sprite would not fade where it touches its own rectangle.
        framed = cv2.copyMakeBorder(alpha, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
        kept = cv2.blur(framed, (3, 3))[1:-1, 1:-1]
        return _scaled(colour, kept), np.asarray(cv2.multiply(alpha, kept, None, 1 / 255), np.uint8)
    if edge == "hard":
        mask = cv2.threshold(alpha, OPAQUE - 1, 255, cv2.THRESH_BINARY)[1]
        whole = cv2.divide(colour, cv2.merge([alpha, alpha, alpha]), None, 255)
        return _scaled(np.asarray(whole, np.uint8), mask), np.asarray(mask, np.uint8)
    return colour, alpha


def submerged(
    colour: Pixels, alpha: Pixels, waterline: int, surface: Surface
) -> tuple[Pixels, Pixels]:
    """A sprite's premultiplied colours and alpha, seen through water from a row on.

    Args:
        colour, alpha: uint8 [h, w, 3] and [h, w].
        waterline: the first row under water.
        surface: how water looks.
    """
    depth = np.arange(alpha.shape[0], dtype=np.float32) - np.float32(waterline - 0.5)
    seen = surface.opacity * (1.0 - depth / np.float32(surface.fade))
    shares = np.where(depth < 0, 255, np.rint(255 * np.clip(seen, 0.0, 1.0))).astype(np.uint8)
    kept = np.repeat(shares[:, None], alpha.shape[1], axis=1)
    return _scaled(colour, kept), np.asarray(cv2.multiply(alpha, kept, None, 1 / 255), np.uint8)


def _scaled(colour: Pixels, shares: Pixels) -> Pixels:
    scaled = cv2.multiply(colour, cv2.merge([shares, shares, shares]), None, 1 / 255)
    return np.asarray(scaled, np.uint8)


def _vignette(width: int, height: int, darkness: int) -> Pixels:
    """uint8 [height, width, 3], 255 in the middle and darker with the distance from it."""
    rows, columns = VIGNETTE_GRID
    y = np.linspace(-1.0, 1.0, rows)[:, None] ** 2
    x = np.linspace(-1.0, 1.0, columns)[None, :] ** 2
    light = np.rint(255.0 - darkness * ((x + y) / 2.0) ** 2).astype(np.uint8)
    shade = cv2.resize(light, (width, height))
    return np.asarray(cv2.merge([shade, shade, shade]), np.uint8)

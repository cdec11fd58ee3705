"""From a texture to the ground as the game shows it: enlarged, blurred, muted.

A texture file is crisper and more colourful than the ground on a screenshot. Some images get a
heavy blur, so that objects stay recognisable on ground that says little.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.backgrounds.textures import LUMINANCE, Pixels
from pipeline.games.pack import Softening
from pipeline.games.sections.base import Range

Floats = npt.NDArray[np.float32]

Sampling = Literal["stretched", "isometric"]

TILE = (96, 48)
"""Width and height in pixels of the diamond that the game draws for one tile of ground."""
TILE_TEXELS = TILE[0] / np.sqrt(2.0)
"""Pixels of a texture along one side of a tile."""
LEAST_BLUR = 0.1
"""Sigma in pixels below which a blur changes nothing; OpenCV refuses a sigma of 0."""


def ground(
    textures: tuple[Pixels, Pixels | None],
    size: tuple[int, int],
    rules: Softening,
    rng: np.random.Generator,
    sampling: Sampling = "stretched",
) -> Pixels:
    """One image of ground.

    Args:
        textures: RGB uint8; the second, if there is one, covers part with a soft border.
        size: width and height in pixels.

    Returns:
        uint8 [height, width, 3].
    """
    first, second = textures
    image = laid_out(first, size, rules, rng, sampling)
    if second is not None:
        cover = _cover(size, rules.blend_band, rng)[..., None]
        image += (laid_out(second, size, rules, rng, sampling) - image) * cover
    return softened(image, rules, rng)


def softened(image: Floats, rules: Softening, rng: np.random.Generator) -> Pixels:
    """Blurred, mildly or heavily, and muted."""
    soft = rng.random() < rules.soft_fraction
    sigma = _drawn(rules.soft_blur if soft else rules.blur, rng)
    if sigma > LEAST_BLUR:
        image = cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    return _muted(image, rules, rng)


def laid_out(
    texture: Pixels,
    size: tuple[int, int],
    rules: Softening,
    rng: np.random.Generator,
    sampling: Sampling,
) -> Floats:
    """The texture repeated over the image from a random corner, enlarged; float32 RGB."""
    zoom = _drawn(rules.zoom, rng)
    top, left = (int(rng.integers(side)) for side in texture.shape[:2])
    lay = _stretched if sampling == "stretched" else _isometric
    return lay(texture, size, zoom, (left, top))


def _stretched(
    texture: Pixels, size: tuple[int, int], zoom: float, corner: tuple[int, int]
) -> Floats:
    width, height = size
    rows, columns = int(np.ceil(height / zoom)) + 1, int(np.ceil(width / zoom)) + 1
    y = (np.arange(rows) + corner[1]) % texture.shape[0]
    x = (np.arange(columns) + corner[0]) % texture.shape[1]
    patch = texture[y[:, None], x[None, :]].astype(np.float32)
    enlarged = cv2.resize(patch, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(enlarged[:height, :width], np.float32)


def _isometric(
    texture: Pixels, size: tuple[int, int], zoom: float, corner: tuple[int, int]
) -> Floats:
    """The texture on ground seen from the game's angle.

    A tile is a diamond of `TILE` pixels at zoom 1. The texture's sides run along those of the
    tiles, and a tile takes `TILE_TEXELS` of it each way, so that a pixel across the image is one
    of the texture. Up and down the image there are two to a pixel, which are averaged.
    """
    width, height = size
    squash = TILE[0] // TILE[1]
    x = (np.arange(width, dtype=np.float32) + 0.5)[None, :] / zoom / TILE[0]
    y = (np.arange(squash * height, dtype=np.float32) + 0.5)[:, None] / squash / zoom / TILE[1]
    across = (y + x) * np.float32(TILE_TEXELS) + corner[0]
    down = (y - x) * np.float32(TILE_TEXELS) + corner[1]
    tall = cv2.remap(
        texture,
        (across % texture.shape[1]).astype(np.float32),
        (down % texture.shape[0]).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_WRAP,
    )
    return np.asarray(cv2.resize(tall, size, interpolation=cv2.INTER_AREA), np.float32)


def _cover(size: tuple[int, int], band: float, rng: np.random.Generator) -> Floats:
    """0..1 [height, width]: a half plane at a random angle, its border a smoothstep."""
    width, height = size
    angle = rng.uniform(0.0, 2 * np.pi)
    offset = rng.uniform(-0.25, 0.25)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    along = (x / width - 0.5) * np.cos(angle) + (y / height - 0.5) * np.sin(angle)
    t = np.clip((along - offset) / max(band, 1e-3) + 0.5, 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), np.float32)


def _muted(image: Floats, rules: Softening, rng: np.random.Generator) -> Pixels:
    brightness, contrast, saturation = (
        _drawn(span, rng) for span in (rules.brightness, rules.contrast, rules.saturation)
    )
    mean = image.mean(axis=(0, 1), keepdims=True)
    image = (image - mean) * contrast + mean
    grey = (image * LUMINANCE).sum(axis=2, keepdims=True)
    toned = (grey + (image - grey) * saturation) * brightness
    return np.asarray(np.clip(np.rint(toned), 0, 255), np.uint8)


def _drawn(span: Range, rng: np.random.Generator) -> float:
    return float(rng.uniform(*span))

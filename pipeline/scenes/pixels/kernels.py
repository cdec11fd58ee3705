"""What is done to every pixel of every sprite of a scene.

The loops themselves are `compiled_kernels`, which take a pixel of four channels as one number of 32
bits. They are imported with the first call: whoever only loads definitions waits for no numba.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.scenes.pixels.atlas import Ids, Measures, Plane, Table
from pipeline.scenes.pixels.prepared import Sprites
from pipeline.sprites.library import Pixels
from pipeline.sprites.recolour import LUMINANCE

Floats = npt.NDArray[np.float64]


def premultiply(rgba: Pixels, player_weight: Pixels | None) -> tuple[Pixels, Pixels | None]:
    """Multiply a sprite's colours by its alpha, without what a team's colour replaces.

    Args:
        rgba: uint8 [height, width, 4], straight alpha.
        player_weight: uint8 [height, width], 255 where a team's colour replaces all; None for a
            sprite in its own colours.

    Returns:
        uint8 [height, width, 4], BGRA; and uint8 [height, width], what a team's colour is
        multiplied by before it is added, None without weights.
    """
    from pipeline.scenes.pixels import compiled_kernels

    rgba = np.ascontiguousarray(rgba)
    bgra, pixels = np.empty_like(rgba), _packed(rgba).reshape(-1)
    if player_weight is None:
        compiled_kernels.premultiply(pixels, _opacities(), _packed(bgra).reshape(-1))
        return bgra, None
    weight = np.ascontiguousarray(player_weight)
    light = np.empty_like(weight)
    sprite, out = (pixels, weight.reshape(-1)), (_packed(bgra).reshape(-1), light.reshape(-1))
    compiled_kernels.premultiply_for_teams(sprite, _opacity_parts(), LUMINANCE, out)
    return bgra, light


def draw_sprites(sprites: Sprites, bgra: Plane, table: Table, tints: npt.NDArray[np.uint8]) -> None:
    """Fill a plane with sprites at the size and in the colours that each has there.

    Resized bilinearly between the middles of pixels, first the columns and then the rows, from the
    smallest level that is no smaller; positions in steps of 1/65536, weights of 1/256, rounded each
    time.

    Args:
        sprites: what each is made from.
        bgra: filled in place.
        table: where each lies in `bgra`.
        tints: uint8 [n, 4], BGR of each sprite's player and a 0; only zeros for nobody's.
    """
    from pipeline.scenes.pixels import compiled_kernels

    compiled_kernels.draw_sprites(sprites, _packed(bgra).reshape(-1), table, _packed(tints))


def cast_shadows(
    image: Pixels, sprites: Sprites, placed: tuple[Table, Floats], opacity: int
) -> None:
    """Darken an image where shadows fall, resized as in `draw_sprites`.

    Args:
        image: uint8 [height, width, 4]; changed in place.
        sprites: what casts them.
        placed: where each sprite lies in the image; float64 [n], its scale, 0 where it casts no
            shadow.
        opacity: of all of them, 0 to 255.
    """
    from pipeline.scenes.pixels import compiled_kernels

    table, scales = placed
    compiled_kernels.cast_shadows(_packed(image), sprites, table, scales, opacity)


def shade(image: Pixels, darkness: Pixels, corner: tuple[int, int], opacity: int = 255) -> None:
    """Darken a part of an image.

    Args:
        image: uint8 [height, width, 4]; changed in place.
        darkness: uint8 [rows, columns]: opacity of black; it may reach outside the image.
        corner: (x, y) where it lies.
        opacity: of all of it, 0 to 255.
    """
    from pipeline.scenes.pixels import compiled_kernels

    row = np.array((0, *darkness.shape, *corner), np.int64)
    flat = np.ascontiguousarray(darkness).reshape(-1)
    compiled_kernels.shade(_packed(image), flat, row, opacity)


def composite(image: Pixels, ids: Ids, bgra: Plane, table: Table) -> None:
    """Blend sprites over an image in their order, each claiming its opaque pixels.

    Args:
        image: uint8 [height, width, 4], as `RenderedScene.bgrx`; changed in place.
        ids: uint16 [height, width]; becomes n + 1 where sprite n is opaque.
        bgra: all sprites at their drawn size, premultiplied.
        table: where each lies in `bgra` and in the image.
    """
    from pipeline.scenes.pixels import compiled_kernels

    compiled_kernels.composite(_packed(image), ids, _packed(bgra).reshape(-1), table)


def fill(image: Pixels, patches: npt.NDArray[np.int64], colours: Pixels) -> None:
    """Draw rectangles of one colour each over an image, in their order.

    Args:
        image: uint8 [height, width, 4]; changed in place.
        patches: int64 [n, 4]: left, top, width, height; they may reach outside the image.
        colours: uint8 [n, 4], as the image's pixels.
    """
    from pipeline.scenes.pixels import compiled_kernels

    compiled_kernels.fill(_packed(image), patches, _packed(colours))


def measure(ids: Ids, bgra: Plane, table: Table) -> Measures:
    """What a drawn scene shows of each sprite.

    Args:
        ids: as `composite` left it, and 0 where the interface covers the scene.
        bgra, table: as in `composite`.

    Returns:
        int64 [n, 12]: the opaque pixels of the sprite; those inside the image; those that are
        seen; those that the interface covers; then the boxes around those inside and around those
        that are seen (x1, y1, x2, y2; x2 is 0 where there are none).
    """
    from pipeline.scenes.pixels import compiled_kernels

    measures: Measures = np.zeros((len(table), 12), np.int64)
    compiled_kernels.measure(ids, _packed(bgra).reshape(-1), table, measures)
    return measures


@cache
def _opacities() -> npt.NDArray[np.float32]:
    """float32 [256], the opacity from 0 to 1 by alpha; what OpenCV makes of it, to the last bit."""
    alpha = np.arange(256, dtype=np.uint8)[None]
    opacities = cv2.multiply(alpha, 1.0, None, 1 / 255, cv2.CV_32F)
    return np.asarray(opacities, np.float32).reshape(-1)


@cache
def _opacity_parts() -> npt.NDArray[np.float32]:
    """float32 [256, 256], a share of 255 of the opacity from 0 to 1, by alpha and share."""
    shares = np.arange(256, dtype=np.uint8)[None].repeat(256, axis=0)
    parts = cv2.multiply(np.ascontiguousarray(shares.T), shares, None, 1 / 255**2, cv2.CV_32F)
    return np.asarray(parts, np.float32)


def _packed(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint32]:
    """Pixels of four channels as one number each, blue in its lowest byte."""
    return pixels.view(np.uint32)[..., 0]

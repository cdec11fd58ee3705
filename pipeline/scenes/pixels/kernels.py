"""What is done to every pixel of every sprite of a scene.

The loops themselves are `compiled_kernels`, which take a pixel of four channels as one number of 32
bits. They are imported with the first call: whoever only loads definitions waits for no numba.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import chain

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.scenes.pixels.atlas import Ids, Measures, Plane, Table
from pipeline.scenes.pixels.mipmaps import Pyramid
from pipeline.sprites.library import Pixels
from pipeline.sprites.recolour import LUMINANCE

NOWHERE = (0, 0, 0, 0)
"""The place of no pyramid."""


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


def resize(pyramids: Sequence[Pyramid | None], plane: Plane, table: Table) -> None:
    """Fill a plane with images at the size that each has there.

    Bilinear between the middles of pixels, first the columns and then the rows, from the smallest
    level that is no smaller; positions in steps of 1/65536, weights of 1/256, rounded each time.

    Args:
        pyramids: what each image is made from; the part of one without is left as it is.
        plane: of a sheet; filled in place.
        table: where each lies in `plane`.
    """
    from pipeline.scenes.pixels import compiled_kernels

    places = [NOWHERE if pyramid is None else pyramid.place for pyramid in pyramids]
    numbers = np.fromiter(chain.from_iterable(places), np.int64, 4 * len(places)).reshape(-1, 4)
    if plane.ndim == 3:
        compiled_kernels.resize(numbers, _packed(plane).reshape(-1), table)
    else:
        compiled_kernels.resize(numbers, plane.reshape(-1), table)


def shade(image: Pixels, shadows: Plane, table: Table, opacity: int) -> None:
    """Darken an image where shadows fall.

    Args:
        image: uint8 [height, width, 4]; changed in place.
        shadows: opacity of black of all shadows.
        table: where each lies in `shadows` and in the image.
        opacity: of all of them, 0 to 255.
    """
    from pipeline.scenes.pixels import compiled_kernels

    compiled_kernels.shade(_packed(image), shadows.reshape(-1), table, opacity)


def paint(bgra: Plane, light: Plane, table: Table, tints: npt.NDArray[np.uint8]) -> None:
    """Add what a team's colour puts into its sprites.

    Args:
        bgra: all sprites; changed in place.
        light: what the colour of each pixel's player is multiplied by.
        table: where each sprite lies in both.
        tints: uint8 [n, 4], BGR of each sprite's player and a 0; only zeros for nobody's, of which
            the light is not looked at.
    """
    from pipeline.scenes.pixels import compiled_kernels

    compiled_kernels.paint(_packed(bgra).reshape(-1), light.reshape(-1), table, _packed(tints))


def lay(image: Pixels, ids: Ids, bgra: Plane, table: Table) -> None:
    """Blend sprites over an image in their order, each claiming its opaque pixels.

    Args:
        image: uint8 [height, width, 4], as `rendering.renderer.SolidView.bgrx`; changed in place.
        ids: uint16 [height, width]; becomes n + 1 where sprite n is opaque.
        bgra: all sprites at their drawn size, premultiplied.
        table: where each lies in `bgra` and in the image.
    """
    from pipeline.scenes.pixels import compiled_kernels

    compiled_kernels.lay(_packed(image), ids, _packed(bgra).reshape(-1), table)


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
        ids: as `lay` left it, and 0 where the interface covers the scene.
        bgra, table: as in `lay`.

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

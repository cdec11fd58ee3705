"""PNG images of a game's art, as plain arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.errors import OutpostError

Rgba = npt.NDArray[np.uint8]

MAX_SIDE = 4_096
"""Longest side in pixels that an image of a game may have."""


class PngError(OutpostError):
    """A file that is no PNG image, is damaged, or is larger than any of a game's."""


def read_png(file: Path) -> Rgba:
    """The pixels of an image, whatever its colour mode.

    Returns:
        uint8 [height, width, 4], straight alpha.

    Raises:
        PngError: it cannot be read as a PNG.
        OSError: the file cannot be opened.
    """
    with file.open("rb") as stream:
        try:
            with Image.open(stream, formats=["PNG"]) as image:
                if max(image.size) > MAX_SIDE:
                    raise ValueError(f"it has {image.width} x {image.height} pixels")
                return np.array(image.convert("RGBA"))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise PngError(
                f"{file} is not a readable PNG: {error}",
                "Let the game's installer verify its files.",
            ) from error

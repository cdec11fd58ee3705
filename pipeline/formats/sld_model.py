"""What an SLD sprite file holds once it is decoded, and the numbers of the format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.errors import OutpostError

Bytes2d = npt.NDArray[np.uint8]
Rgba = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

HEADINGS = 16
"""Headings of a unit's file: consecutive runs of frames, heading 0 faces east, then clockwise."""


class SldError(OutpostError):
    """An SLD file that cannot be read, or frames that cannot be written as one."""


@dataclass(frozen=True, eq=False)
class PlacedLayer:
    """Pixels and where they lie on the frame's canvas.

    Attributes:
        x, y: canvas position of the top left pixel. The layer may stick out of the canvas to the
            right and below.
        pixels: [height, width] or [height, width, 4]; which one, and of what type, `SldFrame` says.
    """

    x: int
    y: int
    pixels: npt.NDArray[Any]

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])


@dataclass(frozen=True, eq=False)
class SldFrame:
    """One frame: up to five layers on a canvas.

    Attributes:
        canvas_width, canvas_height: pixels.
        hotspot: canvas position (x, y) of the point that stands on the ground; may be negative.
        main: the picture, uint8 [h, w, 4]; alpha is 0 or 255.
        shadow: uint8 [h, w], opacity of black.
        outline: bool [h, w], the silhouette that the game uses for hits and outlines.
        damage: uint8 [h, w, 4], a texture that the game mixes in; not for display.
        player: uint8 [h, w], 0 keeps the colour of `main` and 255 takes the player's.
    """

    canvas_width: int
    canvas_height: int
    hotspot: tuple[int, int]
    main: PlacedLayer | None = None
    shadow: PlacedLayer | None = None
    outline: PlacedLayer | None = None
    damage: PlacedLayer | None = None
    player: PlacedLayer | None = None

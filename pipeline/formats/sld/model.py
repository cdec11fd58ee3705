"""What an SLD sprite file holds once it is decoded, and the numbers of the format."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from pipeline.errors import OutpostError

Mask = npt.NDArray[np.bool_]

SIGNATURE = b"SLDX"
VERSION = 4
HEADER_SIZES = (16, 14)
"""The file header ends there; its last field is 4 or 2 bytes long."""
HEADER_FILL = 0xFF
"""Value of that last field in every known file."""

DELTA = 0x80
"""Layer flag: blocks that are skipped are those of the layer of the same kind before."""
BC4 = 0x01
"""Layer flag: the blocks are BC4, not BC1. It says no more than the layer's kind does."""
OUTLINE_FLAG = 0x05
"""The flag that every outline layer carries."""

MAX_FILE_BYTES = 64 << 20
MAX_FRAMES = 16_384
MAX_SIDE = 4_096
"""Longest canvas side, and the farthest edge of a layer's box, in pixels."""
MAX_BLOCKS = 1 << 26
"""Blocks of all layers together, drawn or not: a gigapixel."""
MAX_FRAME_BLOCKS = 1 << 20
"""Blocks of one frame, which is the least that is held in memory at once: 64 MiB of colours."""

HEADINGS = 16
"""Headings of a unit's file: consecutive runs of frames, heading 0 faces east, then clockwise."""


class SldError(OutpostError):
    """An SLD file that cannot be read, or frames that cannot be written as one."""


class LayerKind(IntEnum):
    """The five layers, by their bit in a frame's mask, in the order in which they are stored."""

    MAIN = 0x01
    SHADOW = 0x02
    OUTLINE = 0x04
    DAMAGE = 0x08
    PLAYER = 0x10


COLOUR_KINDS = frozenset({LayerKind.MAIN, LayerKind.DAMAGE})
"""Kinds made of BC1 blocks; the others, outlines apart, are made of BC4 blocks."""
OWN_BOX_KINDS = frozenset({LayerKind.MAIN, LayerKind.SHADOW})
"""Kinds that state their box; the others lie in that of their frame's main layer."""


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
    pixels: npt.NDArray[np.uint8] | npt.NDArray[np.bool_]

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
        main: the image, uint8 [h, w, 4]; alpha is 0 or 255.
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


def heading_starts(frame_count: int) -> tuple[int, ...]:
    """Index of the first frame of each heading.

    16 headings when the frames divide by 16, or when one more follows them as a reference frame;
    otherwise all frames are steps of one heading. The file itself does not say.
    """
    if frame_count >= HEADINGS and frame_count % HEADINGS <= 1:
        steps = frame_count // HEADINGS
        return tuple(heading * steps for heading in range(HEADINGS))
    return (0,)

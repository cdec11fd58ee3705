"""Frames to the bytes of an SLD file."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.formats.sld_model import SldFrame


def encode(frames: Sequence[SldFrame], header_size: int = 16) -> bytes:
    """Write frames as one SLD file.

    Layers may lie anywhere on the canvas and have any size; they are grown to whole 4x4 blocks.
    Damage, outline and player share the box of `main`, which therefore covers them all and must be
    there if one of them is. Colours lose precision as BC1 does (RGB565 and four per 4x4 block),
    `shadow` and `player` as BC4 does (eight values per block). Blocks equal to those of the frame
    before are not stored again. The same frames give the same bytes on every machine.

    When the number of frames is a multiple of 16, or one more, the file is taken as 16 headings and
    each of them begins with a frame that refers to none before it.

    Args:
        frames: in the order of the file: heading by heading from east clockwise, step by step.
        header_size: 16 or 14, both occur in the game.

    Raises:
        SldError: the frames do not fit the format; the text names the frame and the layer.
    """
    raise NotImplementedError(len(frames), header_size)

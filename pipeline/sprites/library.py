"""The sprite library: what it holds, and how it lies on disk.

A library folder holds `index.json` and one folder of PNG files per class (`distractor` for things
that are never labelled). PNGs are stored without compression: deflate libraries differ between
machines, and the library's bytes must not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Sprite:
    """One drawn frame of one class, trimmed to the opaque pixels of its main layer.

    Attributes:
        id: unique within the library, `<class>/<file stem>_h<heading>_s<step>`.
        class_name: the class, or None for a distractor.
        source: the game file, relative to the game's folder, forward slashes.
        source_sha256: digest of that file.
        frame, heading, step: index in the file; heading 0 is east and goes on clockwise.
        hotspot: ground anchor (x, y) in pixels from the top left of `rgba`; may lie outside it.
        rgba: uint8 [height, width, 4], straight alpha.
        player_weight: uint8 [height, width], 0 keeps the colour and 255 takes the team's; or None.
        shadow: uint8 [h, w] opacity of black, or None.
        shadow_offset: (x, y) of the shadow's top left from that of `rgba`.
    """

    id: str
    class_name: str | None
    source: str
    source_sha256: str
    frame: int
    heading: int
    step: int
    hotspot: tuple[int, int]
    rgba: Pixels
    player_weight: Pixels | None
    shadow: Pixels | None
    shadow_offset: tuple[int, int]

"""SLD sprite files of Age of Empires II: Definitive Edition, read and written.

    sprite = read_sld(Path("u_vil_male_villager_idleA_x1.sld"))
    facing_south = sprite.frames[sprite.frame_index(heading=4, step=0)]
    facing_south.main.pixels        # uint8 [h, w, 4], its place on the canvas in .x and .y

The format's layout stands in `structure` and `outline`, that of its blocks in
`pipeline.formats.blocks`. It was worked out from public descriptions (openage's foremost) and
checked on the game's own files.

Read `model`, `structure` and `outline`, then `reader` with `decoder`, `grid` and `kernels`, then
`writer`. Files are not looked for here, and colours of players are not put in.
"""

from __future__ import annotations

from pipeline.formats.sld.model import HEADINGS, LayerKind, PlacedLayer, SldError, SldFrame
from pipeline.formats.sld.reader import SldFile, SldFrames, decode, read_sld
from pipeline.formats.sld.writer import encode

__all__ = [
    "HEADINGS",
    "LayerKind",
    "PlacedLayer",
    "SldError",
    "SldFile",
    "SldFrame",
    "SldFrames",
    "decode",
    "encode",
    "read_sld",
]

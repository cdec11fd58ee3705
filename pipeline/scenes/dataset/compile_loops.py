"""Compiles the loops that draw scenes before they are needed, so that it costs nobody's wait.

    python -m pipeline.scenes.dataset.compile_loops

draws a set of the built-in game from sprites and grounds of noise, and throws it away. What it
compiles numba keeps on disk for every other process (`pipeline.compilation`); where it is kept
already that takes two seconds.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from pipeline.backgrounds.images import Background, write_backgrounds
from pipeline.backgrounds.textures import Kind
from pipeline.games.pack import GamePack, load_pack
from pipeline.scenes.dataset.shard_writer import Sources
from pipeline.scenes.dataset.writer import write_set
from pipeline.sprites.library import DISTRACTOR, LibraryWriter, Sprite

IMAGES, SIDE = 4, 24


def compile_loops(folder: Path, pack: GamePack) -> None:
    """Draw a few scenes of the pack's rules into an empty folder."""
    library = LibraryWriter(folder / "sprites")
    for name in (*pack.class_names, None):
        library.add(_noise_sprite(name))
    library.finish()
    grounds: tuple[Kind, ...] = ("land", "water")
    size = (pack.scenes.width, pack.scenes.height)
    for kind in grounds:
        (folder / kind).mkdir()
        write_backgrounds(folder / kind, kind, partial(_noise, kind, size), pack.terrain)
    scenes = pack.scenes.model_copy(update={"images": IMAGES})
    sources = Sources(folder / "sprites", folder / "land", folder / "water")
    write_set(folder / "set", pack.model_copy(update={"scenes": scenes}), sources, 1)


def _noise_sprite(class_name: str | None) -> Sprite:
    rng = np.random.default_rng(0)
    mask = rng.integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
    return Sprite(
        id=f"{class_name or DISTRACTOR}/0",
        class_name=class_name,
        source="noise.sld",
        source_sha256="0" * 64,
        frame=0,
        heading=0,
        step=0,
        hotspot=(SIDE // 2, SIDE // 2),
        rgba=rng.integers(0, 256, (SIDE, SIDE, 4), dtype=np.uint8),
        player_weight=mask,
        shadow=mask,
        shadow_offset=(0, 0),
    )


def _noise(kind: Kind, size: tuple[int, int], index: int) -> Background:
    pixels = np.random.default_rng(index).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Background(f"{kind}_{index:04d}", pixels, ("noise",))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        compile_loops(Path(name), load_pack("demo"))

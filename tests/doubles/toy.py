"""The toy game: houses on land, boats on water, and sprites of noise."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.sprites.library import Sprite

CLASSES = ("house", "boat")
SIDE = 128
"""Width and height of its scenes, in pixels."""
TOY: dict[str, Any] = {
    "name": "toy",
    "title": "Toy",
    "classes": [
        {"id": 0, "name": "house", "group": "all", "scene": "land"},
        {"id": 1, "name": "boat", "group": "all", "scene": "water"},
    ],
    "sprites": {"folder": "sprites", "rules": []},
    "terrain": {"folder": "t", "land": [{"include": "g*"}], "water": [{"include": "w*"}]},
    "scenes": {
        "width": SIDE,
        "height": SIDE,
        "images": 40,
        "water_fraction": 0.5,
        "placements": [
            {"class_name": "house", "count": (1, 3)},
            {"class_name": "boat", "count": (1, 3)},
        ],
    },
}
"""Its pack, as `GamePack` takes it."""


def toy_sprite(rng: np.random.Generator, name: str, number: int) -> Sprite:
    rgba = rng.integers(40, 220, (20, 24, 4), dtype=np.uint8)
    rgba[..., 3] = 255
    return Sprite(
        id=f"{name}/{number}",
        class_name=name,
        source=f"{name}.sld",
        source_sha256="0" * 64,
        frame=number,
        heading=0,
        step=0,
        hotspot=(12, 18),
        rgba=rgba,
        player_weight=None,
        shadow=None,
        shadow_offset=(0, 0),
    )

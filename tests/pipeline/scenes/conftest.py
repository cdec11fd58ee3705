"""Small games to compose scenes of, built by name."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from doubles.sprites import cache_of, shape_of, write_library

from pipeline.games.pack import GamePack
from pipeline.scenes.dataset.shard_writer import Sources
from pipeline.scenes.dataset.writer import write_set
from pipeline.scenes.sources.catalogue import (
    BackgroundShape,
    Catalogue,
    SpriteCache,
    catalogue_of,
)
from pipeline.sprites.library import Sprite

WIDTH, HEIGHT = 320, 256
CLASSES = {"house": "land", "soldier": "land", "boat": "water", "fish": "water", "gull": "both"}
SIZES = {
    "house": (60, 52),
    "soldier": (18, 26),
    "boat": (44, 30),
    "fish": (14, 12),
    "gull": (16, 12),
    "distractor": (20, 16),
}


@pytest.fixture(scope="session")
def sprite() -> Callable[..., Sprite]:
    """Builds an oval sprite; `colour` fills it, its upper half is the player's."""
    return build_sprite


@pytest.fixture(scope="session")
def block() -> Callable[..., Sprite]:
    """Builds a fully opaque rectangle of one colour, that nobody owns."""
    return build_block


@pytest.fixture(scope="session")
def pack() -> Callable[..., GamePack]:
    """Builds a game of five classes; arguments change its scene rules."""
    return build_pack


@pytest.fixture(scope="session")
def sprites() -> tuple[Sprite, ...]:
    return tuple(
        build_sprite(name, number, *(side + 2 * number for side in size))
        for name, size in SIZES.items()
        for number in range(3)
    )


@pytest.fixture(scope="session")
def sprite_cache(sprites) -> SpriteCache:
    return cache_of(sprites)


@pytest.fixture(scope="session")
def grounds() -> dict[str, np.ndarray]:
    """Pixels of two backgrounds of each kind, a little larger than a scene."""
    rng = np.random.default_rng(7)
    return {
        f"{kind}_{number:04d}": build_ground(rng, colour)
        for kind, colour in (("land", (90, 120, 60)), ("water", (40, 80, 130)))
        for number in range(2)
    }


@pytest.fixture(scope="session")
def catalogue(sprites, grounds, pack) -> Catalogue:
    shapes = {
        kind: tuple(
            BackgroundShape(identity, ground.shape[1], ground.shape[0])
            for identity, ground in grounds.items()
            if identity.startswith(kind)
        )
        for kind in ("land", "water")
    }
    return catalogue_of(map(shape_of, sprites), shapes, pack().classes)


@pytest.fixture(scope="session")
def sources(tmp_path_factory, sprites, grounds) -> Sources:
    """A sprite library and both folders of backgrounds, as their own assets would write them."""
    folder = tmp_path_factory.mktemp("sources")
    write_library(folder / "sprites", sprites)
    for kind in ("land", "water"):
        chosen = {identity: g for identity, g in grounds.items() if identity.startswith(kind)}
        write_backgrounds(folder / kind, kind, chosen)
    return Sources(folder / "sprites", folder / "land", folder / "water")


@pytest.fixture(scope="session")
def written(tmp_path_factory, pack, sources) -> Path:
    """A set of 40 images, drawn in this process; not to be changed."""
    folder = tmp_path_factory.mktemp("written") / "set"
    write_set(folder, pack(), sources)
    return folder


def write_backgrounds(folder: Path, kind: str, grounds: dict[str, np.ndarray]) -> None:
    folder.mkdir()
    for identity, ground in grounds.items():
        cv2.imwrite(str(folder / f"{identity}.jpg"), ground[..., ::-1])
    entries = [
        {"id": identity, "kind": kind, "file": f"{identity}.jpg", "sources": ["grass"], "seed": 7}
        for identity in grounds
    ]
    (folder / "index.json").write_text(json.dumps(entries))


def build_sprite(name="soldier", number=0, width=18, height=26, colour=(170, 120, 80)) -> Sprite:
    y, x = np.mgrid[:height, :width]
    away = ((x + 0.5) * 2 / width - 1) ** 2 + ((y + 0.5) * 2 / height - 1) ** 2
    alpha = np.where(away <= 1, 255, 0).astype(np.uint8)
    rgba = np.dstack([np.full((height, width, 3), colour, np.uint8), alpha])
    owned = name in ("house", "soldier", "boat")
    return Sprite(
        id=f"{name}/{name}{number}_h0_s0",
        class_name=None if name == "distractor" else name,
        source=f"{name}.sld",
        source_sha256="0" * 64,
        frame=0,
        heading=0,
        step=0,
        hotspot=(width // 2, height - 3),
        rgba=rgba,
        player_weight=np.where(y < height // 2, alpha, 0).astype(np.uint8) if owned else None,
        shadow=(alpha // 2)[height // 2 :],
        shadow_offset=(width // 3, height // 2),
    )


def build_block(name="crate", width=20, height=20, colour=(200, 40, 40), class_name="house"):
    rgba = np.dstack(
        [np.full((height, width, 3), colour, np.uint8), np.full((height, width), 255, np.uint8)]
    )
    return Sprite(
        id=name,
        class_name=class_name,
        source="crate.sld",
        source_sha256="0" * 64,
        frame=0,
        heading=0,
        step=0,
        hotspot=(width // 2, height - 1),
        rgba=rgba,
        player_weight=None,
        shadow=None,
        shadow_offset=(0, 0),
    )


def build_pack(**scene_changes) -> GamePack:
    placements = [
        {"class_name": "house", "count": (0, 3), "margin": -20, "max_overlap": 0.1},
        {"class_name": "soldier", "count": (2, 8), "margin": -8, "scale": (0.8, 1.2)},
        {"class_name": "boat", "count": (1, 4), "max_overlap": 0.2},
        {"class_name": "fish", "count": (0, 5), "oversample": 1.5},
        {"class_name": "gull", "count": (0, 2), "max_overlap": 1.0},
        {"class_name": "distractor", "count": (0, 2)},
    ]
    scenes = {
        "width": WIDTH,
        "height": HEIGHT,
        "images": 40,
        "water_fraction": 0.3,
        "zoom": (0.8, 1.1),
        "placements": placements,
        "overlays": {"hud": 0.5, "fog": {"chance": 0.5}},
    }
    return GamePack.model_validate(
        {
            "name": "toy",
            "title": "Toy",
            "classes": [
                {"id": number, "name": name, "group": "all", "scene": scene}
                for number, (name, scene) in enumerate(CLASSES.items())
            ],
            "sprites": {"folder": "sprites", "rules": []},
            "terrain": {
                "folder": "terrain",
                "land": [{"include": "grass*"}],
                "water": [{"include": "water*"}],
            },
            "scenes": scenes | scene_changes,
        }
    )


def build_ground(rng: np.random.Generator, colour: tuple[int, int, int]) -> np.ndarray:
    coarse = (np.array(colour) + rng.integers(-20, 21, (20, 25, 1))).clip(0, 255)
    return cv2.resize(coarse.astype(np.uint8), (WIDTH + 40, HEIGHT + 30))

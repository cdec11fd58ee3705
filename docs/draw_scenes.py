"""Draws the image of docs/explanation/scenes.md: screenshots of the built-in game, then scenes.

uv run python docs/draw_scenes.py docs/images
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

from pipeline.backgrounds.sets import BackgroundSet
from pipeline.backgrounds.textures import Kind
from pipeline.demo_game.game_folder import draw_game
from pipeline.demo_game.renderer import screenshot
from pipeline.games.pack import GamePack, load_pack
from pipeline.scenes.dataset.shard_writer import Sources, open_shard_writer
from pipeline.scenes.planning.planner import plan
from pipeline.scenes.rendering.renderer import draw
from pipeline.sprites.extract import extract_library
from pipeline.sprites.library import LibraryWriter, Pixels
from resources.state import StateFolder

SESSION, FRAMES = "harbour", (2, 8, 14, 21)
SCENES = (287, 182, 219, 345)
GAP = 4
QUALITY = 85


def main(folder: Path) -> None:
    """Draw the image; the same bytes whenever the built-in game and its pack are the same."""
    with tempfile.TemporaryDirectory() as name:
        drawn = scenes(load_pack("demo"), Path(name))
    real = [screenshot(SESSION, number).image for number in FRAMES]
    sheet = np.vstack([np.hstack([_framed(tile) for tile in row]) for row in (real, drawn)])
    folder.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / "scenes.jpg"), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


def scenes(pack: GamePack, folder: Path) -> list[Pixels]:
    """Some images of the pack's synthetic set; `folder` holds what they are made of."""
    game = StateFolder.from_environment().drawn_game(pack.name)
    draw_game(game)
    writer = LibraryWriter(folder / "sprites")
    extract_library(game, pack, writer.add)
    writer.finish(None)
    size = (pack.scenes.width, pack.scenes.height)
    textures = sorted((game / pack.terrain.folder).glob(f"*{pack.terrain.suffix}"))
    kinds: tuple[Kind, Kind] = ("land", "water")
    for kind in kinds:
        (folder / kind).mkdir()
        BackgroundSet.write(folder / kind, kind, (game, textures), pack.terrain, size)
    shard_writer = open_shard_writer(
        pack, Sources(folder / "sprites", folder / "land", folder / "water")
    )
    plans = [plan(index % pack.scenes.images, shard_writer.rule_table) for index in SCENES]
    return [
        draw(scene, shard_writer.sprites, shard_writer.backgrounds, shard_writer.team_colours).image
        for scene in plans
    ]


def _framed(image: Pixels) -> Pixels:
    return np.pad(image, ((GAP, GAP), (GAP, GAP), (0, 0)), constant_values=24)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Draws the images of docs/explanation/sld.md from the built-in game.

uv run python docs/draw_sld.py docs/images
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.demo_game.game_folder import SPRITES, draw_game
from pipeline.formats.blocks import SIDE
from pipeline.formats.palette import Colour
from pipeline.formats.sld import HEADINGS, PlacedLayer, SldFrame, read_sld
from pipeline.formats.sld.model import LayerKind
from pipeline.formats.sld.structure import NONE_BEFORE, LayerBox, Structure, command_bytes, parse
from pipeline.scenes.sources.catalogue import TEAM_COLOURS
from pipeline.sprites.recolour import recolour
from resources.state import StateFolder

Pixels = npt.NDArray[np.uint8]

IDLE, WALK = "u_cav_rider_idleA_x1.sld", "u_cav_rider_walkA_x1.sld"
MILL = "b_west_mill_age2_x1.sld"
SOUTH_EAST = 2
GROUND: Colour = (96, 122, 78)
BACKDROP: Colour = (38, 40, 48)
DRAWN, INHERITED, EMPTY = (214, 92, 58), (74, 150, 214), (58, 61, 70)
REACH = (36, 60, 40, 24)
"""Pixels left, above, right of and below the hotspot that are shown."""


def main(folder: Path) -> None:
    """Draw every image into a folder; the same bytes whenever the built-in game is the same."""
    game = StateFolder.from_environment().drawn_game("demo")
    draw_game(game)
    for name, image in images(game).items():
        image.save(folder / name, optimize=True)


def images(game_folder: Path) -> dict[str, Image.Image]:
    """All images by file name."""
    sprites = game_folder / SPRITES
    return {
        "sld-layers.png": layers(sprites / IDLE),
        "sld-headings.png": headings(sprites / WALK),
        "sld-deltas.png": deltas(sprites / MILL),
    }


def layers(file: Path) -> Image.Image:
    """The layers of one frame, then what they make: in two teams' colours, on the ground."""
    sprite = read_sld(file)
    frame = sprite.frames[sprite.frame_index(SOUTH_EAST, 0)]
    grey = [frame.shadow, frame.outline, frame.player]
    panels = [
        painted(frame, BACKDROP, frame.main),
        *(painted(frame, BACKDROP, layer and _as_grey(layer)) for layer in grey),
        *(as_in_the_game(frame, TEAM_COLOURS[player]) for player in (0, 1)),
    ]
    return _sheet([panels], zoom=2)


def headings(file: Path) -> Image.Image:
    """The first step of all headings, from east clockwise, eight in a row."""
    sprite = read_sld(file)
    panels = [
        as_in_the_game(sprite.frames[sprite.frame_index(heading, 0)], TEAM_COLOURS[0])
        for heading in range(HEADINGS)
    ]
    return _sheet([panels[:8], panels[8:]], zoom=1)


def deltas(file: Path) -> Image.Image:
    """The steps of an animation; below each where its blocks come from, and those stored alone."""
    sprite, structure = read_sld(file), parse(file.read_bytes())
    wholes, origins, stored = [], [], []
    for index, frame in enumerate(sprite.frames):
        if frame.main is None:
            continue
        source = block_origins(file.read_bytes(), structure, index)
        blocks = source.pixels[SIDE - 1 :: SIDE, SIDE - 1 :: SIDE, :3]
        here = (blocks == DRAWN).all(axis=2).repeat(SIDE, axis=0).repeat(SIDE, axis=1)
        alone = PlacedLayer(frame.main.x, frame.main.y, frame.main.pixels * here[..., None])
        wholes.append(painted(frame, BACKDROP, frame.main))
        origins.append(painted(frame, BACKDROP, source))
        stored.append(painted(frame, BACKDROP, alone))
    return _sheet([wholes, origins, stored], zoom=2)


def as_in_the_game(frame: SldFrame, team: Colour) -> Pixels:
    """The frame with its shadow on the ground, in a team's colour."""
    main, player = frame.main, frame.player
    if main is not None and player is not None:
        main = PlacedLayer(main.x, main.y, recolour(main.pixels, player.pixels, team))
    shadow = frame.shadow
    if shadow is not None:
        black = np.zeros((*shadow.pixels.shape, 4), np.uint8)
        black[..., 3] = shadow.pixels
        shadow = PlacedLayer(shadow.x, shadow.y, black)
    return painted(frame, GROUND, shadow, main)


def painted(frame: SldFrame, ground: Colour, *layers: PlacedLayer | None) -> Pixels:
    """RGBA layers over a ground, cut to what lies around the hotspot."""
    canvas = np.empty((frame.canvas_height, frame.canvas_width, 3), np.uint8)
    canvas[:] = ground
    for layer in layers:
        if layer is None:
            continue
        region = canvas[layer.y : layer.y + layer.height, layer.x : layer.x + layer.width]
        pixels = layer.pixels[: region.shape[0], : region.shape[1]].astype(np.uint32)
        alpha = pixels[..., 3:]
        region[:] = (pixels[..., :3] * alpha + region * (255 - alpha) + 127) // 255
    (x, y), (left, above, right, below) = frame.hotspot, REACH
    return canvas[y - above : y + below, x - left : x + right]


def block_origins(data: bytes, structure: Structure, index: int) -> PlacedLayer:
    """A colour for each block of a frame's main layer: stored, inherited or empty."""
    layers = structure.layers
    number = structure.layers_of_kind(LayerKind.MAIN)[[index]]
    commands = command_bytes(data, layers, number).reshape(-1)
    drawn = np.repeat(np.resize([False, True], len(commands)), commands)
    box = LayerBox(*layers.box[number[0]].tolist())
    skipped = EMPTY if layers.inherits[number[0]] == NONE_BEFORE else INHERITED
    colours = np.full((box.rows * box.columns, 4), (*EMPTY, 255), np.uint8)
    colours[: len(drawn), :3] = np.where(drawn[:, None], DRAWN, skipped)
    grid = colours.reshape(box.rows, box.columns, 4)
    pixels = grid.repeat(SIDE, axis=0).repeat(SIDE, axis=1)
    pixels[::SIDE, :, :3] //= 2
    pixels[:, ::SIDE, :3] //= 2
    return PlacedLayer(box.left, box.top, pixels)


def _as_grey(layer: PlacedLayer) -> PlacedLayer:
    values = layer.pixels.astype(np.uint8) * (255 if layer.pixels.dtype == np.bool_ else 1)
    pixels = np.dstack([values, values, values, np.full_like(values, 255)])
    return PlacedLayer(layer.x, layer.y, pixels)


def _sheet(rows: Iterable[Sequence[Pixels]], zoom: int) -> Image.Image:
    """Panels beside and below one another, with a gap between them."""
    margin = ((1, 1), (1, 1), (0, 0))
    joined = np.vstack([np.hstack([np.pad(panel, margin) for panel in row]) for row in rows])
    return Image.fromarray(joined.repeat(zoom, axis=0).repeat(zoom, axis=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

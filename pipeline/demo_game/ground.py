"""Terrain textures of the built-in game: tiles that join without a seam."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.demo_game.art.raycasting import Pixels
from pipeline.demo_game.art.solids import Field

TILE = 512
"""Pixels of a side; a whole scene fits, also before it is enlarged."""


@dataclass(frozen=True)
class Terrain:
    """A kind of ground.

    Attributes:
        name: of its file, without suffix.
        dark, light: the colours between which it varies.
        patches: how far large patches differ, 0 to 1; `grain` the same for single pixels.
        flecks: colour of small marks, and how many of 1,000 pixels carry one.
        waves: how strong the ripples are, 0 to 1.
    """

    name: str
    dark: tuple[int, int, int]
    light: tuple[int, int, int]
    patches: float = 0.9
    grain: float = 0.4
    flecks: tuple[tuple[int, int, int], float] | None = None
    waves: float = 0.0


TERRAINS = (
    Terrain("g_grs", (74, 112, 44), (122, 152, 70), flecks=((146, 174, 84), 14.0)),
    Terrain("g_gr2", (108, 120, 56), (158, 158, 86), flecks=((178, 172, 100), 12.0)),
    Terrain("g_for", (58, 82, 40), (92, 100, 56), grain=0.6, flecks=((124, 96, 54), 22.0)),
    Terrain("g_dir", (122, 92, 58), (164, 130, 86), flecks=((96, 74, 50), 10.0)),
    Terrain("g_rd1", (146, 128, 102), (184, 166, 136), grain=0.6, flecks=((112, 98, 80), 20.0)),
    Terrain("g_bch", (196, 172, 120), (228, 206, 154), grain=0.3, flecks=((170, 146, 102), 6.0)),
    Terrain("g_wtr", (36, 84, 128), (62, 116, 158), grain=0.15, waves=0.5),
    Terrain("g_wt2", (30, 96, 116), (58, 134, 146), grain=0.15, waves=0.5),
    Terrain("g_wt3", (24, 62, 108), (44, 88, 136), grain=0.12, waves=0.4),
)
BLACK = Terrain("g_bla", (0, 0, 0), (2, 2, 2))
"""What the game draws where nothing has been explored; no background."""
PLACEHOLDER = "o_placeholder"
"""A chequered file that stands for a missing one; no background either."""


def tile_of(terrain: Terrain, seed: int) -> Pixels:
    """The texture, uint8 [TILE, TILE, 3]; opposite edges fit each other."""
    rng = np.random.default_rng([*terrain.name.encode(), seed])
    broad = _cloud(rng, (4, 8, 16))
    fine = _cloud(rng, (64, 128))
    speck = rng.random((TILE, TILE), dtype=np.float32)
    mix = 0.5 + terrain.patches * (broad - 0.5) + terrain.grain * (0.6 * fine + 0.4 * speck - 0.5)
    if terrain.waves:
        mix = mix + terrain.waves * _ripples(rng, broad)
    mix = np.clip(mix, 0, 1)[..., None]
    dark, light = (np.array(colour, np.float32) for colour in (terrain.dark, terrain.light))
    image = dark + (light - dark) * mix
    if terrain.flecks is not None:
        colour, per_thousand = terrain.flecks
        # Marks are two pixels wide, so that they survive a soft filter.
        marked = rng.random((TILE, TILE), dtype=np.float32) < per_thousand / 1000
        marked |= np.roll(marked, 1, axis=1)
        image[marked] = 0.45 * image[marked] + 0.55 * np.array(colour, np.float32)
    return np.rint(np.clip(image, 0, 255)).astype(np.uint8)


def placeholder() -> Pixels:
    """Magenta and black squares, as games draw where a texture is missing."""
    rows, columns = np.indices((TILE, TILE)) // 32
    odd = (rows + columns) % 2 == 1
    return np.where(odd[..., None], np.array([255, 0, 255]), np.array([0, 0, 0])).astype(np.uint8)


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], cells: tuple[int, int]) -> Field:
    """Noise from 0 to 1 that repeats at its edges: random values on a lattice, joined smoothly.

    Args:
        shape: rows and columns of the image.
        cells: rows and columns of the lattice; more cells make finer noise.
    """
    lattice = rng.random(cells, dtype=np.float32)
    rows, row_weight = _stations(shape[0], cells[0])
    columns, column_weight = _stations(shape[1], cells[1])
    upper, lower = lattice[rows], lattice[(rows + 1) % cells[0]]
    blended = upper + (lower - upper) * row_weight[:, None]
    left, right = blended[:, columns], blended[:, (columns + 1) % cells[1]]
    result: Field = left + (right - left) * column_weight[None, :]
    return result


def _stations(length: int, cells: int) -> tuple[npt.NDArray[np.int64], Field]:
    """For each pixel the lattice cell it lies in and how far along, eased at both ends."""
    place = (np.arange(length, dtype=np.float32) + 0.5) * np.float32(cells / length)
    cell = np.floor(place)
    along = place - cell
    return cell.astype(np.int64), along * along * (3 - 2 * along)


def _cloud(rng: np.random.Generator, octaves: tuple[int, ...]) -> Field:
    """Noise of several sizes, each half as strong as the one before; 0 to 1."""
    strengths = [0.5**number for number in range(len(octaves))]
    total = np.zeros((TILE, TILE), np.float32)
    for strength, cells in zip(strengths, octaves, strict=True):
        total += strength * smooth_noise(rng, (TILE, TILE), (cells, cells))
    return total / np.float32(sum(strengths))


def _ripples(rng: np.random.Generator, bend: Field) -> Field:
    """Crests that lie across the image: noise drawn wide, of which only the top is kept."""
    crests = np.zeros((TILE, TILE), np.float32)
    for cells in ((72, 18), (48, 14)):
        crests += np.clip(smooth_noise(rng, (TILE, TILE), cells) + 0.3 * bend - 0.82, 0, 1)
    return crests * 2.5

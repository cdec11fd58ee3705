"""A game drawn by the demo game's own renderer, with true boxes.

What is drawn is what the game shows a player: what its side sees, what stands and was seen before,
and the fog over all else. Without a side everything is shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pipeline.demo_game.art.catalogue import SpriteFile, sprite_files
from pipeline.demo_game.art.solids import Field
from pipeline.demo_game.ground import smooth_noise
from pipeline.demo_game.renderer import FRAME_HEIGHT, FRAME_WIDTH, Screenshot, draw_frame
from pipeline.demo_game.world import FLATTENING, Entity, World, paint_ground
from pipeline.play.simulator.games import Games
from pipeline.play.simulator.maps import GameMap, map_of
from pipeline.play.simulator.observation import lit_cells, side_of
from pipeline.play.simulator.rules import (
    CELL,
    FIGURES,
    MAP_SIDE,
    SUBPIXELS,
    UNITS,
    Ground,
    Kind,
    Order,
)

MAP_HEIGHT = round(MAP_SIDE * FLATTENING)
"""Pixels of the map's depth on the screen."""
LIGHT = (1.0, 1.0, 1.0)
STANDING = {
    Kind.KEEP: "b_west_keep_age3_x1",
    Kind.GOLD_MINE: "n_mine_gold_x1",
    Kind.BERRY_BUSH: "n_forage_bush_x1",
    Kind.SHEEP: "a_herd_sheep_idleA_x1",
    Kind.WARSHIP: "u_shp_warship_x1",
}
WALKING = {
    Kind.WORKER: ("vil_worker", "taskA"),
    Kind.SWORDSMAN: ("inf_swordsman", "attackA"),
    Kind.SPEARMAN: ("inf_spearman", "attackA"),
    Kind.RIDER: ("cav_rider", "attackA"),
}
TREES = ("n_tree_oak_x1", "n_tree_pine_x1", "n_tree_birch_x1")


@dataclass(frozen=True)
class Camera:
    """Which part of the map the screen shows.

    Attributes:
        left, top: pixels of the screen from the map's left and upper edge.
    """

    left: int
    top: int

    @classmethod
    def on(cls, x: int, y: int) -> Camera:
        """With a place of the map, in its pixels, as near to the middle as the edges allow."""
        left = min(max(x - FRAME_WIDTH // 2, 0), MAP_SIDE - FRAME_WIDTH)
        top = min(max(round(y * FLATTENING) - FRAME_HEIGHT // 2, 0), MAP_HEIGHT - FRAME_HEIGHT)
        return cls(left, top)

    def to_screen(self, x: int, y: int) -> tuple[int, int]:
        """Where a place of the map lies on the screen, in pixels."""
        return x - self.left, round(y * FLATTENING) - self.top

    def to_map(self, x: int, y: int) -> tuple[int, int]:
        """Which place of the map lies at a pixel of the screen."""
        return x + self.left, round((y + self.top) / FLATTENING)


def render(games: Games, game: int, camera: Camera, player: int | None = None) -> Screenshot:
    """One game as a player sees it, or all of it.

    Args:
        game: its number in the batch.
        player: whose view; everything is shown if left out.

    Returns:
        Image and true boxes, of what is seen to at least 30%; `tag` of an object is its entity's
        slot, and None for trees.
    """
    number, tick = int(games.clocks["map"][game]), int(games.clocks["tick"][game])
    painted = _painted(number)
    side = None if player is None else side_of(games, player)
    entities = (*_things(games, game, player, side), *painted.entities)
    ground, fog = painted.ground, painted.fog
    if side is not None:
        lit, explored = (
            _smooth(lit_cells(words[game, side]).astype(np.float32))
            for words in (games.in_sight, games.explored)
        )
        ground = np.rint(ground * explored[..., None]).astype(np.uint8)
        fog = 1 - lit
        entities = tuple(e for e in entities if explored[_row(e), e.x] > 0.5)
    stock, score = (
        (0, 0) if player is None else games.players[game, player][["stock", "score"]].tolist()
    )
    return draw_frame(
        f"game{game}_{tick:04d}",
        World(ground, painted.elevation, fog, entities),
        (camera.left, camera.top),
        LIGHT,
        (0, 0, stock, score),
    )


def camera_of(games: Games, game: int, player: int) -> Camera:
    """A camera on that unit of a player on land that is in their middle; else on its keep."""
    units = games.entities[game, player * UNITS : (player + 1) * UNITS]
    units = units[(units["present"] == 1) & (units["kind"] != Kind.WARSHIP)]
    if not len(units):
        units = games.entities[game, games.player_count * UNITS + player][None]
    apart = [np.abs(units[axis] - units[axis].mean()) for axis in ("x", "y")]
    chosen = units[int((apart[0] + apart[1]).argmin())]
    return Camera.on(int(chosen["x"]) // SUBPIXELS, int(chosen["y"]) // SUBPIXELS)


def _things(games: Games, game: int, player: int | None, side: int | None) -> Iterator[Entity]:
    """Everything that is to be seen, as the renderer takes it."""
    tick = int(games.clocks["tick"][game])
    selected = 0 if player is None else int(games.players["selected"][game, player])
    for slot, entity in enumerate(games.entities[game]):
        kind, x, y = Kind(int(entity["kind"])), int(entity["x"]), int(entity["y"])
        hit_points, in_sight = int(entity["hit_points"]), bool(entity["present"])
        if side is not None:
            known = games.memory[game, side, slot]
            in_sight = int(known["tick"]) == tick
            stands = FIGURES[kind].speed == 0
            if not in_sight and not (stands and int(known["tick"]) >= 0):
                continue
            x, y, hit_points = int(known["x"]), int(known["y"]), int(known["hit_points"])
        elif not in_sight:
            continue
        owner = int(entity["owner"])
        is_own_unit = owner == player and slot < games.player_count * UNITS
        most = FIGURES[kind].hit_points
        file = _file_of(kind, Order(int(entity["order"])))
        yield Entity(
            file=file,
            x=x // SUBPIXELS,
            y=round(y / SUBPIXELS * FLATTENING),
            heading=(int(entity["heading"]) if in_sight else slot) % file.headings,
            phase=_phase(kind, slot, tick, len(file.steps)),
            player=None if owner < 0 else owner,
            selected=bool(is_own_unit and selected >> (slot % UNITS) & 1),
            health=hit_points / most if 0 < hit_points < most else None,
            tag=slot,
        )


def _phase(kind: Kind, slot: int, tick: int, steps: int) -> int:
    """Mines and bushes keep their shape; all else moves five times a second."""
    still = kind in (Kind.GOLD_MINE, Kind.BERRY_BUSH, Kind.KEEP)
    return (slot if still else slot + tick // 4) % steps


def _file_of(kind: Kind, order: Order) -> SpriteFile:
    if kind in STANDING:
        return _FILES[STANDING[kind]]
    name, at_work = WALKING[kind]
    does = {Order.IDLE: "idleA", Order.MOVE: "walkA", Order.RETURN: "walkA"}.get(order, at_work)
    return _FILES[f"u_{name}_{does}_x1"]


_FILES = {file.name: file for file in sprite_files()}


@lru_cache(maxsize=4)
def _painted(number: int) -> World:
    """A map's ground and trees, painted once."""
    game_map = map_of(number)
    water = _smooth(np.kron(game_map.ground == Ground.WATER, np.ones((2, 2))).astype(np.float32))
    rng = np.random.default_rng([number, 6])
    # About 0.003 for every pixel from the shore, as in the demo game's own worlds.
    elevation: Field = (np.float32(0.5) - water) * np.float32(0.2)
    elevation += np.float32(0.01) * (smooth_noise(rng, water.shape[:2], (40, 66)) - 0.5)
    trees = tuple(_trees(game_map))
    return World(paint_ground(rng, elevation, trees), elevation, np.zeros_like(elevation), trees)


def _trees(game_map: GameMap) -> Iterator[Entity]:
    """Three for every cell that is an obstacle."""
    for row, column in np.argwhere(game_map.ground == Ground.OBSTACLE).tolist():
        for turn, (dx, dy) in enumerate(((18, 20), (46, 28), (30, 50))):
            file = _FILES[TREES[(row + 2 * column + turn) % len(TREES)]]
            yield Entity(
                file=file,
                x=column * CELL + dx,
                y=round((row * CELL + dy) * FLATTENING),
                heading=0,
                phase=(3 * row + column + turn) % len(file.steps),
                player=None,
                selected=False,
                health=None,
            )


def _row(entity: Entity) -> int:
    return min(entity.y, MAP_HEIGHT - 1)


def _smooth(cells: npt.NDArray[np.float32]) -> Field:
    """Cells of the fog as a field of the whole map on the screen, blended between their middles."""
    rows = _weights(MAP_HEIGHT, len(cells))
    columns = _weights(MAP_SIDE, len(cells))
    field: Field = (rows @ cells @ columns.T).astype(np.float32)
    return field


@lru_cache(maxsize=4)
def _weights(length: int, cells: int) -> npt.NDArray[np.float32]:
    """How much each cell counts at each pixel: float32 [length, cells], rows that sum to one."""
    at = np.clip((np.arange(length) + 0.5) * cells / length - 0.5, 0, cells - 1)
    weights = np.clip(1 - np.abs(at[:, None] - np.arange(cells)), 0, 1)
    return np.asarray(weights, np.float32)

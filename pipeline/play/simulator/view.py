"""A game drawn by the demo game's own renderer, with true boxes.

What is drawn is what the game shows a player: what its side sees, what stands and was seen before,
and the fog over all else. Without a side everything is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from detector_runtime.geometry.tiling import Region

from pipeline.demo_game.art.catalogue import SpriteFile, sprite_files
from pipeline.demo_game.art.raycasting import Pixels
from pipeline.demo_game.art.solids import Field
from pipeline.demo_game.ground import smooth_noise
from pipeline.demo_game.renderer import (
    FRAME_HEIGHT,
    FRAME_WIDTH,
    REACH,
    Screenshot,
    Tags,
    draw_frame,
    draw_map,
    draw_part,
)
from pipeline.demo_game.world import FLATTENING, Entity, World, paint_ground
from pipeline.play.simulator.games import Games
from pipeline.play.simulator.maps import MAPS, GameMap, map_of
from pipeline.play.simulator.observation import lit_cells, side_of
from pipeline.play.simulator.rules import (
    CELL,
    FIGURES,
    FOG_CELLS,
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
EVERYTHING = slice(None)
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


@dataclass(frozen=True, eq=False)
class Shown:
    """What of a game is on a player's screen, before it is drawn.

    Attributes:
        number: of the map.
        things: by slot; trees by numbers below 0.
        lit, explored: float32 [32, 32], 1 in cells that are in sight, and that ever were.
        amounts: numbers of the line along the top; the last two are stock and score.
    """

    number: int
    things: Mapping[int, Entity]
    lit: npt.NDArray[np.float32]
    explored: npt.NDArray[np.float32]
    amounts: tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class MapView:
    """A whole map, drawn.

    Attributes:
        image: uint8 [MAP_HEIGHT, MAP_SIDE, 3].
        slots: int32 [MAP_HEIGHT, MAP_SIDE], the entity that each pixel shows, or -1.
    """

    image: Pixels
    slots: Tags


def render(games: Games, game: int, camera: Camera, player: int | None = None) -> Screenshot:
    """One game as a player sees it, or all of it.

    Args:
        game: its number in the batch.
        player: whose view; everything is shown if left out.

    Returns:
        Image and true boxes, of what is seen to at least 30%; `tag` of an object is its entity's
        slot, and None for trees.
    """
    shown = shown_to(games, game, player)
    return draw_frame(
        f"game{game}_{int(games.clocks['tick'][game]):04d}",
        _whole_world(shown),
        (camera.left, camera.top),
        LIGHT,
        shown.amounts,
    )


def shown_to(games: Games, game: int, player: int | None) -> Shown:
    """What is on a player's screen, or all of a game."""
    number = int(games.clocks["map"][game])
    side = None if player is None else side_of(games, player)
    everywhere = np.ones((FOG_CELLS, FOG_CELLS), np.float32)
    lit, explored = everywhere, everywhere
    stock, score = 0, 0
    if side is not None:
        lit, explored = (
            lit_cells(words[game, side]).astype(np.float32)
            for words in (games.in_sight, games.explored)
        )
        stock, score = games.players[game, player][["stock", "score"]].tolist()
    things = dict(_things(games, game, player, side))
    things |= {-1 - tree: entity for tree, entity in enumerate(_painted(number).entities)}
    if side is not None:
        things = {key: things[key] for key in _explored(things, explored)}
    return Shown(number, things, lit, explored, (0, 0, stock, score))


def draw_shown(shown: Shown, part: Region) -> Pixels:
    """A part of the whole map on the screen, without the interface: uint8 [height, width, 3]."""
    return draw_part(world_part(shown, part), (0, 0), (part.width, part.height), LIGHT)


def world_part(shown: Shown, part: Region) -> World:
    """A part of the map on the screen with what reaches into it, as the renderer takes it."""
    things = tuple(
        replace(thing, x=thing.x - part.left, y=thing.y - part.top)
        for thing in shown.things.values()
        if -REACH < thing.x - part.left < part.width + REACH
        and -REACH < thing.y - part.top < part.height + REACH
    )
    view = slice(part.top, part.bottom), slice(part.left, part.right)
    return _world(shown, view, things)


def render_map(games: Games, game: int, player: int | None = None, *, bars: bool = True) -> MapView:
    """The whole map of one game as a player sees it, or all of it.

    Args:
        game: its number in the batch.
        player: whose view; everything is shown if left out.
        bars: whether the hit points of what is hurt are drawn.
    """
    world = _whole_world(shown_to(games, game, player))
    if not bars:
        plain = tuple(replace(entity, health=None) for entity in world.entities)
        world = replace(world, entities=plain)
    return MapView(*draw_map(world, LIGHT))


def camera_of(games: Games, game: int, player: int) -> Camera:
    """A camera on that unit of a player on land that is in their middle; else on its keep."""
    units = games.entities[game, player * UNITS : (player + 1) * UNITS]
    units = units[(units["present"] == 1) & (units["kind"] != Kind.WARSHIP)]
    if not len(units):
        units = games.entities[game, games.player_count * UNITS + player][None]
    apart = [np.abs(units[axis] - units[axis].mean()) for axis in ("x", "y")]
    chosen = units[int((apart[0] + apart[1]).argmin())]
    return Camera.on(int(chosen["x"]) // SUBPIXELS, int(chosen["y"]) // SUBPIXELS)


def _world(shown: Shown, view: tuple[slice, slice], things: tuple[Entity, ...]) -> World:
    """A part of the map, darkened where it is not known."""
    painted = _painted(shown.number)
    ground = painted.ground[view]
    explored = _smooth(shown.explored, *view)
    if explored.min() < 1:
        ground = np.rint(ground * explored[..., None]).astype(np.uint8)
    return World(ground, painted.elevation[view], 1 - _smooth(shown.lit, *view), things)


def _whole_world(shown: Shown) -> World:
    """What the renderer draws: ground, fog and everything that is to be seen."""
    ground = _explored_ground(shown.number, shown.explored.tobytes())
    elevation, things = _painted(shown.number).elevation, tuple(shown.things.values())
    return World(ground, elevation, 1 - _smooth(shown.lit), things)


def _explored(things: Mapping[int, Entity], explored: npt.NDArray[np.float32]) -> list[int]:
    """Those that stand where the map is known."""
    if not things:
        return []
    rows = np.array([min(thing.y, MAP_HEIGHT - 1) for thing in things.values()])
    columns = np.array([thing.x for thing in things.values()])
    light = _blended(_blended(explored, MAP_HEIGHT, rows).T, MAP_SIDE, columns).diagonal()
    return [key for key, lit in zip(things, light.tolist(), strict=True) if lit > 0.5]


def _things(
    games: Games, game: int, player: int | None, side: int | None
) -> Iterator[tuple[int, Entity]]:
    """Everything that is to be seen, by slot, as the renderer takes it."""
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
        yield (
            slot,
            Entity(
                file=file,
                x=x // SUBPIXELS,
                y=round(y / SUBPIXELS * FLATTENING),
                heading=(int(entity["heading"]) if in_sight else slot) % file.headings,
                phase=_phase(kind, slot, tick, len(file.steps)),
                player=None if owner < 0 else owner,
                selected=bool(is_own_unit and selected >> (slot % UNITS) & 1),
                health=hit_points / most if 0 < hit_points < most else None,
                tag=slot,
            ),
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


@lru_cache(maxsize=MAPS)
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


@lru_cache(maxsize=4)
def _explored_ground(number: int, explored: bytes) -> Pixels:
    """A map's ground as far as it is explored; most ticks explore nothing.

    Args:
        explored: of a `Shown`.
    """
    field = _smooth(np.frombuffer(explored, np.float32).reshape(FOG_CELLS, FOG_CELLS))
    ground: Pixels = np.rint(_painted(number).ground * field[..., None]).astype(np.uint8)
    return ground


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


def _smooth(
    cells: npt.NDArray[np.float32],
    rows: slice = EVERYTHING,
    columns: slice = EVERYTHING,
) -> Field:
    """Cells of the fog as a field of the map on the screen, blended between their middles."""
    down = _blended(cells, MAP_HEIGHT, np.arange(MAP_HEIGHT)[rows])
    field: Field = _blended(down.T, MAP_SIDE, np.arange(MAP_SIDE)[columns]).T
    return np.ascontiguousarray(field)


def _blended(
    cells: npt.NDArray[np.float32], length: int, at: npt.NDArray[np.int_]
) -> npt.NDArray[np.float32]:
    """Rows of cells between whose middles pixels lie: float32 [pixels, ...].

    Args:
        length: pixels over which all of the rows are spread.
        at: which of the pixels.
    """
    places = np.clip((at + 0.5) * len(cells) / length - 0.5, 0, len(cells) - 1)
    first = np.minimum(places.astype(np.intp), len(cells) - 2)
    share = (places - first).astype(np.float32)[:, None]
    blended: npt.NDArray[np.float32] = cells[first] * (1 - share) + cells[first + 1] * share
    return blended

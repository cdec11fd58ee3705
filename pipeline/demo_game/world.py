"""The maps on which the built-in game's captures are played: ground, and who stands where.

Nothing here is shared with `pipeline.scenes`: the captures stand for real screenshots, and must be
able to show what a drawn scene does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pipeline.demo_game.art.catalogue import DISTRACTOR, HEADINGS, SpriteFile, sprite_files
from pipeline.demo_game.art.raycasting import Pixels
from pipeline.demo_game.art.solids import Field, unit_circle
from pipeline.demo_game.ground import TERRAINS, TILE, smooth_noise, tile_of

WIDTH, HEIGHT = 1800, 964
CELLS = (6, 10)
"""Rows and columns of the map's cells; each is filled by one group."""
FLATTENING = 0.6
"""A step into the depth of the map is so much shorter on the screen than one across."""
CLEARANCE = 14
"""Pixels that everything keeps from the shoreline, beyond its own footprint."""

WATER_CLASSES = frozenset({"fishing_boat", "warship", "fish", "whale"})
FOOTPRINTS: Mapping[str, float] = {
    "keep": 32,
    "house": 23,
    "mill": 21,
    "swordsman": 8,
    "spearman": 8,
    "rider": 13,
    "worker": 8,
    "sheep": 8,
    "chicken": 7,
    "tree": 9,
    "gold_mine": 19,
    "berry_bush": 14,
    "fishing_boat": 19,
    "warship": 30,
    "fish": 15,
    "whale": 26,
    DISTRACTOR: 8,
}
"""Radius on the ground, in pixels."""

OWNED = frozenset(
    {"keep", "house", "mill", "swordsman", "spearman", "rider", "worker", "fishing_boat", "warship"}
)
"""What belongs to a player."""

Group = tuple[tuple[str, int], ...]

LAND_GROUPS: tuple[Group, ...] = (
    (("keep", 1), ("house", 1), ("swordsman", 2), ("spearman", 2), ("worker", 1)),
    (("sheep", 4), ("worker", 1), ("tree", 2), ("house", 1)),
    (("house", 2), ("mill", 1), ("worker", 1), ("chicken", 3)),
    (("gold_mine", 2), ("worker", 2), ("tree", 1), ("chicken", 1)),
    (("tree", 6), ("gold_mine", 1), ("berry_bush", 1), (DISTRACTOR, 1)),
    (("keep", 1), ("rider", 4), ("chicken", 1)),
    (("swordsman", 4), ("spearman", 4), ("mill", 1)),
    (("mill", 1), ("house", 1), ("sheep", 2), ("chicken", 2), (DISTRACTOR, 1)),
    (("berry_bush", 3), ("worker", 2), ("tree", 1), ("gold_mine", 1)),
    (("rider", 3), ("spearman", 2), ("swordsman", 2), (DISTRACTOR, 1)),
    (("keep", 1), ("mill", 1), ("worker", 1), ("sheep", 1), ("berry_bush", 1)),
)
WATER_GROUPS: tuple[Group, ...] = (
    (("fishing_boat", 2), ("fish", 3)),
    (("warship", 2), ("whale", 1), ("fish", 1)),
    (("whale", 2), ("fishing_boat", 1), ("fish", 1)),
    (("warship", 2), ("fishing_boat", 2)),
)


@dataclass(frozen=True)
class Session:
    """One capture: a map, its light, and a seed from which all else follows.

    Attributes:
        light: factors on red, green and blue.
        water_share: of the map.
    """

    name: str
    seed: int
    light: tuple[float, float, float]
    water_share: float


@dataclass(frozen=True)
class Entity:
    """A thing on the map.

    Attributes:
        x, y: where its hotspot stands, in pixels of the map.
        heading, phase: where in its file its animation begins.
        player: 0 to 7, or None for what belongs to nobody.
        selected: whether its player has chosen it.
        health: filled part of its bar, or None while no bar is shown.
        tag: by which what is seen of it can be told from all else, or None.
    """

    file: SpriteFile
    x: int
    y: int
    heading: int
    phase: int
    player: int | None
    selected: bool
    health: float | None
    tag: int | None = None


@dataclass(frozen=True, eq=False)
class World:
    """A map.

    Attributes:
        ground: uint8 [height, width, 3], without anything that stands on it.
        elevation: negative under water, about 0.003 for every pixel from the shore.
        fog: 0 to 1, how dark it is where nobody looks at present.
        entities: everything that stands on it.
    """

    ground: Pixels
    elevation: Field
    fog: Field
    entities: tuple[Entity, ...]


def world_of(session: Session) -> World:
    """Make the map of a session."""
    rng = np.random.default_rng([session.seed, 1])
    elevation = _elevation(rng, session.water_share)
    population = _Population(np.random.default_rng([session.seed, 2]), elevation)
    entities = population.populate()
    ground = paint_ground(np.random.default_rng([session.seed, 3]), elevation, entities)
    return World(ground, elevation, _fog(rng), entities)


def _elevation(rng: np.random.Generator, water_share: float) -> Field:
    shape = (HEIGHT, WIDTH)
    field = smooth_noise(rng, shape, (3, 5)) + 0.35 * smooth_noise(rng, shape, (7, 13))
    field += 0.06 * smooth_noise(rng, shape, (40, 75))
    ranked = np.sort(field, axis=None)
    level: Field = field - ranked[int(water_share * field.size)]
    return level


def _fog(rng: np.random.Generator) -> Field:
    """Dark patches over about a seventh of the map, with soft borders."""
    noise = smooth_noise(rng, (HEIGHT, WIDTH), (4, 7))
    return _smoothstep(noise, 0.74, 0.86)


class _Place(NamedTuple):
    """Who stands where, before it is known how they look."""

    shows: str
    x: float
    y: float


class _Population:
    """Groups are placed cell by cell; each thing finds a free place near its group's middle."""

    def __init__(self, rng: np.random.Generator, elevation: Field) -> None:
        self._rng = rng
        self._elevation = elevation
        self._places: list[_Place] = []

    def populate(self) -> tuple[Entity, ...]:
        """Fill every cell of the map."""
        entities: list[Entity] = []
        turns = {True: 0, False: 0}
        for x, y in self._cells():
            on_water = bool(self._elevation[y, x] < 0)
            groups = WATER_GROUPS if on_water else LAND_GROUPS
            entities += self._place_group(groups[turns[on_water] % len(groups)], x, y)
            turns[on_water] += 1
        return tuple(entities)

    def _cells(self) -> list[tuple[int, int]]:
        """Middles of the map's cells, in a random order."""
        rows, columns = CELLS
        order = self._rng.permutation(rows * columns).tolist()
        return [
            (
                int((cell % columns + 0.5) * WIDTH / columns),
                int((cell // columns + 0.5) * HEIGHT / rows),
            )
            for cell in order
        ]

    def _place_group(self, group: Group, x: int, y: int) -> Iterator[Entity]:
        rng = self._rng
        player, heading = int(rng.integers(8)), int(rng.integers(HEADINGS))
        for shows, count in group:
            for _ in range(count):
                place = self._free_place(shows, x, y)
                if place is not None:
                    self._places.append(place)
                    yield self._entity(place, player, heading)

    def _free_place(self, shows: str, x: int, y: int) -> _Place | None:
        for attempt in range(60):
            reach = 62 + 1.5 * attempt
            across, along = (2 * self._rng.random(2) - 1).tolist()
            place = _Place(shows, x + across * reach, y + along * reach * 0.85)
            if self._has_ground(place) and self._is_free(place):
                return place
        return None

    def _has_ground(self, place: _Place) -> bool:
        """Whether it is on its element as far as its footprint and some more reach."""
        reach = FOOTPRINTS[place.shows] * 0.7 + CLEARANCE
        for dx, dy in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1), (0.7, 0.7), (-0.7, -0.7)):
            x, y = int(place.x + dx * reach), int(place.y + dy * reach * FLATTENING)
            if not (8 <= x < WIDTH - 8 and 8 <= y < HEIGHT - 8):
                return False
            if (self._elevation[y, x] < 0) != (place.shows in WATER_CLASSES):
                return False
        return True

    def _is_free(self, place: _Place) -> bool:
        # A little closer than their footprints: crowds overlap in an image.
        radius = FOOTPRINTS[place.shows]
        return all(
            (place.x - other.x) ** 2 + ((place.y - other.y) / FLATTENING) ** 2
            >= (0.85 * (radius + FOOTPRINTS[other.shows])) ** 2
            for other in self._places
        )

    def _entity(self, place: _Place, player: int, heading: int) -> Entity:
        rng = self._rng
        files = FILES_BY_CLASS[place.shows]
        file = files[int(rng.integers(len(files)))]
        # Soldiers keep their formation's heading; all others look where they like.
        formed = place.shows in ("swordsman", "spearman", "rider", "warship")
        turned = heading + int(rng.integers(-1, 2)) if formed else int(rng.integers(HEADINGS))
        wild = place.shows not in OWNED
        chance = rng.random(3).tolist()
        return Entity(
            file=file,
            x=int(place.x),
            y=int(place.y),
            heading=turned % file.headings,
            phase=int(rng.integers(len(file.steps))),
            player=None if wild else player,
            selected=not wild and chance[0] < 0.2,
            health=0.15 + 0.85 * chance[2] if not wild and chance[1] < 0.22 else None,
        )


FILES_BY_CLASS = {
    shows: tuple(file for file in sprite_files() if file.shows == shows) for shows in FOOTPRINTS
}


def paint_ground(
    rng: np.random.Generator, elevation: Field, entities: tuple[Entity, ...]
) -> Pixels:
    """Ground from the terrain textures, with ragged transitions, surf and trodden paths.

    Args:
        elevation: as in `World`, of a map of any size.

    Returns:
        uint8 [height, width, 3].
    """
    shape = (elevation.shape[0], elevation.shape[1])
    ragged: Field = smooth_noise(rng, shape, (120, 220)) + smooth_noise(rng, shape, (43, 77)) - 1
    moisture: Field = smooth_noise(rng, shape, (5, 9)) + np.float32(0.15) * ragged
    level: Field = elevation + np.float32(0.01) * ragged
    image = _texture("g_grs", shape, rng)
    for name, weight in (
        ("g_gr2", _smoothstep(moisture, 0.52, 0.66)),
        ("g_dir", _smoothstep(moisture, 0.78, 0.86) * 0.9),
        ("g_for", _trodden(shape, entities, ("tree",), 40.0) * 0.85),
        ("g_rd1", _trodden(shape, entities, ("keep", "house", "mill"), 46.0) * 0.9),
        ("g_bch", 1 - _smoothstep(level, 0.03, 0.09)),
        ("g_wt2", 1 - _smoothstep(level, -0.008, 0.002)),
        ("g_wtr", 1 - _smoothstep(level, -0.12, -0.05)),
        ("g_wt3", 1 - _smoothstep(level, -0.5, -0.25)),
    ):
        image += (_texture(name, shape, rng) - image) * weight[..., None]
    swell: Field = level + np.float32(0.01) * ragged
    surf = 0.75 * _band(level, -0.007, 0.009) + 0.3 * _band(swell, -0.05, 0.006)
    image += (np.array([226, 240, 244], np.float32) - image) * surf[..., None]
    return np.rint(np.clip(image, 0, 255)).astype(np.uint8)


def _texture(name: str, shape: tuple[int, int], rng: np.random.Generator) -> Field:
    """A terrain's tile laid out over the map."""
    terrain = next(terrain for terrain in TERRAINS if terrain.name == name)
    tile = tile_of(terrain, int(rng.integers(1 << 30)))
    rows, columns = (np.arange(side) % TILE for side in shape)
    return tile[rows][:, columns].astype(np.float32)


def _trodden(
    shape: tuple[int, int], entities: tuple[Entity, ...], kinds: tuple[str, ...], reach: float
) -> Field:
    """1 where such things stand, falling to 0 at `reach` pixels from them."""
    field = np.zeros(shape, np.float32)
    for entity in entities:
        if entity.file.shows not in kinds:
            continue
        rows = slice(max(0, int(entity.y - reach)), int(entity.y + reach))
        columns = slice(max(0, int(entity.x - reach)), int(entity.x + reach))
        part = field[rows, columns]
        y = (np.arange(part.shape[0], dtype=np.float32) + rows.start - entity.y) / FLATTENING
        x = np.arange(part.shape[1], dtype=np.float32) + columns.start - entity.x
        near = 1 - (y * y)[:, None] / reach**2 - (x * x)[None, :] / reach**2
        np.maximum(part, np.clip(near * 1.6, 0, 1), out=part)
    return field


def heading_step(heading: int) -> tuple[float, float]:
    """Where a step of one pixel leads on the screen."""
    cosine, sine = unit_circle(heading * 360.0 / HEADINGS)
    return cosine, sine * FLATTENING


def _smoothstep(field: Field, low: float, high: float) -> Field:
    part = np.clip((field - np.float32(low)) / np.float32(high - low), 0, 1)
    result: Field = part * part * (3 - 2 * part)
    return result


def _band(field: Field, middle: float, half_width: float) -> Field:
    """1 at a level of the field, falling to 0 on both sides."""
    result: Field = np.clip(1 - np.abs(field - np.float32(middle)) / np.float32(half_width), 0, 1)
    return result

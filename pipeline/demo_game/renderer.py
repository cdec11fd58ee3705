"""Screenshots of the built-in game, and what is truly to be seen in them.

This renderer stands for the game itself. It shares the art with the game's files and no code with
`pipeline.scenes`: ground with transitions and shores, groups and formations, one light for a whole
session, fog, and an interface that covers what lies beneath it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pipeline.demo_game.art.catalogue import DISTRACTOR, drawing
from pipeline.demo_game.art.raycasting import Mask, Pixels, SolidView
from pipeline.demo_game.game_folder import NATURE, PLAYER_NAMES, TEAM_COLOURS
from pipeline.demo_game.interface import draw_bar, draw_ellipse, draw_minimap, draw_resources
from pipeline.demo_game.world import (
    FOOTPRINTS,
    HEIGHT,
    WIDTH,
    Entity,
    Session,
    World,
    heading_step,
    world_of,
)
from pipeline.labels.boxes import Box

Tags = npt.NDArray[np.int32]
NO_TAG = -1
"""Of a pixel that shows no entity, or one without a tag."""

FRAME_WIDTH, FRAME_HEIGHT = 320, 256
FRAMES = 24
CAMERA_GRID = (4, 6)
"""Rows and columns of the places that the camera visits, there and back row by row."""
MIN_VISIBLE = 0.3
MIN_SIDE = 6
OWN_WEIGHT, OWN_PIXELS = 128, 4
"""An owner is seen by so many pixels in which the player's colour has that weight, of 255."""
SHADOW_STRENGTH = 0.45
FOG_STRENGTH = 0.42
REACH = 110
"""Pixels around the image from which something may still reach into it."""

SESSIONS = (
    Session("harbour", 11, (0.97, 1.0, 1.04), 0.42),
    Session("valley", 23, (1.04, 1.0, 0.94), 0.36),
    Session("heldout", 37, (1.0, 0.95, 0.93), 0.4),
)

UNLABELLED_SESSIONS: Mapping[Session, int] = {
    Session("coast", 41, (1.0, 1.0, 1.0), 0.45): 24,
    Session("ridge", 53, (0.98, 1.0, 1.02), 0.06): 24,
    Session("steppe", 67, (1.05, 1.0, 0.92), 0.12): 24,
    Session("lagoon", 71, (0.94, 1.0, 1.06), 0.75): 6,
    Session("delta", 83, (1.0, 0.97, 0.95), 0.55): 6,
}
"""Sessions that nobody has labelled, with how many frames each has: most of real play shows the
same few things, and what is rare is in a session or two."""


@dataclass(frozen=True, eq=False)
class SeenObject:
    """An object of a screenshot.

    Attributes:
        box: around its visible pixels.
        mask: bool, the visible pixels within `box`.
        occluded: whether something else or the interface hides a part of it.
        owner: its player's colour, or "nature"; None of what shows nobody's colour, though it has
            an owner.
        tag: its entity's.
    """

    class_name: str
    box: Box
    mask: Mask
    occluded: bool
    owner: str | None
    tag: int | None = None


@dataclass(frozen=True, eq=False)
class Screenshot:
    """A frame of a session.

    Attributes:
        name: `<session>_<number>`, for example `harbour_07`.
        image: uint8 [FRAME_HEIGHT, FRAME_WIDTH, 3].
        objects: what can be seen, from the back to the front.
    """

    name: str
    image: Pixels
    objects: tuple[SeenObject, ...]


def screenshot(name: str, number: int) -> Screenshot:
    """One frame of the session of that name, the same in whatever order frames are drawn."""
    known = (*SESSIONS, *UNLABELLED_SESSIONS)
    return screenshot_of(next(session for session in known if session.name == name), number)


def screenshot_of(session: Session, number: int) -> Screenshot:
    """One frame of a session, the same in whatever order frames are drawn.

    From frame to frame the camera moves over the map, and units move a little.
    """
    world, path = _played(session)
    moved = tuple(_moved(entity, number) for entity in world.entities)
    moment = replace(world, entities=moved)
    name = f"{session.name}_{number:02d}"
    return draw_frame(name, moment, path[number], session.light, _amounts(session, number))


def draw_map(world: World, light: tuple[float, float, float]) -> tuple[Pixels, Tags]:
    """A whole map, without the interface.

    Returns:
        The image, uint8 [height, width, 3], and whose each pixel is, int32 [height, width]: the
        entity's tag, or NO_TAG.
    """
    height, width = world.ground.shape[:2]
    frame = _Frame(world, (0, 0), light, (width, height))
    return frame.draw(), frame.tags()


def draw_frame(
    name: str,
    world: World,
    corner: tuple[int, int],
    light: tuple[float, float, float],
    amounts: tuple[int, ...],
) -> Screenshot:
    """A part of a map as the game shows it.

    Args:
        world: of any size that a frame fits into, with every entity as it is at that moment.
        corner: left and top of the frame within the map, in pixels.
        light: factors on red, green and blue.
        amounts: four numbers for the line along the top.
    """
    return _Frame(world, corner, light).render(name, amounts)


def draw_part(
    world: World,
    corner: tuple[int, int],
    size: tuple[int, int],
    light: tuple[float, float, float],
) -> Pixels:
    """A part of a map as any screen shows it that it fits into, without an interface.

    Args:
        corner, light: as for `draw_frame`.
        size: width and height of the part.

    Returns:
        uint8 [height, width, 3].
    """
    return _Frame(world, corner, light, size).draw()


@lru_cache(maxsize=1)
def _played(session: Session) -> tuple[World, tuple[tuple[int, int], ...]]:
    return world_of(session), tuple(_camera_path(session))


def _camera_path(session: Session) -> Iterator[tuple[int, int]]:
    """Left and top of the image within the map, frame by frame."""
    rng = np.random.default_rng([session.seed, 4])
    rows, columns = CAMERA_GRID
    for row in range(rows):
        there_and_back = range(columns) if row % 2 == 0 else range(columns - 1, -1, -1)
        for column in there_and_back:
            x = column * (WIDTH - FRAME_WIDTH) // (columns - 1) + int(rng.integers(-14, 15))
            y = row * (HEIGHT - FRAME_HEIGHT) // (rows - 1) + int(rng.integers(-10, 11))
            yield min(max(x, 0), WIDTH - FRAME_WIDTH), min(max(y, 0), HEIGHT - FRAME_HEIGHT)


def _moved(entity: Entity, number: int) -> Entity:
    """Some steps along its way when it walks."""
    walks = "_walk" in entity.file.name
    along = (number * 5 + entity.phase * 7) % 12 - 6 if walks else 0
    dx, dy = heading_step(entity.heading)
    return replace(
        entity,
        x=round(entity.x + dx * along),
        y=round(entity.y + dy * along),
        phase=(entity.phase + number) % len(entity.file.steps),
    )


def _amounts(session: Session, number: int) -> tuple[int, ...]:
    """What the player owns of each resource."""
    rng = np.random.default_rng([session.seed, 5])
    growth = rng.integers(3, 40, size=4) * number
    return tuple((rng.integers(50, 900, size=4) + growth).tolist())


def extent_of(entity: Entity) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of all that is drawn of an entity: mark, shadow, sprite, bar."""
    drawn = _drawing_of(entity)
    left, top = _corner_of(entity, drawn)
    height, width = drawn.mask.shape
    shadow_x, shadow_y = left + drawn.shadow_offset[0], top + drawn.shadow_offset[1]
    around = round(FOOTPRINTS[entity.file.shows]) + 4
    bar = _bar_width(drawn) // 2 + 2
    return (
        min(left, shadow_x, entity.x - max(around, bar)),
        min(top - 6, shadow_y, entity.y - around),
        max(left + width, shadow_x + drawn.shadow.shape[1], entity.x + max(around, bar)),
        max(top + height, shadow_y + drawn.shadow.shape[0], entity.y + around),
    )


class _Frame:
    """One screenshot in the making."""

    def __init__(
        self,
        world: World,
        corner: tuple[int, int],
        light: tuple[float, float, float],
        size: tuple[int, int] = (FRAME_WIDTH, FRAME_HEIGHT),
    ) -> None:
        self._world = world
        self._left, self._top = corner
        self._width, self._height = size
        self._colour_of_light = light
        self._view = (
            slice(self._top, self._top + self._height),
            slice(self._left, self._left + self._width),
        )
        self._image = world.ground[self._view].copy()
        self._ids = np.zeros(self._image.shape[:2], np.int32)
        self._entities = sorted(
            (self._shifted(entity) for entity in world.entities if self._is_near(entity)),
            key=lambda entity: (entity.y, entity.x),
        )

    def render(self, name: str, amounts: tuple[int, ...]) -> Screenshot:
        """Everything, and what of it can be seen."""
        self.draw()
        self._draw_interface(amounts)
        return Screenshot(name, self._image, tuple(self._seen()))

    def draw(self) -> Pixels:
        """Draw what is on the map in the order in which it covers what came before."""
        for entity in self._entities:
            self._draw_mark(entity)
        for entity in self._entities:
            self._draw_shadow(entity)
        for number, entity in enumerate(self._entities, start=1):
            self._draw_sprite(number, entity)
        self._light()
        for entity in self._entities:
            self._draw_health(entity)
        return self._image

    def tags(self) -> Tags:
        """Whose each pixel is, once it was drawn."""
        tags = [NO_TAG if one.tag is None else one.tag for one in self._entities]
        return np.array([NO_TAG, *tags], np.int32)[self._ids]

    def _is_near(self, entity: Entity) -> bool:
        x, y = entity.x - self._left, entity.y - self._top
        return -REACH < x < self._width + REACH and -REACH < y < self._height + REACH

    def _shifted(self, entity: Entity) -> Entity:
        """In the image's coordinates."""
        return replace(entity, x=entity.x - self._left, y=entity.y - self._top)

    def _draw_mark(self, entity: Entity) -> None:
        if entity.selected:
            radius = round(FOOTPRINTS[entity.file.shows]) + 2
            draw_ellipse(self._image, (entity.x, entity.y), radius, (244, 244, 236))

    def _draw_shadow(self, entity: Entity) -> None:
        drawn = _drawing_of(entity)
        left, top = _corner_of(entity, drawn)
        place = (left + drawn.shadow_offset[0], top + drawn.shadow_offset[1])
        target, source = _overlap(place, drawn.shadow.shape, self._image.shape)
        light = 1 - drawn.shadow[source].astype(np.float32) * np.float32(SHADOW_STRENGTH / 255)
        self._image[target] = np.rint(self._image[target] * light[..., None]).astype(np.uint8)

    def _draw_sprite(self, number: int, entity: Entity) -> None:
        drawn = _drawing_of(entity)
        target, source = _overlap(_corner_of(entity, drawn), drawn.mask.shape, self._image.shape)
        opaque = drawn.mask[source]
        self._image[target][opaque] = _coloured(drawn, entity.player)[source][opaque]
        self._ids[target][opaque] = number

    def _light(self) -> None:
        fog = 1 - np.float32(FOG_STRENGTH) * self._world.fog[self._view]
        light = fog[..., None] * np.array(self._colour_of_light, np.float32)
        # In place: of a whole map each copy takes as long as the arithmetic.
        light *= self._image
        np.clip(light, 0, 255, out=light)
        self._image = np.rint(light, out=light).astype(np.uint8)

    def _draw_health(self, entity: Entity) -> None:
        if entity.health is not None:
            drawn = _drawing_of(entity)
            top = _corner_of(entity, drawn)[1] - 4
            draw_bar(self._image, entity.x, top, _bar_width(drawn), entity.health)

    def _draw_interface(self, amounts: tuple[int, ...]) -> None:
        height, width = self._world.ground.shape[:2]
        view = (
            self._left / width,
            self._top / height,
            (self._left + self._width) / width,
            (self._top + self._height) / height,
        )
        covered = draw_resources(self._image, amounts)
        covered |= draw_minimap(self._image, self._world.ground, view)
        self._ids[covered] = 0

    def _seen(self) -> Iterator[SeenObject]:
        for number, entity in enumerate(self._entities, start=1):
            if entity.file.shows == DISTRACTOR:
                continue
            rows, columns = np.nonzero(self._ids == number)
            whole = int(_drawing_of(entity).mask.sum())
            if len(rows) < MIN_VISIBLE * whole:
                continue
            top, bottom = int(rows.min()), int(rows.max()) + 1
            left, right = int(columns.min()), int(columns.max()) + 1
            if min(right - left, bottom - top) < MIN_SIDE:
                continue
            yield SeenObject(
                class_name=entity.file.shows,
                box=Box(left, top, right, bottom),
                mask=self._ids[top:bottom, left:right] == number,
                occluded=len(rows) < whole,
                owner=self._shown_owner(entity, number),
                tag=entity.tag,
            )

    def _shown_owner(self, entity: Entity, number: int) -> str | None:
        """Whose it is, where a person could tell by what is seen of it."""
        if entity.player is None:
            return NATURE
        drawn = _drawing_of(entity)
        target, source = _overlap(_corner_of(entity, drawn), drawn.mask.shape, self._image.shape)
        coloured = (drawn.player[source] >= OWN_WEIGHT) & (self._ids[target] == number)
        return PLAYER_NAMES[entity.player] if coloured.sum() >= OWN_PIXELS else None


def _drawing_of(entity: Entity) -> SolidView:
    return drawing(entity.file, entity.heading, entity.phase)


def _bar_width(drawn: SolidView) -> int:
    width: int = drawn.mask.shape[1] * 3 // 4
    return min(max(10, width), 36)


def _corner_of(entity: Entity, drawn: SolidView) -> tuple[int, int]:
    return entity.x - drawn.hotspot[0], entity.y - drawn.hotspot[1]


@lru_cache(maxsize=4096)
def _coloured(drawn: SolidView, player: int | None) -> Pixels:
    """The sprite's colours, its player's area in the player's colour at the same brightness."""
    colours = drawn.rgba[..., :3]
    if player is None:
        return colours
    team = np.array(list(TEAM_COLOURS.values())[player], np.int64)
    plain = colours.astype(np.int64)
    brightness = (plain[..., :1] * 77 + plain[..., 1:2] * 150 + plain[..., 2:] * 29) >> 8
    weight = drawn.player[..., None].astype(np.int64)
    mixed = plain * (255 - weight) + weight * brightness * team // 255
    return (mixed // 255).astype(np.uint8)


def _overlap(
    place: tuple[int, int], size: tuple[int, ...], frame: tuple[int, ...]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where a sprite at `place` (x, y) lies within the frame, and which part of it does."""
    target, source = [], []
    for start, length, limit in zip(place[::-1], size[:2], frame[:2], strict=True):
        first, last = min(max(start, 0), limit), min(max(start + length, 0), limit)
        target.append(slice(first, last))
        source.append(slice(first - start, last - start))
    return (target[0], target[1]), (source[0], source[1])

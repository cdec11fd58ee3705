"""What scenes are made of: sizes and classes for planning, pixels for drawing.

Planning reads only the catalogue, so a plan costs no decoded image. The caches hold the pixels
of one process: sprites brought into the form in which they are blended, and the backgrounds that
were used last.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from pipeline.backgrounds.hexes import HexGrid
from pipeline.backgrounds.images import BackgroundEntry, BackgroundSetError, read_index
from pipeline.backgrounds.shores import Shoreline
from pipeline.backgrounds.textures import Kind
from pipeline.errors import OutpostError
from pipeline.games.pack import GameClass
from pipeline.games.sections.base import Scene
from pipeline.scenes.pixels.kernels import premultiply
from pipeline.scenes.pixels.mipmaps import ANY_SCALE, Scales, pyramid_of
from pipeline.scenes.pixels.prepared import PreparedSprite
from pipeline.sprites.library import DISTRACTOR, OpenLibrary, Pixels, Sprite

BACKGROUND_CACHE_BYTES = 64 << 20
SPRITE_CACHE_BYTES = 256 << 20
"""Enough for all prepared sprites of a large game drawn at the zoom of its screenshots."""

Colour = tuple[int, int, int]

TEAM_COLOURS: tuple[Colour, ...] = (
    (40, 80, 230),
    (220, 30, 30),
    (30, 180, 50),
    (240, 220, 40),
    (30, 190, 190),
    (190, 50, 190),
    (130, 130, 130),
    (240, 130, 30),
)
"""RGB of players 1 to 8, of a game that does not state its own."""


class BackgroundError(OutpostError):
    """Backgrounds that are missing, unreadable, or smaller than a scene."""


@dataclass(frozen=True)
class SpriteShape:
    """All that planning needs to know of a sprite; lengths in pixels."""

    id: str
    class_name: str | None
    width: int
    height: int
    hotspot: tuple[int, int]
    owned: bool
    """True when a part of it shows its player's colour."""
    heading: int = 0


@dataclass(frozen=True)
class BackgroundShape:
    """All that planning needs to know of a background; lengths in pixels."""

    id: str
    width: int
    height: int
    shore: Shoreline | None = None
    """Where the land ends, in a background of land and water."""
    grid: HexGrid | None = None
    """Where its hexes lie, in a game that has them."""
    wading: tuple[tuple[int, int], ...] = ()
    """Middles of hexes on land in which units stand deep."""


@dataclass(frozen=True)
class Catalogue:
    """Everything that a plan may choose from.

    Attributes:
        sprites: by class name, unlabelled ones under `DISTRACTOR`.
        backgrounds: by kind of scene.
        scene_of: the kind of scene in which each class may stand.
        group_of: the group that each class belongs to.
    """

    sprites: Mapping[str, tuple[SpriteShape, ...]]
    backgrounds: Mapping[Kind, tuple[BackgroundShape, ...]]
    scene_of: Mapping[str, Scene]
    group_of: Mapping[str, str] = field(default_factory=dict)


def catalogue_of(
    sprites: Iterable[SpriteShape],
    backgrounds: Mapping[Kind, tuple[BackgroundShape, ...]],
    classes: Iterable[GameClass],
) -> Catalogue:
    """List what there is, in an order that depends on ids alone."""
    by_class: dict[str, list[SpriteShape]] = {}
    for shape in sorted(sprites, key=lambda shape: shape.id):
        by_class.setdefault(shape.class_name or DISTRACTOR, []).append(shape)
    known_classes = tuple(classes)
    return Catalogue(
        sprites={name: tuple(shapes) for name, shapes in by_class.items()},
        backgrounds=backgrounds,
        scene_of={known.name: known.scene for known in known_classes},
        group_of={known.name: known.group for known in known_classes},
    )


def shapes_of(library: OpenLibrary) -> Iterator[SpriteShape]:
    """What planning needs to know of a library on disk, of which no pixel is read."""
    for entry in library.entries.values():
        width, height = library.size_of(entry.id)
        yield SpriteShape(
            id=entry.id,
            class_name=entry.class_name,
            width=width,
            height=height,
            hotspot=entry.hotspot,
            owned=entry.player_weight is not None,
            heading=entry.heading,
        )


class SpriteCache:
    """The sprites of a library, read and prepared when they are first drawn.

    It keeps those that were prepared last. Which of them are drawn is chance, so that nothing would
    be gained by keeping those that were drawn last, of which a list takes longer than to find them.

    Args:
        sprites: by id, such as a library that reads them.
        scales: at which they will be drawn; larger, they lose detail.
    """

    def __init__(self, sprites: Mapping[str, Sprite], scales: Scales = ANY_SCALE) -> None:
        self._sprites = sprites
        self._scales = scales
        self._kept: OrderedDict[tuple[str, bool], PreparedSprite] = OrderedDict()
        self._bytes = 0

    def prepared(self, sprite_id: str, *, for_teams: bool) -> PreparedSprite:
        """The sprite in its own colours, or ready for any team's."""
        key = sprite_id, for_teams
        found = self._kept.get(key)
        if found is None:
            sprite = self._sprites[sprite_id]
            found = self._kept[key] = prepare(sprite, self._scales, for_teams=for_teams)
            self._bytes += found.nbytes
            while len(self._kept) > 1 and self._bytes > SPRITE_CACHE_BYTES:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return found


class BackgroundCache:
    """The backgrounds of one or more folders; keeps the pixels of those that were used last.

    Raises:
        BackgroundError: an index or image that is missing or cannot be read.
    """

    def __init__(self, folders: Mapping[Kind, Path]) -> None:
        self._files: dict[str, Path] = {}
        self._recent: OrderedDict[str, Pixels] = OrderedDict()
        self.shapes: dict[Kind, tuple[BackgroundShape, ...]] = {
            kind: tuple(self._register(folder, kind)) for kind, folder in folders.items()
        }

    def __getitem__(self, background_id: str) -> Pixels:
        """uint8 [h, w, 3], RGB; shared, so do not write to it."""
        image = self._recent.get(background_id)
        if image is not None:
            self._recent.move_to_end(background_id)
            return image
        image = self._recent[background_id] = _read_image(self._files[background_id])
        kept = sum(image.nbytes for image in self._recent.values())
        while len(self._recent) > 1 and kept > BACKGROUND_CACHE_BYTES:
            kept -= self._recent.popitem(last=False)[1].nbytes
        return image

    def _register(self, folder: Path, kind: Kind) -> Iterable[BackgroundShape]:
        for entry in sorted(_index_of(folder), key=lambda entry: entry.id):
            if entry.kind != kind:
                raise BackgroundError(
                    f"{folder} holds a {entry.kind} background among those for {kind} scenes.",
                    f"Materialize the {kind} backgrounds again.",
                )
            if entry.id in self._files:
                raise BackgroundError(
                    f"Two backgrounds are called '{entry.id}'.",
                    "Materialize all backgrounds again.",
                )
            self._files[entry.id] = folder / entry.file
            width, height = _size_of(folder / entry.file)
            yield BackgroundShape(entry.id, width, height, entry.shore, entry.grid, entry.wading)


def prepare(
    sprite: Sprite, scales: Scales = ANY_SCALE, *, for_teams: bool = False
) -> PreparedSprite:
    """Bring a sprite into the form in which it is blended.

    Args:
        for_teams: without what a team's colour replaces, so that any can be put in.
    """
    bgra, team_light = premultiply(sprite.rgba, sprite.player_weight if for_teams else None)
    return PreparedSprite(
        bgra=pyramid_of(bgra, scales),
        team_light=None if team_light is None else pyramid_of(team_light, scales),
        shadow=None if sprite.shadow is None else pyramid_of(sprite.shadow, scales),
        shadow_offset=sprite.shadow_offset,
    )


def _index_of(folder: Path) -> tuple[BackgroundEntry, ...]:
    try:
        return read_index(folder)
    except BackgroundSetError as error:
        raise BackgroundError(error.problem, error.fix) from error


def _size_of(file: Path) -> tuple[int, int]:
    try:
        with Image.open(file) as image:
            return image.size
    except OSError as error:
        raise _unreadable(file) from error


def _read_image(file: Path) -> Pixels:
    try:
        data = np.fromfile(file, np.uint8)
    except OSError as error:
        raise _unreadable(file) from error
    image = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB) if data.size else None
    if image is None:
        raise _unreadable(file)
    return np.asarray(image, dtype=np.uint8)


def _unreadable(file: Path) -> BackgroundError:
    return BackgroundError(
        f"The background {file} cannot be read.", "Materialize the backgrounds again."
    )

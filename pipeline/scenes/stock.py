"""What scenes are made of: sizes and classes for planning, pixels for drawing.

Planning reads only the catalogue, so a plan costs no decoded picture. The shelves hold the pixels
of one process: sprites brought into the form in which they are blended, and the backgrounds that
were used last.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.backgrounds.hexes import HexGrid
from pipeline.backgrounds.pictures import BackgroundEntry, read_index
from pipeline.backgrounds.shores import Shoreline
from pipeline.backgrounds.textures import Kind
from pipeline.errors import OutpostError
from pipeline.games.pack import GameClass, Scene
from pipeline.sprites.library import DISTRACTOR, Pixels, Sprite
from pipeline.sprites.recolour import LUMINANCE

SMALLEST_LEVEL = 4
BACKGROUND_CACHE_BYTES = 64 << 20

Colour = tuple[int, int, int]
Floats = npt.NDArray[np.float32]

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
    sprites: Iterable[Sprite],
    backgrounds: Mapping[Kind, tuple[BackgroundShape, ...]],
    classes: Iterable[GameClass],
) -> Catalogue:
    """List what there is, in an order that depends on ids alone."""
    by_class: dict[str, list[SpriteShape]] = {}
    for sprite in sorted(sprites, key=lambda sprite: sprite.id):
        by_class.setdefault(sprite.class_name or DISTRACTOR, []).append(_shape_of(sprite))
    known_classes = tuple(classes)
    return Catalogue(
        sprites={name: tuple(shapes) for name, shapes in by_class.items()},
        backgrounds=backgrounds,
        scene_of={known.name: known.scene for known in known_classes},
        group_of={known.name: known.group for known in known_classes},
    )


@dataclass(frozen=True, eq=False)
class Pyramid:
    """Pixels at their own size, at a half, a quarter and so on, uint8 [h, w] or [h, w, channels].

    From the level above the wanted size, one bilinear step looks at every pixel and takes a fifth
    of the time that area averaging from the full size takes (measured: 6 instead of 30 us for 90 to
    60 pixels); it is also how a graphics card draws a shrunken sprite.
    """

    levels: tuple[Pixels, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.levels[0].shape

    def resized(self, width: int, height: int) -> Pixels:
        """The pixels at another size; shared with the pyramid when a level has that size."""
        level = self._above(width, height)
        if level.shape[:2] == (height, width):
            return level
        return np.asarray(cv2.resize(level, (width, height)), dtype=np.uint8)

    def resize_into(self, out: Pixels) -> None:
        """Fill an array of another size with the pixels."""
        height, width = out.shape[:2]
        level = self._above(width, height)
        if level.shape[:2] == (height, width):
            out[...] = level
        else:
            cv2.resize(level, (width, height), out)

    def _above(self, width: int, height: int) -> Pixels:
        """The smallest level that is no smaller than that; the largest if none is."""
        level = self.levels[0]
        for smaller in self.levels[1:]:
            if smaller.shape[0] < height or smaller.shape[1] < width:
                break
            level = smaller
        return level


def pyramid_of(pixels: Pixels) -> Pyramid:
    """Halve by area averaging as long as both sides have at least `SMALLEST_LEVEL` pixels."""
    levels = [np.ascontiguousarray(pixels)]
    while min(levels[-1].shape[:2]) >= 2 * SMALLEST_LEVEL:
        height, width = levels[-1].shape[:2]
        half = ((width + 1) // 2, (height + 1) // 2)
        levels.append(cv2.resize(levels[-1], half, interpolation=cv2.INTER_AREA))
    return Pyramid(tuple(levels))


@dataclass(frozen=True, eq=False)
class PreparedSprite:
    """A sprite in the form in which it is resized and blended.

    Colours are multiplied by alpha before any resize, because resizing straight alpha bleeds the
    colour of transparent pixels into the edge. Recolouring (`pipeline.sprites.recolour`) is linear
    in the pixels, so the two parts of its formula are resized apart and joined at the drawn size.

    Attributes:
        rgba: [h, w, 4], premultiplied; without what a team's colour replaces if there is a
            `team_light`.
        team_light: [h, w], what a team's colour is multiplied by before it is added; or None for
            a sprite in its own colours.
        shadow: [h, w] opacity of black, or None; `shadow_offset` as in `Sprite`.
    """

    rgba: Pyramid
    team_light: Pyramid | None
    shadow: Pyramid | None
    shadow_offset: tuple[int, int]


class SpriteShelf:
    """The sprites of a library, prepared when they are first drawn."""

    def __init__(self, sprites: Iterable[Sprite]) -> None:
        self._sprites = {sprite.id: sprite for sprite in sprites}
        self._plain: dict[str, PreparedSprite] = {}
        self._for_teams: dict[str, PreparedSprite] = {}

    def plain(self, sprite_id: str) -> PreparedSprite:
        """The sprite in its own colours."""
        if sprite_id not in self._plain:
            self._plain[sprite_id] = prepare(self._sprites[sprite_id])
        return self._plain[sprite_id]

    def for_teams(self, sprite_id: str) -> PreparedSprite:
        """The sprite ready for any team's colour."""
        if sprite_id not in self._for_teams:
            self._for_teams[sprite_id] = prepare_for_teams(self._sprites[sprite_id])
        return self._for_teams[sprite_id]


class BackgroundShelf:
    """The backgrounds of one or more folders; keeps the pixels of those that were used last.

    Raises:
        BackgroundError: an index or picture that is missing or cannot be read.
    """

    def __init__(self, folders: Mapping[Kind, Path]) -> None:
        self._files: dict[str, Path] = {}
        self._recent: OrderedDict[str, Pixels] = OrderedDict()
        self.shapes: dict[Kind, tuple[BackgroundShape, ...]] = {
            kind: tuple(self._register(folder, kind)) for kind, folder in folders.items()
        }

    def __getitem__(self, background_id: str) -> Pixels:
        """uint8 [h, w, 3], RGB; shared, so do not write to it."""
        picture = self._recent.pop(background_id, None)
        if picture is None:
            picture = _read_picture(self._files[background_id])
        self._recent[background_id] = picture
        while len(self._recent) > 1 and self._cached_bytes() > BACKGROUND_CACHE_BYTES:
            self._recent.popitem(last=False)
        return picture

    def _cached_bytes(self) -> int:
        return sum(picture.nbytes for picture in self._recent.values())

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
                    "Materialize the land and the water backgrounds again.",
                )
            self._files[entry.id] = folder / entry.file
            width, height = _size_of(folder / entry.file)
            yield BackgroundShape(entry.id, width, height, entry.shore, entry.grid, entry.wading)


_last_mirrored: tuple[Pixels, Pixels] | None = None


def mirror_image(background: Pixels) -> Pixels:
    """A background flipped left to right; shared, so do not write to it.

    Mirroring takes as long as drawing thirty sprites, and neighbouring pictures share a background,
    so the last result is kept.
    """
    global _last_mirrored
    last = _last_mirrored
    if last is None or last[0] is not background:
        last = background, np.asarray(cv2.flip(background, 1), np.uint8)
        _last_mirrored = last
    return last[1]


def prepare(sprite: Sprite) -> PreparedSprite:
    """Bring a sprite into the form in which it is blended, in its own colours."""
    colour = sprite.rgba[..., :3].astype(np.float32)
    return _prepared(sprite, colour, team_light=None)


def prepare_for_teams(sprite: Sprite) -> PreparedSprite:
    """Like `prepare`, but without what a team's colour replaces, so that any can be put in."""
    if sprite.player_weight is None:
        return prepare(sprite)
    colour = sprite.rgba[..., :3].astype(np.float32)
    weight = sprite.player_weight.astype(np.float32) / 255.0
    # A matrix product would round differently from one processor to the next.
    light = (colour * LUMINANCE).sum(axis=2) * weight
    return _prepared(sprite, colour * (1.0 - weight)[..., None], light)


def _prepared(sprite: Sprite, colour: Floats, team_light: Floats | None) -> PreparedSprite:
    alpha = sprite.rgba[..., 3]
    opacity = alpha.astype(np.float32) / 255.0
    rgba = np.dstack([_to_bytes(colour * opacity[..., None]), alpha])
    return PreparedSprite(
        rgba=pyramid_of(rgba),
        team_light=None if team_light is None else pyramid_of(_to_bytes(team_light * opacity)),
        shadow=None if sprite.shadow is None else pyramid_of(sprite.shadow),
        shadow_offset=sprite.shadow_offset,
    )


def _to_bytes(values: Floats) -> Pixels:
    return np.rint(values).clip(0, 255).astype(np.uint8)


def _shape_of(sprite: Sprite) -> SpriteShape:
    height, width = sprite.rgba.shape[:2]
    return SpriteShape(
        id=sprite.id,
        class_name=sprite.class_name,
        width=width,
        height=height,
        hotspot=sprite.hotspot,
        owned=sprite.player_weight is not None and bool(sprite.player_weight.any()),
        heading=sprite.heading,
    )


def _index_of(folder: Path) -> tuple[BackgroundEntry, ...]:
    try:
        return read_index(folder)
    except (OSError, ValueError) as error:
        raise BackgroundError(
            f"{folder} is no folder of backgrounds: {error}",
            "Materialize the terrain and water backgrounds first.",
        ) from error


def _size_of(file: Path) -> tuple[int, int]:
    try:
        with Image.open(file) as picture:
            return picture.size
    except OSError as error:
        raise _unreadable(file) from error


def _read_picture(file: Path) -> Pixels:
    try:
        data = np.fromfile(file, np.uint8)
    except OSError as error:
        raise _unreadable(file) from error
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB) if data.size else None
    if picture is None:
        raise _unreadable(file)
    return np.asarray(picture, dtype=np.uint8)


def _unreadable(file: Path) -> BackgroundError:
    return BackgroundError(
        f"The background {file} cannot be read.", "Materialize the backgrounds again."
    )

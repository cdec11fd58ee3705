"""Drawing a planned scene, and the buffer that says which object each pixel shows.

Sprites are blended region by region in ground order, never as layers of the whole picture. A pixel
belongs to the last object whose alpha there is at least 128; the interface clears the pixels that
it covers. Every question about visibility is then a matter of counting pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.scenes.atmosphere import OPAQUE, altered, shed_light
from pipeline.scenes.overlays import dim, draw_badge, draw_health_bar, draw_panel, draw_selection
from pipeline.scenes.scene import Placement, ScenePlan, Surface
from pipeline.scenes.stock import TEAM_COLOURS, Colour, PreparedSprite
from pipeline.sprites.library import Pixels

Ids = npt.NDArray[np.uint16]
Mask = npt.NDArray[np.bool_]


class SpriteSource(Protocol):
    """Prepared sprites by id; `pipeline.scenes.stock.SpriteShelf` is one."""

    def plain(self, sprite_id: str) -> PreparedSprite: ...

    def for_teams(self, sprite_id: str) -> PreparedSprite: ...


class BackgroundSource(Protocol):
    """Backgrounds (uint8 [h, w, 3], RGB) by id; `BackgroundShelf` and a plain dict are such."""

    def __getitem__(self, background_id: str, /) -> Pixels: ...


@dataclass(frozen=True, eq=False)
class Silhouette:
    """The opaque pixels of one drawn object, before anything covers them.

    Attributes:
        left, top: corner of `mask` in the picture.
        mask: bool [h, w], where the object is opaque; only the part inside the picture.
        pixels: opaque pixels of the whole object, inside and outside the picture.
    """

    left: int
    top: int
    mask: Mask
    pixels: int


@dataclass(frozen=True, eq=False)
class Drawing:
    """A drawn scene.

    Attributes:
        image: uint8 [height, width, 3], RGB.
        ids: uint16 [height, width]; n where `plan.placements[n - 1]` is seen, else 0.
        silhouettes: one for each placement, in the plan's order.
    """

    image: Pixels
    ids: Ids
    silhouettes: tuple[Silhouette, ...]


def draw(
    plan: ScenePlan,
    sprites: SpriteSource,
    backgrounds: BackgroundSource,
    team_colours: Sequence[Colour] = TEAM_COLOURS,
) -> Drawing:
    """Draw a plan: ground, shadows, ellipses, objects from the back to the front, light, bars and
    badges, fog, interface.

    Args:
        plan: what is drawn where.
        sprites, backgrounds: pixels by id.
        team_colours: RGB of players 1 to 8.
    """
    image = _ground(plan, backgrounds[plan.background_id])
    ids = np.zeros((plan.height, plan.width), np.uint16)
    prepared = [_prepared(placement, sprites) for placement in plan.placements]
    light_under = _light_under(plan.shadow_opacity)
    for placement, sprite in zip(plan.placements, prepared, strict=True):
        if placement.waterline is None:
            _cast_shadow(image, placement, sprite, light_under)
    for placement in plan.placements:
        if placement.selected:
            draw_selection(image, placement, plan.marks)
    looks = [(_team(placement, team_colours), plan.surface) for placement in plan.placements]
    silhouettes = tuple(
        _draw_object(image, ids, number, placement, sprite, look)
        for number, (placement, sprite, look) in enumerate(
            zip(plan.placements, prepared, looks, strict=True), start=1
        )
    )
    if plan.light is not None:
        shed_light(image, plan.light)
    for placement in plan.placements:
        draw_health_bar(image, placement, plan.marks)
        if placement.garrisoned and placement.player is not None:
            draw_badge(image, placement, plan.marks, team_colours[placement.player])
    for patch in plan.fog:
        dim(image, patch)
    for panel in plan.panels:
        draw_panel(image, panel, team_colours)
        ids[panel.top : panel.top + panel.height, panel.left : panel.left + panel.width] = 0
    return Drawing(image, ids, silhouettes)


def _ground(plan: ScenePlan, background: Pixels) -> Pixels:
    left, top = plan.crop
    crop: Pixels = background[top : top + plan.height, left : left + plan.width]
    if plan.mirrored:
        return np.asarray(cv2.flip(crop, 1), dtype=np.uint8)
    return crop.copy()


def _prepared(placement: Placement, sprites: SpriteSource) -> PreparedSprite:
    if placement.player is None:
        return sprites.plain(placement.sprite_id)
    return sprites.for_teams(placement.sprite_id)


def _cast_shadow(
    image: Pixels, placement: Placement, sprite: PreparedSprite, light_under: Pixels
) -> None:
    if sprite.shadow is None:
        return
    height, width = (max(1, round(side * placement.scale)) for side in sprite.shadow.shape[:2])
    left, top = (
        corner + round(offset * placement.scale)
        for corner, offset in zip(
            (placement.left, placement.top), sprite.shadow_offset, strict=True
        )
    )
    window = _window(image.shape, left, top, width, height)
    if window is None:
        return
    shadow = sprite.shadow.resized(width, height)[window.inside]
    light = cv2.LUT(shadow, light_under)
    region = image[window.outside]
    cv2.multiply(region, cv2.merge([light, light, light]), region, 1 / 255)


def _light_under(opacity: float) -> Pixels:
    """uint8 [256]: the light left on the ground by a shadow of each strength."""
    light: Pixels = np.rint(255.0 - opacity * np.arange(256)).astype(np.uint8)
    return light


def _draw_object(
    image: Pixels,
    ids: Ids,
    number: int,
    placement: Placement,
    sprite: PreparedSprite,
    look: tuple[Colour | None, Surface],
) -> Silhouette:
    """Blend a sprite over the picture and claim its opaque pixels."""
    size = (placement.width, placement.height)
    team, surface = look
    rgba = sprite.rgba.resized(*size)
    colour, alpha = _coloured(rgba, sprite, team), cv2.extractChannel(rgba, 3)
    colour, alpha = altered(colour, np.asarray(alpha, np.uint8), placement, surface)
    mask = cv2.threshold(alpha, OPAQUE - 1, 1, cv2.THRESH_BINARY)[1]
    window = _window(image.shape, placement.left, placement.top, *size)
    if window is not None:
        _blend(image[window.outside], colour[window.inside], alpha[window.inside])
        np.copyto(ids[window.outside], np.uint16(number), where=_as_bool(mask[window.inside]))
    return Silhouette(
        left=max(placement.left, 0),
        top=max(placement.top, 0),
        mask=_as_bool(mask[window.inside] if window else mask[:0, :0]),
        pixels=cv2.countNonZero(mask),
    )


def _team(placement: Placement, team_colours: Sequence[Colour]) -> Colour | None:
    return None if placement.player is None else team_colours[placement.player]


def _coloured(rgba: Pixels, sprite: PreparedSprite, team: Colour | None) -> Pixels:
    """Premultiplied RGB at the drawn size, in the team's colour."""
    colour = np.asarray(cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB), dtype=np.uint8)
    if sprite.team_light is None or team is None:
        return colour
    height, width = rgba.shape[:2]
    light = sprite.team_light.resized(width, height)
    cv2.add(colour, cv2.transform(light, np.array(team, np.float32).reshape(3, 1) / 255), colour)
    return colour


def _blend(region: Pixels, colour: Pixels, alpha: Pixels) -> None:
    """Lay premultiplied RGB over a region of the picture, in place."""
    behind = cv2.bitwise_not(alpha)
    cv2.multiply(region, cv2.merge([behind, behind, behind]), region, 1 / 255)
    cv2.add(region, colour, region)


@dataclass(frozen=True)
class _Window:
    """The common part of a sprite and the picture, as index of each."""

    inside: tuple[slice, slice]
    outside: tuple[slice, slice]


def _window(
    picture: tuple[int, ...], left: int, top: int, width: int, height: int
) -> _Window | None:
    """None when the rectangle lies outside the picture."""
    x1, y1 = max(left, 0), max(top, 0)
    x2, y2 = min(left + width, picture[1]), min(top + height, picture[0])
    if x1 >= x2 or y1 >= y2:
        return None
    return _Window(
        inside=(slice(y1 - top, y2 - top), slice(x1 - left, x2 - left)),
        outside=(slice(y1, y2), slice(x1, x2)),
    )


def _as_bool(mask: Pixels) -> Mask:
    """The same memory, seen as truth values; the mask must hold 0 and 1 alone."""
    return mask.view(np.bool_)

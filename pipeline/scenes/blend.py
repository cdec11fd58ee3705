"""Blending a scene's sprites over its picture.

Sprites are blended region by region in ground order, never as layers of the whole picture. What
does not depend on the picture beneath is done for all of them at once, see `pipeline.scenes.sheet`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.scenes.atmosphere import OPAQUE, altered
from pipeline.scenes.scene import Placement, ScenePlan, Surface
from pipeline.scenes.sheet import Plane, Sheet, Span, picture
from pipeline.scenes.stock import Colour, PreparedSprite
from pipeline.sprites.library import Pixels

Ids = npt.NDArray[np.uint16]
Mask = npt.NDArray[np.bool_]
Corner = tuple[int, int]
Region = tuple[slice, slice]


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


def cast_shadows(
    image: Pixels, placements: Sequence[tuple[Placement, PreparedSprite]], opacity: float
) -> None:
    """Darken the ground under everything that has a shadow and stands on dry ground."""
    casting = [
        (_shadow_corner(placement, sprite), _shadow_size(placement, sprite), sprite.shadow)
        for placement, sprite in placements
        if sprite.shadow is not None and placement.waterline is None
    ]
    if not casting:
        return
    sheet = Sheet([size for _, size, _ in casting])
    shadows = sheet.plane()
    for span, (_, _, shadow) in zip(sheet.spans, casting, strict=True):
        shadow.resize_into(picture(shadows, span))
    # The light left on the ground: 255 without shadow.
    light = cv2.convertScaleAbs(shadows, None, -opacity, 255.0)
    lights = cv2.merge([light, light, light])
    for span, (corner, size, _) in zip(sheet.spans, casting, strict=True):
        window = _window(image.shape, corner, size)
        if window is not None:
            region = image[window[1]]
            cv2.multiply(region, picture(lights, span)[window[0]], region, 1 / 255)


def lay_objects(
    image: Pixels,
    ids: Ids,
    plan: ScenePlan,
    sprites: Sequence[PreparedSprite],
    team_colours: Sequence[Colour],
) -> tuple[Silhouette, ...]:
    """Blend a scene's sprites over its picture from back to front, each claiming its pixels.

    Args:
        image: uint8 [height, width, 3], RGB; changed in place.
        ids: [height, width]; number n - 1 of the placements leaves n on its opaque pixels.
        plan: what lies where.
        sprites: one for each placement.
        team_colours: RGB by player.
    """
    if not plan.placements:
        return ()
    stamps = _stamps(plan, sprites, team_colours)
    return tuple(_lay(image, ids, number, stamps) for number in range(len(plan.placements)))


@dataclass(frozen=True, eq=False)
class _Stamps:
    """A scene's sprites as they are blended, at their drawn size.

    Attributes:
        colour: premultiplied RGB.
        behind: what each pixel lets through, 255 for all, once for each colour.
        mask: 1 where the sprite is opaque, else 0.
    """

    placements: Sequence[Placement]
    sheet: Sheet
    colour: Plane
    behind: Plane
    mask: Plane


def _stamps(
    plan: ScenePlan, sprites: Sequence[PreparedSprite], team_colours: Sequence[Colour]
) -> _Stamps:
    players = [-1 if item.player is None else item.player for item in plan.placements]
    # What one player owns lies together, so that one call paints all of it.
    order = sorted(range(len(players)), key=players.__getitem__)
    sheet = Sheet([(item.height, item.width) for item in plan.placements], order)
    rgba = sheet.plane(4)
    for sprite, span in zip(sprites, sheet.spans, strict=True):
        sprite.rgba.resize_into(picture(rgba, span))
    colour = np.asarray(cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB), np.uint8)
    alpha = np.asarray(cv2.extractChannel(rgba, 3), np.uint8)
    for player, owned in groupby(order, key=players.__getitem__):
        if player >= 0:
            _paint(colour, [(sprites[n], sheet.spans[n]) for n in owned], team_colours[player])
    for placement, span in zip(plan.placements, sheet.spans, strict=True):
        if placement.edge != "as it is" or placement.waterline is not None:
            _alter(picture(colour, span), picture(alpha, span), placement, plan.surface)
    behind = cv2.bitwise_not(alpha)
    return _Stamps(
        placements=plan.placements,
        sheet=sheet,
        colour=colour,
        behind=np.asarray(cv2.merge([behind, behind, behind]), np.uint8),
        mask=np.asarray(cv2.threshold(alpha, OPAQUE - 1, 1, cv2.THRESH_BINARY)[1], np.uint8),
    )


def _paint(colour: Plane, owned: Sequence[tuple[PreparedSprite, Span]], team: Colour) -> None:
    """Add what a team's colour puts into its sprites, which lie one after another."""
    start, end = owned[0][1][0], owned[-1][1][1]
    light = np.zeros((1, end - start), np.uint8)
    for sprite, (first, stop, height, width) in owned:
        if sprite.team_light is not None:
            sprite.team_light.resize_into(
                light[0, first - start : stop - start].reshape(height, width)
            )
    tint = cv2.merge([cv2.convertScaleAbs(light, None, channel / 255) for channel in team])
    region = colour[:, start:end]
    cv2.add(region, tint, region)


def _alter(colour: Pixels, alpha: Pixels, placement: Placement, surface: Surface) -> None:
    colour[...], alpha[...] = altered(colour, alpha, placement, surface)


def _lay(image: Pixels, ids: Ids, index: int, stamps: _Stamps) -> Silhouette:
    placement, span = stamps.placements[index], stamps.sheet.spans[index]
    corner, size = (placement.left, placement.top), (placement.height, placement.width)
    mask = picture(stamps.mask, span)
    pixels = cv2.countNonZero(mask)
    window = _window(image.shape, corner, size)
    if window is None:
        return Silhouette(*corner, _as_bool(mask[:0, :0]), pixels)
    inside, outside = window
    seen, region = mask[inside], image[outside]
    cv2.multiply(region, picture(stamps.behind, span)[inside], region, 1 / 255)
    cv2.add(region, picture(stamps.colour, span)[inside], region)
    cv2.copyTo(np.full(seen.shape, index + 1, np.uint16), seen, ids[outside])
    return Silhouette(max(corner[0], 0), max(corner[1], 0), _as_bool(seen), pixels)


def _shadow_corner(placement: Placement, sprite: PreparedSprite) -> Corner:
    x, y = sprite.shadow_offset
    scale = placement.scale
    return placement.left + round(x * scale), placement.top + round(y * scale)


def _shadow_size(placement: Placement, sprite: PreparedSprite) -> tuple[int, int]:
    """Height and width of a shadow as it is drawn."""
    height, width = sprite.shadow.shape[:2] if sprite.shadow is not None else (0, 0)
    return max(1, round(height * placement.scale)), max(1, round(width * placement.scale))


def _window(
    image: tuple[int, ...], corner: Corner, size: tuple[int, int]
) -> tuple[Region, Region] | None:
    """The common part of a rectangle and the picture, as index of the one and of the other.

    None when the rectangle lies outside the picture.
    """
    (left, top), (height, width) = corner, size
    right, bottom = left + width, top + height
    x1, y1, x2, y2 = max(left, 0), max(top, 0), min(right, image[1]), min(bottom, image[0])
    if x1 >= x2 or y1 >= y2:
        return None
    inside = (slice(y1 - top, y2 - top), slice(x1 - left, x2 - left))
    return inside, (slice(y1, y2), slice(x1, x2))


def _as_bool(mask: Pixels) -> Mask:
    """The same memory, seen as truth values; the mask must hold 0 and 1 alone."""
    return mask.view(np.bool_)

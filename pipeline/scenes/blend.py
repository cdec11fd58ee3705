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

from pipeline.scenes.atmosphere import alter
from pipeline.scenes.pixel_loops import lay
from pipeline.scenes.plain_loops import window_of
from pipeline.scenes.scene import Placement, ScenePlan
from pipeline.scenes.sheet import Ids, Plane, Sheet, Span, Table, picture
from pipeline.scenes.stock import Colour, PreparedSprite
from pipeline.sprites.library import Pixels


@dataclass(frozen=True, eq=False)
class Stamps:
    """A scene's sprites as they were blended, before anything covers them.

    Attributes:
        rgba: premultiplied, at their drawn size.
        table: where each of the plan's placements lies in `rgba`, and its corner in the picture.
    """

    rgba: Plane
    table: Table


def cast_shadows(
    image: Pixels, placements: Sequence[tuple[Placement, PreparedSprite]], opacity: float
) -> None:
    """Darken the ground under everything that has a shadow and stands on dry ground."""
    casting = [
        (placement, sprite.shadow, sprite.shadow_offset)
        for placement, sprite in placements
        if sprite.shadow is not None and placement.waterline is None
    ]
    if not casting:
        return
    sheet = Sheet([_scaled(shadow.shape, placement.scale) for placement, shadow, _ in casting])
    shadows = sheet.plane()
    for span, (_, shadow, _) in zip(sheet.spans, casting, strict=True):
        shadow.resize_into(picture(shadows, span))
    # The light left on the ground: 255 without shadow.
    light = cv2.convertScaleAbs(shadows, None, -opacity, 255.0)
    lights = np.asarray(cv2.merge([light, light, light]), np.uint8)
    corners = (
        (item.left + round(x * item.scale), item.top + round(y * item.scale))
        for item, _, (x, y) in casting
    )
    for (left, top), span in zip(corners, sheet.spans, strict=True):
        window = window_of(image.shape, (*span, left, top))
        if window is not None:
            region = image[window[1]]
            cv2.multiply(region, picture(lights, span)[window[0]], region, 1 / 255)


def lay_objects(
    image: Pixels,
    ids: Ids,
    plan: ScenePlan,
    sprites: Sequence[PreparedSprite],
    team_colours: Sequence[Colour],
) -> Stamps:
    """Blend a scene's sprites over its picture from back to front, each claiming its pixels.

    Args:
        image: uint8 [height, width, 3], RGB; changed in place.
        ids: [height, width]; number n - 1 of the placements leaves n on its opaque pixels.
        plan: what lies where.
        sprites: one for each placement.
        team_colours: RGB by player.
    """
    stamps = _stamps(plan, sprites, team_colours)
    if plan.placements:
        lay(image, ids, stamps.rgba, stamps.table)
    return stamps


def _stamps(
    plan: ScenePlan, sprites: Sequence[PreparedSprite], team_colours: Sequence[Colour]
) -> Stamps:
    players = [-1 if item.player is None else item.player for item in plan.placements]
    # What one player owns lies together, so that one call paints all of it.
    order = sorted(range(len(players)), key=players.__getitem__)
    sheet = Sheet([(item.height, item.width) for item in plan.placements], order)
    rgba = sheet.plane(4)
    for sprite, span in zip(sprites, sheet.spans, strict=True):
        sprite.rgba.resize_into(picture(rgba, span))
    for player, owned in groupby(order, key=players.__getitem__):
        if player >= 0:
            _paint(rgba, [(sprites[n], sheet.spans[n]) for n in owned], team_colours[player])
    for placement, span in zip(plan.placements, sheet.spans, strict=True):
        if placement.edge != "as it is" or placement.waterline is not None:
            alter(picture(rgba, span), placement, plan.surface)
    return Stamps(rgba, sheet.table((item.left, item.top) for item in plan.placements))


def _paint(rgba: Plane, owned: Sequence[tuple[PreparedSprite, Span]], team: Colour) -> None:
    """Add what a team's colour puts into its sprites, which lie one after another."""
    start = owned[0][1][0]
    last, height, width = owned[-1][1]
    region = rgba[:, start : last + height * width]
    light = np.zeros(region.shape[:2], np.uint8)
    for sprite, (first, height, width) in owned:
        if sprite.team_light is not None:
            sprite.team_light.resize_into(picture(light, (first - start, height, width)))
    tints = (cv2.convertScaleAbs(light, None, channel / 255) for channel in team)
    cv2.add(region, cv2.merge([*tints, np.zeros_like(light)]), region)


def _scaled(shape: tuple[int, ...], scale: float) -> tuple[int, int]:
    """Height and width of something at another scale."""
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))

"""Blending a scene's sprites over its image.

Sprites are blended region by region in ground order, never as layers of the whole image. What
does not depend on the image beneath is done for all of them at once, see `pixels.atlas`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.scenes.pixels.atlas import Atlas, Ids, Plane, Table, view_of
from pipeline.scenes.pixels.kernels import lay, paint, resize, shade
from pipeline.scenes.plan import Placement, ScenePlan
from pipeline.scenes.rendering.effects import apply_edges
from pipeline.scenes.sources.catalogue import Colour, PreparedSprite
from pipeline.sprites.library import Pixels

Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SpriteLayer:
    """A scene's sprites as they were blended, before anything covers them.

    Attributes:
        bgra: premultiplied, at their drawn size.
        table: where each of the plan's placements lies in `bgra`, and its corner in the image.
    """

    bgra: Plane
    table: Table


def cast_shadows(
    image: Pixels, placements: Sequence[tuple[Placement, PreparedSprite]], opacity: float
) -> None:
    """Darken the ground under everything that has a shadow and stands on dry ground."""
    casting = [
        (placement.scale, placement.left, placement.top, sprite)
        for placement, sprite in placements
        if sprite.shadow is not None and placement.waterline is None
    ]
    if not casting:
        return
    scale, left, top, sprites = zip(*casting, strict=True)
    pyramids = [sprite.shadow for sprite in sprites if sprite.shadow is not None]
    sizes = np.maximum(1, _scaled([pyramid.shape for pyramid in pyramids], scale))
    corners = np.transpose([left, top]) + _scaled([item.shadow_offset for item in sprites], scale)
    atlas = Atlas(sizes.tolist())
    shadows, table = atlas.plane(), atlas.table(corners.tolist())
    resize(pyramids, shadows, table)
    shade(image, shadows, table, round(255 * opacity))


def composite_objects(
    image: Pixels,
    ids: Ids,
    plan: ScenePlan,
    sprites: Sequence[PreparedSprite],
    team_colours: Sequence[Colour],
) -> SpriteLayer:
    """Blend a scene's sprites over its image from back to front, each claiming its pixels.

    Args:
        image: uint8 [height, width, 4], BGRX; changed in place.
        ids: [height, width]; number n - 1 of the placements leaves n on its opaque pixels.
        plan: what lies where.
        sprites: one for each placement.
        team_colours: RGB by player.
    """
    atlas = Atlas((item.height, item.width) for item in plan.placements)
    layer = SpriteLayer(
        atlas.plane(4), atlas.table((item.left, item.top) for item in plan.placements)
    )
    light = atlas.plane()  # What the team's colour is multiplied by; anything where there is none.
    resize([sprite.bgra for sprite in sprites], layer.bgra, layer.table)
    resize([sprite.team_light for sprite in sprites], light, layer.table)
    paint(layer.bgra, light, layer.table, _tints(plan, sprites, team_colours))
    for number, placement in enumerate(plan.placements):
        if placement.edge != "as it is" or placement.waterline is not None:
            apply_edges(view_of(layer.bgra, atlas.spans[number]), placement, plan.surface)
    lay(image, ids, layer.bgra, layer.table)
    return layer


def _tints(
    plan: ScenePlan, sprites: Sequence[PreparedSprite], team_colours: Sequence[Colour]
) -> npt.NDArray[np.uint8]:
    """uint8 [n, 4]: BGR of each sprite's player, and zeros for those of nobody."""
    teams = [(blue, green, red, 0) for red, green, blue in team_colours]
    players = [
        item.player if item.player is not None and sprite.team_light else len(teams)
        for item, sprite in zip(plan.placements, sprites, strict=True)
    ]
    tints: npt.NDArray[np.uint8] = np.array([*teams, (0, 0, 0, 0)], np.uint8)[players]
    return tints


def _scaled(lengths: Sequence[tuple[int, ...]], scale: Sequence[float]) -> Whole:
    """Pairs of lengths at another scale, int64 [n, 2]."""
    scaled = np.array(lengths, np.float64) * np.array(scale, np.float64)[:, None]
    return np.asarray(np.rint(scaled), np.int64)

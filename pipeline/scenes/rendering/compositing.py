"""Blending a scene's sprites over its image.

Sprites are blended region by region in ground order, never as layers of the whole image. What
does not depend on the image beneath is done for all of them at once, see `pixels.atlas`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.scenes.pixels.atlas import Ids, Plane, Table, atlas_of, pairs, view_of
from pipeline.scenes.pixels.kernels import cast_shadows, composite, draw_sprites
from pipeline.scenes.pixels.prepared import Sprites
from pipeline.scenes.plan import ScenePlan
from pipeline.scenes.rendering.effects import apply_edges
from pipeline.scenes.sources.catalogue import Colour
from pipeline.sprites.library import Pixels


def shade_ground(image: Pixels, plan: ScenePlan, sprites: Sprites) -> None:
    """Darken the ground under everything that has a shadow and stands on dry ground."""
    if not plan.placements:
        return
    corners = pairs([(item.left, item.top) for item in plan.placements])
    scales = [item.scale if item.waterline is None else 0.0 for item in plan.placements]
    cast_shadows(image, sprites, (corners, np.array(scales)), round(255 * plan.shadow_opacity))


def composite_objects(
    image: Pixels, ids: Ids, plan: ScenePlan, sprites: Sprites, team_colours: Sequence[Colour]
) -> tuple[Plane, Table]:
    """Blend a scene's sprites over its image from back to front, each claiming its pixels.

    Args:
        image: uint8 [height, width, 4], BGRX; changed in place.
        ids: [height, width]; number n - 1 of the placements leaves n on its opaque pixels.
        sprites: one for each placement.
        team_colours: RGB by player.

    Returns:
        The sprites as they were blended, before anything covers them: premultiplied, at their drawn
        size; and where each lies.
    """
    sizes = [(item.height, item.width) for item in plan.placements]
    corners = [(item.left, item.top) for item in plan.placements]
    bgra, table = atlas_of(sizes, corners)
    draw_sprites(sprites, bgra, table, _tints(plan, team_colours))
    for placement, row in zip(plan.placements, table.tolist(), strict=True):
        if placement.edge != "as it is" or placement.waterline is not None:
            apply_edges(view_of(bgra, row), placement, plan.surface)
    composite(image, ids, bgra, table)
    return bgra, table


def _tints(plan: ScenePlan, team_colours: Sequence[Colour]) -> npt.NDArray[np.uint8]:
    """uint8 [n, 4]: BGR of each sprite's player, and zeros for those of nobody."""
    teams = [(blue, green, red, 0) for red, green, blue in team_colours]
    players = [len(teams) if item.player is None else item.player for item in plan.placements]
    tints: npt.NDArray[np.uint8] = np.array([*teams, (0, 0, 0, 0)], np.uint8)[players]
    return tints

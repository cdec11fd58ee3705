"""Blending a scene's sprites over its image.

Sprites are blended region by region in ground order, never as layers of the whole image. What
does not depend on the image beneath is done for all of them at once, see `pixels.atlas`.
"""

from __future__ import annotations

from pipeline.scenes.pixels.atlas import Ids, Plane, plane_of, view_of
from pipeline.scenes.pixels.kernels import cast_shadows, composite, draw_sprites
from pipeline.scenes.rendering.effects import apply_edges
from pipeline.scenes.rendering.preparing import PreparedScene
from pipeline.sprites.library import Pixels


def shade_ground(image: Pixels, scene: PreparedScene) -> None:
    """Darken the ground under everything that has a shadow and stands on dry ground."""
    placed = scene.table, scene.shadow_scales
    cast_shadows(image, scene.numbers, placed, round(255 * scene.plan.shadow_opacity))


def composite_objects(image: Pixels, ids: Ids, scene: PreparedScene) -> Plane:
    """Blend a scene's sprites over its image from back to front, each claiming its pixels.

    Args:
        image: uint8 [height, width, 4], BGRX; changed in place.
        ids: [height, width]; number n - 1 of the placements leaves n on its opaque pixels.

    Returns:
        The sprites as they were blended, before anything covers them: premultiplied, at their drawn
        size; where each lies is said by the scene's table.
    """
    bgra = plane_of(scene.table)
    draw_sprites(scene.numbers, bgra, scene.table, scene.tints)
    for number in scene.edges:
        sprite = view_of(bgra, scene.table[number].tolist())
        apply_edges(sprite, scene.plan.placements[number], scene.plan.surface)
    composite(image, ids, bgra, scene.table)
    return bgra

"""Drawing a planned scene, and the buffer that says which object each pixel shows.

A pixel belongs to the last object whose alpha there is at least 128; the interface clears the
pixels that it covers. Every question about visibility is then a matter of counting pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.scenes.pixels.atlas import Ids, Plane, Table
from pipeline.scenes.pixels.prepared import numbers_of
from pipeline.scenes.plan import ScenePlan
from pipeline.scenes.rendering.compositing import composite_objects, shade_ground
from pipeline.scenes.rendering.effects import shed_light
from pipeline.scenes.rendering.overlays import (
    Patch,
    dim,
    draw_badge,
    draw_panel,
    draw_patches,
    draw_selection,
    health_bar_of,
)
from pipeline.scenes.sources.catalogue import TEAM_COLOURS, BackgroundCache, Colour, SpriteCache
from pipeline.sprites.library import Pixels


@dataclass(frozen=True, eq=False)
class RenderedScene:
    """A drawn scene.

    Attributes:
        bgrx: uint8 [height, width, 4]: blue, green, red and a channel without meaning, so that a
            pixel is one number of 32 bits, and JPEG encoders take it as it is.
        ids: uint16 [height, width]; n where `plan.placements[n - 1]` is seen, else 0.
        bgra, table: what was drawn of each placement, covered or not, and where it lies.
    """

    bgrx: Pixels
    ids: Ids
    bgra: Plane
    table: Table

    @property
    def image(self) -> Pixels:
        """The image, uint8 [height, width, 3], RGB; made anew each time."""
        return np.asarray(cv2.cvtColor(self.bgrx, cv2.COLOR_BGRA2RGB), np.uint8)


def draw(
    plan: ScenePlan,
    sprites: SpriteCache,
    backgrounds: BackgroundCache,
    team_colours: Sequence[Colour] = TEAM_COLOURS,
) -> RenderedScene:
    """Draw a plan: ground, shadows, ellipses, objects from the back to the front, light, bars and
    badges, fog, interface.

    Args:
        team_colours: RGB of players 1 to 8.
    """
    image = _ground(plan, backgrounds[plan.background_id])
    ids = np.zeros((plan.height, plan.width), np.uint16)
    prepared = [
        sprites.prepared(placement.sprite_id, for_teams=placement.player is not None)
        for placement in plan.placements
    ]
    numbers = numbers_of(prepared)
    shade_ground(image, plan, numbers)
    for placement in plan.placements:
        if placement.selected:
            draw_selection(image, placement, plan.marks)
    bgra, table = composite_objects(image, ids, plan, numbers, team_colours)
    if plan.light is not None:
        shed_light(image, plan.light)
    _draw_marks(image, plan, team_colours)
    for patch in plan.fog:
        dim(image, patch)
    for panel in plan.panels:
        draw_panel(image, panel, team_colours)
        ids[panel.top : panel.top + panel.height, panel.left : panel.left + panel.width] = 0
    return RenderedScene(image, ids, bgra, table)


def _draw_marks(image: Pixels, plan: ScenePlan, team_colours: Sequence[Colour]) -> None:
    """Bars and badges, those of each object over those of all behind it."""
    patches: list[Patch] = []
    for placement in plan.placements:
        patches += health_bar_of(placement, plan.marks)
        if placement.garrisoned and placement.player is not None:
            draw_patches(image, patches)
            patches = []
            draw_badge(image, placement, plan.marks, team_colours[placement.player])
    draw_patches(image, patches)


def _ground(plan: ScenePlan, background: Pixels) -> Pixels:
    left, top = plan.crop
    crop = background[top : top + plan.height, left : left + plan.width]
    image = cv2.cvtColor(crop, cv2.COLOR_RGB2BGRA)
    if plan.mirrored:  # With four channels, because of three it takes six times as long.
        cv2.flip(image, 1, image)
    return np.asarray(image, np.uint8)

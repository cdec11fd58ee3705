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
from pipeline.scenes.plan import ScenePlan
from pipeline.scenes.rendering.compositing import composite_objects, shade_ground
from pipeline.scenes.rendering.effects import shed_light
from pipeline.scenes.rendering.overlays import (
    Patches,
    dim,
    draw_badge,
    draw_panel,
    draw_patches,
    draw_selection,
)
from pipeline.scenes.rendering.preparing import PreparedScene, prepare_scene
from pipeline.scenes.sources.catalogue import TEAM_COLOURS, BackgroundCache, Colour, SpriteCache
from pipeline.sprites.library import Pixels

MIRRORED_ROWS = 60
"""They are turned while they are in the processor's cache."""


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
    """Draw a plan: `render` what `prepare_scene` makes of it.

    Args:
        team_colours: RGB of players 1 to 8.
    """
    ids = np.zeros((plan.height, plan.width), np.uint16)
    return render(prepare_scene(plan, sprites, team_colours), backgrounds, ids)


def render(scene: PreparedScene, backgrounds: BackgroundCache, ids: Ids) -> RenderedScene:
    """Draw a scene: ground, shadows, ellipses, objects from the back to the front, light, bars and
    badges, fog, interface.

    Args:
        ids: [height, width], filled in place. Where nothing is drawn they stay as they are.
    """
    plan = scene.plan
    image = _ground(plan, backgrounds[plan.background_id])
    shade_ground(image, scene)
    for placement in scene.selected:
        draw_selection(image, placement, plan.marks)
    bgra = composite_objects(image, ids, scene)
    if plan.light is not None:
        shed_light(image, plan.light)
    _draw_marks(image, scene)
    for patch in plan.fog:
        dim(image, patch)
    for panel in plan.panels:
        draw_panel(image, panel, scene.team_colours)
        ids[panel.top : panel.top + panel.height, panel.left : panel.left + panel.width] = 0
    return RenderedScene(image, ids, bgra, scene.table)


def _draw_marks(image: Pixels, scene: PreparedScene) -> None:
    for mark in scene.marks:
        if isinstance(mark, Patches):
            draw_patches(image, mark)
        elif mark.player is not None:
            draw_badge(image, mark, scene.plan.marks, scene.team_colours[mark.player])


def _ground(plan: ScenePlan, background: Pixels) -> Pixels:
    left, top = plan.crop
    crop = background[top : top + plan.height, left : left + plan.width]
    if not plan.mirrored:
        return np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2BGRA), np.uint8)
    image = np.empty((plan.height, plan.width, 4), np.uint8)
    for first in range(0, plan.height, MIRRORED_ROWS):
        part = image[first : first + MIRRORED_ROWS]
        cv2.cvtColor(crop[first : first + MIRRORED_ROWS], cv2.COLOR_RGB2BGRA, part)
        cv2.flip(part, 1, part)  # With four channels, because of three it takes six times as long.
    return image

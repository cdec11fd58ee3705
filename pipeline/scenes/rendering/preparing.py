"""All of a scene that can be worked out before its image: what there is to draw, as arrays.

What is done here for each object is Python. It takes twice as long right after an image was drawn
and encoded, because nothing of it is left in the processor's cache; so it is done for some scenes
one after another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.scenes.pixels.atlas import Table, table_of
from pipeline.scenes.pixels.prepared import PreparedSprite, Sprites, numbers_of
from pipeline.scenes.plan import Placement, ScenePlan
from pipeline.scenes.rendering.overlays import Patch, Patches, health_bar_of, patches_of
from pipeline.scenes.sources.catalogue import TEAM_COLOURS, Colour, SpriteCache

Tints = npt.NDArray[np.uint8]
"""uint8 [n, 4], BGR of each sprite's player, and zeros for those of nobody."""


@dataclass(frozen=True, eq=False)
class PreparedScene:
    """A plan in the form in which it is drawn.

    Attributes:
        sprites: of each placement; held, because `numbers` say where they lie in memory.
        numbers: of these sprites.
        table: where each placement lies, in a plane and in the image.
        shadow_scales: float64 [n], of each shadow; 0 for what stands in water and casts none.
        tints: of each sprite.
        edges: numbers of the placements whose edge is changed, or which stand in water.
        selected: placements with an ellipse.
        marks: bars, and placements that have a badge, in the order in which they are drawn.
        team_colours: RGB by player.
        nbytes: of the sprites.
    """

    plan: ScenePlan
    sprites: Sequence[PreparedSprite]
    numbers: Sprites
    table: Table
    shadow_scales: npt.NDArray[np.float64]
    tints: Tints
    edges: Sequence[int]
    selected: Sequence[Placement]
    marks: Sequence[Patches | Placement]
    team_colours: Sequence[Colour]
    nbytes: int


def prepare_scene(
    plan: ScenePlan, sprite_cache: SpriteCache, team_colours: Sequence[Colour] = TEAM_COLOURS
) -> PreparedScene:
    """Look up a plan's sprites, and say as numbers what is drawn of them and where.

    Args:
        team_colours: RGB of players 1 to 8.
    """
    placements = plan.placements
    sprites = [
        sprite_cache.prepared(item.sprite_id, for_teams=item.player is not None)
        for item in placements
    ]
    places = [(item.height, item.width, item.left, item.top) for item in placements]
    scales = [item.scale if item.waterline is None else 0.0 for item in placements]
    edges = [
        number
        for number, item in enumerate(placements)
        if item.edge != "as it is" or item.waterline is not None
    ]
    return PreparedScene(
        plan=plan,
        sprites=sprites,
        numbers=numbers_of(sprites),
        table=table_of(places),
        shadow_scales=np.array(scales, np.float64),
        tints=_tints(placements, team_colours),
        edges=edges,
        selected=[item for item in placements if item.selected],
        marks=_marks(plan),
        team_colours=team_colours,
        nbytes=sum([sprite.nbytes for sprite in sprites]),
    )


def _tints(
    placements: Sequence[Placement], team_colours: Sequence[Colour]
) -> npt.NDArray[np.uint8]:
    teams = [(blue, green, red, 0) for red, green, blue in team_colours]
    players = [len(teams) if item.player is None else item.player for item in placements]
    tints: Tints = np.array([*teams, (0, 0, 0, 0)], np.uint8)[players]
    return tints


def _marks(plan: ScenePlan) -> list[Patches | Placement]:
    """Those of each object lie over those of all behind it."""
    marks: list[Patches | Placement] = []
    patches: list[Patch] = []
    for item in plan.placements:
        if item.health is not None:
            patches += health_bar_of(item, plan.marks)
        if item.garrisoned and item.player is not None:
            marks += [patches_of(patches), item]
            patches = []
    return [*marks, patches_of(patches)]

"""Pictures that the game lays on or under its units: ellipses on the ground, orbs over heads.

They are placements without a class: what lies under a unit is drawn right before it, what lies over
it after everything else. So they cover what they cover in the game, and the id buffer knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from pipeline.games.scene_rules import MarkRule
from pipeline.scenes.placing import members_of
from pipeline.scenes.scene import Placement
from pipeline.scenes.stock import TEAM_COLOURS, Catalogue, SpriteShape


def with_marks(
    rng: np.random.Generator,
    placements: Sequence[Placement],
    rules: Sequence[MarkRule],
    catalogue: Catalogue,
) -> tuple[Placement, ...]:
    """The placements with the marks of those that have a class.

    Args:
        rng: the only source of chance; untouched when there are no rules.
        placements: from the back to the front.
        rules: the pack's marks.
        catalogue: holds the marks' pictures under their names.
    """
    marked = [(rule, _classes(rule, catalogue)) for rule in rules]
    below: list[Placement] = []
    above: list[Placement] = []
    for placement in placements:
        whose = int(rng.integers(len(TEAM_COLOURS))) if marked else 0
        for rule, classes in marked:
            if placement.class_name is None or placement.class_name not in classes:
                continue
            if rng.random() < rule.chance:
                colour = int(rng.integers(len(TEAM_COLOURS)))
                own = placement.player if placement.player is not None else whose
                player = own if rule.of_player else colour
                shapes = catalogue.sprites.get(rule.picture, ())
                (below if rule.under else above).extend(_laid(placement, rule, shapes, player))
        below.append(placement)
    return (*below, *above)


def _classes(rule: MarkRule, catalogue: Catalogue) -> frozenset[str]:
    named = rule.classes or list(catalogue.scene_of)
    without = members_of(rule.without, catalogue)
    return frozenset(members_of(named, catalogue)).difference(without)


def _laid(
    placement: Placement, rule: MarkRule, shapes: Sequence[SpriteShape], player: int
) -> Iterator[Placement]:
    """All pictures of a mark on one object, as large as the object is drawn."""
    scale = placement.scale
    x, y = (
        at + round(offset * scale)
        for at, offset in zip(placement.ground, (rule.dx, rule.dy), strict=True)
    )
    for shape in shapes:
        yield Placement(
            sprite_id=shape.id,
            class_name=None,
            left=x - round(shape.hotspot[0] * scale),
            top=y - round(shape.hotspot[1] * scale),
            width=max(1, round(shape.width * scale)),
            height=max(1, round(shape.height * scale)),
            ground=placement.ground,
            scale=scale,
            player=player if shape.owned else None,
            selected=False,
            health=None,
        )

"""Images that the game lays on or under its units: ellipses on the ground, orbs over heads.

They are placements without a class: what lies under a unit is drawn right before it, what lies over
it after everything else. So they cover what they cover in the game, and the id buffer knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.games.sections.overlays import MarkRule
from pipeline.scenes.plan import Placement
from pipeline.scenes.planning.gates import members_of
from pipeline.scenes.planning.random_stream import RandomStream
from pipeline.scenes.sources.catalogue import TEAM_COLOURS, Catalogue, SpriteShape


@dataclass(frozen=True)
class UnitMark:
    """A mark of the pack, with the classes that have it and the sprites that it consists of."""

    rule: MarkRule
    classes: frozenset[str]
    shapes: tuple[SpriteShape, ...]


def unit_marks(rules: Sequence[MarkRule], catalogue: Catalogue) -> tuple[UnitMark, ...]:
    """The marks of a pack, whose images the catalogue holds under their names."""
    marks: list[UnitMark] = []
    for rule in rules:
        named = members_of(rule.classes or catalogue.scene_of, catalogue)
        classes = frozenset(named).difference(members_of(rule.without, catalogue))
        marks.append(UnitMark(rule, classes, catalogue.sprites.get(rule.image, ())))
    return tuple(marks)


def with_marks(
    placements: Sequence[Placement], marks: Sequence[UnitMark], stream: RandomStream
) -> tuple[Placement, ...]:
    """The placements with the marks of those that have a class.

    Args:
        placements: from the back to the front.
        stream: the only source of chance; untouched when there are no marks.
    """
    if not marks:
        return tuple(placements)
    below: list[Placement] = []
    above: list[Placement] = []
    for placement in placements:
        own = placement.player
        whose = stream.below(len(TEAM_COLOURS)) if own is None else own
        owner = own
        for mark in marks:
            if placement.class_name in mark.classes and stream.one() < mark.rule.chance:
                player = whose if mark.rule.of_player else stream.below(len(TEAM_COLOURS))
                (below if mark.rule.under else above).extend(_laid(placement, mark, player))
                # What shows no player's colour itself is told to be a player's by such a mark.
                owner = whose if mark.rule.of_player else owner
        below.append(placement if owner == own else placement._replace(player=owner))
    return (*below, *above)


def _laid(placement: Placement, mark: UnitMark, player: int) -> Iterator[Placement]:
    """All images of a mark on one object, as large as the object is drawn."""
    scale, ground = placement.scale, placement.ground
    x, y = ground[0] + round(mark.rule.dx * scale), ground[1] + round(mark.rule.dy * scale)
    for shape in mark.shapes:
        yield Placement(
            sprite_id=shape.id,
            class_name=None,
            left=x - round(shape.hotspot[0] * scale),
            top=y - round(shape.hotspot[1] * scale),
            width=max(1, round(shape.width * scale)),
            height=max(1, round(shape.height * scale)),
            ground=ground,
            scale=scale,
            player=player if shape.owned else None,
            selected=False,
            health=None,
        )

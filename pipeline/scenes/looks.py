"""How placed things look: whose they are, what marks them, how deep they stand in water."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.backgrounds.shores import Shoreline
from pipeline.backgrounds.textures import Kind
from pipeline.games.scene_rules import GroupRule, SceneRules
from pipeline.scenes.placing import Chances, Point, Wanted, members_of
from pipeline.scenes.scene import Edge, Placement
from pipeline.scenes.stock import TEAM_COLOURS, Catalogue


@dataclass(frozen=True)
class Water:
    """Where in a picture things stand in water.

    Attributes:
        kind: of the scene.
        shore: where its land ends, in a scene of land and water.
        wading: middles of cells on land in which things stand deep.
    """

    kind: Kind
    shore: Shoreline | None
    wading: frozenset[Point]

    def covers(self, ground: Point) -> bool:
        """Whether something that stands there stands in water."""
        if ground in self.wading:
            return True
        return self.kind == "water" if self.shore is None else self.shore.side(*ground) < 0


class Looks:
    """How placed things look: whose they are, what marks them, how deep they stand in water."""

    def __init__(
        self, chances: Chances, water: Water, rules: SceneRules, catalogue: Catalogue
    ) -> None:
        overlays = rules.overlays
        self._chances, self._rules, self._water = chances, rules, water
        self._plain = frozenset(members_of(overlays.without_ellipse, catalogue))
        self._garrisoned = frozenset(members_of(overlays.garrison_classes, catalogue))

    def of(
        self, standing: Sequence[tuple[Wanted, Point]], group: GroupRule | None
    ) -> Iterator[Placement]:
        """The things of one party, each with its top left corner."""
        together = group is not None and group.one_player
        player = int(self._chances.rng.integers(len(TEAM_COLOURS))) if together else None
        for item, corner in standing:
            yield self._placement(item, corner, player, group)

    def _placement(
        self, item: Wanted, corner: Point, player: int | None, group: GroupRule | None
    ) -> Placement:
        chance = self._chances.take(7)
        overlays, name = self._rules.overlays, item.rule.class_name
        owned = item.shape.owned and item.rule.recolour
        dressed = owned or (overlays.everyone and item.shape.class_name is not None)
        whose = player if player is not None else int(chance[0] * len(TEAM_COLOURS))
        low, high = overlays.health
        hotspot = item.hotspot
        ground = (corner[0] + hotspot[0], corner[1] + hotspot[1])
        marked = name not in self._plain and chance[1] < overlays.selection
        return Placement(
            sprite_id=item.shape.id,
            class_name=item.shape.class_name,
            left=corner[0],
            top=corner[1],
            width=item.width,
            height=item.height,
            ground=ground,
            scale=item.scale,
            player=whose if owned else None,
            selected=dressed and marked,
            health=_health(chance[2:4], overlays.health_bar, low, high) if dressed else None,
            edge=self._edge(chance[4]),
            waterline=self._waterline(item, ground, chance[5]),
            garrisoned=owned and name in self._garrisoned and chance[6] < overlays.garrison,
            group=group.name if group is not None else None,
        )

    def _edge(self, chance: float) -> Edge:
        edges = self._rules.edges
        if chance < edges.feathered:
            return "feathered"
        return "hard" if chance < edges.feathered + edges.hard else "as it is"

    def _waterline(self, item: Wanted, ground: Point, chance: float) -> int | None:
        if item.rule.depth is None or not self._water.covers(ground):
            return None
        low, high = item.rule.depth
        row = round(item.hotspot[1] - (low + chance * (high - low)) * item.scale)
        return max(row, 0) if row < item.height else None


def _health(chance: Sequence[float], share: float, low: float, high: float) -> float | None:
    return low + (high - low) * chance[1] if chance[0] < share else None

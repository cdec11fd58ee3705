"""How placed things look: whose they are, what marks them, how deep they stand in water."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.backgrounds.shores import Shoreline
from pipeline.backgrounds.textures import Kind
from pipeline.games.sections.scenes import EdgeRules
from pipeline.scenes.plan import Edge, Placement
from pipeline.scenes.planning.placement import PlacedObjects, Point
from pipeline.scenes.planning.random_stream import RandomStream
from pipeline.scenes.planning.rule_table import Floats, Objects, RuleTable, Whole
from pipeline.scenes.planning.sampling import SampledObjects
from pipeline.scenes.sources.catalogue import TEAM_COLOURS

EDGES: Objects = np.array(["feathered", "hard", "as it is"], object)
"""In the order in which chance decides between them; see `Edge`."""
EACH_ITS_OWN = -1
"""The player of a group whose members do not belong together."""

Truths = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Water:
    """Where in an image things stand in water.

    Attributes:
        kind: of the scene.
        shore: where its land ends, in a scene of land and water.
        wading: middles of cells on land in which things stand deep.
    """

    kind: Kind
    shore: Shoreline | None
    wading: frozenset[Point]

    def covers(self, x: Whole, y: Whole) -> Truths:
        """Whether something that stands there stands in water."""
        from pipeline.scenes.planning.placement_kernels import on_water  # Late: it loads numba.

        if self.shore is None:
            covered = np.full(len(x), self.kind == "water")
        else:
            covered = on_water(x, y, self.shore)
        if self.wading:
            points = zip(x.tolist(), y.tolist(), strict=True)
            covered |= np.array([point in self.wading for point in points], np.bool_)
        return covered


def placements_of(
    objects: SampledObjects,
    placed: PlacedObjects,
    water: Water,
    rule_table: RuleTable,
    stream: RandomStream,
) -> list[Placement]:
    """How all looks that has found room, from the back to the front.

    Args:
        stream: the only source of chance, which is asked for all things at once.
    """
    order = np.argsort(placed.top + objects.hotspots[1][placed.rows], kind="stable")
    rows, left, top = (column[order] for column in placed)
    objects = objects.of(rows)
    x, y = left + objects.hotspots[0], top + objects.hotspots[1]
    chance = stream.rng.random((7, len(rows)))
    overlays = rule_table.rules.overlays
    owned = rule_table.owned[objects.shape] & (objects.integers.recolour > 0)
    dressed = owned | rule_table.labelled[objects.shape] if overlays.everyone else owned
    bars = dressed & (chance[2] < overlays.health_bar.chance)
    empty, full = overlays.health_bar.filled
    health = empty + chance[3] * (full - empty)
    group_names = [None if group is None else group.name for group in objects.groups]
    columns = (
        rule_table.ids[objects.shape].tolist(),
        rule_table.class_names[objects.shape].tolist(),
        left.tolist(),
        top.tolist(),
        *objects.sides.tolist(),
        list(zip(x.tolist(), y.tolist(), strict=True)),
        objects.scale.tolist(),
        _where(owned, _players(objects, chance[0], stream)),
        (
            dressed & (objects.integers.ellipse > 0) & (chance[1] < overlays.selection.chance)
        ).tolist(),
        _where(bars, health),
        _edges(rule_table.rules.edges, chance[4]),
        _waterlines(objects, water, (x, y), chance[5]),
        (owned & (objects.integers.garrison > 0) & (chance[6] < overlays.garrison.chance)).tolist(),
        [group_names[group_id] for group_id in objects.group_id.tolist()],
    )
    # By itself `NamedTuple` makes one with a function of Python, in twice the time.
    return [tuple.__new__(Placement, row) for row in zip(*columns, strict=True)]


def _where(there: Truths, column: npt.NDArray[Any]) -> list[Any]:
    """A column with None where nothing is."""
    values = column.astype(object)
    values[~there] = None
    listed: list[Any] = values.tolist()
    return listed


def _players(objects: SampledObjects, chance: Floats, stream: RandomStream) -> Whole:
    """In whose colour each thing is, if it is in any."""
    own = (chance * len(TEAM_COLOURS)).astype(np.int64)
    if len(objects.groups) == 1:
        return own
    players = [
        stream.below(len(TEAM_COLOURS)) if group is not None and group.one_player else EACH_ITS_OWN
        for group in objects.groups
    ]
    common = np.array(players)[objects.group_id]
    return np.where(common == EACH_ITS_OWN, own, common)


def _edges(rules: EdgeRules, chance: Floats) -> list[Edge]:
    steps = (rules.feathered, rules.feathered + rules.hard)
    edges: list[Edge] = EDGES[np.searchsorted(steps, chance, side="right")].tolist()
    return edges


def _waterlines(
    objects: SampledObjects, water: Water, ground: tuple[Whole, Whole], chance: Floats
) -> list[int | None]:
    """From which row on things that stand deep in water are under it."""
    lines = np.full(len(chance), None, object)
    deep = np.flatnonzero(~np.isnan(objects.floats.depth_from))
    if len(deep):
        depth = objects.floats.depth_from + chance * objects.floats.depth_span
        rows = np.rint(objects.hotspots[1] - depth * objects.scale)[deep]
        wet = water.covers(ground[0][deep], ground[1][deep]) & (rows < objects.sides[1][deep])
        lines[deep[wet]] = np.maximum(rows[wet], 0).astype(np.int64)
    waterlines: list[int | None] = lines.tolist()
    return waterlines

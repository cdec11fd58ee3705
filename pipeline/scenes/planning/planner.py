"""Planning a scene: what is drawn where, as pure data.

A plan depends on the rules, the catalogue and the image's index, and on nothing else: not on
other images, the number of workers or the order of work. So any image can be drawn again alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pipeline.backgrounds.shores import Shoreline
from pipeline.backgrounds.textures import Kind
from pipeline.games.sections.scenes import SceneRules
from pipeline.scenes.plan import Placement, ScenePlan, Surface
from pipeline.scenes.planning.appearance import Water, placements_of
from pipeline.scenes.planning.groups import FRONT, Arc, offsets_of, seaward
from pipeline.scenes.planning.overlay_sampling import fog_of, light_of, marks_of, panels_of
from pipeline.scenes.planning.placement import (
    NO_CELLS,
    SCENE_BOUNDS,
    Cell,
    PlacementGround,
    Point,
    Rows,
    cells_of,
    placement_records,
    shore_records,
)
from pipeline.scenes.planning.random_stream import RandomStream
from pipeline.scenes.planning.rule_table import PLACES, Floats, RuleTable, Whole
from pipeline.scenes.planning.sampling import SampledObjects, sample_objects
from pipeline.scenes.planning.unit_marks import with_marks
from pipeline.scenes.sources.catalogue import BackgroundError, BackgroundShape, Catalogue

HOW_TO_AVOID: dict[Kind, str] = {
    "land": "set scenes.water_fraction to 1",
    "water": "set scenes.water_fraction to 0",
    "shore": "set scenes.shore_fraction to 0",
}


def plan(index: int, rule_table: RuleTable) -> ScenePlan:
    """Plan image `index` of the set that the rule table's rules describe.

    Groups and single objects are placed from large to small, each where it shares no more of a box
    with another than their rules allow; what finds no room within the bounded number of attempts
    is left out.

    Raises:
        BackgroundError: there is no background for the kind of scene, or it is too small.
    """
    rules = rule_table.rules
    stream = RandomStream(np.random.default_rng([rules.seed, index]))
    kind = _kind(stream.one(), rules)
    background = _background(index, kind, rules, rule_table.catalogue)
    distant = stream.one() < rules.distant.share
    zoom = stream.between(rules.distant.zoom if distant else rules.zoom)
    crop = (
        stream.below(background.width - rules.width + 1),
        stream.below(background.height - rules.height + 1),
    )
    mirrored = stream.one() < 0.5
    view = _View(background, crop, mirrored, rules.width)
    crowding = rules.distant.crowding if distant else 1.0
    return ScenePlan(
        seed=rules.seed,
        index=index,
        kind=kind,
        width=rules.width,
        height=rules.height,
        background_id=background.id,
        crop=crop,
        mirrored=mirrored,
        zoom=zoom,
        shadow_opacity=rules.shadow_opacity,
        placements=_SceneFilling(rule_table, stream, kind, zoom, view).fill(crowding),
        panels=tuple(panels_of(stream, rules)),
        fog=tuple(fog_of(stream, rules)),
        shore=view.shore,
        light=light_of(stream, rules.light),
        marks=marks_of(stream, rules.overlays),
        surface=Surface(rules.water.opacity, max(1.0, rules.water.fade * zoom)),
        distant=distant,
        jpeg_quality=_jpeg_quality(stream, rules),
    )


def _kind(chance: float, rules: SceneRules) -> Kind:
    if chance < rules.water_fraction:
        return "water"
    return "shore" if chance < rules.water_fraction + rules.shore_fraction else "land"


@dataclass(frozen=True)
class _View:
    """What an image shows of its background."""

    background: BackgroundShape
    crop: Point
    mirrored: bool
    width: int

    @cached_property
    def shore(self) -> Shoreline | None:
        """The background's shoreline, in pixels of the image."""
        if self.background.shore is None:
            return None
        shore = self.background.shore.cropped(*self.crop)
        return shore.mirrored(self.width) if self.mirrored else shore

    def start(self) -> Point | None:
        """The middle of a hex that does not lie lower, in pixels of the image."""
        grid = self.background.grid
        return None if grid is None else self._moved(grid.middle((0, 0)))

    def wading(self) -> frozenset[Point]:
        """Middles of hexes on land in which things stand deep."""
        return frozenset(self._moved(middle) for middle in self.background.wading)

    def _moved(self, point: Point) -> Point:
        x, y = point[0] - self.crop[0], point[1] - self.crop[1]
        return (self.width - x, y) if self.mirrored else (x, y)


def _background(index: int, kind: Kind, rules: SceneRules, catalogue: Catalogue) -> BackgroundShape:
    """Each background serves a run of neighbouring images.

    All are used equally often, and a worker that draws a range of images decodes each of its few
    backgrounds once: decoding one takes longer than all the rest of an image.
    """
    choices = catalogue.backgrounds.get(kind, ())
    if not choices:
        raise missing_backgrounds(kind)
    background = choices[index * len(choices) // rules.images % len(choices)]
    if background.width < rules.width or background.height < rules.height:
        raise BackgroundError(
            f"Background '{background.id}' has {background.width} x {background.height} pixels, "
            f"a scene {rules.width} x {rules.height}.",
            "Materialize the backgrounds again, with the scene's present size.",
        )
    return background


def missing_backgrounds(kind: Kind) -> BackgroundError:
    """The error about a kind of background that scenes need."""
    return BackgroundError(
        f"There are no {kind} backgrounds, but the rules ask for {kind} scenes.",
        f"Materialize the {kind} backgrounds, or {HOW_TO_AVOID[kind]}.",
    )


def _jpeg_quality(stream: RandomStream, rules: SceneRules) -> int | None:
    chosen = stream.count(rules.jpeg_range)
    return chosen if stream.one() < rules.jpeg_varied else None


@dataclass(frozen=True)
class _SceneFilling:
    """A scene that is to be filled."""

    rule_table: RuleTable
    stream: RandomStream
    kind: Kind
    zoom: float
    view: _View

    @property
    def border(self) -> Shoreline | None:
        """Where land ends, when it matters; None when anything may stand anywhere."""
        return self.view.shore if self.rule_table.rules.gated else None

    def fill(self, crowding: float) -> tuple[Placement, ...]:
        """Choose what comes, place it, and say how each thing looks, from the back to the front."""
        # Late: it loads numba.
        from pipeline.scenes.planning.placement_kernels import place_objects

        stream = self.stream
        objects = sample_objects(self.kind, self.zoom, crowding, self.rule_table, stream)
        items = placement_records(objects, self._offsets(objects))
        placed = place_objects(items, self._ground(), self._cells(), stream.rng)
        water = Water(self.kind, self.view.shore, self.view.wading())
        placements = placements_of(objects, placed, water, self.rule_table, stream)
        return with_marks(placements, self.rule_table.marks, stream)

    def _offsets(self, objects: SampledObjects) -> Floats:
        """Of the members of groups from their group's point, [2, n]."""
        offsets = np.zeros((2, len(objects.group_id)))
        for group_id, group in enumerate(objects.groups):
            if group is not None:
                members = np.flatnonzero(objects.group_id == group_id)
                arc = self._arc(objects, members)
                widths = objects.sides[0][members].tolist()
                offsets[:, members] = np.transpose(offsets_of(group, widths, self.stream, arc))
        return offsets

    def _arc(self, objects: SampledObjects, members: Whole) -> Arc:
        """Where others stand beside the first of a group: before it, or on the water."""
        at_shore = PLACES[objects.integers.place[members[0]]] == "shore"
        return FRONT if self.border is None or not at_shore else seaward(self.border)

    def _ground(self) -> PlacementGround:
        rules = self.rule_table.rules
        low, high = (0.0, 0.0) if rules.grid is None else rules.grid.jitter
        jitter = low * self._cell_zoom, (high - low) * self._cell_zoom
        size, divided = (rules.width, rules.height), self.border is not None
        bounds = np.array([(*size, rules.attempts, divided, *jitter)], SCENE_BOUNDS)
        return PlacementGround(bounds, *shore_records(self.border), self.rule_table.limits)

    @property
    def _cell_zoom(self) -> float:
        """Ground that shows its cells is not zoomed."""
        return self.zoom if self.view.start() is None else 1.0

    def _cells(self) -> Rows[Cell]:
        rules, zoom, start = self.rule_table.rules, self._cell_zoom, self.view.start()
        if rules.grid is None:
            return NO_CELLS
        chance = self.stream.one(), self.stream.one()
        across, along = rules.grid.step
        anywhere = chance[0] * across * zoom, chance[1] * along * zoom
        return cells_of(rules.grid, zoom, start or anywhere, (rules.width, rules.height))

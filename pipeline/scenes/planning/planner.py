"""Planning a scene: what is drawn where, as pure data.

A plan depends on the rules, the catalogue and the picture's index, and on nothing else: not on
other pictures, the number of workers or the order of work. So any picture can be drawn again alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.backgrounds.shores import Shoreline
from pipeline.backgrounds.textures import Kind
from pipeline.games.sections.scenes import SceneRules
from pipeline.scenes.plan import Placement, ScenePlan, Surface
from pipeline.scenes.planning.appearance import Water, shown
from pipeline.scenes.planning.groups import FRONT, Arc, offsets_of, seaward
from pipeline.scenes.planning.overlay_sampling import fog_of, light_of, marks_of, panels_of
from pipeline.scenes.planning.placement import (
    NO_CELLS,
    SITE,
    Cell,
    Ground,
    Point,
    Rows,
    Site,
    cells_of,
    coast_of,
    things_of,
)
from pipeline.scenes.planning.random_stream import Chances
from pipeline.scenes.planning.rule_table import PLACES, Floats, Repertoire, Whole
from pipeline.scenes.planning.sampling import Call, Cast, cast_for
from pipeline.scenes.planning.unit_marks import with_marks
from pipeline.scenes.sources.catalogue import BackgroundError, BackgroundShape, Catalogue

WAYS_AROUND: dict[Kind, str] = {
    "land": "set scenes.water_fraction to 1",
    "water": "set scenes.water_fraction to 0",
    "shore": "set scenes.shore_fraction to 0",
}


def plan(index: int, repertoire: Repertoire) -> ScenePlan:
    """Plan picture `index` of the set that the repertoire's rules describe.

    Groups and single objects are placed from large to small, each where it shares no more of a box
    with another than their rules allow; what finds no room within the bounded number of attempts
    is left out.

    Raises:
        BackgroundError: there is no background for the kind of scene, or it is too small.
    """
    rules = repertoire.rules
    chances = Chances(np.random.default_rng([rules.seed, index]))
    kind = _kind(chances.one(), rules)
    background = _background(index, kind, rules, repertoire.catalogue)
    distant = chances.one() < rules.distant.share
    zoom = chances.between(rules.distant.zoom if distant else rules.zoom)
    crop = (
        chances.below(background.width - rules.width + 1),
        chances.below(background.height - rules.height + 1),
    )
    mirrored = chances.one() < 0.5
    view = _View(background, crop, mirrored, rules.width)
    shore = view.shore()
    stage = _Stage(repertoire, chances, kind, zoom, distant, view, shore)
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
        placements=stage.fill(),
        panels=tuple(panels_of(chances, rules)),
        fog=tuple(fog_of(chances, rules)),
        shore=shore,
        light=light_of(chances, rules.light),
        marks=marks_of(chances, rules.overlays),
        surface=Surface(rules.water.opacity, max(1.0, rules.water.fade * zoom)),
        distant=distant,
        jpeg_quality=_jpeg_quality(chances, rules),
    )


def _kind(chance: float, rules: SceneRules) -> Kind:
    if chance < rules.water_fraction:
        return "water"
    return "shore" if chance < rules.water_fraction + rules.shore_fraction else "land"


@dataclass(frozen=True)
class _View:
    """What a picture shows of its background."""

    background: BackgroundShape
    crop: Point
    mirrored: bool
    width: int

    def shore(self) -> Shoreline | None:
        """The background's shoreline, in pixels of the picture."""
        if self.background.shore is None:
            return None
        shore = self.background.shore.cropped(*self.crop)
        return shore.mirrored(self.width) if self.mirrored else shore

    def start(self) -> Point | None:
        """The middle of a hex that does not lie lower, in pixels of the picture."""
        grid = self.background.grid
        return None if grid is None else self._moved(grid.middle((0, 0)))

    def wading(self) -> frozenset[Point]:
        """Middles of hexes on land in which things stand deep."""
        return frozenset(self._moved(middle) for middle in self.background.wading)

    def _moved(self, point: Point) -> Point:
        x, y = point[0] - self.crop[0], point[1] - self.crop[1]
        return (self.width - x, y) if self.mirrored else (x, y)


def _background(index: int, kind: Kind, rules: SceneRules, catalogue: Catalogue) -> BackgroundShape:
    """Each background serves a run of neighbouring pictures.

    All are used equally often, and a worker that draws a range of pictures decodes each of its few
    backgrounds once: decoding one takes longer than all the rest of a picture.
    """
    choices = catalogue.backgrounds.get(kind, ())
    if not choices:
        raise BackgroundError(
            f"There are no {kind} backgrounds, but the rules ask for {kind} scenes.",
            f"Materialize the {kind} backgrounds, or {WAYS_AROUND[kind]}.",
        )
    background = choices[index * len(choices) // rules.images % len(choices)]
    if background.width < rules.width or background.height < rules.height:
        raise BackgroundError(
            f"Background '{background.id}' has {background.width} x {background.height} pixels, "
            f"a scene {rules.width} x {rules.height}.",
            "Materialize the backgrounds again, with the scene's present size.",
        )
    return background


def _jpeg_quality(chances: Chances, rules: SceneRules) -> int | None:
    chosen = chances.count(rules.jpeg_range)
    return chosen if chances.one() < rules.jpeg_varied else None


@dataclass(frozen=True)
class _Stage:
    """A scene that is to be filled."""

    repertoire: Repertoire
    chances: Chances
    kind: Kind
    zoom: float
    distant: bool
    view: _View
    shore: Shoreline | None

    @property
    def border(self) -> Shoreline | None:
        """Where land ends, when it matters; None when anything may stand anywhere."""
        return self.shore if self.repertoire.rules.gated else None

    def fill(self) -> tuple[Placement, ...]:
        """Choose what comes, place it, and say how each thing looks, from the back to the front."""
        from pipeline.scenes.planning.placement_kernels import settle  # Late: it loads numba.

        rules, chances = self.repertoire.rules, self.chances
        crowding = rules.distant.crowding if self.distant else 1.0
        cast = cast_for(Call(self.kind, self.zoom, crowding), self.repertoire, chances)
        things = things_of(cast, self._offsets(cast))
        standing = settle(things, self._ground(), self._cells(), chances.rng)
        water = Water(self.kind, self.shore, self.view.wading())
        placements = shown(cast, standing, water, self.repertoire, chances)
        return with_marks(placements, self.repertoire.marks, chances)

    def _offsets(self, cast: Cast) -> Floats:
        """Of the members of groups from their group's point, [2, n]."""
        offsets = np.zeros((2, len(cast.party)))
        for party, group in enumerate(cast.groups):
            if group is not None:
                members = np.flatnonzero(cast.party == party)
                arc = self._arc(cast, members)
                widths = cast.sides[0][members].tolist()
                offsets[:, members] = np.transpose(offsets_of(group, widths, self.chances, arc))
        return offsets

    def _arc(self, cast: Cast, members: Whole) -> Arc:
        """Where others stand beside the first of a group: before it, or on the water."""
        at_shore = PLACES[cast.roles.place[members[0]]] == "shore"
        return FRONT if self.border is None or not at_shore else seaward(self.border)

    def _ground(self) -> Ground:
        rules = self.repertoire.rules
        low, high = (0.0, 0.0) if rules.grid is None else rules.grid.jitter
        jitter = low * self._cell_zoom, (high - low) * self._cell_zoom
        size, divided = (rules.width, rules.height), self.border is not None
        sites: Rows[Site] = np.array([(*size, rules.attempts, divided, *jitter)], SITE)
        return Ground(sites, *coast_of(self.border), self.repertoire.limits)

    @property
    def _cell_zoom(self) -> float:
        """Ground that shows its cells is not zoomed."""
        return self.zoom if self.view.start() is None else 1.0

    def _cells(self) -> Rows[Cell]:
        rules, zoom, start = self.repertoire.rules, self._cell_zoom, self.view.start()
        if rules.grid is None:
            return NO_CELLS
        chance = self.chances.one(), self.chances.one()
        across, along = rules.grid.step
        anywhere = chance[0] * across * zoom, chance[1] * along * zoom
        return cells_of(rules.grid, zoom, start or anywhere, (rules.width, rules.height))

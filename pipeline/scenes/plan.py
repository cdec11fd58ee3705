"""Planning a scene: what is drawn where, as pure data.

A plan depends on the rules, the catalogue and the picture's index, and on nothing else: not on
other pictures, the number of workers or the order of work. So any picture can be drawn again alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from pipeline.backgrounds.shores import Shoreline
from pipeline.backgrounds.textures import Kind
from pipeline.games.patterns import matcher
from pipeline.games.scene_rules import GroupMember, GroupRule, PlacementRule, SceneRules
from pipeline.games.sections import Scene
from pipeline.scenes.dressing import fog_of, light_of, marks_of, panels_of
from pipeline.scenes.groups import gather
from pipeline.scenes.looks import Looks, Water
from pipeline.scenes.placing import (
    Cells,
    Chances,
    Crowd,
    Limits,
    Point,
    Site,
    Wanted,
    find_room,
    members_of,
)
from pipeline.scenes.scene import FogPatch as FogPatch
from pipeline.scenes.scene import Panel as Panel
from pipeline.scenes.scene import Placement as Placement
from pipeline.scenes.scene import ScenePlan as ScenePlan
from pipeline.scenes.scene import Surface
from pipeline.scenes.scene import footprint_of as footprint_of
from pipeline.scenes.stock import (
    BackgroundError,
    BackgroundShape,
    Catalogue,
    SpriteShape,
)
from pipeline.scenes.unit_marks import with_marks

WAYS_AROUND: dict[Kind, str] = {
    "land": "set scenes.water_fraction to 1",
    "water": "set scenes.water_fraction to 0",
    "shore": "set scenes.shore_fraction to 0",
}


def plan(index: int, rules: SceneRules, catalogue: Catalogue) -> ScenePlan:
    """Plan picture `index` of the set that the rules describe.

    Groups and single objects are placed from large to small, each where it shares no more of a box
    with another than their rules allow; what finds no room within the bounded number of attempts
    is left out.

    Raises:
        BackgroundError: there is no background for the kind of scene, or it is too small.
    """
    rules = rules.in_force
    rng = np.random.default_rng([rules.seed, index])
    kind = _kind(float(rng.random()), rules)
    background = _background(index, kind, rules, catalogue)
    distant = bool(rng.random() < rules.distant.share)
    zoom = float(rng.uniform(*(rules.distant.zoom if distant else rules.zoom)))
    crop = (
        int(rng.integers(background.width - rules.width + 1)),
        int(rng.integers(background.height - rules.height + 1)),
    )
    mirrored = bool(rng.random() < 0.5)
    view = _View(background, crop, mirrored, rules.width)
    shore = view.shore()
    stage = _Stage(rng, kind, zoom, distant, view, rules, catalogue)
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
        panels=tuple(panels_of(rng, rules)),
        fog=tuple(fog_of(rng, rules)),
        shore=shore,
        light=light_of(rng, rules.light),
        marks=marks_of(rng, rules.overlays),
        surface=Surface(rules.water.opacity, max(1.0, rules.water.fade * zoom)),
        distant=distant,
        jpeg_quality=_jpeg_quality(rng, rules),
    )


def may_stand(place: Scene, kind: Kind, rules: SceneRules) -> bool:
    """Whether what belongs in such a place may stand in a scene of that kind.

    At the shore everything has its place: on land, on water, or between them.
    """
    return not rules.gated or kind == "shore" or place in (kind, "both")


def place_of(rule: PlacementRule, catalogue: Catalogue) -> Scene:
    """Where a rule's things belong; distractors on land, unless their rule says otherwise."""
    return rule.scene or catalogue.scene_of.get(rule.class_name, "land")


def factors_of(rules: SceneRules, catalogue: Catalogue) -> dict[str, float]:
    """By how much the rebalancing raises the counts of classes, where it does."""
    factors: dict[str, float] = {}
    for entry in (rules.rebalance.rare, rules.rebalance.confusable):
        for name in members_of(entry.classes, catalogue):
            factors[name] = factors.get(name, 1.0) * entry.factor
    return factors


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


def _jpeg_quality(rng: np.random.Generator, rules: SceneRules) -> int | None:
    low, high = rules.jpeg_range
    chosen = int(rng.integers(low, high + 1))
    return chosen if rng.random() < rules.jpeg_varied else None


@dataclass(frozen=True)
class _Party:
    """What is placed together: a group with its rule, or one object alone."""

    members: tuple[Wanted, ...]
    group: GroupRule | None = None


@dataclass
class _Stage:
    """A scene while it is filled."""

    rng: np.random.Generator
    kind: Kind
    zoom: float
    distant: bool
    view: _View
    rules: SceneRules
    catalogue: Catalogue

    def fill(self) -> tuple[Placement, ...]:
        """Choose what comes, place it, and say how each thing looks, from the back to the front."""
        rules = self.rules
        site = Site(
            width=rules.width,
            height=rules.height,
            attempts=rules.attempts,
            shore=self.view.shore() if rules.gated else None,
            limits=Limits(rules.overlaps, self.catalogue.group_of),
            start=self.view.start(),
        )
        parties = [*self._groups(site), *(_Party((item,)) for item in self._singles())]
        parties.sort(key=lambda party: -max(item.area for item in party.members))
        crowd, chances = Crowd(site), Chances(self.rng)
        cells = Cells(self.rng, rules.grid, site, self.zoom) if rules.grid is not None else None
        water = Water(self.kind, self.view.shore(), self.view.wading())
        looks = Looks(chances, water, rules, self.catalogue)
        placements: list[Placement] = []
        for party in parties:
            standing = self._standing(party, crowd, chances, (site, cells))
            placements += looks.of(standing, party.group)
        placements.sort(key=lambda placement: placement.ground[1])
        return with_marks(self.rng, placements, rules.overlays.pictures, self.catalogue)

    def _standing(
        self, party: _Party, crowd: Crowd, chances: Chances, place: tuple[Site, Cells | None]
    ) -> Sequence[tuple[Wanted, Point]]:
        site, cells = place
        if party.group is not None:
            return gather(self.rng, party.group, party.members, (crowd, site, cells))
        item = party.members[0]
        corner = find_room(chances, item, crowd, site, cells)
        if corner is None:
            return ()
        crowd.add(*corner, item)
        return ((item, corner),)

    def _singles(self) -> Iterator[Wanted]:
        """What is scattered. Chance is asked twice for all classes, not several times for each."""
        coming = list(self._coming())
        chances = self.rng.random((len(coming), 2)).tolist()
        counts = [
            _counted(rule.count, factor, chance)
            for (rule, _, factor), chance in zip(coming, chances, strict=True)
        ]
        looks = iter(self.rng.random((sum(counts), 2)).tolist())
        for (rule, shapes, _), count in zip(coming, counts, strict=True):
            low, high = rule.scale
            size, place = self.zoom * rule.size, place_of(rule, self.catalogue)
            for pick, jitter in islice(looks, count):
                scale = size * (low + jitter * (high - low))
                yield _wanted(rule, shapes[int(pick * len(shapes))], scale, place)

    def _coming(self) -> Iterator[tuple[PlacementRule, tuple[SpriteShape, ...], float]]:
        """The rules whose things may stand in the scene, with their sprites and their factors."""
        factors = factors_of(self.rules, self.catalogue)
        crowding = self.rules.distant.crowding if self.distant else 1.0
        for rule in self.rules.placements:
            shapes = self._shapes(rule)
            if shapes and may_stand(place_of(rule, self.catalogue), self.kind, self.rules):
                factor = rule.oversample * factors.get(rule.class_name, 1.0) * crowding
                yield rule, shapes, factor

    def _groups(self, site: Site) -> Iterator[_Party]:
        rules = {rule.class_name: rule for rule in reversed(self.rules.placements)}
        for group in self.rules.groups:
            if not self._comes(group, rules):
                continue
            for _ in range(_count(self.rng, group.times, 1.0)):
                number = len(site.overlaps) + 1
                members = tuple(
                    item
                    for member in group.members
                    for item in self._members(member, rules[member.class_name], group, number)
                )
                if members:
                    site.overlaps[number] = group.overlap
                    yield _Party(members, group)

    def _comes(self, group: GroupRule, rules: Mapping[str, PlacementRule]) -> bool:
        """Whether the scene gets such groups; all members must be able to stand in it."""
        places = [place_of(rules[member.class_name], self.catalogue) for member in group.members]
        fits = all(may_stand(place, self.kind, self.rules) for place in places)
        here = group.scene in (None, "both", self.kind)
        return bool(self.rng.random() < group.chance) and fits and here

    def _members(
        self, member: GroupMember, rule: PlacementRule, group: GroupRule, number: int
    ) -> Iterator[Wanted]:
        shapes = self._shapes(rule)
        if not shapes:
            return
        shapes = _named(shapes, member.include) or shapes
        if group.one_heading:
            heading = shapes[int(self.rng.integers(len(shapes)))].heading
            shapes = tuple(shape for shape in shapes if shape.heading == heading)
        count = _count(self.rng, member.count, 1.0)
        picks = self.rng.integers(len(shapes), size=count).tolist()
        for pick, scale in zip(picks, self._scales(rule, count), strict=True):
            place = place_of(rule, self.catalogue)
            yield _wanted(rule, shapes[pick], scale, place, number)

    def _shapes(self, rule: PlacementRule) -> tuple[SpriteShape, ...]:
        return _named(self.catalogue.sprites.get(rule.class_name, ()), rule.include)

    def _scales(self, rule: PlacementRule, count: int) -> list[float]:
        scales: list[float] = (
            self.zoom * rule.size * self.rng.uniform(*rule.scale, size=count)
        ).tolist()
        return scales


def _wanted(
    rule: PlacementRule, shape: SpriteShape, scale: float, place: Scene, gathering: int = 0
) -> Wanted:
    width, height = max(1, round(shape.width * scale)), max(1, round(shape.height * scale))
    return Wanted(rule, shape, scale, width, height, place, gathering)


def _count(rng: np.random.Generator, ends: tuple[int, int], factor: float) -> int:
    """A count of the range times a factor."""
    return _counted(ends, factor, rng.random(2).tolist())


def _counted(ends: tuple[int, int], factor: float, chance: Sequence[float]) -> int:
    """A count of the range times a factor; the fraction left over decides by chance."""
    low, high = ends
    return int(factor * (low + int(chance[0] * (high - low + 1))) + chance[1])


def _named(shapes: tuple[SpriteShape, ...], patterns: Sequence[str]) -> tuple[SpriteShape, ...]:
    """The sprites whose names fit; all of them without patterns."""
    if not patterns:
        return shapes
    wanted = matcher(patterns)
    return tuple(shape for shape in shapes if wanted.fullmatch(_name(shape)))


def _name(shape: SpriteShape) -> str:
    """The name of the file that a sprite comes from, as its id tells it."""
    return shape.id.partition("/")[2].rsplit("_h", 1)[0]

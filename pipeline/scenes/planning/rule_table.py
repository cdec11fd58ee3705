"""What scenes may show: all that follows from the rules and the catalogue alone, worked out once.

Numbers are columns: numpy looks one up for all objects of a scene in the time in which Python does
so for a few of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from pipeline.backgrounds.textures import Kind
from pipeline.games.patterns import matcher
from pipeline.games.sections.base import Scene
from pipeline.games.sections.scenes import GroupMember, GroupRule, PlacementRule, SceneRules
from pipeline.scenes.planning.gates import factors_of, kinds_of, may_stand, members_of, place_of
from pipeline.scenes.planning.unit_marks import unit_marks
from pipeline.scenes.sources.catalogue import Catalogue, SpriteShape
from pipeline.sprites.library import DISTRACTOR

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Objects = npt.NDArray[np.object_]
Choice = tuple[int, int]
"""Sprites that lie side by side in a rule table: the first one, and how many."""

PLACES: tuple[Scene, ...] = ("land", "water", "shore", "both")
NO_LIMIT = -1.0


class RuleIntegers(NamedTuple):
    """What the rules say of objects, in whole numbers; a column each, with a place for each rule.

    Attributes:
        kind: number of the class.
        place: where it belongs, an index in `PLACES`.
        on_cell: whether it stands on a cell of the grid.
        margin: pixels kept from the edge, where `RuleFloats.cut` is 0.
        recolour, ellipse, garrison: whether it may be in a team's colour, be marked by an ellipse,
            have units inside.
    """

    kind: Whole
    place: Whole
    on_cell: Whole
    margin: Whole
    recolour: Whole
    ellipse: Whole
    garrison: Whole


class RuleFloats(NamedTuple):
    """The same in fractions and pixels.

    Attributes:
        size: factor on the sprites' own size.
        scale_from, scale_span: jitter of it, the least and the most above that.
        overlap: of its box that another may share.
        cut: of its sides that the edge may cut off.
        spacing: to its own class.
        depth_from, depth_span: in water, the least and the most above that; nan for what floats.
    """

    size: Floats
    scale_from: Floats
    scale_span: Floats
    overlap: Floats
    cut: Floats
    spacing: Floats
    depth_from: Floats
    depth_span: Floats


class SingleRules(NamedTuple):
    """What may come alone in one kind of scene; a column each, with a place for each rule.

    Attributes:
        rows: int64 [4, n], of each rule its number, its `Choice`, and 0 for no group.
        fewest, span: of its count the least, and how many more are possible, plus 1.
        factor: on its count.
    """

    rows: Whole
    fewest: Floats
    span: Floats
    factor: Floats


@dataclass(frozen=True)
class MemberSpec:
    """One class of a group.

    Attributes:
        rule: number of the rule that says how it is placed.
        count: fewest and most.
        choices: from each of which all of a group may be taken; as many of each as it has sprites.
    """

    rule: int
    count: tuple[int, int]
    choices: tuple[Choice, ...]


@dataclass(frozen=True)
class GroupSpec:
    """A group that may come.

    Attributes:
        kinds: of scenes in which it may.
        members: those that have sprites.
    """

    rule: GroupRule
    kinds: frozenset[Kind]
    members: tuple[MemberSpec, ...]


class RuleTable:
    """What scenes may show. One serves all scenes of a set.

    Attributes:
        rules: those in force.
        catalogue: what there is.
        ids, class_names, owned, labelled: of the sprites, as `SpriteShape` has them; a class name
            of None is not labelled.
        limits: float64 [kinds, kinds], of the smaller box that two classes may share, or `NO_LIMIT`
            where no exception speaks of them.
        single_rules: by kind of scene.
        groups, marks: in the order in which the rules state them.
    """

    def __init__(self, rules: SceneRules, catalogue: Catalogue) -> None:
        self.rules = rules = rules.in_force
        self.catalogue = catalogue
        self._shapes: list[SpriteShape] = []
        choices = [self._choice(_shapes_of(rule, catalogue)) for rule in rules.placements]
        self.single_rules: dict[Kind, SingleRules] = {
            kind: _single_rules(kind, choices, rules, catalogue) for kind in get_args(Kind)
        }
        self.groups = tuple(self._group(group) for group in rules.groups)
        self.marks = unit_marks(rules.overlays.marks, catalogue)
        kinds = sorted({rule.class_name for rule in rules.placements})
        self.limits = _limits(kinds, rules, catalogue)
        self._integers = np.array(_integers(kinds, rules, catalogue), np.int64)
        self._floats = np.array(_floats(rules), np.float64)
        measures = [(shape.width, shape.height, *shape.hotspot) for shape in self._shapes]
        self._measures = np.array(measures, np.float64).reshape(-1, 4).T.copy()
        self.ids: Objects = np.array([shape.id for shape in self._shapes], object)
        self.class_names: Objects = np.array([shape.class_name for shape in self._shapes], object)
        self.owned = np.array([shape.owned for shape in self._shapes], np.bool_)
        self.labelled = np.array([shape.class_name is not None for shape in self._shapes], np.bool_)

    def integers(self, rule: Whole) -> RuleIntegers:
        """What the rules with these numbers say."""
        return RuleIntegers(*self._integers.take(rule, axis=1))

    def floats(self, rule: Whole) -> RuleFloats:
        """What the rules with these numbers say."""
        return RuleFloats(*self._floats.take(rule, axis=1))

    def measures(self, shape: Whole) -> Floats:
        """Width, height, and x and y of the hotspot of sprites, at their own size: [4, n]."""
        return self._measures.take(shape, axis=1)

    def _choice(self, shapes: Iterable[SpriteShape]) -> Choice:
        first = len(self._shapes)
        self._shapes.extend(shapes)
        return first, len(self._shapes) - first

    def _group(self, group: GroupRule) -> GroupSpec:
        members = tuple(
            spec
            for member in group.members
            if (spec := self._member(member, group.one_heading)) is not None
        )
        kinds = kinds_of(group, self.rules, self.catalogue) if members else frozenset()
        return GroupSpec(group, kinds, members)

    def _member(self, member: GroupMember, one_heading: bool) -> MemberSpec | None:
        """With one heading, the choices are those of each of the sprites' headings."""
        classes = [rule.class_name for rule in self.rules.placements]
        number = classes.index(member.class_name)
        shapes = _shapes_of(self.rules.placements[number], self.catalogue)
        if not shapes:
            return None
        shapes = _named(shapes, member.include) or shapes
        if not one_heading:
            return MemberSpec(number, member.count, (self._choice(shapes),))
        alike: dict[int, list[SpriteShape]] = {}
        for shape in shapes:
            alike.setdefault(shape.heading, []).append(shape)
        choices = {heading: self._choice(some) for heading, some in alike.items()}
        return MemberSpec(number, member.count, tuple(choices[shape.heading] for shape in shapes))


def _single_rules(
    kind: Kind, choices: Sequence[Choice], rules: SceneRules, catalogue: Catalogue
) -> SingleRules:
    factors = factors_of(rules, catalogue)
    coming = [
        (number, rule)
        for number, rule in enumerate(rules.placements)
        if choices[number][1] and may_stand(place_of(rule, catalogue), kind, rules)
    ]
    return SingleRules(
        rows=np.array([(n, *choices[n], 0) for n, _ in coming], np.int64).reshape(-1, 4).T,
        fewest=np.array([rule.count[0] for _, rule in coming], np.float64),
        span=np.array([rule.count[1] - rule.count[0] + 1 for _, rule in coming], np.float64),
        factor=np.array(
            [rule.oversample * factors.get(rule.class_name, 1.0) for _, rule in coming], np.float64
        ),
    )


def _integers(
    kinds: Sequence[str], rules: SceneRules, catalogue: Catalogue
) -> tuple[Sequence[int], ...]:
    """The columns of `RuleIntegers`."""
    placed, overlays = rules.placements, rules.overlays
    plain = members_of(overlays.selection.without, catalogue)
    garrisoned = members_of(overlays.garrison.classes, catalogue)
    return (
        [kinds.index(rule.class_name) for rule in placed],
        [PLACES.index(place_of(rule, catalogue)) for rule in placed],
        [rules.grid is not None and rule.class_name != DISTRACTOR for rule in placed],
        [rule.margin for rule in placed],
        [rule.recolour for rule in placed],
        [rule.class_name not in plain for rule in placed],
        [rule.class_name in garrisoned for rule in placed],
    )


def _floats(rules: SceneRules) -> tuple[Sequence[float], ...]:
    """The columns of `RuleFloats`."""
    placed = rules.placements
    depths = [rule.depth or (np.nan, np.nan) for rule in placed]
    return (
        [rule.size for rule in placed],
        [rule.scale[0] for rule in placed],
        [rule.scale[1] - rule.scale[0] for rule in placed],
        [rule.max_overlap for rule in placed],
        [rule.cut for rule in placed],
        [rule.spacing for rule in placed],
        [low for low, _ in depths],
        [high - low for low, high in depths],
    )


def _limits(kinds: Sequence[str], rules: SceneRules, catalogue: Catalogue) -> Floats:
    """Of two classes, the last exception that speaks of them, either way round, counts."""
    limits = np.full((len(kinds), len(kinds)), NO_LIMIT)
    for rule in rules.overlaps:
        some, others = (
            [n for n, name in enumerate(kinds) if {name, catalogue.group_of.get(name)} & {*names}]
            for names in (rule.classes, rule.others)
        )
        limits[np.ix_(some, others)] = limits[np.ix_(others, some)] = rule.limit
    return limits


def _shapes_of(rule: PlacementRule, catalogue: Catalogue) -> tuple[SpriteShape, ...]:
    return _named(catalogue.sprites.get(rule.class_name, ()), rule.include)


def _named(shapes: tuple[SpriteShape, ...], patterns: Sequence[str]) -> tuple[SpriteShape, ...]:
    """The sprites whose names fit; all of them without patterns."""
    if not patterns:
        return shapes
    wanted = matcher(patterns)
    return tuple(shape for shape in shapes if wanted.fullmatch(_name(shape)))


def _name(shape: SpriteShape) -> str:
    """The name of the file that a sprite comes from, as its id tells it."""
    return shape.id.partition("/")[2].rsplit("_h", 1)[0]

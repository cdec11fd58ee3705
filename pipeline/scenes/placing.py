"""Where things stand: what may share how much of whose box, on which ground, and how near the edge.

Objects are placed from large to small, groups before single things of their size, each where the
rules of everything that stands there already allow it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from pipeline.backgrounds.shores import Footprint, Shoreline
from pipeline.games.scene_rules import GridRules, OverlapRule, PlacementRule
from pipeline.games.sections import Scene
from pipeline.scenes.stock import Catalogue, SpriteShape
from pipeline.sprites.library import DISTRACTOR

Point = tuple[int, int]
Pair = tuple[str, str]


class Wanted(NamedTuple):
    """An object before it has found its place; lengths in pixels of the picture.

    Attributes:
        place: the kind of ground it belongs on.
        gathering: number of the group that it comes with, 0 when it comes alone.
    """

    rule: PlacementRule
    shape: SpriteShape
    scale: float
    width: int
    height: int
    place: Scene
    gathering: int = 0

    @property
    def area(self) -> int:
        return self.width * self.height

    @property
    def hotspot(self) -> Point:
        """Where it stands, from its own top left corner."""
        x, y = self.shape.hotspot
        return round(x * self.scale), round(y * self.scale)


class Limits:
    """The exceptions to `max_overlap`, looked up when two things meet."""

    def __init__(self, rules: Sequence[OverlapRule], group_of: Mapping[str, str]) -> None:
        self._rules = [(frozenset(r.classes), frozenset(r.others), r.limit) for r in rules]
        self._group_of = group_of
        self._known: dict[Pair, float | None] = {}

    def __bool__(self) -> bool:
        return bool(self._rules)

    def between(self, one: str, other: str) -> float | None:
        """Share of the smaller box; None where no rule speaks of the two classes."""
        pair = (one, other)
        if pair not in self._known:
            self._known[pair] = self._find(
                {one, self._group_of.get(one, "")}, {other, self._group_of.get(other, "")}
            )
        return self._known[pair]

    def _find(self, one: set[str], other: set[str]) -> float | None:
        for classes, others, limit in reversed(self._rules):
            straight = not classes.isdisjoint(one) and not others.isdisjoint(other)
            if straight or (not classes.isdisjoint(other) and not others.isdisjoint(one)):
                return limit
        return None


class Chances:
    """Numbers of chance, 0 to 1, of which many are fetched at once; one call costs as much.

    Args:
        rng: where they come from, as may other numbers in between.
    """

    AT_ONCE = 512

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self._fetched: list[float] = []

    def take(self, count: int) -> list[float]:
        """The next ones."""
        if len(self._fetched) < count:
            self._fetched = self.rng.random(max(count, self.AT_ONCE)).tolist()
        taken = self._fetched[-count:]
        del self._fetched[-count:]
        return taken


@dataclass(frozen=True)
class Site:
    """The picture that is being filled.

    Attributes:
        shore: where land ends, when it matters; None when anything may stand anywhere.
        limits: of the smaller box, by the names of two classes; see `OverlapRule`.
        overlaps: of a box that members of one group may share, by the group's number.
        start: the middle of an unshifted cell, where the ground shows the cells of the game.
    """

    width: int
    height: int
    attempts: int
    shore: Shoreline | None
    limits: Limits
    overlaps: dict[int, float] = field(default_factory=dict)
    start: Point | None = None


def members_of(names: Iterable[str], catalogue: Catalogue) -> tuple[str, ...]:
    """The classes that a list of classes and groups of classes stands for."""
    wanted = set(names)
    named = wanted.intersection((*catalogue.scene_of, DISTRACTOR))
    return tuple(
        sorted(named.union(n for n, group in catalogue.group_of.items() if group in wanted))
    )


class Crowd:
    """What has been placed so far.

    Plain loops over tuples: most candidates find room at once, and for some dozens of boxes numpy's
    overhead is several times their cost.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._placed: list[tuple[int, int, int, int, float, Wanted]] = []
        self._plain = not site.limits
        self._grounds: dict[str, list[tuple[int, int, int]]] = {}

    def add(self, left: int, top: int, item: Wanted) -> None:
        """Place an object with its top left corner at (left, top)."""
        right, bottom = left + item.width, top + item.height
        self._placed.append((left, top, right, bottom, item.rule.max_overlap * item.area, item))
        if item.rule.spacing:
            x, y = item.hotspot
            standing = (left + x, top + y, item.gathering)
            self._grounds.setdefault(item.rule.class_name, []).append(standing)

    def copy(self) -> Crowd:
        """The same crowd, to try something out."""
        twin = Crowd(self._site)
        twin._placed = list(self._placed)
        twin._grounds = {name: list(standing) for name, standing in self._grounds.items()}
        return twin

    def has_room(self, left: int, top: int, item: Wanted) -> bool:
        """Whether an object may stand there."""
        x, y = margins(item)
        return (
            x <= left <= self._site.width - item.width - x
            and y <= top <= self._site.height - item.height - y
            and self.leaves_room(left, top, item)
        )

    def leaves_room(self, left: int, top: int, item: Wanted) -> bool:
        """The same, of an object that is known to keep its margins."""
        return (
            self._on_its_ground(left, top, item)
            and not self._overlaps(left, top, item)
            and not self._crowds(left, top, item)
        )

    def _on_its_ground(self, left: int, top: int, item: Wanted) -> bool:
        if self._site.shore is None:
            return True
        x, y = item.hotspot
        return self._site.shore.bears(Footprint(left + x, top + y, item.width), item.place)

    def _overlaps(self, left: int, top: int, item: Wanted) -> bool:
        right, bottom = left + item.width, top + item.height
        most = item.rule.max_overlap * item.area
        plain = self._plain and not item.gathering
        for x1, y1, x2, y2, other_most, other in self._placed:
            if x1 < right and left < x2 and y1 < bottom and top < y2:
                shared = (min(right, x2) - max(left, x1)) * (min(bottom, y2) - max(top, y1))
                allowed = None if plain else self._exception(item, other)
                if shared > (min(most, other_most) if allowed is None else allowed):
                    return True
        return False

    def _exception(self, item: Wanted, other: Wanted) -> float | None:
        """Pixels that two boxes may share, if another rule than their own says so."""
        smaller = min(item.area, other.area)
        if item.gathering and item.gathering == other.gathering:
            return self._site.overlaps[item.gathering] * smaller
        limit = self._site.limits.between(item.rule.class_name, other.rule.class_name)
        return None if limit is None else limit * smaller

    def _crowds(self, left: int, top: int, item: Wanted) -> bool:
        """Whether one of its class, of another group, would stand nearer than its spacing."""
        least = item.rule.spacing**2
        if not least:
            return False
        hotspot = item.hotspot
        x, y = left + hotspot[0], top + hotspot[1]
        return any(
            (x - u) ** 2 + (y - v) ** 2 < least
            for u, v, gathering in self._grounds.get(item.rule.class_name, ())
            if gathering == 0 or gathering != item.gathering
        )


def margins(item: Wanted) -> Point:
    """Pixels kept from the left and right and from the top and bottom edge; negative lets it be
    cut, of which at least one row and column stay inside."""
    x = y = item.rule.margin
    if item.rule.cut:
        x, y = -math.floor(item.rule.cut * item.width), -math.floor(item.rule.cut * item.height)
    return max(x, 1 - item.width), max(y, 1 - item.height)


class Cells:
    """The cells of a game's grid that lie in a picture, each for one object."""

    def __init__(self, rng: np.random.Generator, grid: GridRules, site: Site, zoom: float) -> None:
        start = site.start
        # Ground that shows its cells is not zoomed.
        zoom = zoom if start is None else 1.0
        self._jitter = (grid.jitter[0] * zoom, grid.jitter[1] * zoom)
        columns, rows = (step * zoom for step in grid.step)
        start_x, start_y = (rng.random(2) * (columns, rows)).tolist() if start is None else start
        first, top = -1 - math.ceil(start_x / columns), -2 - math.ceil(start_y / rows)
        self._free: list[Point] = []
        for column in range(first, first + math.ceil(site.width / columns) + 3):
            shift = grid.stagger * zoom * (column % 2)
            for row in range(top, top + math.ceil(site.height / rows) + 4):
                middle = start_x + column * columns, start_y + row * rows + shift
                self._free.append((round(middle[0]), round(middle[1])))

    def offered(self, rng: np.random.Generator, attempts: int) -> Iterator[tuple[int, int, int]]:
        """Free cells at random: their number, and where in them an object would stand."""
        low, high = self._jitter
        for share, dx, dy in rng.random((attempts, 3)).tolist():
            if not self._free:
                return
            number = int(share * len(self._free))
            x, y = self._free[number]
            yield number, round(x + low + dx * (high - low)), round(y + low + dy * (high - low))

    def nearest(self, x: float, y: float, count: int) -> list[Point]:
        """That many free cells around a point, which are then taken."""
        self._free.sort(key=lambda cell: ((cell[0] - x) ** 2 + (cell[1] - y) ** 2, cell))
        taken, self._free = self._free[:count], self._free[count:]
        return taken

    def take(self, number: int) -> None:
        """Nothing else will stand in that cell."""
        self._free.pop(number)


def find_room(
    chances: Chances, item: Wanted, crowd: Crowd, site: Site, cells: Cells | None
) -> Point | None:
    """Top left corner for an object, or None when no attempt found one."""
    if cells is not None and item.rule.class_name != DISTRACTOR:
        return _cell_for(chances.rng, item, crowd, site, cells)
    margin_x, margin_y = margins(item)
    span_x = site.width - item.width - 2 * margin_x + 1
    span_y = site.height - item.height - 2 * margin_y + 1
    if min(span_x, span_y) < 1:
        return None
    for _ in range(site.attempts):
        share_x, share_y = chances.take(2)
        left, top = int(share_x * span_x) + margin_x, int(share_y * span_y) + margin_y
        if crowd.leaves_room(left, top, item):
            return left, top
    return None


def _cell_for(
    rng: np.random.Generator, item: Wanted, crowd: Crowd, site: Site, cells: Cells
) -> Point | None:
    x, y = item.hotspot
    for number, u, v in cells.offered(rng, site.attempts):
        if crowd.has_room(u - x, v - y, item):
            cells.take(number)
            return u - x, v - y
    return None

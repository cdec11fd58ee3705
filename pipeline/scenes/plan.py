"""Planning a scene: what is drawn where, as pure data.

A plan depends on the rules, the catalogue and the picture's index, and on nothing else: not on
other pictures, the number of workers or the order of work. So any picture can be drawn again alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipeline.backgrounds.shores import Footprint, Shoreline
from pipeline.backgrounds.textures import Kind
from pipeline.games.pack import OverlayRules, PlacementRule, Scene, SceneRules
from pipeline.scenes.stock import (
    TEAM_COLOURS,
    BackgroundError,
    BackgroundShape,
    Catalogue,
    SpriteShape,
)
from pipeline.sprites.library import DISTRACTOR

PanelKind = Literal["resource_bar", "minimap", "command_panel"]
Corner = Literal["top left", "top right", "bottom left", "bottom right"]

WAYS_AROUND: dict[Kind, str] = {
    "land": "set scenes.water_fraction to 1",
    "water": "set scenes.water_fraction to 0",
    "shore": "set scenes.shore_fraction to 0",
}

CORNERS: tuple[Corner, ...] = ("top left", "top right", "bottom left", "bottom right")


@dataclass(frozen=True)
class Placement:
    """One sprite of a scene; lengths in pixels of the picture.

    Attributes:
        class_name: None for an unlabelled distractor.
        left, top, width, height: the sprite's rectangle, which may reach outside the picture.
        ground: where it stands (x, y): its hotspot.
        scale: drawn size over the sprite's own size.
        player: index in `TEAM_COLOURS`, or None for what belongs to nobody.
        selected: whether a selection ellipse lies under it.
        health: filled part of its health bar, or None without a bar.
    """

    sprite_id: str
    class_name: str | None
    left: int
    top: int
    width: int
    height: int
    ground: tuple[int, int]
    scale: float
    player: int | None
    selected: bool
    health: float | None


@dataclass(frozen=True)
class Panel:
    """A part of the interface that covers the scene; its details follow from `seed`."""

    kind: PanelKind
    left: int
    top: int
    width: int
    height: int
    seed: int


@dataclass(frozen=True)
class FogPatch:
    """A corner that is dimmed, most in the corner itself, by `darkness` (0 to 1)."""

    corner: Corner
    width: int
    height: int
    darkness: float


@dataclass(frozen=True)
class ScenePlan:
    """A picture before it is drawn.

    Attributes:
        crop: (left, top) of the picture within its background.
        mirrored: whether the background is flipped left to right.
        zoom: the scale that all sprites share, before their own jitter.
        shadow_opacity: factor on the sprites' shadows, 0 to 1.
        placements: in drawing order, from the back (small ground y) to the front.
        shore: where the picture's land ends, in a scene of land and water.
    """

    seed: int
    index: int
    kind: Kind
    width: int
    height: int
    background_id: str
    crop: tuple[int, int]
    mirrored: bool
    zoom: float
    shadow_opacity: float
    placements: tuple[Placement, ...]
    panels: tuple[Panel, ...]
    fog: tuple[FogPatch, ...]
    shore: Shoreline | None = None


def plan(index: int, rules: SceneRules, catalogue: Catalogue) -> ScenePlan:
    """Plan picture `index` of the set that the rules describe.

    Objects are placed from large to small, each where it shares no more of its own box with another
    than its rule allows; what finds no room within the bounded number of attempts is left out.

    Raises:
        BackgroundError: there is no background for the kind of scene, or it is too small.
    """
    rng = np.random.default_rng([rules.seed, index])
    kind = _kind(float(rng.random()), rules)
    background = _background(index, kind, rules, catalogue)
    zoom = float(rng.uniform(*rules.zoom))
    wanted = list(_wanted(rng, kind, zoom, rules, catalogue))
    crop = (
        int(rng.integers(background.width - rules.width + 1)),
        int(rng.integers(background.height - rules.height + 1)),
    )
    mirrored = bool(rng.random() < 0.5)
    shore = _shore(background, crop, mirrored, rules.width)
    ground = _Ground(shore if rules.gated else None, catalogue.scene_of)
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
        placements=_place(rng, wanted, rules, ground),
        panels=tuple(_panels(rng, rules)),
        fog=tuple(_fog(rng, rules)),
        shore=shore,
    )


def may_stand(class_name: str, kind: Kind, rules: SceneRules, catalogue: Catalogue) -> bool:
    """Whether a class (or `DISTRACTOR`, which belongs on land) may stand in such a scene.

    At the shore every class has its place: on land, on water, or between them.
    """
    if not rules.gated or kind == "shore":
        return True
    return catalogue.scene_of.get(class_name, "land") in (kind, "both")


def footprint_of(placement: Placement) -> Footprint:
    """The ground under a placed object."""
    return Footprint(*placement.ground, placement.width)


def _kind(chance: float, rules: SceneRules) -> Kind:
    if chance < rules.water_fraction:
        return "water"
    return "shore" if chance < rules.water_fraction + rules.shore_fraction else "land"


def _shore(
    background: BackgroundShape, crop: tuple[int, int], mirrored: bool, width: int
) -> Shoreline | None:
    """The background's shoreline, in pixels of the picture."""
    if background.shore is None:
        return None
    shore = background.shore.cropped(*crop)
    return shore.mirrored(width) if mirrored else shore


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


@dataclass(frozen=True)
class _Wanted:
    """An object before it has found its place."""

    rule: PlacementRule
    shape: SpriteShape
    scale: float
    width: int
    height: int


def _wanted(
    rng: np.random.Generator, kind: Kind, zoom: float, rules: SceneRules, catalogue: Catalogue
) -> Iterator[_Wanted]:
    for rule in rules.placements:
        shapes = catalogue.sprites.get(rule.class_name, ())
        if not shapes or not may_stand(rule.class_name, kind, rules, catalogue):
            continue
        count = _count(rng, rule)
        picks = rng.integers(len(shapes), size=count).tolist()
        scales = (zoom * rng.uniform(*rule.scale, size=count)).tolist()
        for pick, scale in zip(picks, scales, strict=True):
            shape = shapes[pick]
            width, height = (max(1, round(side * scale)) for side in (shape.width, shape.height))
            yield _Wanted(rule, shape, scale, width, height)


def _count(rng: np.random.Generator, rule: PlacementRule) -> int:
    """A count of the rule's range times its factor; the fraction left over decides by chance."""
    low, high = rule.count
    count = rule.oversample * int(rng.integers(low, high + 1))
    return int(count + rng.random())


def _place(
    rng: np.random.Generator, wanted: list[_Wanted], rules: SceneRules, ground: _Ground
) -> tuple[Placement, ...]:
    crowd = _Crowd()
    placements: list[Placement] = []
    for item in sorted(wanted, key=lambda item: -item.width * item.height):
        corner = _find_room(rng, item, (crowd, ground), rules)
        if corner is not None:
            placements.append(_placement(rng, item, corner, rules.overlays))
            crowd.add(placements[-1])
    return tuple(sorted(placements, key=lambda placement: placement.ground[1]))


@dataclass(frozen=True)
class _Ground:
    """What may stand where: anything anywhere, unless the scene has a shore."""

    shore: Shoreline | None
    scene_of: Mapping[str, Scene]

    def bears(self, shore: Shoreline, left: int, top: int, item: _Wanted) -> bool:
        x, y = _hotspot(item)
        footprint = Footprint(left + x, top + y, item.width)
        return shore.bears(footprint, self.scene_of.get(item.rule.class_name, "land"))


class _Crowd:
    """What has been placed so far.

    Plain loops over tuples: most candidates find room at once, and for some dozens of boxes numpy's
    overhead is several times their cost.
    """

    def __init__(self) -> None:
        self._boxes: list[tuple[int, int, int, int]] = []
        self._grounds: dict[str, list[tuple[int, int]]] = {}

    def add(self, placed: Placement) -> None:
        right, bottom = placed.left + placed.width, placed.top + placed.height
        self._boxes.append((placed.left, placed.top, right, bottom))
        self._grounds.setdefault(placed.class_name or DISTRACTOR, []).append(placed.ground)

    def overlaps(self, left: int, top: int, item: _Wanted) -> bool:
        """Whether one placed box would share more of the item's box than its rule allows."""
        right, bottom = left + item.width, top + item.height
        limit = item.rule.max_overlap * item.width * item.height
        for x1, y1, x2, y2 in self._boxes:
            if x1 < right and left < x2 and y1 < bottom and top < y2:
                wide, high = min(right, x2) - max(left, x1), min(bottom, y2) - max(top, y1)
                if wide * high > limit:
                    return True
        return False

    def crowds(self, left: int, top: int, item: _Wanted) -> bool:
        """Whether one of its class would stand nearer than its rule's spacing."""
        least = item.rule.spacing**2
        hotspot = _hotspot(item)
        x, y = left + hotspot[0], top + hotspot[1]
        others = self._grounds.get(item.rule.class_name, ()) if least else ()
        return any((x - u) ** 2 + (y - v) ** 2 < least for u, v in others)


def _find_room(
    rng: np.random.Generator,
    item: _Wanted,
    place: tuple[_Crowd, _Ground],
    rules: SceneRules,
) -> tuple[int, int] | None:
    """Top left corner for an object, or None when no attempt found one."""
    crowd, ground = place
    # At least one row and column of it stay inside, however negative the rule's margin is.
    margin_x = max(item.rule.margin, 1 - item.width)
    margin_y = max(item.rule.margin, 1 - item.height)
    span_x = rules.width - item.width - 2 * margin_x + 1
    span_y = rules.height - item.height - 2 * margin_y + 1
    if min(span_x, span_y) < 1:
        return None
    for share_x, share_y in rng.random((rules.attempts, 2)).tolist():
        left, top = int(share_x * span_x) + margin_x, int(share_y * span_y) + margin_y
        if ground.shore is not None and not ground.bears(ground.shore, left, top, item):
            continue
        if not (crowd.overlaps(left, top, item) or crowd.crowds(left, top, item)):
            return left, top
    return None


def _hotspot(item: _Wanted) -> tuple[int, int]:
    x, y = item.shape.hotspot
    return round(x * item.scale), round(y * item.scale)


def _placement(
    rng: np.random.Generator, item: _Wanted, corner: tuple[int, int], overlays: OverlayRules
) -> Placement:
    chance = rng.random(4).tolist()
    owned = item.shape.owned and item.rule.recolour
    hotspot = _hotspot(item)
    return Placement(
        sprite_id=item.shape.id,
        class_name=item.shape.class_name,
        left=corner[0],
        top=corner[1],
        width=item.width,
        height=item.height,
        ground=(corner[0] + hotspot[0], corner[1] + hotspot[1]),
        scale=item.scale,
        player=int(chance[0] * len(TEAM_COLOURS)) if owned else None,
        selected=owned and chance[1] < overlays.selection,
        health=0.2 + 0.8 * chance[3] if owned and chance[2] < overlays.health_bar else None,
    )


def _panels(rng: np.random.Generator, rules: SceneRules) -> Iterator[Panel]:
    """The interface, in the proportions of a 1280 x 720 screen."""
    overlays, width, height = rules.overlays, rules.width, rules.height
    if rng.random() >= overlays.hud:
        return
    if rng.random() < overlays.resource_bar:
        bar = _share(rng, height, 0.035, 0.055)
        yield Panel("resource_bar", 0, 0, width, bar, _seed(rng))
    if rng.random() < overlays.command_panel:
        panel = _share(rng, height, 0.125, 0.21)
        yield Panel("command_panel", 0, height - panel, width, panel, _seed(rng))
    if rng.random() < overlays.minimap:
        side = _share(rng, height, 0.18, 0.25)
        left = width - side if rng.random() < 0.5 else 0
        yield Panel("minimap", left, height - side, side, side, _seed(rng))


def _fog(rng: np.random.Generator, rules: SceneRules) -> Iterator[FogPatch]:
    if rng.random() >= rules.overlays.fog:
        return
    count = int(rng.integers(1, len(CORNERS) + 1))
    for corner in rng.permutation(len(CORNERS))[:count].tolist():
        yield FogPatch(
            corner=CORNERS[corner],
            width=_share(rng, rules.width, 0.16, 0.31),
            height=_share(rng, rules.height, 0.21, 0.42),
            darkness=float(rng.uniform(0.31, 0.59)),
        )


def _share(rng: np.random.Generator, side: int, low: float, high: float) -> int:
    return max(1, math.ceil(side * float(rng.uniform(low, high))))


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(1 << 31))

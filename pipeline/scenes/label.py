"""Labelling a drawn scene: what each object shows, and which objects become labels.

`label` measures every object on the id buffer; `export` applies a policy to these measurements. The
two are apart so that another policy needs no other picture: the measurements are kept beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np

from pipeline.backgrounds.shores import Footprint
from pipeline.games.pack import LabelPolicy
from pipeline.labels.boxes import Box, LabelledBox
from pipeline.scenes.blend import Ids, Mask, Silhouette
from pipeline.scenes.draw import Drawing
from pipeline.scenes.scene import Placement, ScenePlan, footprint_of

Cover = Literal["unit", "hud"]
DropReason = Literal["hidden", "mostly hidden", "too small"]


@dataclass(frozen=True)
class SceneObject:
    """One object of a known class, measured; boxes in pixels of the picture.

    Attributes:
        full: around its opaque pixels, covered or not, clipped to the picture; None when none of
            them lies inside.
        visible: around the pixels that are seen; None when none is.
        visible_fraction: seen pixels over all its opaque pixels, inside and outside the picture.
        truncated_fraction: pixels outside the picture over all.
        covered_by: what hides a part of it: other objects ('unit'), the interface ('hud').
        player: index of the player's colour, or None.
        footprint: the ground under it, in a scene at the shore.
    """

    class_name: str
    full: Box | None
    visible: Box | None
    visible_fraction: float
    truncated_fraction: float
    covered_by: tuple[Cover, ...]
    player: int | None
    sprite_id: str
    scale: float
    footprint: Footprint | None = None


@dataclass(frozen=True)
class Exported:
    """What a policy makes of one object: a label, or the reason why there is none."""

    item: SceneObject
    outcome: LabelledBox | DropReason


def label(plan: ScenePlan, drawing: Drawing) -> tuple[SceneObject, ...]:
    """Measure every placed object that has a class, in the plan's order."""
    objects = tuple(
        _measure(number, placement, silhouette, drawing.ids)
        for number, (placement, silhouette) in enumerate(
            zip(plan.placements, drawing.silhouettes, strict=True), start=1
        )
        if placement.class_name is not None
    )
    if plan.shore is None:
        return objects
    standing = (footprint_of(item) for item in plan.placements if item.class_name is not None)
    return tuple(
        replace(item, footprint=footprint)
        for item, footprint in zip(objects, standing, strict=True)
    )


def export(
    objects: Sequence[SceneObject], policy: LabelPolicy, class_names: Sequence[str]
) -> tuple[Exported, ...]:
    """Decide about each object, in the given order; `class_names[i]` is class i."""
    ids = {name: number for number, name in enumerate(class_names)}
    return tuple(Exported(item, _outcome(item, policy, ids[item.class_name])) for item in objects)


def labels_of(exported: Sequence[Exported]) -> Iterator[LabelledBox]:
    """The labels among the decisions."""
    return (entry.outcome for entry in exported if isinstance(entry.outcome, LabelledBox))


def _outcome(item: SceneObject, policy: LabelPolicy, class_id: int) -> LabelledBox | DropReason:
    if item.visible is None or item.full is None:
        return "hidden"
    if item.visible_fraction < policy.min_visible:
        return "mostly hidden"
    box = item.visible if policy.box == "visible" else item.full
    if min(box.width, box.height) < policy.min_side:
        return "too small"
    return LabelledBox(class_id, box)


def _measure(number: int, placement: Placement, silhouette: Silhouette, ids: Ids) -> SceneObject:
    left, top, mask = silhouette.left, silhouette.top, silhouette.mask
    region = ids[top : top + mask.shape[0], left : left + mask.shape[1]]
    seen = region == number
    inside, visible = int(np.count_nonzero(mask)), int(np.count_nonzero(seen))
    full = _box_around(mask, left, top)
    return SceneObject(
        class_name=str(placement.class_name),
        full=full,
        visible=full if visible == inside else _box_around(seen, left, top),
        visible_fraction=visible / max(silhouette.pixels, 1),
        truncated_fraction=(silhouette.pixels - inside) / max(silhouette.pixels, 1),
        covered_by=() if visible == inside else _covers(region, mask, inside - visible),
        player=placement.player,
        sprite_id=placement.sprite_id,
        scale=placement.scale,
    )


def _box_around(pixels: Mask, left: int, top: int) -> Box | None:
    """The box of the true pixels of a region whose corner is (left, top); None without any."""
    if pixels.size == 0:
        return None
    x, y, width, height = cv2.boundingRect(pixels.view(np.uint8))
    if width == 0:
        return None
    return Box(left + x, top + y, left + x + width, top + y + height)


def _covers(region: Ids, mask: Mask, hidden: int) -> tuple[Cover, ...]:
    """What the object's own pixels show instead of it: another object, or the interface (0)."""
    by_hud = int(np.count_nonzero(mask & (region == 0)))
    covers: tuple[tuple[Cover, bool], ...] = (("hud", by_hud > 0), ("unit", hidden > by_hud))
    return tuple(cover for cover, present in covers if present)

"""Labelling a drawn scene: what each object shows, and which objects become labels.

`label` measures every object on the id buffer; `export` applies a policy to these measurements. The
two are apart so that another policy needs no other image: the measurements are kept beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from pipeline.backgrounds.shores import Footprint
from pipeline.games.sections.scenes import LabelPolicy
from pipeline.labels.boxes import Box, LabelledBox
from pipeline.scenes.pixels.kernels import measure
from pipeline.scenes.plan import Placement, ScenePlan, footprint_of
from pipeline.scenes.rendering.renderer import RenderedScene

Cover = Literal["unit", "hud"]
DropReason = Literal["hidden", "mostly hidden", "too small"]


class SceneObject(NamedTuple):
    """One object of a known class, measured; boxes in pixels of the image.

    Attributes:
        full: around its opaque pixels, covered or not, clipped to the image; None when none of
            them lies inside.
        visible: around the pixels that are seen; None when none is.
        visible_fraction: seen pixels over all its opaque pixels, inside and outside the image.
        truncated_fraction: pixels outside the image over all.
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


class Exported(NamedTuple):
    """What a policy makes of one object: a label, or the reason why there is none."""

    item: SceneObject
    outcome: LabelledBox | DropReason


def label(plan: ScenePlan, drawing: RenderedScene) -> tuple[SceneObject, ...]:
    """Measure every placed object that has a class, in the plan's order."""
    measures = measure(drawing.ids, drawing.bgra, drawing.table).tolist()
    at_shore = plan.shore is not None
    return tuple(
        [
            _object(placement, placement.class_name, measured, at_shore)
            for placement, measured in zip(plan.placements, measures, strict=True)
            if placement.class_name is not None
        ]
    )


def export(
    objects: Sequence[SceneObject], policy: LabelPolicy, class_names: Sequence[str]
) -> tuple[Exported, ...]:
    """Decide about each object, in the given order; `class_names[i]` is class i."""
    ids = {name: number for number, name in enumerate(class_names)}
    of_visible, least, side = policy.box == "visible", policy.min_visible, policy.min_side

    def outcome(item: SceneObject) -> LabelledBox | DropReason:
        if item.visible is None or item.full is None:
            return "hidden"
        if item.visible_fraction < least:
            return "mostly hidden"
        box = item.visible if of_visible else item.full
        x1, y1, x2, y2 = box
        if x2 - x1 < side or y2 - y1 < side:
            return "too small"
        return LabelledBox(ids[item.class_name], box)

    return tuple([Exported(item, outcome(item)) for item in objects])


def labels_of(exported: Sequence[Exported]) -> list[LabelledBox]:
    """The labels among the decisions."""
    return [outcome for _, outcome in exported if isinstance(outcome, LabelledBox)]


def _object(
    placement: Placement, class_name: str, measured: Sequence[int], at_shore: bool
) -> SceneObject:
    """An object from its row of `measure`."""
    pixels, inside, seen, under_hud, x1, y1, x2, y2, left, top, right, bottom = measured
    full = Box(x1, y1, x2, y2) if inside else None
    return SceneObject(
        class_name=class_name,
        full=full,
        visible=full if seen == inside else Box(left, top, right, bottom) if seen else None,
        visible_fraction=seen / (pixels or 1),
        truncated_fraction=(pixels - inside) / (pixels or 1),
        covered_by=() if seen == inside else _covers(inside - seen, under_hud),
        player=placement.player,
        sprite_id=placement.sprite_id,
        scale=placement.scale,
        footprint=footprint_of(placement) if at_shore else None,
    )


def _covers(hidden: int, under_hud: int) -> tuple[Cover, ...]:
    """What hides that many pixels, of which so many show the interface."""
    by_hud: tuple[Cover, ...] = ("hud",) if under_hud else ()
    return (*by_hud, "unit") if hidden > under_hud else by_hud

"""Labelling a drawn scene: what each object shows, and which objects become labels.

`label` measures every object on the id buffer; `export` applies a policy to these measurements. The
two are apart so that another policy needs no other image: the measurements are kept beside it.

Objects are made by `NEW`: what `NamedTuple` has to make one is a function of Python, and takes more
than twice as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from pipeline.backgrounds.shores import Footprint
from pipeline.games.sections.scenes import LabelPolicy
from pipeline.labels.boxes import Box, LabelledBox
from pipeline.scenes.pixels.atlas import Measures
from pipeline.scenes.pixels.kernels import measure
from pipeline.scenes.plan import Placement, ScenePlan, footprint_of
from pipeline.scenes.rendering.renderer import RenderedScene

NEW = tuple.__new__
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
    return objects_of(plan, measures_of(drawing))


def measures_of(drawing: RenderedScene) -> Measures:
    """What an image shows of each placement."""
    return measure(drawing.ids, drawing.bgra, drawing.table)


def objects_of(plan: ScenePlan, measures: Measures) -> tuple[SceneObject, ...]:
    """Every placed object that has a class, in the plan's order.

    Args:
        measures: of the drawn plan.
    """
    at_shore = plan.shore is not None
    return tuple(
        [
            _object(placement, placement.class_name, measured, at_shore)
            for placement, measured in zip(plan.placements, measures.tolist(), strict=True)
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
        box, full = item.visible, item.full
        if box is None or full is None:
            return "hidden"
        if item.visible_fraction < least:
            return "mostly hidden"
        if not of_visible:
            box = full
        x1, y1, x2, y2 = box
        if x2 - x1 < side or y2 - y1 < side:
            return "too small"
        return NEW(LabelledBox, (ids[item.class_name], box))

    return tuple([NEW(Exported, (item, outcome(item))) for item in objects])


def labels_of(exported: Sequence[Exported]) -> list[LabelledBox]:
    """The labels among the decisions."""
    return [outcome for _, outcome in exported if isinstance(outcome, LabelledBox)]


def _object(
    placement: Placement, class_name: str, measured: Sequence[int], at_shore: bool
) -> SceneObject:
    """An object from its row of `measure`."""
    pixels, inside, seen, under_hud, x1, y1, x2, y2, left, top, right, bottom = measured
    full = visible = NEW(Box, (x1, y1, x2, y2)) if inside else None
    if seen < inside:
        visible = NEW(Box, (left, top, right, bottom)) if seen else None
    fields = (
        class_name,
        full,
        visible,
        seen / (pixels or 1),
        (pixels - inside) / (pixels or 1),
        _covers(inside - seen, under_hud) if seen < inside else (),
        placement.player,
        placement.sprite_id,
        placement.scale,
        footprint_of(placement) if at_shore else None,
    )
    return NEW(SceneObject, fields)


def _covers(hidden: int, under_hud: int) -> tuple[Cover, ...]:
    """What hides that many pixels, of which so many show the interface."""
    by_hud: tuple[Cover, ...] = ("hud",) if under_hud else ()
    return (*by_hud, "unit") if hidden > under_hud else by_hud

"""The measurements of an image's objects, as `pipeline.scenes.dataset.reader` reads them back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache, lru_cache

from pipeline.labels.boxes import Box, LabelledBox
from pipeline.scenes.plan import ScenePlan
from pipeline.scenes.rendering.measuring import Exported

CORNERS = "[%d, %d, %d, %d]"
SORTED = json.JSONEncoder(sort_keys=True)
KEPT_FRACTIONS = 10_000


def measurements_of(scene: ScenePlan, decisions: Sequence[Exported]) -> str:
    """The sidecar of an image: one object a line, so that it can be read and compared."""
    head: dict[str, object] = {
        "background": scene.background_id,
        "index": scene.index,
        "kind": scene.kind,
        "seed": scene.seed,
        "size": [scene.width, scene.height],
        "zoom": round(scene.zoom, 4),
    }
    if scene.shore is not None:
        head["shore"] = asdict(scene.shore)
    lines = ",\n".join(map(_line, decisions))
    return f'{SORTED.encode(head)[:-1]}, "objects": [\n{lines}\n]}}\n'


def _line(decision: Exported) -> str:
    """An object as JSON with sorted keys, put together by hand because there are so many."""
    item, outcome = decision
    name, full, visible, seen, cut_off, covered_by, player, sprite_id, scale, ground = item
    dropped = "null" if isinstance(outcome, LabelledBox) else _quoted(outcome)
    around = _corners(full)
    around_visible = around if visible is full else _corners(visible)
    footprint = "" if ground is None else f'"footprint": {SORTED.encode(vars(ground))}, '
    return (
        f'{{"class": {_quoted(name)}, "covered_by": {_quoted(covered_by)}, "dropped": {dropped}, '
        f'{footprint}"full": {around}, "player": {"null" if player is None else player}, '
        f'"scale": {scale:.4f}, "sprite": {_quoted(sprite_id)}, '
        f'"truncated_fraction": {_fraction(cut_off)}, "visible": {around_visible}, '
        f'"visible_fraction": {_fraction(seen)}}}'
    )


@cache
def _quoted(name: str | tuple[str, ...]) -> str:
    """A name or some as JSON; there are few of them beside the objects."""
    return json.dumps(name)


@lru_cache(KEPT_FRACTIONS)
def _fraction(value: float) -> str:
    """Most objects are seen whole, or lie inside whole: their fractions are 1 and 0."""
    return f"{value:.4f}"


def _corners(box: Box | None) -> str:
    return "null" if box is None else CORNERS % box

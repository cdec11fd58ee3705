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

OBJECT = (
    '{"class": %s, "covered_by": %s, "dropped": %s, %s"full": %s, "player": %s, "scale": %.4f, '
    '"sprite": %s, "truncated_fraction": %s, "visible": %s, "visible_fraction": %s}'
)
"""An object of a sidecar. The fourth part, for a footprint, is empty in most scenes."""
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
    return f'{json.dumps(head, sort_keys=True)[:-1]}, "objects": [\n{lines}\n]}}\n'


def _line(decision: Exported) -> str:
    """An object as JSON with sorted keys, put together by hand because there are so many."""
    item, outcome = decision
    around, where = _corners(item.full), item.footprint
    return OBJECT % (
        _quoted(item.class_name),
        _quoted(item.covered_by),
        "null" if isinstance(outcome, LabelledBox) else _quoted(outcome),
        "" if where is None else f'"footprint": {json.dumps(vars(where), sort_keys=True)}, ',
        around,
        "null" if item.player is None else item.player,
        item.scale,
        _quoted(item.sprite_id),
        _fraction(item.truncated_fraction),
        around if item.visible is item.full else _corners(item.visible),
        _fraction(item.visible_fraction),
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

"""The labels of a project in CVAT: the classes of a game, each with who owns what is seen.

The format is that of CVAT's *Raw* label editor, which is also that of its REST API.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from detector_runtime.tools.palette import class_colour

from pipeline.visualization.palette import hex_of

NOTE_ATTRIBUTE = "votes"
"""Of a tag's label: what is known of the image that bears the tag."""
OWNERS = ("unknown", "own", "ally", "enemy", "neutral")
"""Whose a unit or building is; the first is what a label has before somebody chooses."""


def project_labels(class_names: Sequence[str]) -> list[dict[str, Any]]:
    """Every class as a label, in the order of their ids.

    A label takes any shape: rectangles, polygons and masks all become boxes when they come back.
    Its colour is the one that the class has everywhere else.
    """
    return [
        {
            "name": name,
            "color": hex_of(class_colour(class_id)),
            "type": "any",
            "attributes": [_owner_attribute()],
        }
        for class_id, name in enumerate(class_names)
    ]


def tag_labels(names: Sequence[str]) -> list[dict[str, Any]]:
    """Labels of whole images, each with room for a note on the image.

    Args:
        names: at most 64 characters each, all of them different.
    """
    note = {
        "name": NOTE_ATTRIBUTE,
        "mutable": False,
        "input_type": "text",
        "default_value": "",
        "values": [""],
    }
    return [
        {
            "name": name,
            "color": hex_of(class_colour(number)),
            "type": "tag",
            "attributes": [note],
        }
        for number, name in enumerate(names)
    ]


def _owner_attribute() -> dict[str, Any]:
    """Whose something is; the same in all frames of a track."""
    return {
        "name": "owner",
        "mutable": False,
        "input_type": "select",
        "default_value": OWNERS[0],
        "values": list(OWNERS),
    }


def raw_labels(class_names: Sequence[str]) -> str:
    """JSON to paste into the *Raw* tab of a project's labels in CVAT."""
    return json.dumps(project_labels(class_names), indent=2)

"""Reading a written scene back: what its sidecar says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.backgrounds.shores import Footprint, Shoreline, Wave
from pipeline.backgrounds.textures import Kind
from pipeline.labels.boxes import Box
from pipeline.labels.synthetic import Subset
from pipeline.scenes.dataset.layout import SUFFIXES, SceneSetError


@dataclass(frozen=True)
class WrittenObject:
    """One object of a sidecar; fields as in `pipeline.scenes.rendering.measuring.SceneObject`.

    Attributes:
        dropped: why it is not labelled, or None for a label.
        player: number of its player, 0 to 7, or None for what belongs to nobody.
    """

    class_name: str
    full: Box | None
    visible: Box | None
    visible_fraction: float
    truncated_fraction: float
    covered_by: tuple[str, ...]
    dropped: str | None
    footprint: Footprint | None = None
    scale: float = 1.0
    player: int | None = None


@dataclass(frozen=True)
class WrittenScene:
    """One image of a set; width and height in pixels, zoom as in `ScenePlan`."""

    subset: Subset
    name: str
    kind: Kind
    width: int
    height: int
    objects: tuple[WrittenObject, ...]
    image: Path
    labels: Path
    shore: Shoreline | None = None
    zoom: float = 1.0


def record_of(folder: Path, subset: Subset, name: str) -> Path:
    """Where an image's sidecar is."""
    return folder / "objects" / subset / f"{name}{SUFFIXES['objects']}"


def read_scene(folder: Path, subset: Subset, name: str) -> WrittenScene:
    """Read one image's sidecar.

    Raises:
        SceneSetError: it is missing or not what it should be.
    """
    file = record_of(folder, subset, name)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        width, height = content["size"]
        return WrittenScene(
            subset=subset,
            name=name,
            kind=content["kind"],
            width=width,
            height=height,
            objects=tuple(_object(entry) for entry in content["objects"]),
            image=folder / "images" / subset / f"{name}{SUFFIXES['images']}",
            labels=folder / "labels" / subset / f"{name}{SUFFIXES['labels']}",
            shore=_shore(content.get("shore")),
            zoom=content["zoom"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SceneSetError(
            f"{file} does not describe a scene: {error!r}", "Materialize synthetic_set again."
        ) from error


def _object(entry: dict[str, Any]) -> WrittenObject:
    return WrittenObject(
        class_name=entry["class"],
        full=_box(entry["full"]),
        visible=_box(entry["visible"]),
        visible_fraction=entry["visible_fraction"],
        truncated_fraction=entry["truncated_fraction"],
        covered_by=tuple(entry["covered_by"]),
        dropped=entry["dropped"],
        footprint=Footprint(**entry["footprint"]) if "footprint" in entry else None,
        scale=entry["scale"],
        player=entry["player"],
    )


def _shore(entry: dict[str, Any] | None) -> Shoreline | None:
    if entry is None:
        return None
    waves = tuple(Wave(**wave) for wave in entry["waves"])
    return Shoreline(entry["angle"], entry["offset"], waves)


def _box(corners: list[float] | None) -> Box | None:
    return None if corners is None else Box(*corners)

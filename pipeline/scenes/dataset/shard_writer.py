"""All that one process needs to draw and write the images of a set.

The files of an image depend on the rules, the sources and its index alone.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from pipeline.backgrounds.textures import Kind
from pipeline.games.pack import GamePack
from pipeline.games.sections.scenes import SceneRules
from pipeline.labels.boxes import LabelledBox
from pipeline.labels.formats.yolo import format_labels
from pipeline.scenes.dataset.layout import (
    SUFFIXES,
    Part,
    SceneSetError,
    Shard,
    explain_write_errors,
    image_name,
    make_folders,
    shards,
    subset_of,
)
from pipeline.scenes.dataset.sidecar import measurements_of
from pipeline.scenes.pixels.atlas import Ids, Measures
from pipeline.scenes.pixels.mipmaps import Scales
from pipeline.scenes.plan import ScenePlan
from pipeline.scenes.planning.planner import missing_backgrounds, plan
from pipeline.scenes.planning.rule_table import RuleTable
from pipeline.scenes.rendering.measuring import (
    Exported,
    export,
    labels_of,
    measures_of,
    objects_of,
)
from pipeline.scenes.rendering.preparing import PreparedScene, prepare_scene
from pipeline.scenes.rendering.renderer import render
from pipeline.scenes.sources.catalogue import (
    TEAM_COLOURS,
    BackgroundCache,
    Catalogue,
    Colour,
    SpriteCache,
    catalogue_of,
    shapes_of,
)
from pipeline.sprites.library import OpenLibrary, Pixels

NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
"""Only Windows has text files, and would put other ends to their lines."""

SCENES_AT_ONCE = 25
"""Planned and prepared one after another, then drawn, then labelled. When an image has been drawn
and encoded, what the rest needs is no longer in the processor's cache, and takes up to three times
as long."""
HELD_BYTES = 96 << 20
"""Sprites of scenes that wait to be drawn, each counted as often as it is drawn. They are held even
where the cache has no room for them any more."""

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's mallopt, from its malloc.h."""


@dataclass(frozen=True)
class Sources:
    """The folders that scenes are made of: a sprite library and backgrounds of each kind."""

    sprites: Path
    land: Path
    water: Path
    shore: Path | None = None
    """Needed where the rules ask for scenes at the shore."""


@dataclass(frozen=True)
class ShardCounts:
    """What one shard wrote: scenes by kind, labels by class, and dropped (class, reason) pairs."""

    shard: Shard
    scenes: Counter[str]
    labels: Counter[str]
    dropped: Counter[tuple[str, str]]


@dataclass(frozen=True, eq=False)
class ShardWriter:
    """All that one process needs to draw the images of a set; opened once, used for many."""

    rules: SceneRules
    class_names: tuple[str, ...]
    catalogue: Catalogue
    sprites: SpriteCache
    backgrounds: BackgroundCache
    team_colours: tuple[Colour, ...]

    @cached_property
    def rule_table(self) -> RuleTable:
        """What the scenes may show, worked out before the first is planned."""
        return RuleTable(self.rules, self.catalogue)

    def write(self, shard: Shard, folder: Path) -> ShardCounts:
        """Draw and write a shard's images, over whatever an earlier attempt left there.

        Raises:
            SceneSetError: a file cannot be written.
        """
        counts = ShardCounts(shard, Counter(), Counter(), Counter())
        with explain_write_errors(folder), _no_garbage_collection():
            make_folders(folder)
            for part in shards(shard.images, SCENES_AT_ONCE):
                indices = range(shard.first + part.first, shard.first + part.stop)
                plans = [plan(index, self.rule_table) for index in indices]
                for scenes in self._prepared(plans):
                    measures = [self._write_image(scene, folder) for scene in scenes]
                    for scene, measured in zip(scenes, measures, strict=True):
                        self._write_labels(scene.plan, measured, folder, counts)
        return counts

    def _prepared(self, plans: Iterable[ScenePlan]) -> Iterator[list[PreparedScene]]:
        """All scenes at once, or some at a time where their sprites are large."""
        scenes: list[PreparedScene] = []
        for scene_plan in plans:
            scenes.append(prepare_scene(scene_plan, self.sprites, self.team_colours))
            if sum(scene.nbytes for scene in scenes) > HELD_BYTES:
                yield scenes
                scenes = []
        if scenes:
            yield scenes

    def _write_image(self, scene: PreparedScene, folder: Path) -> Measures:
        drawing = render(scene, self.backgrounds, self._ids)
        measures = measures_of(drawing)
        image = _jpeg(drawing.bgrx, scene.plan.jpeg_quality or self.rules.jpeg_quality)
        _write_file(self._path(folder, "images", scene.plan), image.data)
        return measures

    def _write_labels(
        self, scene: ScenePlan, measures: Measures, folder: Path, counts: ShardCounts
    ) -> None:
        decisions = export(objects_of(scene, measures), self.rules.labels, self.class_names)
        labels = format_labels(labels_of(decisions), scene.width, scene.height)
        _write_file(self._path(folder, "labels", scene), labels.encode())
        measured = measurements_of(scene, decisions)
        _write_file(self._path(folder, "objects", scene), measured.encode())
        _count(counts, scene, decisions)

    @cached_property
    def _ids(self) -> Ids:
        """For all images in turn; what an earlier one left is never looked at.

        Only the pixels of an object are, which it claimed itself or which another claimed later.
        """
        return np.zeros((self.rules.height, self.rules.width), np.uint16)

    def _path(self, folder: Path, part: Part, scene: ScenePlan) -> str:
        subset = subset_of(scene.index, self.rules)
        return f"{folder}/{part}/{subset}/{image_name(scene.index)}{SUFFIXES[part]}"


def open_shard_writer(pack: GamePack, sources: Sources) -> ShardWriter:
    """Load what scenes are made of.

    Raises:
        SceneSetError: the library has no sprite of any class that the rules place.
        BackgroundError, SpriteLibraryError: a folder is not what it should be.
    """
    _set_up_process()
    library = OpenLibrary(sources.sprites)
    backgrounds = BackgroundCache(_needed_folders(pack.scenes, sources))
    shard_writer = ShardWriter(
        rules=pack.scenes,
        class_names=pack.class_names,
        catalogue=catalogue_of(shapes_of(library), backgrounds.shapes, pack.classes),
        sprites=SpriteCache(library, scales_of(pack.scenes)),
        backgrounds=backgrounds,
        team_colours=library.team_colours or TEAM_COLOURS,
    )
    _check_sources(shard_writer, sources)
    return shard_writer


def scales_of(rules: SceneRules) -> Scales:
    """The smallest and the largest scale at which the rules let a sprite be drawn."""
    zooms = [*rules.zoom, *(rules.distant.zoom if rules.distant.share > 0 else ())]
    sizes = [rule.size * scale for rule in rules.placements for scale in rule.scale]
    return Scales(min(zooms) * min(sizes), max(zooms) * max(sizes))


def _set_up_process() -> None:
    """Scenes are spread over processes, so each takes one thread.

    IPP, where a build has it, computes differently on different processors; without it a plan gives
    the same bytes on all of them.
    """
    cv2.setNumThreads(1)
    cv2.ipp.setUseIPP(False)
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Let the C library reuse the memory of one scene for the next.

    By itself glibc gives blocks of this size back to the system at once. Getting them again costs
    some 1,700 page faults an image, a third of its time.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # Other C libraries have none.
        mallopt(M_MMAP_THRESHOLD, 32 << 20)
        mallopt(M_TRIM_THRESHOLD, 64 << 20)


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Look for no cycles of objects within the block.

    Drawing makes none. Sprites are kept as they come, so that Python would look again and again
    through all objects that there are, of which numba alone has 100,000.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _needed_folders(rules: SceneRules, sources: Sources) -> dict[Kind, Path]:
    folders: dict[Kind, Path] = {}
    if rules.water_fraction + rules.shore_fraction < 1:
        folders["land"] = sources.land
    if rules.water_fraction > 0:
        folders["water"] = sources.water
    if rules.shore_fraction > 0:
        if sources.shore is None:
            raise missing_backgrounds("shore")
        folders["shore"] = sources.shore
    return folders


def _check_sources(shard_writer: ShardWriter, sources: Sources) -> None:
    drawn = shard_writer.catalogue.sprites.keys() & set(shard_writer.class_names)
    if drawn.isdisjoint(rule.class_name for rule in shard_writer.rules.placements):
        raise SceneSetError(
            f"{sources.sprites} has no sprite of any class that the scene rules place.",
            "Look at the misses on the sprites asset, and correct the pack's sprite rules.",
        )
    for kind, shapes in shard_writer.backgrounds.shapes.items():
        if not shapes:
            raise missing_backgrounds(kind)


def _write_file(path: str, data: bytes | memoryview) -> None:
    """Write a new file by the system's own calls, in two thirds of the time of `Path`."""
    file = os.open(path, NEW_FILE, 0o666)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(file, rest) :]
    finally:
        os.close(file)


def _jpeg(bgrx: Pixels, quality: int) -> Pixels:
    """The file's bytes; the encoder leaves the fourth channel out."""
    encoded = cv2.imencode(".jpg", bgrx, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(encoded, np.uint8)


def _count(counts: ShardCounts, scene: ScenePlan, decisions: Iterable[Exported]) -> None:
    counts.scenes[scene.kind] += 1
    for item, outcome in decisions:
        if isinstance(outcome, LabelledBox):
            counts.labels[item.class_name] += 1
        else:
            counts.dropped[item.class_name, outcome] += 1

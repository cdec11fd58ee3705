"""Writing a synthetic set: pictures, YOLO labels and measurements, in shards.

A shard is a range of picture indices. Shards share nothing and may run in any order, process or
machine, and again after a failure: `Studio.write` for each of `shards`, then `finish_set` once.
`write_set` is that over the processes of this machine, and `pipeline.scenes.sharding` over several.
The bytes depend on none of it.

A set's folder holds `images/{train,val}/synth_000000.jpg`, `labels/{train,val}/synth_000000.txt`,
`objects/{train,val}/synth_000000.json` (every object with its measurements, labelled or not) and
`set.json` (`SetSummary`).
"""

from __future__ import annotations

import ctypes
import errno
import json
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from pipeline.backgrounds.textures import Kind
from pipeline.errors import OutpostError
from pipeline.games.pack import GamePack, SceneRules
from pipeline.labels.boxes import Box, LabelledBox
from pipeline.labels.synthetic import SUBSETS, Subset
from pipeline.labels.yolo import format_labels
from pipeline.processes import end_with_parent
from pipeline.progress import Progress, Report, silent
from pipeline.scenes.draw import draw
from pipeline.scenes.label import Exported, export, label, labels_of
from pipeline.scenes.plan import WAYS_AROUND, ScenePlan, plan
from pipeline.scenes.stock import (
    TEAM_COLOURS,
    BackgroundError,
    BackgroundShelf,
    Catalogue,
    Colour,
    SpriteShelf,
    catalogue_of,
    shapes_of,
)
from pipeline.sprites.library import OpenLibrary, Pixels

SHARD_IMAGES = 50
"""Large enough that a worker decodes few backgrounds twice, small enough to show progress."""

SUMMARY_FILE = "set.json"

Part = Literal["images", "labels", "objects"]
PARTS: tuple[Part, ...] = ("images", "labels", "objects")

CORNERS = "[%d, %d, %d, %d]"
OBJECT = (
    '{"class": %s, "covered_by": %s, "dropped": %s, %s"full": %s, "player": %s, "scale": %.4f, '
    '"sprite": %s, "truncated_fraction": %.4f, "visible": %s, "visible_fraction": %.4f}'
)
"""An object of a sidecar. The fourth part, for a footprint, is empty in most scenes."""

NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
"""Only Windows has text files, and would put other ends to their lines."""

PLANNED_AT_ONCE = 25

PORTION_IMAGES = 10
"""The end of a set comes in such portions, so that its processes end together."""

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's mallopt, from its malloc.h."""


class SceneSetError(OutpostError):
    """A synthetic set that cannot be drawn or written."""


@dataclass(frozen=True)
class Sources:
    """The folders that scenes are made of: a sprite library and backgrounds of each kind."""

    sprites: Path
    land: Path
    water: Path
    shore: Path | None = None
    """Needed where the rules ask for scenes at the shore."""


@dataclass(frozen=True)
class Shard:
    """Pictures `first` to `stop - 1` of a set."""

    first: int
    stop: int

    @property
    def images(self) -> int:
        return self.stop - self.first


@dataclass(frozen=True)
class ShardCounts:
    """What one shard wrote: scenes by kind, labels by class, and dropped (class, reason) pairs."""

    shard: Shard
    scenes: Counter[str]
    labels: Counter[str]
    dropped: Counter[tuple[str, str]]


@dataclass(frozen=True)
class SetSummary:
    """What a set holds; `set.json` has the same keys.

    Attributes:
        classes: names by class id.
        counts: labels of every class, also of those with none.
        dropped: objects without a label, by class and reason.
        scenes: pictures by kind of scene.
        gated: whether every class was kept in its own kind of scene.
    """

    game: str
    classes: tuple[str, ...]
    images: int
    gated: bool
    counts: dict[str, int]
    dropped: dict[str, dict[str, int]]
    scenes: dict[str, int]


def write_set(
    folder: Path, pack: GamePack, sources: Sources, workers: int = 1, report: Report = silent
) -> SetSummary:
    """Draw the whole set that the pack describes into `folder`.

    Args:
        folder: is made where it does not exist; must hold no other set.
        workers: processes; with 1 everything happens in this one.
        report: is told the number of finished pictures.

    Raises:
        SceneSetError: nothing to place, no room on the disk, a worker that was killed.
        BackgroundError: backgrounds that are missing, unreadable or too small.
        SpriteLibraryError: the sprite library cannot be read.
    """
    began = time.monotonic()
    total = pack.scenes.images
    finished: list[ShardCounts] = []
    report(Progress("drawing scenes", 0, total, 0.0))
    for counts in _written(portions(total, workers), folder, pack, sources, workers):
        finished.append(counts)
        done = sum(counts.shard.images for counts in finished)
        report(Progress("drawing scenes", done, total, time.monotonic() - began))
    return finish_set(folder, pack, finished)


def shards(images: int, size: int = SHARD_IMAGES) -> tuple[Shard, ...]:
    """Cut a set of that many pictures into ranges of at most `size`."""
    return tuple(Shard(first, min(first + size, images)) for first in range(0, images, size))


def finish_set(folder: Path, pack: GamePack, finished: Iterable[ShardCounts]) -> SetSummary:
    """Check that every picture of the set is there, and write `set.json`.

    Raises:
        SceneSetError: pictures, labels or measurements are missing, or do not belong to the set;
            `set.json` cannot be written.
    """
    counts = list(finished)
    _check_complete(folder, pack.scenes)
    summary = _summary(pack, counts)
    text = json.dumps(asdict(summary), indent=2, sort_keys=True)
    with unwritable_told(folder):
        (folder / SUMMARY_FILE).write_text(text + "\n", encoding="utf-8", newline="\n")
    return summary


@contextmanager
def unwritable_told(folder: Path) -> Iterator[None]:
    """Say of files that cannot be written what to do about it.

    Args:
        folder: where they go.

    Raises:
        SceneSetError: the disk is full, or the system refused it for another reason.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise SceneSetError(
                f"There is no room left on the disk for {folder}.",
                "Free some space, or lower scenes.images, and run again.",
            ) from error
        raise SceneSetError(
            f"{folder} cannot be written: {error}.", "Check the folder and its permissions."
        ) from error


def subset_of(index: int, rules: SceneRules) -> Subset:
    """Where picture `index` goes; the validation pictures are spread evenly over the set."""
    share, whole = _validation_share(rules.train_fraction)
    return "val" if (index + 1) * share // whole > index * share // whole else "train"


@cache
def _validation_share(train_fraction: float) -> tuple[int, int]:
    """What is not for training, as a fraction of whole numbers: 0.8 leaves exactly 1 of 5."""
    return (1 - Fraction(str(train_fraction))).as_integer_ratio()


def picture_name(index: int) -> str:
    """The stem of a picture's three files."""
    return f"synth_{index:06d}"


@dataclass(frozen=True, eq=False)
class Studio:
    """All that one process needs to draw the pictures of a set; opened once, used for many."""

    rules: SceneRules
    class_names: tuple[str, ...]
    catalogue: Catalogue
    sprites: SpriteShelf
    backgrounds: BackgroundShelf
    team_colours: tuple[Colour, ...]

    def write(self, shard: Shard, folder: Path) -> ShardCounts:
        """Draw and write a shard's pictures, over whatever an earlier attempt left there.

        Args:
            shard: which pictures.
            folder: the set's.

        Raises:
            SceneSetError: a file cannot be written.
        """
        counts = ShardCounts(shard, Counter(), Counter(), Counter())
        with unwritable_told(folder):
            places = _made_folders(folder)
            for part in shards(shard.images, PLANNED_AT_ONCE):
                # Planned one after another: when a picture has been drawn, what planning needs is
                # no longer in the processor's cache, and takes three times as long.
                indices = range(shard.first + part.first, shard.first + part.stop)
                scenes = [plan(index, self.rules, self.catalogue) for index in indices]
                for scene in scenes:
                    self._write_picture(scene, places[subset_of(scene.index, self.rules)], counts)
        return counts

    def _write_picture(
        self, scene: ScenePlan, places: Mapping[Part, str], counts: ShardCounts
    ) -> None:
        drawing = draw(scene, self.sprites, self.backgrounds, self.team_colours)
        decisions = export(label(scene, drawing), self.rules.labels, self.class_names)
        # All about the objects comes before the picture is encoded, which takes them out of the
        # processor's cache: afterwards it would take twice as long.
        labels = format_labels(labels_of(decisions), scene.width, scene.height)
        measurements = _measurements(scene, decisions)
        _count(counts, scene, decisions)
        picture = _jpeg(drawing.bgrx, scene.jpeg_quality or self.rules.jpeg_quality)
        name = picture_name(scene.index)
        _write_file(f"{places['images']}/{name}.jpg", picture.data)
        _write_file(f"{places['labels']}/{name}.txt", labels.encode())
        _write_file(f"{places['objects']}/{name}.json", measurements.encode())


def open_studio(pack: GamePack, sources: Sources) -> Studio:
    """Load what scenes are made of.

    Raises:
        SceneSetError: the library has no sprite of any class that the rules place.
        BackgroundError, SpriteLibraryError: a folder is not what it should be.
    """
    _settle_process()
    library = OpenLibrary(sources.sprites)
    backgrounds = BackgroundShelf(_needed_folders(pack.scenes, sources))
    studio = Studio(
        rules=pack.scenes,
        class_names=pack.class_names,
        catalogue=catalogue_of(shapes_of(library), backgrounds.shapes, pack.classes),
        sprites=SpriteShelf(library, largest_scale_of(pack.scenes)),
        backgrounds=backgrounds,
        team_colours=library.team_colours or TEAM_COLOURS,
    )
    _check_stock(studio, sources)
    return studio


def largest_scale_of(rules: SceneRules) -> float:
    """The largest scale at which the rules let a sprite be drawn."""
    zoom = max(rules.zoom)
    if rules.distant.share > 0:
        zoom = max(zoom, *rules.distant.zoom)
    return zoom * max(rule.size * max(rule.scale) for rule in rules.placements)


def _settle_process() -> None:
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
    some 1,700 page faults a picture, a third of its time.
    """
    if sys.platform != "linux":
        return
    settle = getattr(ctypes.CDLL(None), "mallopt", None)
    if settle is not None:  # Other C libraries have none.
        settle(M_MMAP_THRESHOLD, 32 << 20)
        settle(M_TRIM_THRESHOLD, 64 << 20)


def _needed_folders(rules: SceneRules, sources: Sources) -> dict[Kind, Path]:
    folders: dict[Kind, Path] = {}
    if rules.water_fraction + rules.shore_fraction < 1:
        folders["land"] = sources.land
    if rules.water_fraction > 0:
        folders["water"] = sources.water
    if rules.shore_fraction > 0:
        if sources.shore is None:
            raise BackgroundError(
                "There are no shore backgrounds, but the rules ask for shore scenes.",
                f"Materialize the shore backgrounds, or {WAYS_AROUND['shore']}.",
            )
        folders["shore"] = sources.shore
    return folders


def _check_stock(studio: Studio, sources: Sources) -> None:
    placed = {rule.class_name for rule in studio.rules.placements} & set(studio.class_names)
    if placed.isdisjoint(studio.catalogue.sprites):
        raise SceneSetError(
            f"{sources.sprites} has no sprite of any class that the scene rules place.",
            "Look at the misses on the sprites asset, and correct the pack's sprite rules.",
        )
    for kind, shapes in studio.backgrounds.shapes.items():
        if not shapes:
            raise BackgroundError(
                f"There are no {kind} backgrounds, but the rules ask for {kind} scenes.",
                f"Materialize the {kind} backgrounds, or {WAYS_AROUND[kind]}.",
            )


def portions(images: int, workers: int) -> tuple[Shard, ...]:
    """Shards of the usual size, and smaller ones where the next process would wait for the last."""
    if workers <= 1:
        return shards(images)
    rough = shards(max(0, images - workers * SHARD_IMAGES))
    first = rough[-1].stop if rough else 0
    fine = shards(images - first, PORTION_IMAGES)
    return (*rough, *(Shard(first + part.first, first + part.stop) for part in fine))


def _written(
    planned: Sequence[Shard], folder: Path, pack: GamePack, sources: Sources, workers: int
) -> Iterator[ShardCounts]:
    """Write the shards, and yield what each one wrote as it ends."""
    if workers <= 1:
        studio = open_studio(pack, sources)
        yield from (studio.write(shard, folder) for shard in planned)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=end_with_parent) as pool:
        futures = [pool.submit(_write_in_worker, shard, folder, pack, sources) for shard in planned]
        try:
            yield from (future.result() for future in as_completed(futures))
        except BrokenProcessPool as error:
            raise SceneSetError(
                "A process that drew scenes was killed, most often for want of memory.",
                f"Run it again with fewer than {workers} workers.",
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


_studio: Studio | None = None


def _write_in_worker(shard: Shard, folder: Path, pack: GamePack, sources: Sources) -> ShardCounts:
    """A worker serves one set for its whole life, and loads its studio with the first shard."""
    global _studio
    if _studio is None:
        _studio = open_studio(pack, sources)
    return _studio.write(shard, folder)


def _made_folders(folder: Path) -> dict[Subset, dict[Part, str]]:
    """The folders of a set, which are there from now on."""
    return {
        subset: {part: _made(f"{folder}/{part}/{subset}") for part in PARTS} for subset in SUBSETS
    }


def _made(folder: str) -> str:
    if not os.access(folder, os.F_OK):
        Path(folder).mkdir(parents=True, exist_ok=True)
    return folder


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


def _measurements(scene: ScenePlan, decisions: Sequence[Exported]) -> str:
    """The sidecar of a picture: one object a line, so that it can be read and compared."""
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
    name, full, visible, visible_fraction, truncated, covers, player, sprite, scale, where = item
    around = _corners(full)
    return OBJECT % (
        _quoted(name),
        _quoted(covers),
        "null" if isinstance(outcome, LabelledBox) else _quoted(outcome),
        "" if where is None else f'"footprint": {json.dumps(vars(where), sort_keys=True)}, ',
        around,
        "null" if player is None else player,
        scale,
        _quoted(sprite),
        truncated,
        around if visible is full else _corners(visible),
        visible_fraction,
    )


@cache
def _quoted(name: str | tuple[str, ...]) -> str:
    """A name or some as JSON; there are few of them beside the objects."""
    return json.dumps(name)


def _corners(box: Box | None) -> str:
    return "null" if box is None else CORNERS % box


def _count(counts: ShardCounts, scene: ScenePlan, decisions: Iterable[Exported]) -> None:
    counts.scenes[scene.kind] += 1
    for item, outcome in decisions:
        if isinstance(outcome, LabelledBox):
            counts.labels[item.class_name] += 1
        else:
            counts.dropped[item.class_name, outcome] += 1


def _summary(pack: GamePack, finished: Sequence[ShardCounts]) -> SetSummary:
    scenes: Counter[str] = sum((counts.scenes for counts in finished), Counter())
    labels: Counter[str] = sum((counts.labels for counts in finished), Counter())
    dropped: Counter[tuple[str, str]] = sum((counts.dropped for counts in finished), Counter())
    ashore = ("shore",) if pack.scenes.shore_fraction > 0 else ()
    by_class: dict[str, dict[str, int]] = {}
    for (name, reason), number in dropped.items():
        by_class.setdefault(name, {})[reason] = number
    return SetSummary(
        game=pack.name,
        classes=pack.class_names,
        images=pack.scenes.images,
        gated=pack.scenes.gated,
        counts={name: labels[name] for name in pack.class_names},
        dropped=by_class,
        scenes={kind: scenes[kind] for kind in ("land", "water", *ashore)},
    )


def _check_complete(folder: Path, rules: SceneRules) -> None:
    expected = {(subset_of(n, rules), picture_name(n)) for n in range(rules.images)}
    for part, suffix in (("images", ".jpg"), ("labels", ".txt"), ("objects", ".json")):
        present = {
            (subset, file.stem)
            for subset in SUBSETS
            for file in (folder / part / subset).glob(f"*{suffix}")
        }
        wrong = sorted(f"{subset}/{name}" for subset, name in expected ^ present)
        if wrong:
            raise SceneSetError(
                f"{folder / part} has {len(expected - present)} files too few and "
                f"{len(present - expected)} too many, among them {', '.join(wrong[:3])}.",
                "Draw the missing shards again, into a folder that holds this set alone.",
            )

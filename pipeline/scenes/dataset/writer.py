"""Writing a synthetic set: images, YOLO labels and measurements, in shards.

A shard is a range of image indices. Shards share nothing and may run in any order, process or
machine, and again after a failure: `ShardWriter.write` for each of `shards`, then `finish_set`
once. `write_set` is that over the processes of this machine, and `dataset.shards` over several. The
bytes depend on none of it. `dataset.synthetic_set` says what the folder holds.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.games.pack import GamePack
from pipeline.games.sections.scenes import SceneRules
from pipeline.labels.synthetic import SUBSETS
from pipeline.processes import results_of
from pipeline.progress import Progress, Report, silent
from pipeline.scenes.dataset.layout import (
    PARTS,
    SUFFIXES,
    SceneSetError,
    Shard,
    image_name,
    shards,
    subset_of,
)
from pipeline.scenes.dataset.shard_writer import (
    ShardCounts,
    ShardWriter,
    Sources,
    open_shard_writer,
)
from pipeline.scenes.dataset.synthetic_set import SetSummary, SyntheticSet

LEAST_IMAGES, MOST_IMAGES = 10, 150
"""Of a shard, where several processes draw a set."""


def write_set(
    folder: Path, pack: GamePack, sources: Sources, workers: int = 1, report: Report = silent
) -> SetSummary:
    """Draw the whole set that the pack describes into `folder`.

    Args:
        folder: is made where it does not exist; must hold no other set.
        workers: processes; with 1 everything happens in this one.
        report: is told the number of finished images.

    Raises:
        SceneSetError: nothing to place, no room on the disk, a worker that was killed.
        BackgroundError: backgrounds that are missing, unreadable or too small.
        SpriteLibraryError: the sprite library cannot be read.
    """
    began = time.monotonic()
    total = pack.scenes.images
    finished: list[ShardCounts] = []
    report(Progress("drawing scenes", 0, total, 0.0))
    for counts in _written(worker_shards(total, workers), folder, pack, sources, workers):
        finished.append(counts)
        done = sum(counts.shard.images for counts in finished)
        report(Progress("drawing scenes", done, total, time.monotonic() - began))
    return finish_set(folder, pack, finished)


def finish_set(folder: Path, pack: GamePack, finished: Sequence[ShardCounts]) -> SetSummary:
    """Check that every image of the set is there, and write its summary.

    Raises:
        SceneSetError: images, labels or measurements are missing, or do not belong to the set;
            the summary cannot be written.
    """
    _check_complete(folder, pack.scenes)
    return SyntheticSet.write(folder, _summary(pack, finished)).summary


def worker_shards(images: int, workers: int) -> tuple[Shard, ...]:
    """Shards that become smaller towards the end, so that no process waits long for the last.

    Neighbours share a background, which each process decodes for itself: large shards share more.
    """
    if workers <= 1:
        return shards(images)
    planned: list[Shard] = []
    first = 0
    while first < images:
        size = (images - first) // (2 * workers)
        stop = min(first + min(max(size, LEAST_IMAGES), MOST_IMAGES), images)
        planned.append(Shard(first, stop))
        first = stop
    return tuple(planned)


def _written(
    planned: Sequence[Shard], folder: Path, pack: GamePack, sources: Sources, workers: int
) -> Iterator[ShardCounts]:
    """Write the shards, and yield what each one wrote as it ends."""
    if workers <= 1:
        shard_writer = open_shard_writer(pack, sources)
        yield from (shard_writer.write(shard, folder) for shard in planned)
        return
    killed = SceneSetError(
        "A process that drew scenes was killed, most often because memory ran out.",
        f"Run it again with fewer than {workers} workers.",
    )
    calls = [(shard, folder, pack, sources) for shard in planned]
    yield from results_of(_write_in_worker, calls, workers, killed)


_shard_writer: ShardWriter | None = None


def _write_in_worker(shard: Shard, folder: Path, pack: GamePack, sources: Sources) -> ShardCounts:
    """A worker serves one set for its whole life; the first shard loads what it needs."""
    global _shard_writer
    if _shard_writer is None:
        _shard_writer = open_shard_writer(pack, sources)
    return _shard_writer.write(shard, folder)


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
    expected = {(subset_of(n, rules), image_name(n)) for n in range(rules.images)}
    for part in PARTS:
        present = {
            (subset, file.stem)
            for subset in SUBSETS
            for file in (folder / part / subset).glob(f"*{SUFFIXES[part]}")
        }
        wrong = sorted(f"{subset}/{name}" for subset, name in expected ^ present)
        if wrong:
            raise SceneSetError(
                f"{folder / part} has {len(expected - present)} files too few and "
                f"{len(present - expected)} too many, among them {', '.join(wrong[:3])}.",
                "Draw the missing shards again, into a folder that holds this set alone.",
            )

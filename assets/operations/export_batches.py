"""Looking at export batches, taking them out of all that follows, and putting them back."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from assets.core.building import latest_version
from assets.core.keys import GameKeys
from assets.core.runs import is_taken_out
from assets.graph.annotations import forget_batch
from pipeline.errors import OutpostError
from pipeline.games.pack import GamePack, load_pack
from pipeline.labels.batches import BatchReport, SourceExport
from pipeline.labels.merge import is_held_out
from resources.defaults import Resources
from resources.exports.base import Listing
from resources.instance import open_instance


class UnknownBatchError(OutpostError):
    """A batch that there is not."""


@dataclass(frozen=True)
class BatchRow:
    """An export batch, for people.

    Attributes:
        state: "used", "used as it was read before" (its export was replaced since),
            "used, export withdrawn", "not read", "not taken yet", "taken out" (its partition was
            deleted), "no whole export" or "retired".
        frames, boxes: as far as it was read.
    """

    batch: str
    state: str
    held_out: bool
    frames: int | None = None
    boxes: int | None = None


@dataclass(frozen=True)
class BatchTable:
    """Every batch of a game.

    Attributes:
        rows: used ones, those that wait, and retired ones, each by name.
        unreachable: what is wrong with sources of exports that cannot be reached, and what to do.
    """

    rows: tuple[BatchRow, ...]
    unreachable: tuple[str, ...]


def batch_table(resources: Resources, game: str | Path) -> BatchTable:
    """What there is in all sources of exports, and what was made of it."""
    pack = load_pack(game)
    listing = resources.exports.listing(pack.name)
    with open_instance(resources.state) as instance:
        rows = sorted(
            _rows(resources, pack, instance, listing),
            key=lambda row: (row.state == "retired", row.batch),
        )
    unreachable = (f"{error.problem} {error.fix}" for error in listing.unreachable.values())
    return BatchTable(tuple(rows), tuple(unreachable))


def retire(resources: Resources, game: str | Path, batch: str) -> None:
    """Take a batch out of all that is made from now on; its export is kept out of the way.

    Raises:
        UnknownBatchError: there is no such batch.
    """
    pack, exports = load_pack(game), resources.exports
    with open_instance(resources.state) as instance:
        dropped = {export.batch for export in exports.exports(pack.name)}
        known = dropped | set(_partitions(instance, pack))
        if batch not in known:
            others = f"Give one of these: {', '.join(sorted(known))}."
            raise UnknownBatchError(
                f"There is no batch '{batch}' of {pack.title}.",
                others if known else f"Drop an export into {exports.path(pack.name)} first.",
            )
        exports.retire(pack.name, batch)
        forget_batch(instance, pack, batch)


def restore(resources: Resources, game: str | Path, batch: str) -> None:
    """Put a batch back, whether it was retired or its partition was deleted: as it was read before,
    or to be read.

    Raises:
        NotRestoredError: it was not retired, or another export has its place.
    """
    pack = load_pack(game)
    with open_instance(resources.state) as instance:
        there = resources.exports.listing(pack.name).chosen.get(batch)
        store = resources.artifacts.store
        if there is None or not is_taken_out(instance, store, pack, there.export):
            resources.exports.restore(pack.name, batch)
        if latest_version(instance, GameKeys.of(pack).cvat_export, batch) is not None:
            instance.add_dynamic_partitions(_partitions_name(pack), [batch])


def _rows(
    resources: Resources, pack: GamePack, instance: dg.DagsterInstance, listing: Listing
) -> Iterator[BatchRow]:
    exports, store = resources.exports, resources.artifacts.store
    dropped = {export.batch: export for export in listing.exports}
    partitions = _partitions(instance, pack)
    for batch in sorted({*dropped, *partitions}):
        held_out = is_held_out(batch, pack.merge)
        version = latest_version(instance, GameKeys.of(pack).cvat_export, batch)
        if batch not in partitions or version is None:
            whole = batch in dropped and dropped[batch].has_arrived
            waits = "not read" if batch in partitions else "not taken yet"
            if batch in dropped and is_taken_out(instance, store, pack, dropped[batch]):
                waits = "taken out"
            yield BatchRow(batch, waits if whole else "no whole export", held_out)
            continue
        folder = store.open(version).path
        report, state = BatchReport.open(folder), "used"
        if batch not in dropped:
            state = "used" if listing.unreachable else "used, export withdrawn"
        elif dropped[batch].differs_from(SourceExport.open(folder).sha256):
            state = "used as it was read before"
        yield BatchRow(batch, state, held_out, report.frames, report.boxes)
    for export in exports.retired(pack.name):
        yield BatchRow(export.batch, "retired", is_held_out(export.batch, pack.merge))


def _partitions(instance: dg.DagsterInstance, pack: GamePack) -> tuple[str, ...]:
    return tuple(instance.get_dynamic_partitions(_partitions_name(pack)))


def _partitions_name(pack: GamePack) -> str:
    name = GameKeys.of(pack).export_batches.name
    assert name is not None
    return name

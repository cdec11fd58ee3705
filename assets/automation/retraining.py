"""What the retrain policy is to know, read from Dagster's instance and from the stored batches.

What is new is told by the order in which events were stored: that a clock was set back changes
nothing about it.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
from dagster import AssetRecordsFilter

from assets.core.building import version_of
from assets.core.keys import GameKeys
from assets.core.runs import UNFINISHED
from pipeline.annotation.retrain_policy import WEEK, PastTraining, RetrainState
from pipeline.games.pack import GamePack
from pipeline.labels.batches import ExportBatch
from pipeline.labels.comparing.changed_labels import count_changed_boxes
from pipeline.labels.comparing.corrections import CvatDownload
from pipeline.labels.merge import is_held_out
from pipeline.provenance import ArtifactVersion
from resources.artifacts import ArtifactMissingError, ArtifactStore

MOST_TRAININGS = 200
"""Of the newest that are looked at; nobody trains more often in two weeks."""


class ReadBatch(NamedTuple):
    """An export batch as it was read at one time."""

    version: ArtifactVersion
    boxes: int


Readings = Mapping[str, ReadBatch | None]
"""By batch."""


def now_utc() -> datetime:
    """The time, by this machine's clock."""
    return datetime.now(UTC)


def retrain_state(
    instance: dg.DagsterInstance, store: ArtifactStore, pack: GamePack, now: datetime
) -> RetrainState:
    """What has come since the last training, and the trainings so far."""
    keys = GameKeys.of(pack)
    merged_at = _merge_of_last_training(instance, keys)
    batches = sorted(keys.export_batches.get_partition_keys(dynamic_partitions_store=instance))
    read = {batch: _read(instance, keys, batch) for batch in batches}
    before: dict[str, ReadBatch | None] = dict.fromkeys(batches)
    if merged_at is not None:
        before = {batch: _read(instance, keys, batch, before=merged_at) for batch in batches}
    waiting = [batch for batch in batches if _version(read[batch]) != _version(before[batch])]
    trained = [batch for batch in batches if not is_held_out(batch, pack.merge)]
    return RetrainState(
        now=now,
        waiting=tuple(waiting),
        new_boxes=_new_boxes(store, trained, read, before),
        trainings=tuple(_trainings(instance, keys)),
        # Their logs are only read where a rule asks for what they cost.
        failed=()
        if pack.retrain.max_usd_per_week is None
        else tuple(_failed_trainings(instance, keys, now - 2 * WEEK)),
    )


def _new_boxes(
    store: ArtifactStore, batches: Iterable[str], read: Readings, before: Readings
) -> int:
    """Boxes that no training has seen so; of several exports of one task the newest one's."""
    now, then = _newest(batches, read), _newest(batches, before)
    return sum(_changed(store, one, then.get(source)) for source, one in now.items())


def _newest(batches: Iterable[str], readings: Readings) -> dict[str, ReadBatch]:
    """By what was exported: a task of CVAT where the name tells it, else the batch itself."""
    newest: dict[str, ReadBatch] = {}
    for batch in sorted(batches, key=_time_in_name):
        told, reading = CvatDownload.named(batch), readings[batch]
        if reading is not None:
            newest[told.source if told else batch] = reading
    return newest


def _time_in_name(batch: str) -> tuple[datetime, str]:
    told = CvatDownload.named(batch)
    return (told.time if told else datetime.min, batch)


def _changed(store: ArtifactStore, now: ReadBatch, then: ReadBatch | None) -> int:
    """Boxes that are new or others; as many more as there are where an older reading is gone."""
    if then is None:
        return now.boxes
    if now.version.data_version == then.version.data_version:
        return 0
    try:
        folders = (store.open(now.version).path, store.open(then.version).path)
    except ArtifactMissingError:
        return max(0, now.boxes - then.boxes)
    return _changed_boxes(*folders)


@lru_cache(maxsize=256)
def _changed_boxes(now: Path, then: Path) -> int:
    """Of two stored batches. A sensor asks again and again, and what is stored never changes."""
    return count_changed_boxes(ExportBatch.open(now).batch, ExportBatch.open(then).batch)


def _version(batch: ReadBatch | None) -> str | None:
    return batch.version.data_version if batch else None


def _read(
    instance: dg.DagsterInstance, keys: GameKeys, batch: str, before: int | None = None
) -> ReadBatch | None:
    """A batch as its newest materialization tells, or the newest one before an event."""
    wanted = AssetRecordsFilter(keys.cvat_export, [batch], before_storage_id=before)
    for record in instance.fetch_materializations(wanted, limit=1).records:
        materialization = record.asset_materialization
        if materialization and (version := version_of(materialization)):
            boxes = int(_number(materialization.metadata, "boxes") or 0)
            return ReadBatch(version, boxes)
    return None


def _merge_of_last_training(instance: dg.DagsterInstance, keys: GameKeys) -> int | None:
    """The event of the merge that the newest weights were made from; None without weights."""
    weights = instance.fetch_materializations(keys.trained_weights, limit=1).records
    if not weights:
        return None
    wanted = AssetRecordsFilter(keys.cvat_merge, before_storage_id=weights[0].storage_id)
    merges = instance.fetch_materializations(wanted, limit=1).records
    return merges[0].storage_id if merges else None


def _trainings(instance: dg.DagsterInstance, keys: GameKeys) -> Iterator[PastTraining]:
    """Those that were done, from the first to the last, then those under way.

    What was kept as it was is none.
    """
    records = instance.fetch_materializations(keys.trained_weights, limit=MOST_TRAININGS).records
    for record in reversed(records):
        materialization = record.asset_materialization
        outcome = materialization.metadata.get("outcome") if materialization else None
        if materialization and not (outcome and str(outcome.value).startswith("unchanged")):
            at = datetime.fromtimestamp(record.timestamp, UTC)
            yield PastTraining(at, _number(materialization.metadata, "cost_usd") or 0.0)
    done = {record.run_id for record in records}
    for run in instance.get_run_records(dg.RunsFilter(statuses=UNFINISHED)):
        if _trains(run.dagster_run, keys) and run.dagster_run.run_id not in done:
            yield PastTraining(run.create_timestamp.astimezone(UTC))


def _failed_trainings(
    instance: dg.DagsterInstance, keys: GameKeys, since: datetime
) -> Iterator[PastTraining]:
    """Those that told what they cost; one that was canceled, or whose process died, told nothing.

    Dagster has no cost of a run, but what the step's failure tells, as its page shows it.
    """
    wanted = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=since)
    for record in instance.get_run_records(wanted, limit=MOST_TRAININGS):
        run = record.dagster_run
        if not _trains(run, keys):
            continue
        for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
            event = entry.dagster_event
            told = event.step_failure_data.user_failure_data if event else None
            usd = _number(told.metadata, "cost_usd") if told and told.metadata else None
            if usd is not None:
                yield PastTraining(datetime.fromtimestamp(entry.timestamp, UTC), usd)


def _trains(run: dg.DagsterRun, keys: GameKeys) -> bool:
    """Whether a run is to make weights; one of a whole job has no selection."""
    if run.asset_selection is None:
        return run.job_name == f"{keys.game}_retrain"
    return keys.trained_weights in run.asset_selection


def _number(metadata: Mapping[str, dg.MetadataValue[Any]], name: str) -> float | None:
    entry = metadata.get(name)
    value = entry.value if entry is not None else None
    return float(value) if isinstance(value, int | float) else None

"""The sensor that watches the exports folder and retrains when annotations arrive.

It works in steps, each on its own ticks. A new or replaced export is left alone until two ticks in
a row find it the same: it might still be copied. Then it becomes a partition and a run of
`cvat_export`. When no such run is under way any more, and the batches differ from those that were
last merged, one run of the merge and all that follows is requested: once for however many batches
came together, and not again when it fails.
"""

from collections.abc import Sequence

import dagster as dg
from pydantic import BaseModel

from assets.core.building import latest_version
from assets.core.keys import GameKeys
from assets.core.runs import UNFINISHED
from pipeline.games.pack import GamePack
from pipeline.manifests import digest_of
from resources.exports import Exports
from resources.exports.base import Export

SENSOR_TAG = "outpost/export_sensor"
"""On runs of cvat_export that the sensor asked for: the game."""
MERGE_TAG = "outpost/merged_batches"
"""On runs of the merge that the sensor asked for: the digest of the batch versions."""
ENDED_BADLY = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


class SensorMemory(BaseModel):
    """What the sensor remembers between ticks."""

    seen: dict[str, str] = {}
    """The stamp of every export at the last tick, by batch."""
    taken: dict[str, str] = {}
    """The stamp of every export that a run was requested for, by batch."""
    merged: str = ""
    """Digest of the batch versions that were last sent on to the merge."""
    requests: int = 0
    """Ticks that requested runs. It is part of their keys: Dagster starts one run per key, and an
    export that is put back as it was before has to be read again."""


def export_sensor(pack: GamePack) -> dg.SensorDefinition:
    """Watches a game's exports folder; off until somebody turns it on."""
    keys = GameKeys.of(pack)

    @dg.sensor(
        name=f"{pack.name}_export_sensor",
        target=dg.AssetSelection.assets(keys.cvat_export, *keys.after_annotation),
        minimum_interval_seconds=30,
        description=f"Retrains {pack.title} when a CVAT export is dropped into its folder.",
    )
    def sense(context: dg.SensorEvaluationContext, exports: Exports) -> dg.SensorResult:
        memory = SensorMemory.model_validate_json(context.cursor or "{}")
        passed_over = [str(passed) for passed in exports.passed_over(pack.name)]
        for line in passed_over:
            context.log.warning(line)
        step = _next_step(context.instance, exports.exports(pack.name), memory, keys)
        if step.skip_reason is None:
            return step
        reason = " ".join([str(step.skip_reason.skip_message), *passed_over])
        return dg.SensorResult(skip_reason=reason, cursor=step.cursor)

    return sense


def _next_step(
    instance: dg.DagsterInstance,
    exports: Sequence[Export],
    memory: SensorMemory,
    keys: GameKeys,
) -> dg.SensorResult:
    stamps = {export.batch: export.stamp for export in exports}
    new = {
        export.batch: export.name
        for export in exports
        if memory.taken.get(export.batch) != stamps[export.batch] and export.has_arrived
    }
    unchanged = {batch: stamps[batch] for batch in new if memory.seen.get(batch) == stamps[batch]}
    memory = memory.model_copy(update={"seen": stamps})
    if unchanged:
        return _take(unchanged, memory, keys)
    if new:
        names = ", ".join(new.values())
        return _skip(f"Left alone until it has been the same for one tick: {names}.", memory)
    unfinished = dg.RunsFilter(tags={SENSOR_TAG: keys.game}, statuses=UNFINISHED)
    if instance.get_run_records(unfinished, limit=1):
        return _skip("Waiting for runs of cvat_export to end.", memory)
    return _merge_if_changed(instance, memory, keys)


def _take(stamps: dict[str, str], memory: SensorMemory, keys: GameKeys) -> dg.SensorResult:
    taken = {**memory.taken, **stamps}
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                run_key=f"{batch}-{stamp}-{memory.requests}",
                partition_key=batch,
                asset_selection=[keys.cvat_export],
                tags={SENSOR_TAG: keys.game},
            )
            for batch, stamp in stamps.items()
        ],
        dynamic_partitions_requests=[keys.export_batches.build_add_request(list(stamps))],
        cursor=_kept(memory, taken=taken, requests=memory.requests + 1),
    )


def _merge_if_changed(
    instance: dg.DagsterInstance, memory: SensorMemory, keys: GameKeys
) -> dg.SensorResult:
    name = keys.export_batches.name
    assert name is not None
    # Those that were retired are partitions no longer.
    known = memory.taken.keys() & set(instance.get_dynamic_partitions(name))
    found = (latest_version(instance, keys.cvat_export, batch) for batch in sorted(known))
    versions = [version.model_dump() for version in found if version is not None]
    digest = digest_of(versions)
    if not versions:
        return _skip("No export has arrived yet.", memory)
    if digest == memory.merged:
        return _skip(_state_of_merge(instance, digest), memory)
    if latest_version(instance, keys.synthetic_set) is None:
        name = keys.synthetic_set.to_user_string()
        return _skip(
            f"Exports wait to be merged, but {name} has not been materialized yet. Materialize it; "
            "the merge then starts by itself.",
            memory,
        )
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                run_key=f"merge-{digest}-{memory.requests}",
                asset_selection=list(keys.after_annotation),
                tags={MERGE_TAG: digest},
            )
        ],
        cursor=_kept(memory, merged=digest, requests=memory.requests + 1),
    )


def _state_of_merge(instance: dg.DagsterInstance, digest: str) -> str:
    """What became of the newest run that was to merge these batches."""
    records = instance.get_run_records(dg.RunsFilter(tags={MERGE_TAG: digest}), limit=1)
    run = records[0].dagster_run if records else None
    if run is not None and run.status in ENDED_BADLY:
        return (
            f"No export has arrived since run {run.run_id}, which was to merge them and ended in "
            f"{run.status.value}. Look at its log, correct what it names, and re-execute it from "
            "its page: it is not tried again by itself."
        )
    return "No export has arrived since the last merge."


def _skip(reason: str, memory: SensorMemory) -> dg.SensorResult:
    return dg.SensorResult(skip_reason=reason, cursor=memory.model_dump_json())


def _kept(memory: SensorMemory, **changes: object) -> str:
    return memory.model_copy(update=changes).model_dump_json()

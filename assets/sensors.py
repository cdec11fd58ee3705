"""The sensor that watches the exports folder and retrains when annotations arrive.

It works in two steps, each on its own ticks. A new or replaced export becomes a partition and a run
of `cvat_export`. When no such run is under way any more, and the batches differ from those that
were last merged, one run of the merge and all that follows is requested: once for however many
batches came together.
"""

import dagster as dg
from pydantic import BaseModel

from assets.keys import GameKeys
from assets.making import latest_version
from pipeline.games.pack import GamePack
from pipeline.manifests import digest_of
from resources.exports import DroppedExport, ExportsFolder

SENSOR_TAG = "outpost/export_sensor"
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


class SensorMemory(BaseModel):
    """What the sensor remembers between ticks."""

    taken: dict[str, str] = {}
    """The stamp of every export that a run was requested for, by batch."""
    merged: str = ""
    """Digest of the batch versions that were last sent on to the merge."""


def export_sensor(pack: GamePack) -> dg.SensorDefinition:
    """Watches a game's exports folder; off until somebody turns it on."""
    keys = GameKeys.of(pack)

    @dg.sensor(
        name=f"{pack.name}_export_sensor",
        target=dg.AssetSelection.assets(keys.cvat_export, *keys.after_annotation),
        minimum_interval_seconds=30,
        description=f"Retrains {pack.title} when a CVAT export is dropped into its folder.",
    )
    def sense(context: dg.SensorEvaluationContext, exports: ExportsFolder) -> dg.SensorResult:
        memory = SensorMemory.model_validate_json(context.cursor or "{}")
        arrived = [export for export in exports.exports(pack.name) if export.has_arrived]
        new = [export for export in arrived if memory.taken.get(export.batch) != export.stamp]
        if new:
            return _take(new, memory, keys)
        if _exports_under_way(context.instance, keys):
            return dg.SensorResult(
                skip_reason="Waiting for runs of cvat_export to end.", cursor=context.cursor
            )
        return _merge_if_changed(context.instance, memory, keys)

    return sense


def _take(new: list[DroppedExport], memory: SensorMemory, keys: GameKeys) -> dg.SensorResult:
    taken = {**memory.taken, **{export.batch: export.stamp for export in new}}
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                run_key=f"{export.batch}-{export.stamp}",
                partition_key=export.batch,
                asset_selection=[keys.cvat_export],
                tags={SENSOR_TAG: keys.game},
            )
            for export in new
        ],
        dynamic_partitions_requests=[
            keys.export_batches.build_add_request([export.batch for export in new])
        ],
        cursor=memory.model_copy(update={"taken": taken}).model_dump_json(),
    )


def _exports_under_way(instance: dg.DagsterInstance, keys: GameKeys) -> bool:
    unfinished = dg.RunsFilter(tags={SENSOR_TAG: keys.game}, statuses=UNFINISHED)
    return bool(instance.get_run_records(unfinished, limit=1))


def _merge_if_changed(
    instance: dg.DagsterInstance, memory: SensorMemory, keys: GameKeys
) -> dg.SensorResult:
    found = (latest_version(instance, keys.cvat_export, batch) for batch in sorted(memory.taken))
    versions = [version.model_dump() for version in found if version is not None]
    digest = digest_of(versions)
    if not versions or digest == memory.merged:
        return dg.SensorResult(
            skip_reason="No export has arrived since the last merge.",
            cursor=memory.model_dump_json(),
        )
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(run_key=f"merge-{digest}", asset_selection=list(keys.after_annotation))
        ],
        cursor=memory.model_copy(update={"merged": digest}).model_dump_json(),
    )

"""A sensor of exports, evaluated as the daemon does."""

from __future__ import annotations

import dagster as dg

from resources.artifacts import Artifacts
from resources.exports import Exports


def evaluated(
    sensor: dg.SensorDefinition, instance: dg.DagsterInstance, exports: Exports, cursor: str | None
) -> dg.SensorResult:
    """What one tick says; partitions that it asks for are there, runs are left to the caller."""
    resources = {"exports": exports, "artifacts": Artifacts(paths=exports.paths)}
    with dg.build_sensor_context(instance=instance, cursor=cursor, resources=resources) as context:
        data = sensor(context)
    assert isinstance(data, dg.SensorResult)
    for request in data.dynamic_partitions_requests or []:
        instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
    return data

"""What the pages of assets show: their newest materializations."""

from typing import Any

import dagster as dg


def newest(instance: dg.DagsterInstance, key: dg.AssetKey) -> dg.AssetMaterialization:
    event = instance.get_latest_materialization_event(key)
    assert event is not None
    assert event.asset_materialization is not None
    return event.asset_materialization


def shown(instance: dg.DagsterInstance, key: dg.AssetKey) -> dict[str, Any]:
    """The values of the metadata by name."""
    return {name: item.value for name, item in newest(instance, key).metadata.items()}

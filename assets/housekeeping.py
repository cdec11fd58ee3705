"""Removing what nothing refers to any more."""

import dagster as dg

from assets.making import DATA_VERSION_TAG
from pipeline.provenance import ArtifactVersion
from resources.artifacts import ArtifactStore, Removal, abandoned
from resources.instance import open_instance
from resources.state import StateFolder

EVENTS_A_PAGE = 1000


def collect_garbage(state: StateFolder, *, delete: bool) -> tuple[Removal, ...]:
    """Find what nothing refers to or works on any more, and remove it if asked to.

    That is artifacts that no materialization reported, what was left in staging, and the folders of
    trainings that failed or were killed.
    """
    store = ArtifactStore(state.artifacts)
    with open_instance(state) as instance:
        removals = store.garbage(_materialized(instance))
    removals += abandoned(state.jobs.glob("*"), "was left behind by a training that did not end")
    if delete:
        store.remove(removals)
    return removals


def _materialized(instance: dg.DagsterInstance) -> set[ArtifactVersion]:
    """Every version that any materialization in the instance's history reported."""
    return {version for key in instance.all_asset_keys() for version in _versions_of(instance, key)}


def _versions_of(instance: dg.DagsterInstance, key: dg.AssetKey) -> set[ArtifactVersion]:
    found: set[ArtifactVersion] = set()
    cursor: str | None = None
    while True:
        page = instance.fetch_materializations(key, limit=EVENTS_A_PAGE, cursor=cursor)
        for record in page.records:
            event = record.asset_materialization
            data_version = (event.tags or {}).get(DATA_VERSION_TAG) if event else None
            if event is not None and data_version is not None:
                found.add(
                    ArtifactVersion(
                        asset=key.to_user_string(),
                        partition=event.partition,
                        data_version=data_version,
                    )
                )
        if not page.has_more:
            return found
        cursor = page.cursor

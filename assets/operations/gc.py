"""Removing what nothing refers to any more."""

import time
from collections.abc import Iterable, Iterator

import dagster as dg

from assets.core.building import version_of
from assets.core.page_images import images_folder, images_named_in
from resources.artifacts import ABANDONED_AFTER_SECONDS, Removal, abandoned
from resources.defaults import Resources
from resources.instance import open_instance

EVENTS_A_PAGE = 1000


def collect_garbage(resources: Resources, *, delete: bool) -> tuple[Removal, ...]:
    """Find what nothing refers to or works on any more, and remove it if asked to.

    That is artifacts and images of pages that no materialization reported, what was left in
    staging, and the folders of trainings that failed or were killed.
    """
    store, state = resources.artifacts.store, resources.state
    with open_instance(state) as instance:
        events = tuple(_materializations(instance))
        versions = (version_of(event) for event in events)
        removals = store.garbage({version for version in versions if version is not None})
        images = _unused_images(instance, events)
    removals += abandoned(state.jobs.glob("*"), "was left behind by a training that did not end")
    if delete:
        store.remove(removals)
        for image in images:
            image.path.unlink(missing_ok=True)
    return (*removals, *images)


def _unused_images(
    instance: dg.DagsterInstance, events: Iterable[dg.AssetMaterialization]
) -> tuple[Removal, ...]:
    """Images of no page; young ones may belong to a materialization that is being reported."""
    folder = images_folder(instance)
    if folder is None or not folder.is_dir():
        return ()
    used = {name for event in events for name in images_named_in(event.metadata)}
    oldest = time.time() - ABANDONED_AFTER_SECONDS
    return tuple(
        Removal(file, "no materialization shows it", file.stat().st_size)
        for file in sorted(folder.iterdir())
        if file.name not in used and file.stat().st_mtime < oldest
    )


def _materializations(instance: dg.DagsterInstance) -> Iterator[dg.AssetMaterialization]:
    """Every materialization in the instance's history."""
    for key in instance.all_asset_keys():
        cursor: str | None = None
        while True:
            page = instance.fetch_materializations(key, limit=EVENTS_A_PAGE, cursor=cursor)
            found = (record.asset_materialization for record in page.records)
            yield from (event for event in found if event is not None)
            if not page.has_more:
                break
            cursor = page.cursor

"""What the sensor of exports asks of disputed images in CVAT: a run where a job was completed.

They are no exports: what is decided goes into the community's decisions, not into the merge.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import dagster as dg

from assets.core.keys import GameKeys
from assets.graph.community.disputes import open_dispute_tasks
from pipeline.games.pack import GamePack
from resources.artifacts import ArtifactStore
from resources.cvat import Cvat
from resources.cvat.errors import CvatError

DELETED = "deleted"
"""In place of the stamp of a task that is not in CVAT any more."""


@dataclass(frozen=True)
class DisputesLook:
    """One look at the tasks of which something is still to come.

    Attributes:
        seen: what is to be remembered: stamps by batch.
        requests: a run for each task with something new.
        told: what is wrong, that was not wrong before.
    """

    seen: Mapping[str, str]
    requests: tuple[dg.RunRequest, ...] = ()
    told: tuple[str, ...] = ()


def look_at_disputes(
    instance: dg.DagsterInstance,
    store: ArtifactStore,
    pack: GamePack,
    cvat: Cvat,
    seen: Mapping[str, str],
) -> DisputesLook:
    """Look once; a server that cannot be reached is told of by the source of exports.

    Args:
        seen: stamps of the look before.
    """
    keys = GameKeys.of(pack)
    tasks = tuple(open_dispute_tasks(instance, store, keys)) if pack.community else ()
    if not tasks:
        return DisputesLook({})
    try:
        found = cvat.completed_stamps(tasks)
    except CvatError:
        return DisputesLook(seen)
    stamps = {name: one if isinstance(one, str) else DELETED for name, one in found.items()}
    new = [name for name, stamp in stamps.items() if stamp and stamp != seen.get(name)]
    requests = (_request(keys, name, stamps[name]) for name in new if stamps[name] != DELETED)
    problems = (found[name] for name in new if stamps[name] == DELETED)
    told = (f"{one.problem} {one.fix}" for one in problems if isinstance(one, CvatError))
    return DisputesLook(stamps, tuple(requests), tuple(told))


def _request(keys: GameKeys, batch: str, stamp: str) -> dg.RunRequest:
    # The same key for the same work: a sensor that remembers nothing asks for nothing twice.
    return dg.RunRequest(
        run_key=f"disputes-{batch}-{stamp}",
        partition_key=batch,
        asset_selection=[keys.settled_disputes],
    )

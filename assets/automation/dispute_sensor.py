"""The sensor that reads what people have decided in CVAT about disputed images of players.

It is not that of exports (`export_sensor`): what is decided goes into the community's decisions and
not into the merge, and assets of other partitions cannot be asked for by one sensor in Dagster.
Only tasks are looked at of which something is still to come; a run is asked for when a job of one
was completed, or a completed one was changed.
"""

from collections.abc import Iterator

import dagster as dg
from pydantic import BaseModel, ValidationError

from assets.core.keys import GameKeys
from assets.graph.community.disputes import open_dispute_tasks
from pipeline.games.pack import GamePack
from resources.artifacts import Artifacts
from resources.cvat import Cvat
from resources.cvat.errors import CvatError
from resources.local_artifacts.in_use import used_for_a_while

DELETED = "deleted"
"""In place of the stamp of a task that is not in CVAT any more."""


class DisputeMemory(BaseModel):
    """What the sensor remembers between ticks."""

    stamps: dict[str, str] = {}
    """What was completed at the last tick, by batch; see `Cvat.completed_stamps`."""
    is_unreachable: bool = False
    """Whether CVAT could not be asked then, which has been told."""


def dispute_sensor(pack: GamePack) -> dg.SensorDefinition:
    """Watches the tasks of disputed images; off until somebody turns it on."""
    keys = GameKeys.of(pack)

    @dg.sensor(
        name=f"{pack.name}_dispute_sensor",
        target=dg.AssetSelection.assets(keys.settled_disputes),
        minimum_interval_seconds=60,
        description=f"Takes note of what is decided in CVAT about images that players of "
        f"{pack.title} do not agree on, as soon as a job with some of them is completed.",
    )
    def sense(
        context: dg.SensorEvaluationContext, artifacts: Artifacts, cvat: Cvat
    ) -> dg.SensorResult:
        memory = _remembered(context.cursor)
        with used_for_a_while():  # the process of the sensors goes on for weeks
            tasks = tuple(open_dispute_tasks(context.instance, artifacts.store, keys))
        if not tasks:
            return _skip("No batch of disputed images is open in CVAT.", DisputeMemory())
        try:
            found = cvat.completed_stamps(tasks)
        except CvatError as error:
            told = "CVAT cannot be asked, as before."
            said = told if memory.is_unreachable else f"{error.problem} {error.fix}"
            return _skip(said, memory.model_copy(update={"is_unreachable": True}))
        stamps = {name: one if isinstance(one, str) else DELETED for name, one in found.items()}
        new = {name: s for name, s in stamps.items() if s and s != memory.stamps.get(name)}
        cursor = DisputeMemory(stamps=stamps)
        requests = list(_requests(keys, new))
        problems = [one for name, one in found.items() if name in new and not isinstance(one, str)]
        for problem in problems:
            context.log.warning(str(problem))
        if requests:
            return dg.SensorResult(run_requests=requests, cursor=cursor.model_dump_json())
        told = " ".join(f"{one.problem} {one.fix}" for one in problems)
        return _skip(told or "No job was completed since the last look.", cursor)

    return sense


def _requests(keys: GameKeys, stamps: dict[str, str]) -> Iterator[dg.RunRequest]:
    for batch, stamp in stamps.items():
        if stamp != DELETED:
            # The same key for the same work: what was asked for once is not asked for again by a
            # sensor that was cleared.
            yield dg.RunRequest(
                run_key=f"{batch}-{stamp}",
                partition_key=batch,
                asset_selection=[keys.settled_disputes],
            )


def _remembered(cursor: str | None) -> DisputeMemory:
    """Nothing where the cursor is empty or damaged: reading the same again changes nothing."""
    try:
        return DisputeMemory.model_validate_json(cursor or "{}")
    except ValidationError:
        return DisputeMemory()


def _skip(reason: str, memory: DisputeMemory) -> dg.SensorResult:
    return dg.SensorResult(skip_reason=reason, cursor=memory.model_dump_json())

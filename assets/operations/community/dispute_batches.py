"""Disputed images that go to CVAT: choosing a batch, taking back what was decided."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from assets.core.building import latest, latest_version
from assets.core.keys import GameKeys
from assets.core.runs import materialize
from assets.definitions import build_definitions
from assets.graph.annotation_batches import require_batch_name
from assets.graph.community.disputes import (
    dispute_batch_names,
    dispute_project,
    dispute_task_of,
    open_dispute_tasks,
)
from assets.operations.community.contributors import community_pack
from pipeline.annotation.tasks.pushed_tasks import PushedTask
from pipeline.community.dispute_batches.dispute_batch import DisputeBatch
from pipeline.community.dispute_batches.settled_disputes import SettledDisputes
from pipeline.errors import OutpostError
from pipeline.games.pack import GamePack
from resources.cvat.tasks import TaskState
from resources.defaults import Resources
from resources.instance import open_instance


class UnfinishedTaskError(OutpostError):
    """A task of which nothing is completed."""


@dataclass(frozen=True)
class ChosenDisputes:
    """A batch of disputed images, for people.

    Attributes:
        waiting: groups that are not settled and in no batch.
        folder: of the images.
    """

    batch: str
    groups: int
    waiting: int
    folder: Path


@dataclass(frozen=True)
class PulledDisputes:
    """What has come of a task.

    Attributes:
        unchanged: nothing since it was pulled the last time.
        counts: images by what became of them.
        problem: why it could not be read, and what to do.
    """

    task: PushedTask
    unchanged: bool = False
    counts: dict[str, int] | None = None
    problem: str = ""


def choose_disputes(resources: Resources, game: str | Path, name: str, most: int) -> ChosenDisputes:
    """Choose the disputed images of a batch.

    Raises:
        ContributorError: the game has no community.
        BatchNameError: the name has other characters than it may have.
        OutpostError: nothing can be chosen; a batch of a new name is not there then.
    """
    pack = community_pack(game)
    require_batch_name(name)
    resources.state.require_writable()
    keys = GameKeys.of(pack)
    partitions = keys.dispute_batches.name
    assert partitions is not None
    definitions = build_definitions(pack, resources.by_name())
    config = {keys.disputed_crops.to_python_identifier(): {"config": {"most": most}}}
    with open_instance(resources.state) as instance:
        is_new = name not in dispute_batch_names(instance, keys)
        instance.add_dynamic_partitions(partitions, [name])
        try:
            materialize(definitions, instance, [keys.disputed_crops], partition=name, config=config)
        except BaseException:
            if is_new:
                instance.delete_dynamic_partition(partitions, name)
            raise
        artifact = latest(instance, resources.artifacts.store, keys.disputed_crops, name)
    batch = DisputeBatch.open(artifact.path)
    return ChosenDisputes(name, len(batch.crops), batch.content.waiting, batch.folder)


def pull_disputes(
    resources: Resources, pack: GamePack, wanted: str | None
) -> tuple[PulledDisputes, ...]:
    """Note what people have decided in completed jobs of disputed images.

    Args:
        wanted: number or name of a task; None for all of which something is still to come.

    Raises:
        UnfinishedTaskError: the task that is wanted has no completed job.
        CvatError: CVAT cannot be reached or refuses the token.
    """
    if pack.community is None:
        return ()
    keys, store = GameKeys.of(pack), resources.artifacts.store
    with open_instance(resources.state) as instance:
        if wanted is None:
            tasks = tuple(open_dispute_tasks(instance, store, keys))
        else:
            every = _tasks(resources, instance, keys)
            tasks = tuple(task for task in every if wanted in (str(task.id), task.name))
        if not tasks:
            return ()
        stamps = resources.cvat.completed_stamps(tasks)
        for task in tasks if wanted is not None else ():
            _require_completed_job(task, stamps[task.name])
        return tuple(
            _pulled(resources, pack, instance, task) for task in tasks if stamps[task.name]
        )


def dispute_states(resources: Resources, pack: GamePack) -> Iterator[tuple[TaskState, str]]:
    """Each task of disputed images in CVAT, and how far it was pulled, in words.

    Raises:
        CvatError: CVAT cannot be reached or refuses the token.
    """
    if pack.community is None:
        return
    keys, store = GameKeys.of(pack), resources.artifacts.store
    with open_instance(resources.state) as instance:
        for task in _tasks(resources, instance, keys):
            version = latest_version(instance, keys.settled_disputes, task.name)
            settled = SettledDisputes.open(store.open(version).path) if version else None
            for state in resources.cvat.tasks(dispute_project(pack.name, task.name)):
                if state.id == task.id:
                    yield state, in_words(settled.counts) if settled else "no"


def in_words(counts: dict[str, int]) -> str:
    """How many images became what."""
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.items())


def _tasks(
    resources: Resources, instance: dg.DagsterInstance, keys: GameKeys
) -> Iterator[PushedTask]:
    for name in dispute_batch_names(instance, keys):
        if (task := dispute_task_of(instance, resources.artifacts.store, keys, name)) is not None:
            yield task


def _require_completed_job(task: PushedTask, stamp: object) -> None:
    if not stamp:
        raise UnfinishedTaskError(
            f"No job of the task '{task.name}' is completed.",
            f"Set the state of a job to completed when it is done: {task.url}",
        )


def _pulled(
    resources: Resources, pack: GamePack, instance: dg.DagsterInstance, task: PushedTask
) -> PulledDisputes:
    key = GameKeys.of(pack).settled_disputes
    definitions = build_definitions(pack, resources.by_name())
    try:
        (made,) = materialize(definitions, instance, [key], partition=task.name)
    except OutpostError as error:
        return PulledDisputes(task, problem=str(error))
    artifact = latest(instance, resources.artifacts.store, key, task.name)
    return PulledDisputes(task, made.skipped, SettledDisputes.open(artifact.path).counts)

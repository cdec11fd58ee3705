"""Annotation batches in CVAT, where people label them.

The asset always asks the server, so that a task that somebody deleted there is made again. What was
made is an artifact with the numbers and links of the tasks.
"""

import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from assets.core.building import (
    AssetBuild,
    Metadata,
    NotMaterializedError,
    build_asset,
    latest,
    latest_version,
    made_from,
    notice,
)
from assets.core.keys import GameKeys
from assets.core.launchpad import LaunchpadConfig
from assets.core.metadata import table
from assets.graph.annotation_batches import latest_batch
from pipeline.annotation.annotation_batch import AnnotationBatch
from pipeline.annotation.prelabels import Prelabels
from pipeline.annotation.tasks.pushed_tasks import PushedTask, PushedTasks
from pipeline.annotation.tasks.task_plan import PlannedTask, plan_tasks
from pipeline.games.pack import GamePack
from pipeline.manifests import digest_of
from pipeline.provenance import ArtifactVersion, code_version_of
from resources.artifacts import Artifact, Artifacts, ArtifactStore
from resources.cvat import Cvat
from resources.gpu.leases.file_lock import hold_lock
from resources.paths import Paths
from resources.run_log import reporter

if TYPE_CHECKING:
    from resources.cvat.push import TaskInCvat

GROUP = "annotations"
PUSHER_DIGITS = 8
LOCK = "cvat push.lock"
"""In the state folder: one push would take another's half task for an old one, and remove it.
Pushes from other state folders are told by `pusher_of`."""


def cvat_task_assets(pack: GamePack) -> list[dg.AssetsDefinition]:
    """The tasks of a game in CVAT."""
    return [_cvat_task(pack)]


def _cvat_task(pack: GamePack) -> dg.AssetsDefinition:
    keys = GameKeys.of(pack)
    code = code_version_of(
        "pipeline.annotation.tasks.task_plan", "pipeline.annotation.tasks.pushed_tasks"
    )

    class CvatTaskConfig(LaunchpadConfig):
        """How a batch goes to CVAT. The access token is read from CVAT_ACCESS_TOKEN."""

        with_prelabels: bool = Field(
            True,
            description="Send the boxes of prelabels to correct. Without, all frames go out empty; "
            "blind frames always do.",
        )

    @dg.asset(
        key=keys.cvat_task,
        deps=[keys.annotation_batch, keys.hard_negatives, keys.prelabels],
        partitions_def=keys.annotation_batches,
        group_name=GROUP,
        kinds={"cvat"},
        code_version=code,
        description="The batch as tasks in CVAT: a project with the pack's labels, a task with "
        "images and boxes to correct, another one for blind frames. Pushing again changes nothing.",
    )
    def cvat_task(
        context: dg.AssetExecutionContext,
        config: CvatTaskConfig,
        artifacts: Artifacts,
        cvat: Cvat,
        paths: Paths,
    ) -> dg.MaterializeResult[Any]:
        name, store = context.partition_key, artifacts.store
        inputs = [latest_batch(context.instance, store, keys, name)]
        if config.with_prelabels:
            inputs.append(_prelabels_of(context.instance, store, keys, name))
        batch = AnnotationBatch.open(inputs[0].path)
        prelabels = Prelabels.open(inputs[1].path) if config.with_prelabels else None
        planned = plan_tasks(name, batch, prelabels)
        report = reporter(context.log.info)
        with hold_lock(paths.state.root / LOCK):
            pusher = pusher_of(paths.state.root)
            pushed = cvat.push(pack.name, pack.class_names, planned, pusher, report)
        for task in pushed:
            if not task.is_new:
                notice(context.log.info, f"{task.name} is in CVAT already, and was left as it is.")
        tasks = tuple(map(_record_of, pushed, planned))
        earlier = latest_version(context.instance, keys.cvat_task, name)
        records = store.provenance_of(earlier) if earlier else ()
        if earlier and records:
            # What is there is what went out then, whatever was made since.
            recorded = {task.url: task for task in PushedTasks.open(store.open(earlier).path).tasks}
            known = {task.url: recorded.get(task.url) for task in pushed if not task.is_new}
            tasks = tuple(known.get(task.url) or task for task in tasks)
            if known.get(tasks[0].url):
                # The first task has the boxes; that of blind frames may have been made again.
                inputs = [store.open(version) for version in records[0].recipe.inputs]
        recipe = {"tasks": [task.url for task in tasks]}
        build = AssetBuild(context, store, keys.cvat_task, code, recipe, tuple(inputs))

        def write(folder: Path) -> None:
            PushedTasks.write(folder, tasks)

        return build_asset(build, write, lambda folder: show_tasks(PushedTasks.open(folder)))

    return cvat_task


def pusher_of(state_folder: Path) -> str:
    """What tells this state folder from those of other machines and checkouts."""
    return digest_of([platform.node(), str(state_folder.resolve())])[:PUSHER_DIGITS]


def pushed_prelabels(
    store: ArtifactStore, task: ArtifactVersion, keys: GameKeys
) -> ArtifactVersion | None:
    """The prelabels that went to CVAT with the tasks of a batch; None if they went without."""
    return next(iter(made_from(store, task, keys.prelabels)), None)


def _prelabels_of(
    instance: dg.DagsterInstance, store: ArtifactStore, keys: GameKeys, name: str
) -> Artifact:
    if latest_version(instance, keys.prelabels, name) is None:
        raise NotMaterializedError(
            f"No boxes to correct have been found for the batch '{name}' yet.",
            f"Find them: `outpost annotate prelabel {name}`, or materialize "
            f"{keys.prelabels.to_user_string()}. Or send its frames without: `outpost cvat push "
            f"{name} --no-prelabels`, in the launchpad with_prelabels: false.",
        )
    return latest(instance, store, keys.prelabels, name)


def show_tasks(pushed: PushedTasks) -> Metadata:
    """Where to label, and how much there is."""
    rows = (
        [f"[{task.name}]({task.url})", task.frames, task.boxes, "yes" if task.blind else ""]
        for task in pushed.tasks
    )
    return {
        "link": dg.MetadataValue.url(pushed.tasks[0].url),
        "frames": sum(task.frames for task in pushed.tasks),
        "boxes": sum(task.boxes for task in pushed.tasks),
        "tasks": table(["task", "frames", "boxes to correct", "blind"], rows),
    }


def _record_of(pushed: "TaskInCvat", planned: PlannedTask) -> PushedTask:
    return PushedTask(
        id=pushed.id,
        name=pushed.name,
        url=pushed.url,
        frames=pushed.frames,
        boxes=planned.box_count,
        blind=planned.is_blind,
    )

"""Images on which contributors disagree, on their way to CVAT and back.

They go as screenshots do (`assets.graph.cvat_tasks`): chosen as a batch, pushed as a task, read
when jobs are completed. What comes back are decisions, with which the votes are counted the next
time; so the votes are upstream of a batch, and a batch is not upstream of the votes.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from assets.core.building import (
    AssetBuild,
    Metadata,
    NotMaterializedError,
    build_asset,
    keep_artifact,
    latest,
    latest_version,
    made_from,
    notice,
)
from assets.core.keys import GameKeys
from assets.core.launchpad import LaunchpadConfig
from assets.core.metadata import image, limited, literal, table
from assets.graph.annotation_batches import require_batch_name
from assets.graph.community.votes import counted_contributions
from assets.graph.cvat_tasks import LOCK, pusher_of
from pipeline.annotation.tasks.pushed_tasks import PushedTask, PushedTasks
from pipeline.annotation.tasks.task_plan import PlannedTask, PresetTag
from pipeline.community.dispute_batches.batch_sheet import batch_sheet
from pipeline.community.dispute_batches.choosing import Excluded, choose_disputes
from pipeline.community.dispute_batches.dispute_batch import (
    DisputeBatch,
    DisputeBatchError,
    DisputedCrop,
)
from pipeline.community.dispute_batches.settled_disputes import (
    CLOSED,
    SettledContent,
    SettledCrop,
    SettledDisputes,
)
from pipeline.community.dispute_batches.settling import (
    Circumstances,
    decisions_of,
    left_to_ask,
    require_labels,
    settle,
)
from pipeline.community.dispute_batches.tag_labels import NO_NAME, tag_labels_of
from pipeline.community.staged_crops import StagedCrops
from pipeline.community.voted_crops import VotedCrops
from pipeline.games.pack import GamePack
from pipeline.manifests import digest_of
from pipeline.provenance import ArtifactVersion, code_version_of
from resources.artifacts import Artifact, Artifacts, ArtifactStore
from resources.contributions import Contributions
from resources.cvat import Cvat
from resources.gpu.leases.file_lock import hold_lock
from resources.paths import Paths
from resources.run_log import reporter

GROUP = "community"
MOST_ROWS = 50
JOB_SIZE = 25
"""Images in a job of CVAT: what is completed counts, whatever else is open."""


def dispute_assets(pack: GamePack) -> list[dg.AssetsDefinition]:
    """Batches of disputed images; nothing for games without a community."""
    if pack.community is None:
        return []
    return [_disputed_crops(pack), _dispute_task(pack), _settled_disputes(pack)]


def dispute_project(game: str, batch: str) -> str:
    """The project in CVAT of a batch: the names in dispute are its labels, and no one else's."""
    return f"{game}-community {batch}"


def dispute_task_of(
    instance: dg.DagsterInstance, store: ArtifactStore, keys: GameKeys, batch: str
) -> PushedTask | None:
    """The task that a batch has become in CVAT; None before it was pushed."""
    version = latest_version(instance, keys.dispute_task, batch)
    return PushedTasks.open(store.open(version).path).tasks[0] if version else None


def dispute_batch_names(instance: dg.DagsterInstance, keys: GameKeys) -> tuple[str, ...]:
    """Every batch of disputed images, by name."""
    known = keys.dispute_batches.get_partition_keys(dynamic_partitions_store=instance)
    return tuple(sorted(known))


def open_dispute_tasks(
    instance: dg.DagsterInstance, store: ArtifactStore, keys: GameKeys
) -> Iterator[PushedTask]:
    """The tasks of which something is still to come, by the names of their batches."""
    for name in dispute_batch_names(instance, keys):
        task = dispute_task_of(instance, store, keys, name)
        version = latest_version(instance, keys.settled_disputes, name)
        settled = SettledDisputes.open(store.open(version).path) if version else None
        if task is not None and (
            settled is None or settled.content.url != task.url or not settled.is_closed
        ):
            yield task


def _disputed_crops(pack: GamePack) -> dg.AssetsDefinition:
    keys = GameKeys.of(pack)
    code = code_version_of(
        "pipeline.community.dispute_batches.choosing",
        "pipeline.community.dispute_batches.dispute_batch",
        "pipeline.community.votes.agreement",
    )

    class DisputedCropsConfig(LaunchpadConfig):
        """How much a person is asked."""

        most: int = Field(
            100, ge=1, le=1000, description="Groups at most; the others wait for another batch."
        )

    @dg.asset(
        key=keys.disputed_crops,
        deps=[keys.voted_crops],
        partitions_def=keys.dispute_batches,
        group_name=GROUP,
        kinds={"png", "json"},
        code_version=code,
        description="The images to decide next: those that votes have not settled, the disputed "
        "ones with most votes first, of equally many those nearest to a tie. None is in two "
        "batches. Pushed to CVAT, they are seen by all who may see its project.",
    )
    def disputed_crops(
        context: dg.AssetExecutionContext,
        config: DisputedCropsConfig,
        artifacts: Artifacts,
        contributions: Contributions,
    ) -> dg.MaterializeResult[Any]:
        name, instance, store = context.partition_key, context.instance, artifacts.store
        require_batch_name(name)
        kept = latest_version(instance, keys.disputed_crops, name)
        voted = latest(instance, store, keys.voted_crops)
        decided = contributions.decisions(pack.name).read().entries
        excluded = Excluded(
            {one.sha256 for one in decided} | set(_taken(instance, store, keys, name)),
            contributions.withdrawals(pack.name).read().installs,
        )
        recipe = {
            "most": config.most,
            "images": digest_of(sorted(excluded.images)),
            "installs": sorted(excluded.installs),
        }
        build = AssetBuild(context, store, keys.disputed_crops, code, recipe, (voted,))
        if kept and latest_version(instance, keys.dispute_task, name):
            notice(
                context.log.info,
                f"The batch '{name}' is in CVAT already, and stays as it is. Choose another name.",
            )
            return keep_artifact(build, kept, _show_batch)
        votes = VotedCrops.open(voted.path)
        content = choose_disputes(votes.content, excluded, config.most)
        if not content.crops:
            raise DisputeBatchError(
                f"There is nothing to decide of {pack.title}: the votes have settled every image "
                "that is in no other batch.",
                "Wait for more contributions, and materialize voted_crops.",
            )

        def write(folder: Path) -> None:
            files = {
                member.sha256: votes.folder / place
                for crop in votes.content.crops
                for member, place in zip(crop.members, crop.images, strict=True)
            }
            DisputeBatch.write(folder, content, files)

        return build_asset(build, write, _show_batch)

    return disputed_crops


def _dispute_task(pack: GamePack) -> dg.AssetsDefinition:
    keys = GameKeys.of(pack)
    code = code_version_of(
        "pipeline.annotation.tasks.task_plan",
        "pipeline.annotation.tasks.pushed_tasks",
        "pipeline.community.dispute_batches.tag_labels",
    )

    @dg.asset(
        key=keys.dispute_task,
        deps=[keys.disputed_crops],
        partitions_def=keys.dispute_batches,
        group_name=GROUP,
        kinds={"cvat"},
        code_version=code,
        description="The batch as a task in CVAT: each image with a tag to correct, which says "
        "what the votes and the classifier say. Pushing again changes nothing.",
    )
    def dispute_task(
        context: dg.AssetExecutionContext,
        artifacts: Artifacts,
        contributions: Contributions,
        cvat: Cvat,
        paths: Paths,
    ) -> dg.MaterializeResult[Any]:
        name, instance, store = context.partition_key, context.instance, artifacts.store
        chosen = latest(instance, store, keys.disputed_crops, name)
        batch = DisputeBatch.open(chosen.path)
        known = _circumstances(instance, store, pack, contributions, name)
        asked = left_to_ask(batch, known)
        if not asked:
            raise DisputeBatchError(
                f"Nothing of the batch '{name}' is to be decided any more: all of it is decided, "
                "or was sent by contributors who are withdrawn.",
                "Choose another batch: `outpost community disputes --batch NAME`.",
            )
        with hold_lock(paths.state.root / LOCK):
            (pushed,) = cvat.push_tags(
                dispute_project(pack.name, name),
                (*NO_NAME, *tag_labels_of(batch.names).values()),
                [_planned(name, batch, asked)],
                pusher_of(paths.state.root),
                reporter(context.log.info),
            )
        if not pushed.is_new:
            notice(context.log.info, f"{name} is in CVAT already, and was left as it is.")
        task = PushedTask(
            id=pushed.id, name=name, url=pushed.url, frames=pushed.frames, boxes=0, blind=False
        )
        build = AssetBuild(context, store, keys.dispute_task, code, {"task": task.url}, (chosen,))

        def write(folder: Path) -> None:
            PushedTasks.write(folder, (task,))

        return build_asset(build, write, _show_task)

    return dispute_task


def _settled_disputes(pack: GamePack) -> dg.AssetsDefinition:
    keys = GameKeys.of(pack)
    code = code_version_of(
        "pipeline.community.dispute_batches.settling",
        "pipeline.community.dispute_batches.settled_disputes",
        "pipeline.community.dispute_batches.tag_labels",
    )

    @dg.asset(
        key=keys.settled_disputes,
        deps=[keys.dispute_task],
        partitions_def=keys.dispute_batches,
        group_name=GROUP,
        kinds={"cvat", "json"},
        code_version=code,
        description="What people have decided in CVAT about the images of a batch, as far as its "
        "jobs are completed. It is noted as decisions, with which voted_crops counts next time.",
    )
    def settled_disputes(
        context: dg.AssetExecutionContext,
        artifacts: Artifacts,
        contributions: Contributions,
        cvat: Cvat,
    ) -> dg.MaterializeResult[Any]:
        name, instance, store = context.partition_key, context.instance, artifacts.store
        task_version = _pushed(instance, keys, name)
        pushed = store.open(task_version)
        (task,) = PushedTasks.open(pushed.path).tasks
        chosen = store.open(made_from(store, task_version, keys.disputed_crops)[0])
        batch = DisputeBatch.open(chosen.path)
        found = cvat.tags(task)
        require_labels(batch, found.labels, task.url)
        known = _circumstances(instance, store, pack, contributions, name, task)
        settled = settle(batch, found.images, known)
        noted = tuple(decisions_of(settled, known, datetime.now(UTC).date()))
        if noted:
            contributions.decisions(pack.name).change(lambda known: known.including(noted))
            notice(
                context.log.info,
                f"{len(noted)} decisions of '{name}' are noted. They count when voted_crops is "
                "materialized.",
            )
        content = SettledContent(url=task.url, crops=settled)
        recipe = {"settled": digest_of(content.model_dump(mode="json"))}
        build = AssetBuild(context, store, keys.settled_disputes, code, recipe, (pushed, chosen))

        def write(folder: Path) -> None:
            SettledDisputes.write(folder, content)

        return build_asset(build, write, partial(_show_settled, batch=batch))

    return settled_disputes


def _taken(
    instance: dg.DagsterInstance, store: ArtifactStore, keys: GameKeys, own: str
) -> Iterator[str]:
    """Digests of all images of all other batches."""
    for name in dispute_batch_names(instance, keys):
        version = latest_version(instance, keys.disputed_crops, name)
        if name != own and version is not None:
            yield from DisputeBatch.open(store.open(version).path).digests


def _pushed(instance: dg.DagsterInstance, keys: GameKeys, name: str) -> ArtifactVersion:
    version = latest_version(instance, keys.dispute_task, name)
    if version is None:
        raise NotMaterializedError(
            f"The batch '{name}' of disputed images was never pushed to CVAT.",
            f"Push it: `outpost cvat push {name}`.",
        )
    return version


def _circumstances(
    instance: dg.DagsterInstance,
    store: ArtifactStore,
    pack: GamePack,
    contributions: Contributions,
    name: str,
    task: PushedTask | None = None,
) -> Circumstances:
    assert pack.community is not None
    withdrawn = contributions.withdrawals(pack.name).read().installs
    sent = counted_contributions(instance, store, GameKeys.of(pack), withdrawn)
    return Circumstances(
        name,
        f"task {task.id} in CVAT" if task else "",
        frozenset(_digests(sent)),
        contributions.decisions(pack.name).read().entries,
        {"icon": pack.community.icons, "screen": pack.community.screen_types},
    )


def _digests(sent: Sequence[Artifact]) -> Iterator[str]:
    for artifact in sent:
        for crop in StagedCrops.open(artifact.path).content.crops:
            yield crop.sha256


def _planned(name: str, batch: DisputeBatch, asked: Sequence[DisputedCrop]) -> PlannedTask:
    labels = tag_labels_of(batch.names)
    return PlannedTask(
        name=name,
        images=tuple(batch.image_of(crop) for crop in asked),
        boxes={},
        tags={crop.image: PresetTag(labels[crop.label], "; ".join(crop.told)) for crop in asked},
        job_size=JOB_SIZE,
        may_hold_more=True,
    )


def _show_batch(folder: Path) -> Metadata:
    batch = DisputeBatch.open(folder)
    crops = batch.crops
    sheet = batch_sheet("To decide", batch, crops, lambda crop: crop.told)
    return {
        "groups": len(crops),
        "disputed": sum(crop.status == "disputed" for crop in crops),
        "tentative": sum(crop.status == "tentative" for crop in crops),
        "names_in_dispute": len(batch.names),
        "waiting": batch.content.waiting,
        "preview": [image(sheet, "to decide, most worth first")] if sheet else [],
        "asked": table(
            ["image", "kind", "state", "votes", "model"],
            limited(
                [
                    [crop.image, crop.kind, crop.status, _votes(crop), literal(crop.model)]
                    for crop in crops[:MOST_ROWS]
                ],
                len(crops),
            ),
        ),
        "next": "outpost cvat push, with the name of the batch",
    }


def _show_task(folder: Path) -> Metadata:
    (task,) = PushedTasks.open(folder).tasks
    return {
        "link": dg.MetadataValue.url(task.url),
        "images": task.frames,
        "jobs": -(-task.frames // JOB_SIZE),
        "next": "complete its jobs in CVAT, then outpost cvat pull",
    }


def _show_settled(folder: Path, batch: DisputeBatch) -> Metadata:
    settled = SettledDisputes.open(folder)
    outcomes = {crop.sha256: crop for crop in settled.content.crops}
    decided = [crop for crop in settled.content.crops if crop.outcome == "decided"]
    left = [crop for crop in batch.crops if outcomes[crop.sha256].outcome not in CLOSED]
    sheets = {
        title: batch_sheet(title, batch, crops, lambda crop: _became(outcomes[crop.sha256], crop))
        for title, crops in {
            "decided": [one for one in batch.crops if outcomes[one.sha256] in decided],
            "open": left,
        }.items()
    }
    return {
        "link": dg.MetadataValue.url(settled.content.url),
        "state": "closed" if settled.is_closed else "open",
        "decided": len(decided),
        "decided_as_voted": sum(crop.as_voted for crop in decided),
        "open": len(left),
        "preview": [image(sheet, title) for title, sheet in sheets.items() if sheet],
        "outcomes": table(["outcome", "images"], settled.counts.items()),
        "images": table(
            ["image", "votes", "outcome", "label", "tag"],
            limited(
                [
                    [crop.image, _votes(crop), one.outcome, literal(one.label), literal(one.tag)]
                    for crop in batch.crops[:MOST_ROWS]
                    for one in [outcomes[crop.sha256]]
                ],
                len(batch.crops),
            ),
        ),
        "next": "materialize voted_crops: decisions count then" if decided else "nothing",
    }


def _became(settled: SettledCrop, crop: DisputedCrop) -> tuple[str, ...]:
    first = settled.label or settled.tag or settled.outcome
    return (
        first,
        *([] if settled.outcome in ("decided", first) else [settled.outcome]),
        *crop.told,
    )


def _votes(crop: DisputedCrop) -> str:
    return literal("; ".join(crop.told))

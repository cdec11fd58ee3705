"""Going to CVAT and back: labels, batches that go out, finished tasks that come in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from assets.core.building import latest
from assets.core.keys import GameKeys
from assets.core.runs import materialize
from assets.definitions import build_definitions
from assets.graph.community.disputes import dispute_batch_names
from assets.operations.annotating.batch_choice import has_frames, require_batch
from assets.operations.community.dispute_batches import dispute_states, in_words, pull_disputes
from pipeline.annotation.tasks.project_labels import raw_labels
from pipeline.annotation.tasks.pushed_tasks import PushedTask, PushedTasks
from pipeline.errors import OutpostError
from pipeline.games.pack import GamePack, load_pack
from pipeline.progress import Report, silent
from resources.cvat import CompletedTask
from resources.cvat.tasks import TaskState
from resources.defaults import Resources
from resources.exports.base import Listing, batch_name
from resources.instance import open_instance


class UnknownTaskError(OutpostError):
    """A task that there is not, or that is not ready."""


@dataclass(frozen=True)
class PushReport:
    """Where a batch is labelled.

    Attributes:
        unchanged: all of it was there before.
    """

    tasks: tuple[PushedTask, ...]
    unchanged: bool


@dataclass(frozen=True)
class PulledTask:
    """What became of a completed task.

    Attributes:
        outcome: "pulled", "there already", "retired" or "failed".
        file: in the exports folder, whether it is there or not; or where it is already. Of disputed
            images: where decisions are noted.
        problem: why it failed, and what to do.
        detail: of disputed images: how many became what.
    """

    id: int
    name: str
    outcome: str
    file: Path
    problem: str = ""
    detail: str = ""


@dataclass(frozen=True)
class TaskRow:
    """A task on the server, for people.

    Attributes:
        pulled: "yes", "before its last change" or "no"; of disputed images, how many became what.
    """

    id: int
    name: str
    state: str
    frames: int
    boxes: int
    jobs: int
    completed_jobs: int
    pulled: str
    url: str


def label_json(game: str | Path) -> str:
    """What CVAT's *Raw* label editor takes, for those who make the project by hand."""
    return raw_labels(load_pack(game).class_names)


def push(
    resources: Resources, game: str | Path, batch: str, *, with_prelabels: bool = True
) -> PushReport:
    """Materialize the tasks of an annotation batch: of its frames, of its disputed images.

    Raises:
        UnknownAnnotationBatchError: there is no such batch.
        NotMaterializedError: the batch or its prelabels were never made.
        DisputeBatchError: none of its disputed images is to be decided any more.
        CvatError: CVAT cannot be reached, refuses the token, or does not take the batch.
    """
    pack = load_pack(game)
    keys = GameKeys.of(pack)
    with open_instance(resources.state) as instance:
        disputed = pack.community is not None and batch in dispute_batch_names(instance, keys)
        if not disputed:
            require_batch(instance, pack, batch)
        asked = {"config": {"with_prelabels": with_prelabels}}
        configs = {keys.cvat_task: {keys.cvat_task.to_python_identifier(): asked}}
        wanted = [keys.cvat_task] if has_frames(instance, pack, batch) else []
        definitions, tasks = build_definitions(pack, resources.by_name()), list[PushedTask]()
        unchanged = True
        for key in (*wanted, *([keys.dispute_task] if disputed else [])):
            (made,) = materialize(
                definitions, instance, [key], partition=batch, config=configs.get(key)
            )
            artifact = latest(instance, resources.artifacts.store, key, batch)
            tasks += PushedTasks.open(artifact.path).tasks
            unchanged = unchanged and made.skipped
        return PushReport(tuple(tasks), unchanged)


def pull(
    resources: Resources, game: str | Path, wanted: str | None = None, report: Report = silent
) -> tuple[PulledTask, ...]:
    """Download completed tasks into the exports folder; what is there already, or was fetched by a
    run because CVAT itself is a source, is left alone. What was decided about disputed images is
    noted, as far as their jobs are completed.

    Args:
        wanted: number or name of a task; None for all.

    Raises:
        UnknownTaskError: there is no such task, or it is not completed.
        CvatError: CVAT cannot be reached or refuses the token.
        ExportSourceError: the exports folder does not tell what it holds, or what was retired.
    """
    pack = load_pack(game)
    tasks, disputed = resources.cvat.tasks(pack.name), _pull_disputes(resources, pack, wanted)
    if wanted is not None:
        tasks = tuple(task for task in tasks if wanted in (str(task.id), task.name))
        if not tasks and disputed:
            return disputed
        _require_completed(tasks, wanted, pack.name)
    return (*_pull_frames(resources, pack.name, tasks, report), *disputed)


def _pull_disputes(
    resources: Resources, pack: GamePack, wanted: str | None
) -> tuple[PulledTask, ...]:
    file = resources.state.community_decisions(pack.name)
    return tuple(
        PulledTask(
            one.task.id,
            one.task.name,
            "failed" if one.problem else "there already" if one.unchanged else "pulled",
            file,
            one.problem,
            in_words(one.counts or {}),
        )
        for one in pull_disputes(resources, pack, wanted)
    )


def _pull_frames(
    resources: Resources, game: str, tasks: Sequence[TaskState], report: Report
) -> tuple[PulledTask, ...]:
    exports, folder = resources.exports, resources.exports.dropped(game)
    listing = exports.listing(game)
    if folder.name in listing.unreachable:
        raise listing.unreachable[folder.name]
    retired = {one.batch for one in (*folder.retired(), *exports.retired(game))}
    pulled = []
    for one in (task.completed for task in tasks if task.completed):
        file = folder.path / one.export_name
        if (there := _place_of(listing, one)) is not None:
            pulled.append(PulledTask(one.id, one.name, "there already", there))
        elif batch_name(file.name) in retired:
            pulled.append(PulledTask(one.id, one.name, "retired", file))
        else:
            pulled.append(_download(resources, one, file, report))
    return tuple(pulled)


def status(resources: Resources, game: str | Path) -> tuple[TaskRow, ...]:
    """Every task of the game's project, from the first to the last; then those of disputed images.

    Raises:
        CvatError: CVAT cannot be reached or refuses the token.
    """
    pack = load_pack(game)
    disputed = dispute_states(resources, pack)
    return (*_rows(resources, pack.name), *(_row(state, 0, told) for state, told in disputed))


def _rows(resources: Resources, game: str) -> Iterator[TaskRow]:
    from resources.cvat.listing import count_shapes, list_tasks

    listing = resources.exports.listing(game)
    with resources.cvat.connected() as client:
        for task in list_tasks(client, game):
            yield _row(task, count_shapes(client, task.id), _how_far_pulled(listing, task))


def _row(task: TaskState, boxes: int, pulled: str) -> TaskRow:
    return TaskRow(
        id=task.id,
        name=task.name,
        state=task.state,
        frames=task.frames,
        boxes=boxes,
        jobs=task.jobs,
        completed_jobs=task.completed_jobs,
        pulled=pulled,
        url=task.url,
    )


def _how_far_pulled(listing: Listing, task: TaskState) -> str:
    if _place_of(listing, CompletedTask(task.id, task.name, task.updated)) is not None:
        return "yes"
    here = (export.batch for export in listing.exports if export.is_here)
    earlier = any(batch.startswith(f"task_{task.id}_") for batch in here)
    return "before its last change" if earlier else "no"


def _place_of(listing: Listing, task: CompletedTask) -> Path | None:
    """Where the export of a task lies, if it does not have to be downloaded any more."""
    found = listing.chosen.get(batch_name(task.export_name))
    if found is None or not found.export.is_here:
        return None
    return found.export.fetch()


def _download(resources: Resources, task: CompletedTask, file: Path, report: Report) -> PulledTask:
    try:
        resources.cvat.download_export(task.id, file, report)
    except OutpostError as error:
        return PulledTask(task.id, task.name, "failed", file, str(error))
    return PulledTask(task.id, task.name, "pulled", file)


def _require_completed(tasks: tuple[TaskState, ...], wanted: str, game: str) -> None:
    if not tasks:
        raise UnknownTaskError(
            f"There is no task '{wanted}' in the project '{game}' of CVAT.",
            f"`outpost cvat status --game {game}` shows all of them.",
        )
    if not any(task.completed for task in tasks):
        (first, *_) = tasks
        raise UnknownTaskError(
            f"The task '{wanted}' is {first.state}: {first.completed_jobs} of its {first.jobs} "
            "jobs are completed.",
            f"Set the state of each of its jobs to completed: {first.url}",
        )

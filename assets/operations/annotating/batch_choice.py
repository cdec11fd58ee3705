"""Choosing what to label next, and looking at what was chosen."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from assets.core.building import latest, latest_version, made_from
from assets.core.keys import GameKeys
from assets.core.runs import materialize, register_batches
from assets.definitions import build_definitions
from assets.graph.annotation_batches import latest_batch, require_batch_name
from assets.graph.frame_selection import newest_model
from pipeline.annotation.annotation_batch import AnnotationBatch, SelectionSummary
from pipeline.annotation.tasks.task_plan import BLIND_SUBSET, corrected_subset
from pipeline.demo_game.annotator import AskedFrame, write_true_labels
from pipeline.demo_game.unlabelled import write_unlabelled_screenshots
from pipeline.errors import OutpostError
from pipeline.games.pack import GamePack, load_pack
from pipeline.provenance import ArtifactVersion
from resources.artifacts import ArtifactStore
from resources.defaults import Resources
from resources.instance import open_instance
from resources.run_log import reporter


class UnknownAnnotationBatchError(OutpostError):
    """A batch that was never chosen."""


class NoUnlabelledError(OutpostError):
    """Screenshots were asked for of a game that Outpost does not draw."""


@dataclass(frozen=True)
class ChoiceOptions:
    """What a caller may change; None keeps what the assets' configuration says.

    Attributes:
        boxes: the budget.
        confusions: choose frames in which classes compete, not those of which it is unsure.
    """

    boxes: int | None = None
    blind_share: float | None = None
    seed: int | None = None
    confusions: bool = False


@dataclass(frozen=True)
class ChosenBatch:
    """A batch, for people.

    Attributes:
        state: the last thing that became of it: "chosen", "prelabelled" or "in CVAT".
        folder: of the images.
    """

    batch: str
    asset: str
    state: str
    frames: int
    blind: int
    expected_boxes: int
    sessions: int
    notes: tuple[str, ...]
    folder: Path


def choose(
    resources: Resources, game: str | Path, name: str, options: ChoiceOptions
) -> ChosenBatch:
    """Choose the frames of a batch, and find boxes to correct in them where there is a model.

    Raises:
        BatchNameError: the name has other characters than it may have.
        OutpostError: nothing can be chosen; a batch of a new name is not there then.
    """
    require_batch_name(name)
    pack = load_pack(game)
    resources.state.require_writable()
    keys = GameKeys.of(pack)
    key = keys.hard_negatives if options.confusions else keys.annotation_batch
    definitions = build_definitions(pack, resources.by_name())
    with open_instance(resources.state) as instance:
        is_new = name not in _batches(instance, pack)
        instance.add_dynamic_partitions(_partitions(pack), [name])
        try:
            materialize(definitions, instance, [key], partition=name, config=_config(key, options))
        except BaseException:
            if is_new:
                instance.delete_dynamic_partition(_partitions(pack), name)
            raise
        if newest_model(instance, resources.artifacts.store, keys) is not None:
            materialize(definitions, instance, [keys.prelabels], partition=name)
        return _chosen(resources, instance, keys, key, name)


def chosen_batches(resources: Resources, game: str | Path) -> tuple[ChosenBatch, ...]:
    """Every batch that was chosen, by name."""
    pack = load_pack(game)
    keys = GameKeys.of(pack)
    with open_instance(resources.state) as instance:
        return tuple(
            _chosen(resources, instance, keys, key, name)
            for name in sorted(_batches(instance, pack))
            for key in (keys.annotation_batch, keys.hard_negatives)
            if latest_version(instance, key, name) is not None
        )


def require_batch(instance: dg.DagsterInstance, pack: GamePack, name: str) -> None:
    """See that there is a batch of that name.

    Raises:
        UnknownAnnotationBatchError: there is none.
    """
    known = _batches(instance, pack)
    if name not in known:
        others = f"Give one of these: {', '.join(sorted(known))}."
        raise UnknownAnnotationBatchError(
            f"There is no annotation batch '{name}' of {pack.title}.",
            others if known else "Choose one: `outpost annotate choose NAME`.",
        )


def has_frames(instance: dg.DagsterInstance, pack: GamePack, name: str) -> bool:
    """Whether a batch of that name is one of frames."""
    return name in _batches(instance, pack)


def draw_screenshots(resources: Resources, game: str | Path) -> tuple[Path, ...]:
    """Put unlabelled screenshots of the built-in game into its screenshots folder.

    Raises:
        NoUnlabelledError: the game is not drawn by Outpost.
    """
    pack = load_pack(game)
    folder = resources.screenshots.path(pack.name)
    if not pack.drawn:
        raise NoUnlabelledError(
            f"{pack.title} is not drawn by Outpost.", f"Drop your own screenshots into {folder}."
        )
    resources.state.require_writable()
    return write_unlabelled_screenshots(folder, reporter())


def label_batch(resources: Resources, game: str | Path, name: str) -> Path:
    """Put the true labels of a batch of the built-in game into the exports folder.

    They are named as the batch, and blind frames are of the subset Validation, the others of Train,
    as of a batch that was pushed to CVAT. The archive is a partition of cvat_export at once, so
    that a UI that runs already can read it.

    Raises:
        NoUnlabelledError: the game is not drawn by Outpost.
        UnknownScreenshotError: the batch holds other screenshots.
        NotMaterializedError: there is no such batch.
    """
    pack = load_pack(game)
    exports = resources.exports.path(pack.name)
    if not pack.drawn:
        raise NoUnlabelledError(
            f"{pack.title} is not drawn by Outpost.",
            f"Label the batch in CVAT, and drop its export into {exports}.",
        )
    resources.state.require_writable()
    keys, store = GameKeys.of(pack), resources.artifacts.store
    with open_instance(resources.state) as instance:
        batch = AnnotationBatch.open(latest_batch(instance, store, keys, name).path)
    corrected = corrected_subset(batch) or "default"
    asked = [
        AskedFrame(one.name, one.source, BLIND_SUBSET if one.blind else corrected)
        for one in batch.frames
    ]
    target = exports / f"{name}.zip"
    exports.mkdir(parents=True, exist_ok=True)
    write_true_labels(target, asked, reporter())
    with open_instance(resources.state) as instance:
        register_batches(instance, pack, resources.exports, store)
    return target


def _chosen(
    resources: Resources,
    instance: dg.DagsterInstance,
    keys: GameKeys,
    key: dg.AssetKey,
    name: str,
) -> ChosenBatch:
    artifact = latest(instance, resources.artifacts.store, key, name)
    batch = AnnotationBatch.open(artifact.path)
    summary = SelectionSummary.open(batch.folder)
    return ChosenBatch(
        batch=name,
        asset=key.path[-1],
        state=_state(instance, resources.artifacts.store, keys, artifact.version),
        frames=len(batch.frames),
        blind=sum(frame.blind for frame in batch.frames),
        expected_boxes=round(sum(frame.expected_boxes for frame in batch.frames)),
        sessions=len({frame.session for frame in batch.frames}),
        notes=summary.notes,
        folder=batch.folder,
    )


def _state(
    instance: dg.DagsterInstance, store: ArtifactStore, keys: GameKeys, batch: ArtifactVersion
) -> str:
    """How far these very frames have come, and not others that had the name before."""
    for state, key in {"in CVAT": keys.cvat_task, "prelabelled": keys.prelabels}.items():
        later = latest_version(instance, key, batch.partition)
        if later and batch in made_from(store, later, dg.AssetKey(batch.asset.split("/"))):
            return state
    return "chosen"


def _config(key: dg.AssetKey, options: ChoiceOptions) -> dict[str, dict[str, dict[str, object]]]:
    given: dict[str, object] = {"boxes": options.boxes}
    if not options.confusions:
        given |= {"blind_share": options.blind_share, "seed": options.seed}
    asked = {name: value for name, value in given.items() if value is not None}
    # Also where nothing is asked for: a run that is silent about the asset keeps what there is.
    return {key.to_python_identifier(): {"config": asked}}


def _batches(instance: dg.DagsterInstance, pack: GamePack) -> Sequence[str]:
    return instance.get_dynamic_partitions(_partitions(pack))


def _partitions(pack: GamePack) -> str:
    name = GameKeys.of(pack).annotation_batches.name
    assert name is not None
    return name

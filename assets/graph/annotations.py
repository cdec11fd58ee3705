"""What people annotated: CVAT export batches, and their merge with synthetic scenes."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from assets.core.building import AssetBuild, Metadata, build_asset, latest, latest_version, notice
from assets.core.keys import GameKeys
from assets.core.launchpad import LaunchpadConfig
from assets.core.runs import is_taken_out
from assets.graph.label_pages import MergePage, show_batch, show_merge
from pipeline.errors import OutpostError
from pipeline.games.pack import GamePack, MergeRules
from pipeline.labels.batches import (
    BatchFrame,
    BatchReport,
    ExportBatch,
    NamedBatch,
    SourceExport,
    purpose_of,
)
from pipeline.labels.coverage import boxes_by_batch
from pipeline.labels.formats.coco import ReadOptions, read_export
from pipeline.labels.formats.cvat_export import digest_of_export
from pipeline.labels.merge import (
    MergeSummary,
    check_batches,
    held_out_frames,
    held_out_leak_warnings,
    is_held_out,
    open_batches,
    plan_merge,
)
from pipeline.labels.synthetic import SyntheticImage
from pipeline.labels.training_set import TrainingSet
from pipeline.progress import Report
from pipeline.provenance import ArtifactVersion, Recipe, code_version_of
from pipeline.scenes.dataset.synthetic_set import SyntheticSet
from resources.artifacts import Artifact, Artifacts, ArtifactStore
from resources.exports import Exports
from resources.run_log import reporter

GROUP = "annotations"


def annotation_assets(pack: GamePack) -> list[dg.AssetsDefinition]:
    """The export batches of a game and the training set that they are merged into."""
    return [_cvat_export(pack), _cvat_merge(pack)]


def held_out_batches(
    instance: dg.DagsterInstance, store: ArtifactStore, pack: GamePack
) -> tuple[Artifact, ...]:
    """Batches that serve evaluation, by name.

    Those that serve it alone, those with a subset Test, and those that label images of it anew.
    """
    whole = _read_batches(instance, store, pack, held_out=True)
    merged = merged_batches(instance, store, pack)
    tested = {_name(batch) for batch in merged if _has_test_frames(batch)}
    if tested:
        tested |= {frame.batch for frame in judged_frames(instance, store, pack)}
    return tuple(sorted((*whole, *(b for b in merged if _name(b) in tested)), key=_name))


def judged_frames(
    instance: dg.DagsterInstance, store: ArtifactStore, pack: GamePack
) -> tuple[BatchFrame, ...]:
    """The frames that serve evaluation alone, each image of one batch.

    Raises:
        MergeError: a batch was read for other classes.
    """
    whole = _read_batches(instance, store, pack, held_out=True)
    merged = merged_batches(instance, store, pack)
    # All of them where one has such frames: a newer export may have taken them out of the subset.
    tested = merged if any(map(_has_test_frames, merged)) else ()
    batches = _opened((*whole, *tested))
    check_batches(batches, pack.class_names)
    return held_out_frames(batches, pack.merge)


def held_out_boxes(
    instance: dg.DagsterInstance, store: ArtifactStore, pack: GamePack
) -> Mapping[str, Mapping[str, int]]:
    """Boxes that serve evaluation alone, by batch and class; none where they cannot be judged.

    The check 'leakage' says why they can't.
    """
    try:
        return boxes_by_batch(judged_frames(instance, store, pack), pack.class_names)
    except OutpostError:
        return {}


def merged_batches(
    instance: dg.DagsterInstance, store: ArtifactStore, pack: GamePack
) -> tuple[Artifact, ...]:
    """Batches for training and validation, by name."""
    return _read_batches(instance, store, pack, held_out=False)


def _read_batches(
    instance: dg.DagsterInstance, store: ArtifactStore, pack: GamePack, *, held_out: bool
) -> tuple[Artifact, ...]:
    versions = _known_batches(instance, pack, held_out=held_out)
    return tuple(store.open(version) for version in versions.values() if version)


def _has_test_frames(batch: Artifact) -> bool:
    return any(purpose_of(subset) == "test" for subset in BatchReport.open(batch.path).subsets)


def left_out_batches(instance: dg.DagsterInstance, pack: GamePack) -> tuple[str, ...]:
    """Batches for training that are known and were never read, such as a refused export, by name.

    A merge goes on without them.
    """
    versions = _known_batches(instance, pack, held_out=False)
    return tuple(batch for batch, version in versions.items() if version is None)


def outdated_batches(
    batches: Sequence[Artifact], exports: Exports, pack: GamePack
) -> tuple[str, ...]:
    """Those whose export was replaced since they were read, and that still serve, by name.

    So it is with a replacement that was refused, or that nobody has materialized yet.
    """
    there = {export.batch: export for export in exports.exports(pack.name)}
    read = {_name(b): SourceExport.open(b.path) for b in batches if _name(b) in there}
    return tuple(name for name in read if there[name].differs_from(read[name].sha256))


def withdrawn_batches(
    batches: Sequence[Artifact], exports: Exports, pack: GamePack
) -> tuple[str, ...]:
    """Those whose export is no longer in any source, and that still serve, by name.

    None while a source cannot be reached: it may have them.
    """
    listing = exports.listing(pack.name)
    if listing.unreachable:
        return ()
    return tuple(name for name in map(_name, batches) if name not in listing.chosen)


def forget_batch(instance: dg.DagsterInstance, pack: GamePack, batch: str) -> None:
    """Have nothing that is made from now on use a batch; what was made of it stays."""
    instance.delete_dynamic_partition(_partitions(pack), batch)


def _forget_renamed(
    context: dg.AssetExecutionContext,
    store: ArtifactStore,
    exports: Exports,
    pack: GamePack,
    digest: str,
) -> None:
    """Forget the batches that were read from the same export when it had another name."""
    batches = [
        *_read_batches(context.instance, store, pack, held_out=True),
        *_read_batches(context.instance, store, pack, held_out=False),
    ]
    withdrawn = withdrawn_batches(batches, exports, pack)
    for batch in batches:
        name = _name(batch)
        if name in withdrawn and SourceExport.open(batch.path).sha256 == digest:
            forget_batch(context.instance, pack, name)
            notice(
                context.log.warning,
                f"The batch '{name}' gives way to '{context.partition_key}', which is the same "
                "export under a new name.",
            )


def _cvat_export(pack: GamePack) -> dg.AssetsDefinition:
    keys = GameKeys.of(pack)
    code = code_version_of("pipeline.labels", "pipeline.files")

    class ExportConfig(LaunchpadConfig):
        """How one export is read."""

        accept_yolo: bool = Field(
            False,
            description="Read a 'YOLO 1.1' export too. CVAT leaves polygons, masks and the "
            "rotation of rectangles out of it.",
        )
        left_out_labels: list[str] = Field(
            [],
            description="Labels of this export that are no class on purpose; what they mark "
            "counts as background.",
        )

    @dg.asset(
        key=keys.cvat_export,
        partitions_def=keys.export_batches,
        group_name=GROUP,
        kinds={"cvat", "json"},
        code_version=code,
        description="One CVAT COCO 1.0 export, checked and normalised: one box per shape, classes "
        "by name. Drop the zip into the exports folder; its name becomes the partition.",
    )
    def cvat_export(
        context: dg.AssetExecutionContext,
        config: ExportConfig,
        artifacts: Artifacts,
        exports: Exports,
    ) -> dg.MaterializeResult[Any]:
        listing = exports.listing(pack.name)
        export = exports.export(pack.name, context.partition_key, listing)
        for passed in listing.passed_over:
            if passed.batch == export.batch and not passed.is_same:
                notice(context.log.warning, str(passed))
        # Batches that were read before, without options, stay what they are.
        asked = config.model_dump(exclude_defaults=True)
        path = export.fetch(reporter(context.log.info))
        digest = digest_of_export(path)
        recipe = {"export": digest, "classes": list(pack.class_names), **asked}
        options = ReadOptions(config.accept_yolo, tuple(config.left_out_labels))
        build = AssetBuild(context, artifacts.store, keys.cvat_export, code, recipe)

        def write(folder: Path) -> None:
            batch = read_export(path, pack.class_names, build.report, options)
            ExportBatch.write(folder, batch, path, build.report)

        address = f"{keys.cvat_export.to_user_string()}@{context.partition_key}"
        made = build_asset(
            build, write, lambda folder: show_batch(ExportBatch.open(folder), address)
        )
        _forget_renamed(context, artifacts.store, exports, pack, digest)
        return made

    return cvat_export


def merge_code_version() -> str:
    """Of the code that decides the bytes of a training set."""
    return code_version_of(
        "pipeline.labels", "pipeline.files", "pipeline.scenes.dataset.synthetic_set"
    )


def write_merge(folder: Path, recipe: Recipe, inputs: Sequence[Artifact], report: Report) -> None:
    """Write the training set of a recipe, of a run or of a record.

    Args:
        folder: empty.
        inputs: what the recipe's inputs stand for: the synthetic set, then the batches.

    Raises:
        ValidationError: the recipe has settings that this version does not know.
        MergeError, BatchError, SceneSetError, TrainingSetError: see `plan_merge` and
            `TrainingSet.write`.
    """
    synthetic, *batches = inputs
    rules = MergeRules.model_validate(recipe.config["rules"])
    names = tuple(recipe.config["classes"])
    plan = plan_merge(_opened(batches), _drawn(synthetic, names), names, rules)
    TrainingSet.write(folder, plan, report)


def _cvat_merge(pack: GamePack) -> dg.AssetsDefinition:
    keys = GameKeys.of(pack)
    code = merge_code_version()

    class MergeConfig(LaunchpadConfig):
        """What may be changed for one merge."""

        oversample_real: int = Field(
            pack.merge.oversample_real, ge=1, description="How often a real frame is listed."
        )
        seed: int = Field(pack.merge.seed, ge=0, description="Seed of the split.")

    @dg.asset(
        key=keys.cvat_merge,
        deps=[keys.synthetic_set, keys.cvat_export],
        group_name=GROUP,
        kinds={"yolo"},
        code_version=code,
        description="The training set: synthetic and real images with their split, oversampled "
        "through the training list. Held-out batches never enter it.",
    )
    def cvat_merge(
        context: dg.AssetExecutionContext,
        config: MergeConfig,
        artifacts: Artifacts,
        exports: Exports,
    ) -> dg.MaterializeResult[Any]:
        rules = pack.merge.model_copy(update=config.model_dump())
        store, instance = artifacts.store, context.instance
        synthetic = latest(instance, store, keys.synthetic_set)
        batches = merged_batches(instance, store, pack)
        left_out = left_out_batches(instance, pack)
        outdated = outdated_batches(batches, exports, pack)
        withdrawn = withdrawn_batches(batches, exports, pack)
        for warning in _warnings(left_out, outdated, withdrawn, keys):
            notice(context.log.warning, warning)
        recipe = {"rules": rules.model_dump(mode="json"), "classes": list(pack.class_names)}
        inputs = (synthetic, *batches)
        build = AssetBuild(context, store, keys.cvat_merge, code, recipe, inputs, reproducible=True)

        def write(folder: Path) -> None:
            write_merge(folder, build.recipe, inputs, build.report)

        shown = {
            "left_out_batches": ", ".join(left_out) or "none",
            "outdated_batches": ", ".join(outdated) or "none",
            "withdrawn_batches": ", ".join(withdrawn) or "none",
        }

        def show(folder: Path) -> Metadata:
            beside = MergePage(
                held_out=held_out_boxes(instance, store, pack),
                batches={_name(batch): batch.path for batch in batches},
                address=keys.cvat_merge.to_user_string(),
            )
            return {**show_merge(TrainingSet.open(folder), beside), **shown}

        return build_asset(build, write, show)

    return cvat_merge


def dry_run(
    instance: dg.DagsterInstance,
    store: ArtifactStore,
    exports: Exports,
    pack: GamePack,
    rules: MergeRules,
) -> MergeSummary:
    """What the merge would hold now, with a warning of what it does without and what it leaks."""
    keys = GameKeys.of(pack)
    synthetic = latest(instance, store, keys.synthetic_set)
    batches = merged_batches(instance, store, pack)
    drawn = _drawn(synthetic, pack.class_names)
    plan = plan_merge(_opened(batches), drawn, pack.class_names, rules)
    # These are no input of the merge, and the check of it compares with them.
    held_out = _opened(_read_batches(instance, store, pack, held_out=True))
    notes = (
        *held_out_leak_warnings(plan, held_out_frames(held_out, rules)),
        *_warnings(
            left_out_batches(instance, pack),
            outdated_batches(batches, exports, pack),
            withdrawn_batches(batches, exports, pack),
            keys,
        ),
        *_untaken_warnings(instance, store, exports, pack),
    )
    summary = plan.summary
    return summary.model_copy(update={"warnings": (*summary.warnings, *notes)})


def _untaken_warnings(
    instance: dg.DagsterInstance, store: ArtifactStore, exports: Exports, pack: GamePack
) -> Iterator[str]:
    """Exports for training that have arrived, and that are no partition yet."""
    known = {*_known_batches(instance, pack, held_out=False)}
    sensor = f"{GameKeys.of(pack).game}_export_sensor"
    for export in exports.exports(pack.name):
        is_new = export.has_arrived and export.batch not in known
        if not is_new or is_held_out(export.batch, pack.merge):
            continue
        if not is_taken_out(instance, store, pack, export):
            yield (
                f"The export '{export.batch}' has arrived and was not taken yet, so it is not "
                f"counted here. Turn on the sensor {sensor}, or start `outpost dev` again and "
                "materialize its partition of cvat_export."
            )


def _opened(batches: Sequence[Artifact]) -> tuple[NamedBatch, ...]:
    return open_batches({_name(batch): batch.path for batch in batches})


def _drawn(synthetic: Artifact, class_names: tuple[str, ...]) -> Sequence[SyntheticImage]:
    return SyntheticSet.open(synthetic.path).labelled_images(class_names)


def _name(batch: Artifact) -> str:
    assert batch.version.partition is not None
    return batch.version.partition


def _warnings(
    left_out: Sequence[str], outdated: Sequence[str], withdrawn: Sequence[str], keys: GameKeys
) -> Iterator[str]:
    export = keys.cvat_export.to_user_string()
    for batch in left_out:
        yield (
            f"The export batch '{batch}' is left out of the merge, because it has never been read. "
            f"Materialize {export} [{batch}] and see what it says, or delete the partition."
        )
    for batch in outdated:
        yield (
            f"The export batch '{batch}' was replaced since it was read; the merge uses what was "
            f"read before. Materialize {export} [{batch}] and see what it says."
        )
    for batch in withdrawn:
        yield (
            f"The export of the batch '{batch}' is no longer where it was; the merge uses what "
            "was read of it. Put it back, or take the batch out with `outpost batches retire "
            f"{batch} --game {keys.game}`."
        )


def _known_batches(
    instance: dg.DagsterInstance, pack: GamePack, *, held_out: bool
) -> dict[str, ArtifactVersion | None]:
    """The newest version of each batch, by name; None for one that was never read."""
    return {
        batch: latest_version(instance, GameKeys.of(pack).cvat_export, batch)
        for batch in sorted(instance.get_dynamic_partitions(_partitions(pack)))
        if is_held_out(batch, pack.merge) is held_out
    }


def _partitions(pack: GamePack) -> str:
    """The name of the batches' partitions in Dagster."""
    name = GameKeys.of(pack).export_batches.name
    assert name is not None
    return name

"""Boxes for people to correct, and what they made of them."""

from collections.abc import Collection, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import dagster as dg
from pydantic import Field

from assets.core.building import (
    AssetBuild,
    Metadata,
    NotMaterializedError,
    build_asset,
    latest,
    latest_version,
    notice,
)
from assets.core.keys import GameKeys
from assets.core.launchpad import LaunchpadConfig
from assets.core.metadata import drawing, image, table
from assets.graph.annotation_batches import latest_batch
from assets.graph.cvat_tasks import pushed_prelabels
from assets.graph.frame_selection import model_file, newest_model
from pipeline.annotation.annotation_batch import AnnotationBatch
from pipeline.annotation.corrections.label_corrections import (
    LabelCorrections,
    LabelCorrectionsError,
    compare_labels,
)
from pipeline.annotation.corrections.plot import corrections_svg
from pipeline.annotation.corrections.returned_frames import batches_in
from pipeline.annotation.corrections.summary import (
    Agreement,
    ClassCorrections,
    CorrectionSummary,
    explained,
    sentences,
    shares,
    totals,
)
from pipeline.annotation.prelabelers.base import Prelabeler
from pipeline.annotation.prelabelers.frames import prelabel_frames
from pipeline.annotation.prelabelers.preview import frames_of, score_histogram_svg
from pipeline.annotation.prelabelers.runtime import RuntimePrelabeler
from pipeline.annotation.prelabelers.tiled import TiledPrelabeler
from pipeline.annotation.prelabelers.yoloe import Prompting, YoloePrelabeler
from pipeline.annotation.prelabels import PrelabelledFrames, Prelabels
from pipeline.games.pack import GamePack
from pipeline.labels.batches import ExportBatch
from pipeline.manifests import sha256_of
from pipeline.progress import Report
from pipeline.provenance import code_version_of
from pipeline.sprites.library import OpenLibrary
from resources.artifacts import Artifact, ArtifactMissingError, Artifacts, ArtifactStore
from resources.dinox import DinoxPrelabeler

GROUP = "annotations"
ROW = ["class", "boxes", "kept", "moved", "relabelled", "deleted", "added", "kept %", "overlap"]


def prelabel_assets(pack: GamePack) -> list[dg.AssetsDefinition]:
    """What is given to people to correct, and what they changed."""
    return [_prelabels(pack), _label_corrections(pack)]


class PrelabelConfig(LaunchpadConfig):
    """What finds the boxes."""

    backend: Literal["runtime", "yoloe", "dinox"] = Field(
        "runtime",
        description="runtime: the game's own newest model. yoloe: YOLOE on this machine, shown "
        "the game's sprites; needs yoloe_weights. dinox: DINO-X, hosted and billed, by the "
        "classes' names; needs the environment variable DINOX_API_KEY.",
    )
    confidence: float = Field(
        0.25, ge=0.01, le=1, description="Boxes with a lower score are left out."
    )
    tiles: bool = Field(
        False,
        description="Look at overlapping tiles instead of the whole frame: finds smaller things, "
        "takes longer, and costs as many requests with dinox.",
    )
    yoloe_weights: str = Field(
        "", description="Path of a YOLOE checkpoint, for example yoloe-26s-seg.pt."
    )
    sprites_per_class: int = Field(
        8, ge=1, le=100, description="Sprites by which yoloe is shown each class."
    )
    text_prompts: bool = Field(
        False,
        description="Describe classes without sprites to yoloe by their names, with a text model "
        "that ultralytics downloads; else they are left out.",
    )


def _prelabels(pack: GamePack) -> dg.AssetsDefinition:
    keys = GameKeys.of(pack)
    code = code_version_of(
        "pipeline.annotation.prelabels",
        "pipeline.annotation.prelabelers",
        "pipeline.labels",
        "resources.dinox",
        "detector_runtime",
    )

    @dg.asset(
        key=keys.prelabels,
        deps=[
            keys.annotation_batch,
            keys.hard_negatives,
            keys.onnx_export,
            keys.runtime_package,
            keys.sprites,
        ],
        partitions_def=keys.annotation_batches,
        group_name=GROUP,
        kinds={"cvat", "json"},
        code_version=code,
        description="Boxes that a model found in the frames of an annotation batch, for people to "
        "correct: as COCO 1.0 for CVAT and as YOLO 1.1. Those of blind frames are kept for the "
        "later comparison and never go out.",
    )
    def prelabels(
        context: dg.AssetExecutionContext, config: PrelabelConfig, artifacts: Artifacts
    ) -> dg.MaterializeResult[Any]:
        store, instance = artifacts.store, context.instance
        batch = latest_batch(instance, store, keys, context.partition_key)
        sources = _sources_of(instance, store, keys, config.backend)
        recipe = {**_asked(config), "classes": list(pack.class_names)}
        inputs = (batch, *sources)
        build = AssetBuild(context, store, keys.prelabels, code, recipe, inputs)

        def write(folder: Path) -> None:
            found = AnnotationBatch.open(batch.path)
            with closing(_prelabeler(config, sources, pack, build.report)) as prelabeler:
                content = prelabel_frames(
                    found, prelabeler, pack.class_names, batch.version, build.report
                )
            _tell(context, content)
            Prelabels.write(folder, content)

        return build_asset(
            build, write, lambda folder: show_prelabels(Prelabels.open(folder), batch.path)
        )

    return prelabels


def show_prelabels(prelabels: Prelabels, batch: Path) -> Metadata:
    """Frames with their boxes, counts per class, and how sure the model was."""
    content = prelabels.content
    frames = AnnotationBatch.open(batch)
    sheets = {
        "boxes to correct": frames_of(frames, content, blind=False),
        "blind: nobody sees these boxes": frames_of(frames, content, blind=True),
    }
    shown, blind = (content.per_class(blind=blind) for blind in (False, True))
    return {
        "model": content.model,
        "frames": len(content.frames),
        "blind_frames": len(content.frames) - len(content.shown),
        "boxes": sum(shown.values()),
        "blind_boxes": sum(blind.values()),
        "preview": [
            *(image(sheet, title) for title, sheet in sheets.items() if sheet),
            drawing(score_histogram_svg(content), "scores"),
        ],
        "per_class": table(
            ["class", "boxes", "in blind frames"],
            [[name, shown[name], blind[name]] for name in content.class_names],
        ),
        "left_out_classes": ", ".join(content.left_out_classes) or "none",
        "without_yolo": ", ".join(content.sharing_a_label_file) or "none",
        "coco_1_0": dg.MetadataValue.path(str(prelabels.coco)),
    }


def _asked(config: PrelabelConfig) -> dict[str, Any]:
    """What of the configuration decides the boxes; a checkpoint by its content."""
    asked = config.model_dump(include={"backend", "confidence", "tiles"})
    if config.backend != "yoloe":
        return asked
    weights = Path(config.yoloe_weights)
    digest = sha256_of(weights) if config.yoloe_weights and weights.is_file() else ""
    more = config.model_dump(include={"sprites_per_class", "text_prompts"})
    return {**asked, **more, "weights": digest}


def _sources_of(
    instance: dg.DagsterInstance, store: ArtifactStore, keys: GameKeys, backend: str
) -> tuple[Artifact, ...]:
    """What a back end needs of the game."""
    if backend == "dinox":
        return ()
    if backend == "yoloe":
        return (latest(instance, store, keys.sprites),)
    model = newest_model(instance, store, keys)
    if model is not None:
        return (model,)
    raise NotMaterializedError(
        "There is no model of this game yet that could find boxes.",
        f"Materialize {keys.onnx_export.to_user_string()} first, or choose the backend yoloe or "
        "dinox in the launchpad; a batch can also be labelled without boxes to correct.",
    )


def _prelabeler(
    config: PrelabelConfig, sources: tuple[Artifact, ...], pack: GamePack, report: Report
) -> Prelabeler:
    names = pack.class_names
    if config.backend == "runtime":
        model = model_file(sources[0])
        return RuntimePrelabeler(model, names, config.confidence, config.tiles)
    each: Prelabeler
    if config.backend == "dinox":
        each = DinoxPrelabeler(names, config.confidence)
    else:
        prompting = Prompting(
            OpenLibrary(sources[0].path), names, config.sprites_per_class, config.text_prompts
        )
        each = YoloePrelabeler(Path(config.yoloe_weights), prompting, config.confidence, report)
    return TiledPrelabeler(each) if config.tiles else each


def _tell(context: dg.AssetExecutionContext, content: PrelabelledFrames) -> None:
    if content.left_out_classes:
        notice(
            context.log.warning,
            f"{content.model} finds nothing of {len(content.left_out_classes)} classes: "
            f"{', '.join(content.left_out_classes)}.",
        )
    if content.sharing_a_label_file:
        notice(
            context.log.warning,
            "There is no YOLO archive, because these frames differ by suffix alone: "
            f"{', '.join(content.sharing_a_label_file)}. COCO 1.0 has them.",
        )


def _label_corrections(pack: GamePack) -> dg.AssetsDefinition:
    keys = GameKeys.of(pack)
    code = code_version_of(
        "pipeline.annotation.corrections",
        "pipeline.annotation.prelabels",
        "pipeline.evaluation.metrics.intervals",
    )

    @dg.asset(
        key=keys.label_corrections,
        deps=[
            keys.cvat_export,
            dg.AssetDep(keys.prelabels, partition_mapping=dg.AllPartitionMapping()),
            dg.AssetDep(keys.cvat_task, partition_mapping=dg.AllPartitionMapping()),
        ],
        partitions_def=keys.export_batches,
        group_name=GROUP,
        kinds={"json"},
        code_version=code,
        description="What people made of a model's boxes, per class: kept, moved, relabelled, "
        "deleted, added; and how far the boxes sway them, measured on blind frames.",
    )
    def label_corrections(
        context: dg.AssetExecutionContext, artifacts: Artifacts
    ) -> dg.MaterializeResult[Any]:
        store, instance = artifacts.store, context.instance
        export = latest(instance, store, keys.cvat_export, context.partition_key)
        sent = _sent(instance, store, keys)
        batch = ExportBatch.open(export.path)
        found = {name: Prelabels.open(one.artifact.path).content for name, one in sent.items()}
        beside = _compared_beside(instance, store, keys, batches_in(batch, found))
        beside.pop(context.partition_key, None)
        inputs = (export, *(one.artifact for one in sent.values()), *beside.values())
        unseen = [name for name, one in sent.items() if not one.seen]
        recipe = {"pushed_without_boxes": unseen} if unseen else {}
        build = AssetBuild(context, store, keys.label_corrections, code, recipe, inputs)

        def write(folder: Path) -> None:
            compared = compare_labels(
                batch,
                found,
                export.version,
                build.report,
                without_boxes=unseen,
                beside={
                    name: LabelCorrections.open(one.path).content for name, one in beside.items()
                },
            )
            LabelCorrections.write(folder, compared)

        def show(folder: Path) -> Metadata:
            summary = LabelCorrections.open(folder).content.summary
            context.log.info(explained(summary))
            return show_corrections(summary)

        return build_asset(build, write, show)

    return label_corrections


def _compared_beside(
    instance: dg.DagsterInstance, store: ArtifactStore, keys: GameKeys, batches: Collection[str]
) -> dict[str, Artifact]:
    """The newest comparison of each export that has frames of these annotation batches.

    CVAT exports the blind frames of an annotation batch apart from those with boxes, and the bias
    is what lies between the two.
    """
    compared = {}
    for partition in keys.export_batches.get_partition_keys(dynamic_partitions_store=instance):
        version = latest_version(instance, keys.label_corrections, partition)
        if version is None:
            continue
        with suppress(ArtifactMissingError, LabelCorrectionsError):
            artifact = store.open(version)
            known = LabelCorrections.open(artifact.path).content.summary.batches
            if not set(known).isdisjoint(batches):
                compared[partition] = artifact
    return compared


@dataclass(frozen=True)
class SentPrelabels:
    """What is compared with the labels of an annotation batch.

    Attributes:
        seen: whether people were shown the boxes.
    """

    artifact: Artifact
    seen: bool


def _sent(
    instance: dg.DagsterInstance, store: ArtifactStore, keys: GameKeys
) -> Mapping[str, SentPrelabels]:
    """The prelabels of every annotation batch, by its name.

    Those that were pushed to CVAT, whatever was made since. Of a batch that was pushed without
    boxes, the newest, which nobody saw; of one that was never pushed, the newest, which people
    import by hand.
    """
    name = keys.annotation_batches.name
    assert name is not None
    sent = {}
    for partition in sorted(instance.get_dynamic_partitions(name)):
        task = latest_version(instance, keys.cvat_task, partition)
        pushed = None if task is None else pushed_prelabels(store, task, keys)
        version = pushed or latest_version(instance, keys.prelabels, partition)
        if version is not None:
            seen = task is None or pushed is not None
            sent[partition] = SentPrelabels(store.open(version), seen)
    return sent


def show_corrections(summary: CorrectionSummary) -> Metadata:
    """What was changed, blind frames apart, and the bias."""
    plot = corrections_svg(summary)
    shown = totals(summary.shown)
    figures = {
        "kept_share": shares(shown).get("kept"),
        "shown_agreement": summary.shown_agreement.f1,
        "blind_agreement": summary.blind_agreement.f1,
        "bias": summary.bias.difference,
    }
    return {
        **sentences(summary),
        "annotation_batches": ", ".join(summary.batches) or "none",
        "models": ", ".join(summary.models) or "none",
        "frames_shown": summary.shown_agreement.frames,
        "frames_blind": summary.blind_agreement.frames,
        "frames_never_prelabelled": summary.other_frames,
        "frames_sent_without_boxes": summary.unseen_agreement.frames,
        "unseen_frames_without_labels": summary.unlabelled_blind,
        "frames_twice": summary.doubles,
        **{name: round(value, 4) for name, value in figures.items() if value is not None},
        "preview": [drawing(plot, "what became of the boxes")] if plot else [],
        "corrections": table(ROW, _rows(summary.shown)),
        "blind_comparison": table(ROW, _rows(summary.blind)),
        "agreement": table(
            ["frames", "images", "boxes of the model", "labels", "F1", "95% interval"],
            [
                _agreement("shown", summary.shown_agreement),
                _agreement("blind", summary.blind_agreement),
                *(
                    [_agreement("sent without boxes", summary.unseen_agreement)]
                    if summary.unseen_agreement.frames
                    else []
                ),
            ],
        ),
        "bias_of_prelabels": _bias(summary),
        "unknown_classes": ", ".join(summary.unknown_classes) or "none",
    }


def _bias(summary: CorrectionSummary) -> str:
    bias = summary.bias
    interval = "" if bias.interval is None else f", {bias.interval}"
    difference = "" if bias.difference is None else f" ({bias.difference:+.3f}{interval})"
    others = ", ".join(summary.bias_exports)
    return f"{bias.verdict}{difference}" + (f"; with frames of {others}" if others else "")


def _rows(rows: tuple[ClassCorrections, ...]) -> list[list[object]]:
    return [_row(row) for row in ([totals(rows), *rows] if rows else [])]


def _row(row: ClassCorrections) -> list[object]:
    kept = shares(row).get("kept")
    return [
        *(row.class_name, row.found, row.kept, row.moved, row.relabelled, row.deleted, row.added),
        "" if kept is None else f"{kept:.0%}",
        "" if row.moved_overlap is None else f"{row.moved_overlap:.2f}",
    ]


def _agreement(kind: str, agreement: Agreement) -> list[object]:
    return [
        kind,
        agreement.frames,
        agreement.boxes,
        agreement.labels,
        "" if agreement.f1 is None else f"{agreement.f1:.3f}",
        "" if agreement.interval is None else str(agreement.interval),
    ]

"""What to label next: screenshots, chosen by uncertainty and by named confusions."""

import re
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

import dagster as dg
from pydantic import Field

from assets.core.building import Metadata, latest
from assets.core.keys import GameKeys
from assets.core.launchpad import LaunchpadConfig
from assets.core.metadata import image, table
from assets.graph.frame_selection import BatchBuilder, SelectionOptions, selection_code
from pipeline.annotation.annotation_batch import AnnotationBatch, ChosenFrame, SelectionSummary
from pipeline.annotation.chosen_preview import crops_sheet, frames_sheet
from pipeline.annotation.scoring import ids_of_groups, rate_confusion, rate_uncertainty
from pipeline.annotation.selection import Budget
from pipeline.errors import OutpostError
from pipeline.games.pack import GamePack
from resources.artifacts import Artifact, Artifacts, ArtifactStore
from resources.screenshots import Screenshots

GROUP = "annotations"
MOST_ROWS = 50
SHOWN_REASONS = 3
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}")


class ConfusionError(OutpostError):
    """Classes that are taken for one another, of which there are none."""


class BatchNameError(OutpostError):
    """A name that no batch can have."""


def annotation_batch_assets(pack: GamePack) -> list[dg.AssetsDefinition]:
    """The frames that are to be labelled next, by uncertainty and by named confusions."""
    return [_annotation_batch(pack), _hard_negatives(pack)]


def require_batch_name(name: str) -> None:
    """See that a batch may have that name: files and tasks in CVAT bear it.

    Raises:
        BatchNameError: it has other characters than it may have. The UI adds any name.
    """
    if not NAME.fullmatch(name):
        raise BatchNameError(
            f"A batch cannot be called '{name}'.",
            "Take at most 60 letters, digits, dots, hyphens and underscores; the first one is a "
            "letter or a digit.",
        )


def latest_batch(
    instance: dg.DagsterInstance, store: ArtifactStore, keys: GameKeys, name: str
) -> Artifact:
    """The frames of that name, of either asset: those that were made last, if of both.

    Raises:
        NotMaterializedError: there is no batch of that name.
    """
    newest: dict[dg.AssetKey, int] = {}
    for key in (keys.annotation_batch, keys.hard_negatives):
        wanted = dg.AssetRecordsFilter(key, asset_partitions=[name])
        for record in instance.fetch_materializations(wanted, limit=1).records:
            newest[key] = record.storage_id
    chosen = max(newest, key=newest.__getitem__, default=keys.annotation_batch)
    return latest(instance, store, chosen, name)


def _annotation_batch(pack: GamePack) -> dg.AssetsDefinition:
    keys = GameKeys.of(pack)

    class AnnotationBatchConfig(LaunchpadConfig):
        """How much is to be labelled, and how it is chosen."""

        boxes: int = Field(
            300, ge=1, description="Budget: about how many boxes people are to draw or correct."
        )
        blind_share: float = Field(
            0.2,
            ge=0,
            le=1,
            description="Of the budget, in frames that are chosen at random and labelled without "
            "boxes to correct: an unbiased sample to validate with.",
        )
        seed: int = Field(42, ge=0, description="Of the random choice.")
        augment: bool = Field(
            True,
            description="Test-time augmentation: detect in each frame flipped and downscaled, too, "
            "which takes three times as long. Where these disagree, the model has not learned "
            "what it sees.",
        )

    @dg.asset(
        key=keys.annotation_batch,
        deps=_deps(keys),
        partitions_def=keys.annotation_batches,
        group_name=GROUP,
        kinds={"cvat"},
        code_version=selection_code(),
        description="The screenshots to label next, for a budget of boxes: those of which the "
        "model is least sure, spread over sessions, and a random share that is labelled blind.",
    )
    def annotation_batch(
        context: dg.AssetExecutionContext,
        config: AnnotationBatchConfig,
        artifacts: Artifacts,
        screenshots: Screenshots,
    ) -> dg.MaterializeResult[Any]:
        require_batch_name(context.partition_key)
        budget = Budget(config.boxes, config.blind_share, config.seed)
        builder = BatchBuilder(pack, context, artifacts.store, screenshots, keys.annotation_batch)
        options = SelectionOptions(
            budget, rate_uncertainty, config.augment, config.model_dump(), show_chosen
        )
        return builder.build(options)

    return annotation_batch


def _hard_negatives(pack: GamePack) -> dg.AssetsDefinition:
    keys = GameKeys.of(pack)

    class HardNegativesConfig(LaunchpadConfig):
        """Which confusions are looked for, and how much is to be labelled."""

        boxes: int = Field(
            150, ge=1, description="Budget: about how many boxes people are to draw or correct."
        )
        confusions: list[list[str]] = Field(
            [list(group) for group in pack.annotation.confusions],
            description="Classes, or groups of classes, that are taken for one another.",
        )

    @dg.asset(
        key=keys.hard_negatives,
        deps=_deps(keys),
        partitions_def=keys.annotation_batches,
        group_name=GROUP,
        kinds={"cvat"},
        code_version=selection_code(),
        description="The screenshots to label next in which the model takes named classes for one "
        "another: detections of them overlap, or hardly reach a score.",
    )
    def hard_negatives(
        context: dg.AssetExecutionContext,
        config: HardNegativesConfig,
        artifacts: Artifacts,
        screenshots: Screenshots,
    ) -> dg.MaterializeResult[Any]:
        require_batch_name(context.partition_key)
        rate = partial(rate_confusion, groups=confused_ids(pack, config.confusions))
        budget = Budget(config.boxes, blind_share=0.0)
        builder = BatchBuilder(pack, context, artifacts.store, screenshots, keys.hard_negatives)
        options = SelectionOptions(
            budget, rate, False, config.model_dump(), show_chosen, named=True
        )
        return builder.build(options)

    return hard_negatives


def confused_ids(pack: GamePack, confusions: Sequence[Sequence[str]]) -> tuple[frozenset[int], ...]:
    """Class ids of each group of classes that are taken for one another.

    Raises:
        ConfusionError: there is no group, or one with a name that the pack lacks or with one class.
    """
    groups = {one.name: one.group for one in pack.classes}
    known = {*groups, *groups.values()}
    unknown = sorted({name for group in confusions for name in group} - known)
    if unknown:
        raise ConfusionError(
            f"{pack.title} has no class and no group of classes called {', '.join(unknown)}.",
            f"Name some of these: {', '.join(sorted(known))}.",
        )
    found = ids_of_groups(confusions, groups, pack.class_names)
    if not found or any(len(group) < 2 for group in found):
        raise ConfusionError(
            "No classes are named that are taken for one another, or one class alone.",
            "Set 'confusions' in the launchpad, for example [[class_a, class_b]], or "
            "'annotation.confusions' in the game's pack.yaml.",
        )
    return found


def show_chosen(batch: AnnotationBatch) -> Metadata:
    """The chosen frames with what is uncertain in them, each with its reasons."""
    summary = SelectionSummary.open(batch.folder)
    blind = [frame for frame in batch.frames if frame.blind]
    expected = sum(frame.expected_boxes for frame in batch.frames)
    sheets = {
        "chosen, with what is uncertain": frames_sheet(batch, blind=False),
        "most uncertain": crops_sheet(batch),
        "to be labelled blind": frames_sheet(batch, blind=True),
    }
    return {
        "frames": len(batch.frames),
        "blind_frames": len(blind),
        "expected_boxes": round(expected),
        "budget_boxes": summary.boxes,
        "model": summary.model or "none",
        "preview": [image(sheet, title) for title, sheet in sheets.items() if sheet],
        "chosen": table(
            ["frame", "session", "blind", "boxes", "why"],
            [
                [
                    frame.name,
                    frame.session or "unknown",
                    "blind" if frame.blind else "",
                    f"{frame.expected_boxes:.0f}",
                    "; ".join(reason.text for reason in frame.reasons[:SHOWN_REASONS]),
                ]
                for frame in _in_order(batch)[:MOST_ROWS]
            ],
        ),
        "sessions": table(
            ["session", "chosen", "screenshots"],
            [
                [session or "unknown", chosen, summary.sessions[session]]
                for session, chosen in _per_session(batch, summary).items()
            ],
        ),
        "left_out": table(
            ["screenshots", "why"],
            [
                [summary.duplicates, "another one shows the same"],
                [summary.labelled, "labelled already, or in another batch"],
                [len(summary.unreadable), "could not be read"],
                [summary.candidates - len(batch.frames), "not chosen"],
            ],
        ),
        "unreadable": table(["file", "why"], list(summary.unreadable.items())[:MOST_ROWS]),
        "class_weights": table(["class", "weight"], summary.weights.items()),
        "boxes_per_detection": summary.boxes_per_detection,
        "notes": "\n".join(summary.notes) or "none",
    }


def _in_order(batch: AnnotationBatch) -> list[ChosenFrame]:
    """Those with the heaviest reasons first, blind ones last."""

    def weight(frame: ChosenFrame) -> float:
        return sum(reason.value for reason in frame.reasons if reason.box is not None)

    return sorted(batch.frames, key=lambda frame: (frame.blind, -weight(frame), frame.name))


def _per_session(batch: AnnotationBatch, summary: SelectionSummary) -> dict[str, int]:
    chosen = Counter(frame.session for frame in batch.frames)
    return {session: chosen[session] for session in summary.sessions}


def _deps(keys: GameKeys) -> list[dg.AssetDep]:
    """The screenshots are no asset; a batch of exports concerns every batch to be labelled."""
    all_batches = dg.AllPartitionMapping()
    return [
        dg.AssetDep(keys.onnx_export),
        dg.AssetDep(keys.real_evaluation),
        dg.AssetDep(keys.cvat_export, partition_mapping=all_batches),
    ]

"""Selecting the frames of an annotation batch: which are candidates, scored by a model, chosen."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dagster as dg

from assets.core.building import (
    AssetBuild,
    Metadata,
    build_asset,
    latest_version,
    made_from,
    notice,
)
from assets.core.keys import GameKeys
from assets.graph.annotations import held_out_batches, merged_batches
from assets.graph.evaluation import thresholds_of
from pipeline.annotation.annotation_batch import (
    AnnotationBatch,
    AnnotationBatchError,
    SelectionSummary,
)
from pipeline.annotation.augmented_inference import AugmentedDetections, detect_augmented
from pipeline.annotation.batch_writer import RatedCandidates, chosen_frames, write_batch
from pipeline.annotation.candidates import (
    Candidates,
    UnlabelledImage,
    Unreadable,
    find_candidates,
    open_candidate,
    read_screenshots,
)
from pipeline.annotation.scoring import Rating, ScoringRules, class_weights
from pipeline.annotation.selection import Budget, Pick, RatedFrame, select_frames
from pipeline.evaluation.detecting import shipped_detector
from pipeline.evaluation.evaluation import Evaluation
from pipeline.export.onnx_export import OnnxExport
from pipeline.games.pack import GamePack
from pipeline.labels.batches import BatchReport, ExportBatch
from pipeline.labels.fingerprints import Fingerprint
from pipeline.manifests import digest_of
from pipeline.progress import track
from pipeline.provenance import code_version_behind
from pipeline.release.package import RuntimePackage
from resources.artifacts import Artifact, ArtifactMissingError, ArtifactStore
from resources.run_log import reporter
from resources.screenshots import Screenshots

BOXES_OF_A_FRAME = 15.0
"""Expected where neither a model nor a labelled frame tells."""
LEAST_FACTOR, MOST_FACTOR = 0.5, 5.0
"""Of boxes by detections: a model that finds next to nothing tells nothing."""
MOST_NOTICES = 5
SELECTION_CODE = ("pipeline.annotation.batch_writer",)
"""With all that it imports it decides which frames a batch holds."""

Rate = Callable[[AugmentedDetections, ScoringRules], Rating]


def selection_code() -> str:
    """The version of all code that decides a batch."""
    return code_version_behind(
        *SELECTION_CODE,
        whole=("assets.graph.frame_selection", "detector_runtime"),
    )


def newest_model(
    instance: dg.DagsterInstance, store: ArtifactStore, keys: GameKeys
) -> Artifact | None:
    """The game's newest model: an export, or where there is none the package that ships one."""
    for key in (keys.onnx_export, keys.runtime_package):
        version = latest_version(instance, key)
        if version is not None:
            return store.open(version)
    return None


def model_file(model: Artifact) -> Path:
    """What a detector is opened from, of what `newest_model` gave: an ONNX file or a bundle."""
    if model.version.asset.endswith("/onnx_export"):
        return OnnxExport.open(model.path).model
    return RuntimePackage.open(model.path).bundle


@dataclass(frozen=True)
class SelectionOptions:
    """What is asked for.

    Attributes:
        rate: what the labels of a frame are worth by what is detected in it.
        augment: whether frames are scored by test-time augmentation, too.
        config: as it was asked for.
        show: what the page of a finished batch shows.
        named: it is about named classes: frames without value are left out, and without a model
            there is nothing to choose.
    """

    budget: Budget
    rate: Rate
    augment: bool
    config: dict[str, Any]
    show: Callable[[AnnotationBatch], Metadata]
    named: bool = False


@dataclass(frozen=True)
class _Inputs:
    """What a choice depends on beside the screenshots."""

    model: Artifact | None
    evaluation: Artifact | None
    labelled: tuple[Artifact, ...]
    others: tuple[Artifact, ...]

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        single = (self.model, self.evaluation)
        return (*(one for one in single if one is not None), *self.labelled, *self.others)


@dataclass(frozen=True)
class _Screenshots:
    """The screenshots as they were read."""

    path: Path
    images: tuple[UnlabelledImage, ...]
    unreadable: tuple[Unreadable, ...]


@dataclass(frozen=True)
class BatchBuilder:
    """Selects the frames of one batch."""

    pack: GamePack
    context: dg.AssetExecutionContext
    store: ArtifactStore
    screenshots: Screenshots
    key: dg.AssetKey

    def build(self, options: SelectionOptions) -> dg.MaterializeResult[Any]:
        """Choose, unless the same was chosen before.

        A run that says nothing of how, as *Materialize all* starts one, keeps a batch that is
        there: its default options, or what has been labelled since, would choose other frames
        under the name of those that people have.

        Raises:
            AnnotationBatchError: there are no screenshots, none that could be chosen, or the batch
                is at the annotators already.
        """
        kept = None if self._is_configured else self._as_chosen()
        if kept is not None:
            notice(
                self.context.log.info,
                f"The batch '{self.context.partition_key}' was chosen before and is kept. To "
                "choose again, open the launchpad, or run `outpost annotate choose`.",
            )
            return build_asset(
                kept,
                lambda _: None,
                lambda made: options.show(AnnotationBatch.open(made)),
            )
        folder = self._read()
        build, inputs = self._build(options, folder)
        return build_asset(
            build,
            lambda staged: self._write(staged, options, folder, inputs, build),
            lambda made: options.show(AnnotationBatch.open(made)),
        )

    @property
    def _is_configured(self) -> bool:
        """Whether the run's configuration speaks of this asset; defaults have been filled in."""
        asked: Mapping[str, Any] = self.context.run.run_config
        return self.key.to_python_identifier() in asked.get("ops", {})

    def _as_chosen(self) -> AssetBuild | None:
        """As the batch of that name was made last; None if there is none, or not all of it."""
        version = latest_version(self.context.instance, self.key, self.context.partition_key)
        records = () if version is None else self.store.provenance_of(version)
        for record in reversed(records):
            recipe = record.recipe
            try:
                inputs = tuple(map(self.store.open, recipe.inputs))
            except ArtifactMissingError:
                continue
            build = AssetBuild(
                *(self.context, self.store, self.key),
                *(recipe.code_version, recipe.config, inputs),
            )
            if build.earlier is not None and build.earlier.data_version == record.data_version:
                return build
        return None

    def _read(self) -> _Screenshots:
        top = self.screenshots.path(self.pack.name)
        files = self.screenshots.files(self.pack.name)
        images, unreadable = read_screenshots(top, files, reporter(self.context.log.info))
        for one in unreadable[:MOST_NOTICES]:
            notice(self.context.log.warning, f"{one.source} is passed over: {one.why}")
        if len(unreadable) > MOST_NOTICES:
            rest = len(unreadable) - MOST_NOTICES
            notice(self.context.log.warning, f"{rest} more files could not be read.")
        if unreadable and not images:
            first = unreadable[0]
            raise AnnotationBatchError(
                f"None of the {len(unreadable)} files in {top} can be read as an image, such as "
                f"{first.source}: {first.why}",
                "Open one of them in an image viewer; take the screenshots again, or copy them "
                "again, as PNG, JPEG, BMP or WebP.",
            )
        if not images:
            raise AnnotationBatchError(
                f"There are no screenshots in {top}.",
                "Drop some there, in folders of any depth; for the built-in game run "
                "`outpost annotate demo-screenshots`.",
            )
        return _Screenshots(top, images, unreadable)

    def _build(self, options: SelectionOptions, folder: _Screenshots) -> tuple[AssetBuild, _Inputs]:
        """As the batch was made before, if nothing has changed for it; else anew.

        A batch that was chosen after this one, and therefore without its frames, doesn't change
        what this one would be; once it is chosen anew, the frames of that one are not for it.
        """
        inputs = self._inputs(later=False)
        build = self._as_build(options, folder, inputs)
        if build.earlier is not None:
            return build, inputs
        task = latest_version(
            self.context.instance, GameKeys.of(self.pack).cvat_task, self.context.partition_key
        )
        if task is not None:
            raise AnnotationBatchError(
                f"The batch '{self.context.partition_key}' is in CVAT already, and other frames "
                "would be chosen now: screenshots, labels or the model have changed since.",
                "Choose a batch of another name: `outpost annotate choose NAME`.",
            )
        if (export := self._labelled_in(inputs)) is not None:
            raise AnnotationBatchError(
                f"Frames of the batch '{self.context.partition_key}' have come back labelled, in "
                f"the export batch '{export}', and other frames would be chosen now.",
                "Choose a batch of another name: `outpost annotate choose NAME`.",
            )
        inputs = self._inputs(later=True)
        return self._as_build(options, folder, inputs), inputs

    def _labelled_in(self, inputs: _Inputs) -> str | None:
        """The first export batch with a frame of the batch that bears this name now."""
        version = latest_version(self.context.instance, self.key, self.context.partition_key)
        if version is None:
            return None
        try:
            batch = AnnotationBatch.open(self.store.open(version).path)
        except ArtifactMissingError:
            return None
        chosen = {frame.sha256 for frame in batch.frames}
        for artifact in inputs.labelled:
            labelled = ExportBatch.open(artifact.path).batch.frames
            if not chosen.isdisjoint(frame.sha256 for frame in labelled):
                return artifact.version.partition or ""
        return None

    def _as_build(
        self, options: SelectionOptions, folder: _Screenshots, inputs: _Inputs
    ) -> AssetBuild:
        recipe = {
            **options.config,
            "screenshots": digest_of([[one.source, one.sha256] for one in folder.images]),
            "unreadable": [one.source for one in folder.unreadable],
            "classes": list(self.pack.class_names),
            "thresholds": thresholds_of(self.pack),
        }
        return AssetBuild(
            self.context, self.store, self.key, selection_code(), recipe, inputs.artifacts
        )

    def _inputs(self, *, later: bool) -> _Inputs:
        instance, keys = self.context.instance, GameKeys.of(self.pack)
        model = newest_model(instance, self.store, keys)
        batches = (
            *merged_batches(instance, self.store, self.pack),
            *held_out_batches(instance, self.store, self.pack),
        )
        labelled = {batch.version: batch for batch in batches}
        ordered = sorted(labelled.values(), key=lambda batch: batch.version.partition or "")
        evaluation = None if model is None else self._evaluation_of(model)
        return _Inputs(model, evaluation, tuple(ordered), tuple(self._others(keys, later=later)))

    def _evaluation_of(self, model: Artifact) -> Artifact | None:
        """The newest evaluation, if it is of this very model."""
        keys = GameKeys.of(self.pack)
        evaluation = latest_version(self.context.instance, keys.real_evaluation)
        if evaluation is None:
            return None
        judged = made_from(self.store, evaluation, keys.onnx_export)
        return self.store.open(evaluation) if model.version in judged else None

    def _others(self, keys: GameKeys, *, later: bool) -> Iterator[Artifact]:
        """Other batches, by name; those that were made without the frames of this one, too?"""
        name = keys.annotation_batches.name
        assert name is not None
        own = (self.key.to_user_string(), self.context.partition_key)
        for partition in sorted(self.context.instance.get_dynamic_partitions(name)):
            for key in (keys.annotation_batch, keys.hard_negatives):
                if (key.to_user_string(), partition) == own:
                    continue
                version = latest_version(self.context.instance, key, partition)
                if version is None:
                    continue
                used = made_from(self.store, version, self.key)
                if later or own[1] not in {one.partition for one in used}:
                    yield self.store.open(version)

    def _write(
        self,
        staged: Path,
        options: SelectionOptions,
        folder: _Screenshots,
        inputs: _Inputs,
        build: AssetBuild,
    ) -> None:
        if options.named and inputs.model is None:
            raise AnnotationBatchError(
                "There is no model whose confusions could be looked for.",
                "Materialize trained_weights and onnx_export first, or choose frames with "
                "annotation_batch, which needs no model.",
            )
        known = tuple(_fingerprints(inputs, build))
        candidates = find_candidates(folder.images, known)
        if not candidates.screenshots:
            raise AnnotationBatchError(
                f"All {len(folder.images)} screenshots in {folder.path} show what is labelled "
                "already, or what another batch has taken.",
                "Drop other screenshots there.",
            )
        rules = _rules_of(self.pack, inputs)
        rated = self._rated(candidates, inputs.model, rules, options, folder, build)
        picks = _picks(rated, options, [one.phash for one in known])
        if not picks:
            raise AnnotationBatchError(
                f"In none of {len(candidates.screenshots)} screenshots do detections of these "
                "classes compete.",
                "Name other confusions, or choose by uncertainty: materialize annotation_batch.",
            )
        chosen = chosen_frames(rated, picks)
        model = "" if inputs.model is None else str(inputs.model.version)
        summary = _summary(folder, rated, rules, model, options)
        spent = sum(frame.expected_boxes for frame in chosen)
        summary = summary.model_copy(update={"notes": tuple(_notes(summary, spent))})
        for note in summary.notes:
            notice(self.context.log.warning, note)
        write_batch(staged, chosen, folder.path, summary, build.report)

    def _rated(
        self,
        candidates: Candidates,
        model: Artifact | None,
        rules: ScoringRules,
        options: SelectionOptions,
        folder: _Screenshots,
        build: AssetBuild,
    ) -> RatedCandidates:
        if model is None:
            nothing = Rating(0.0, rules.boxes_per_detection)
            return RatedCandidates(candidates, (nothing,) * len(candidates.screenshots))
        images = candidates.screenshots
        ratings = []
        with shipped_detector(model_file(model)) as detector:
            for one in track(images, len(images), "score screenshots", build.report):
                shown = open_candidate(folder.path, one)
                found = detect_augmented(
                    detector, shown, self.pack.class_names, augment=options.augment
                )
                ratings.append(options.rate(found, rules))
        return RatedCandidates(candidates, tuple(ratings))


def _fingerprints(inputs: _Inputs, build: AssetBuild) -> Iterator[Fingerprint]:
    """Of every frame that has labels, waits for them in an export, or is in another batch."""
    for artifact in inputs.labelled:
        batch = ExportBatch.open(artifact.path).batch
        for frame in (*batch.frames, *batch.unlabelled):
            yield frame.fingerprint(artifact.version.partition or "")
    for artifact in inputs.others:
        other = AnnotationBatch.open(artifact.path)
        files = [other.image_of(frame) for frame in other.frames]
        images, _ = read_screenshots(artifact.path, files, build.report)
        yield from (one.fingerprint for one in images)


def _rules_of(pack: GamePack, inputs: _Inputs) -> ScoringRules:
    reports = [BatchReport.open(artifact.path) for artifact in inputs.labelled]
    labelled = tuple(
        sum(report.per_class.get(name, 0) for report in reports) for name in pack.class_names
    )
    if inputs.model is None:
        frames = sum(report.frames for report in reports)
        boxes = sum(report.boxes for report in reports)
        factor = boxes / frames if frames and boxes else BOXES_OF_A_FRAME
    else:
        factor = _boxes_per_detection(inputs.evaluation)
    return ScoringRules(
        class_names=pack.class_names,
        thresholds=thresholds_of(pack),
        weights=class_weights(labelled),
        labelled=labelled,
        boxes_per_detection=round(factor, 3),
    )


def _boxes_per_detection(evaluation: Artifact | None) -> float:
    """How many boxes the frames that the model was judged on have for each that it found."""
    if evaluation is None:
        return 1.0
    real = Evaluation.open(evaluation.path).report.real
    factor = real.truths / max(1, real.detections)
    return min(max(factor, LEAST_FACTOR), MOST_FACTOR)


def _picks(
    rated: RatedCandidates, options: SelectionOptions, labelled: Sequence[str]
) -> tuple[Pick, ...]:
    candidates = rated.candidates
    worth = [
        index for index, rating in enumerate(rated.ratings) if rating.value > 0 or not options.named
    ]
    frames = [
        RatedFrame(
            sha256=candidates.screenshots[index].sha256,
            phash=candidates.screenshots[index].phash,
            session=candidates.sessions[index] or "",
            value=rated.ratings[index].value,
            expected_boxes=rated.ratings[index].expected_boxes,
        )
        for index in worth
    ]
    picks = select_frames(frames, options.budget, labelled)
    return tuple(replace(pick, index=worth[pick.index]) for pick in picks)


def _summary(
    folder: _Screenshots,
    rated: RatedCandidates,
    rules: ScoringRules,
    model: str,
    options: SelectionOptions,
) -> SelectionSummary:
    candidates = rated.candidates
    return SelectionSummary(
        screenshots=len(folder.images),
        unreadable={one.source: one.why for one in folder.unreadable},
        duplicates=candidates.duplicates,
        labelled=candidates.labelled,
        candidates=len(candidates.screenshots),
        sessions=dict(sorted(Counter(one or "" for one in candidates.sessions).items())),
        model=model,
        boxes_per_detection=rules.boxes_per_detection,
        weights=dict(zip(rules.class_names, rules.weights, strict=True)),
        boxes=options.budget.boxes,
    )


def _notes(summary: SelectionSummary, spent: float) -> Iterator[str]:
    if not summary.model:
        yield "There is no model yet: frames are chosen by how different they are, and at random."
    if summary.sessions.get(""):
        yield (
            f"{summary.sessions['']} of {summary.candidates} screenshots do not tell by their "
            "names in which session they were captured, so the choice is not spread over those; "
            "name them <session>_<number>, or keep a folder for each session."
        )
    if spent < summary.boxes:
        yield f"There are too few screenshots for {summary.boxes:g} boxes: about {spent:.0f}."

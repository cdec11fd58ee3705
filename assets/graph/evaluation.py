"""How good the model is on real frames, measured through the runtime that users have."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import dagster as dg
from dagster import AssetRecordsFilter
from pydantic import Field

from assets.core.building import AssetBuild, Metadata, build_asset, latest, made_from, version_of
from assets.core.keys import GameKeys
from assets.core.launchpad import LaunchpadConfig
from assets.core.metadata import ShownImage, drawing, image, table
from assets.graph.annotations import held_out_batches, judged_frames
from pipeline.evaluation.class_thresholds import COLUMNS, ClassThresholds, ThresholdSuggestion
from pipeline.evaluation.comparison.champion import Champion, ChampionComparison
from pipeline.evaluation.detecting import LOWEST_SCORE, detect, looked_at, shipped_detector
from pipeline.evaluation.evaluation import Evaluation
from pipeline.evaluation.frames import JudgedFrame, TrueFrame, true_frames, validation_frames
from pipeline.evaluation.judging import WORST_FRAMES, drawn_worst
from pipeline.evaluation.metrics.counts import counting
from pipeline.evaluation.metrics.intervals import Interval
from pipeline.evaluation.metrics.scores import EvaluationError, Judgement, worst_frames
from pipeline.evaluation.reports.conventions import under_both
from pipeline.evaluation.reports.gains import gains_svg
from pipeline.evaluation.reports.history import MOST_SHOWN, PastModel, history_svg
from pipeline.evaluation.reports.report import ConventionScore, EvaluationReport, evaluate
from pipeline.evaluation.reports.tables import markdown
from pipeline.evaluation.verdicts import FrameVerdicts, ImageReference, verdicts_on
from pipeline.export.onnx_export import OnnxExport
from pipeline.games.pack import GamePack
from pipeline.labels.comparing.session_overlap import PlacedFrame, session_overlap
from pipeline.labels.training_set import TrainingSet
from pipeline.progress import Report
from pipeline.provenance import asset_name, code_version_behind
from pipeline.release.package import RuntimePackage, RuntimePackageError
from pipeline.scenes.dataset.synthetic_set import SyntheticSet
from resources.artifacts import Artifact, ArtifactMissingError, Artifacts, ArtifactStore

GROUP = "model"
PACKAGES = 50
"""So many are looked through for one of another model."""
LOOKED_AT = "looked at"
"""Key in the report's inputs."""
EVALUATION_CODE = (
    "pipeline.evaluation.reports.conventions",
    "pipeline.evaluation.reports.drawing",
    "pipeline.evaluation.evaluation",
    "pipeline.evaluation.reports.report",
)
"""With all that they import they decide what an evaluation says and shows."""
THRESHOLDS_CODE = (
    "pipeline.evaluation.class_thresholds",
    "pipeline.evaluation.reports.gains",
)
"""The same of suggested thresholds."""
NOT_EVALUATION_CODE = frozenset({"pipeline.games.pack"})
"""Values and classes, of which the recipe states those that count."""


def thresholds_of(pack: GamePack) -> tuple[float, ...]:
    """The confidence from which a detection of each class counts, in the order of the ids."""
    rules = pack.thresholds
    return tuple(rules.per_class.get(name, rules.default) for name in pack.class_names)


def judgement_of(pack: GamePack, seed: int = 42) -> Judgement:
    """How models of a game are judged, at the thresholds that its pack ships."""
    groups = tuple(one.group for one in pack.classes)
    return Judgement(pack.class_names, thresholds_of(pack), seed=seed, groups=groups)


def evaluation_assets(pack: GamePack) -> list[dg.AssetsDefinition]:
    """The evaluation of a game's newest export, and the thresholds that it suggests."""
    keys = GameKeys.of(pack)
    code = code_version_behind(
        *EVALUATION_CODE,
        without=NOT_EVALUATION_CODE,
        whole=("assets.graph.evaluation", "detector_runtime"),
    )

    class EvaluationConfig(LaunchpadConfig):
        """What may be changed for one evaluation."""

        seed: int = Field(42, ge=0, description="Of the bootstrap interval.")

    @dg.asset(
        key=keys.real_evaluation,
        deps=[keys.onnx_export, keys.cvat_merge, keys.cvat_export],
        group_name=GROUP,
        kinds={"onnx", "json"},
        code_version=code,
        description="Precision, recall and F1 on real frames: held-out batches and frames of the "
        "subset Test where there are any, else the real validation frames. Synthetic frames are "
        "scored apart, by visible and by full boxes.",
    )
    def real_evaluation(
        context: dg.AssetExecutionContext, config: EvaluationConfig, artifacts: Artifacts
    ) -> dg.MaterializeResult[Any]:
        store, instance = artifacts.store, context.instance
        export = latest(instance, store, keys.onnx_export)
        training_set = latest(instance, store, keys.cvat_merge)
        held_out = held_out_batches(instance, store, pack)
        drawn_set = _drawn_set(store, training_set, keys.synthetic_set)
        champion = _champion(instance, store, keys, export)
        judgement = judgement_of(pack, config.seed)
        recipe = {
            "thresholds": judgement.thresholds,
            "groups": judgement.groups,
            "seed": config.seed,
            "low": LOWEST_SCORE,
            "champion": champion.version if champion else None,
            "labels": pack.scenes.labels.model_dump(mode="json"),
        }
        inputs = (export, training_set, *held_out, *drawn_set)
        build = AssetBuild(context, store, keys.real_evaluation, code, recipe, inputs)

        def write(folder: Path) -> None:
            merged = TrainingSet.open(training_set.path)
            held_out_frames = true_frames(judged_frames(instance, store, pack))
            truths = held_out_frames or validation_frames(merged, real=True)
            drawn = validation_frames(merged, real=False)
            with shipped_detector(OnnxExport.open(export.path).model) as detector:
                real = detect(detector, truths, "evaluating real frames", build.report)
                synthetic = detect(detector, drawn, "evaluating synthetic frames", build.report)
                about = {**_inputs(inputs), LOOKED_AT: looked_at(detector)}
            report = evaluate(real, synthetic, judgement, about)
            report = report.model_copy(
                update={"conventions": _by_convention(synthetic, drawn_set, pack, judgement)}
            )
            if champion is not None:
                beside = _beside(context, champion, real, truths, judgement, build.report)
                report = report.model_copy(update={"champion": beside})
            verdicts = chain(
                _verdicts("real", truths, real, inputs, judgement),
                _verdicts("synthetic", drawn, synthetic, inputs, judgement),
            )
            worst = drawn_worst(report.real, truths, real, judgement)
            Evaluation.write(folder, report, verdicts, worst)

        def show(folder: Path) -> Metadata:
            judged = [
                PlacedFrame.at(one.batch, one.frame.place)
                for one in judged_frames(instance, store, pack)
            ]
            merged = TrainingSet.open(training_set.path)
            return {
                **show_independence(merged, judged),
                **show_evaluation(Evaluation.open(folder), _past_models(instance, keys)),
            }

        return build_asset(build, write, show)

    return [real_evaluation, _class_thresholds(pack)]


def _class_thresholds(pack: GamePack) -> dg.AssetsDefinition:
    """What the newest evaluation says of the confidences of single classes."""
    keys = GameKeys.of(pack)
    code = code_version_behind(
        *THRESHOLDS_CODE, without=NOT_EVALUATION_CODE, whole=("assets.graph.evaluation",)
    )

    @dg.asset(
        key=keys.class_thresholds,
        deps=[keys.real_evaluation],
        group_name=GROUP,
        kinds={"json"},
        code_version=code,
        description="Suggested thresholds of single classes, where enough objects and a "
        "cross-fitted gain justify them. Nothing uses them until `outpost thresholds promote` "
        "has written them into the pack.",
    )
    def class_thresholds(
        context: dg.AssetExecutionContext, artifacts: Artifacts
    ) -> dg.MaterializeResult[Any]:
        evaluation = latest(context.instance, artifacts.store, keys.real_evaluation)
        inputs = (evaluation,)
        build = AssetBuild(context, artifacts.store, keys.class_thresholds, code, {}, inputs)

        def write(folder: Path) -> None:
            report = Evaluation.open(evaluation.path).report
            ClassThresholds.write(folder, ThresholdSuggestion.of(report))

        return build_asset(
            build, write, lambda folder: show_thresholds(ClassThresholds.open(folder))
        )

    return class_thresholds


def show_thresholds(suggested: ClassThresholds) -> Metadata:
    """Every class with its confidence of now and the best one, what that gains, and the plot."""
    suggestion = suggested.suggestion
    shown: Metadata = {
        "suggested": len(suggestion.justified),
        "judged_on": suggestion.basis,
        "classes": table(COLUMNS, suggestion.rows()),
    }
    if suggestion.classes:
        plot = gains_svg(suggestion.classes)
        shown = {**shown, "preview": [drawing(plot, "gain in F1 by class, 95%")]}
    if suggestion.overall is None:
        return shown
    return {
        **shown,
        "f1": suggestion.overall.f1,
        "cross_fitted_f1": suggestion.overall.cross_fitted_f1,
        "gain": suggestion.overall.gain.text,
        # Only a pack in a folder of its own is written to, and a pack does not know its folder.
        "promote": "outpost thresholds promote --game FOLDER_OF_THE_PACK",
    }


def _verdicts(
    domain: str,
    frames: Sequence[TrueFrame],
    judged: Sequence[JudgedFrame],
    artifacts: Sequence[Artifact],
    judgement: Judgement,
) -> Iterator[FrameVerdicts]:
    """What became of everything in each frame, and in which of the artifacts its image is kept."""
    for frame, result in zip(frames, judged, strict=True):
        home = next(a for a in artifacts if frame.image.is_relative_to(a.path))
        path = frame.image.relative_to(home.path).as_posix()
        found = counting(result.detections, judgement.thresholds)
        yield FrameVerdicts(
            name=frame.name,
            domain=domain,
            image=ImageReference(version=home.version, path=path),
            verdicts=tuple(verdicts_on(frame.truths, found)),
        )


def _champion(
    instance: dg.DagsterInstance, store: ArtifactStore, keys: GameKeys, export: Artifact
) -> Champion | None:
    """The newest package of another model that was there before this one had any.

    So neither packaging a model nor going back to it changes what it was compared with. Packages
    that are no longer whole are passed over.
    """
    packages = AssetRecordsFilter(keys.runtime_package)
    champion = None
    for record in instance.fetch_materializations(packages, limit=PACKAGES).records:
        made = record.asset_materialization
        version = version_of(made) if made else None
        if version is None:
            continue
        with suppress(ArtifactMissingError, RuntimePackageError):
            if export.version in made_from(store, version, keys.onnx_export):
                champion = None
            elif champion is None:
                champion = _champion_in(RuntimePackage.open(store.open(version).path))
    return champion


def _champion_in(package: RuntimePackage) -> Champion:
    # The bundle, not its model alone: it says at which scale frames are looked at.
    manifest, table = package.manifest, package.manifest.thresholds
    return Champion(manifest.version, package.bundle, table.default, table.per_class)


def _beside(
    context: dg.AssetExecutionContext,
    champion: Champion,
    real: Sequence[JudgedFrame],
    frames: Sequence[TrueFrame],
    judgement: Judgement,
    report: Report,
) -> ChampionComparison | None:
    """The comparison; None, and why in the run's log, with a model of other classes."""
    try:
        return champion.compared(real, frames, judgement, report)
    except EvaluationError as error:
        context.log.warning(error.problem)
        return None


def _drawn_set(
    store: ArtifactStore, training_set: Artifact, key: dg.AssetKey
) -> tuple[Artifact, ...]:
    """The synthetic set that was merged, if the store still has it whole; else nothing."""
    with suppress(ArtifactMissingError):
        merged = made_from(store, training_set.version, key)
        return tuple(store.open(version) for version in merged[-1:])
    return ()


def _by_convention(
    synthetic: Sequence[JudgedFrame],
    drawn_set: Sequence[Artifact],
    pack: GamePack,
    judgement: Judgement,
) -> tuple[ConventionScore, ...]:
    """Scores by visible and by full boxes, where there are drawn images and their records."""
    if not synthetic or not drawn_set:
        return ()
    drawn = SyntheticSet.open(drawn_set[0].path)
    scores = under_both(synthetic, drawn, pack.scenes.labels, judgement)
    return tuple(ConventionScore.of(box, found) for box, found in scores.items())


def _inputs(artifacts: Sequence[Artifact]) -> dict[str, str]:
    versions = (item.version for item in artifacts)
    return {asset_name(one.asset, one.partition): one.data_version for one in versions}


def show_independence(merged: TrainingSet, held_out: Sequence[PlacedFrame]) -> Metadata:
    """Which real frames were judged, and how many of them are of matches that are trained on."""
    real: dict[bool, list[PlacedFrame]] = {False: [], True: []}
    validating = set(merged.listed["val"])
    for one in merged.real_frames():
        real[one.image in validating].append(PlacedFrame.at(one.batch, one.place))
    judged = held_out or real[True]
    return {
        "judged_on": "held-out frames" if held_out else "validation frames: none are held out",
        "frames_of_trained_sessions": str(session_overlap(real[False], judged)),
    }


def show_evaluation(evaluation: Evaluation, past: Sequence[PastModel] = ()) -> Metadata:
    """The figure of record, the classes, the worst frames, and the models of before."""
    report = evaluation.report
    figures = {
        "real_f1": report.real.micro.f1,
        "real_f1_low": report.real.micro_f1_interval.low,
        "real_f1_high": report.real.micro_f1_interval.high,
        "real_precision": report.real.micro.precision,
        "real_recall": report.real.micro.recall,
        "synthetic_f1": report.synthetic.micro.f1 if report.synthetic else None,
        **{f"synthetic_f1_{one.box}_boxes": one.micro.f1 for one in report.conventions},
        "gap": report.gap,
    }
    if report.champion is not None:
        of_record = report.champion.comparison.of_record
        figures |= {"champion_f1": of_record.old}
    errors = {frame.name: frame.errors for frame in report.real.per_frame}
    names = worst_frames(report.real, WORST_FRAMES)
    return {
        **{name: value for name, value in figures.items() if value is not None},
        **_verdict(report),
        **({"looked_at": report.inputs[LOOKED_AT]} if LOOKED_AT in report.inputs else {}),
        "preview": [
            image(file.read_bytes(), f"{errors[name]} error{'s' * (errors[name] != 1)}: {name}")
            for name, file in zip(names, evaluation.worst(), strict=True)
        ]
        + [*_history(past, report)],
        "report": dg.MetadataValue.md(markdown(report)),
        "report_page": dg.MetadataValue.path(str(evaluation.page)),
    }


def _past_models(instance: dg.DagsterInstance, keys: GameKeys) -> tuple[PastModel, ...]:
    """What each evaluation found, oldest first, each version once."""
    evaluations = AssetRecordsFilter(keys.real_evaluation)
    found: dict[str, PastModel] = {}
    for record in instance.fetch_materializations(evaluations, limit=MOST_SHOWN).records:
        made = record.asset_materialization
        version = version_of(made) if made else None
        figures = {name: value.value for name, value in made.metadata.items()} if made else {}
        f1 = figures.get("real_f1")
        if version is None or not isinstance(f1, float):
            continue
        low, high = figures.get("real_f1_low"), figures.get("real_f1_high")
        known = isinstance(low, float) and isinstance(high, float)
        day = datetime.fromtimestamp(record.timestamp, UTC).date().isoformat()
        interval = Interval(low=low, high=high) if known else None
        found.setdefault(version.data_version, PastModel(day, f1, interval))
    return tuple(reversed(found.values()))


def _history(past: Sequence[PastModel], report: EvaluationReport) -> tuple[ShownImage, ...]:
    """All evaluations with this one, where there are several."""
    f1, interval = report.real.micro.f1, report.real.micro_f1_interval
    # One that was made before and is kept has its own figures in the past already.
    others = [one for one in past if (one.f1, one.interval) != (f1, interval)]
    if f1 is None or not others:
        return ()
    shown = history_svg([*others, PastModel("this one", f1, interval)])
    title = "real micro-F1 of all models"
    return (drawing(shown, title),)


def _verdict(report: EvaluationReport) -> Metadata:
    """Whether it is better than the model in service, where there is one."""
    if report.champion is None:
        return {}
    of_record = report.champion.comparison.of_record
    return {f"beside {report.champion.version}": of_record.explanation}

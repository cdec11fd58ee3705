"""How good the model is on real frames, measured through the runtime that users have."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

import dagster as dg
from detector_runtime.images import upright
from PIL import Image
from pydantic import Field

from assets.core.building import AssetBuild, Metadata, build_asset, latest, made_from
from assets.core.keys import GameKeys
from assets.core.launchpad import LaunchpadConfig
from assets.core.metadata import image
from assets.graph.annotations import held_out_batches, judged_frames
from detector_runtime import Detector, DetectorSettings, Thresholds, open_detector
from pipeline.evaluation.evaluation import Evaluation
from pipeline.evaluation.frames import JudgedFrame, TrueFrame, true_frames, validation_frames
from pipeline.evaluation.matching import ScoredBox
from pipeline.evaluation.metrics.counts import counting
from pipeline.evaluation.metrics.scores import Judgement, worst_frames
from pipeline.evaluation.reports.conventions import under_both
from pipeline.evaluation.reports.drawing import draw_comparison
from pipeline.evaluation.reports.report import ConventionScore, EvaluationReport, evaluate
from pipeline.evaluation.reports.tables import markdown
from pipeline.evaluation.verdicts import FrameVerdicts, ImageReference, verdicts_on
from pipeline.export.onnx_export import OnnxExport
from pipeline.games.pack import GamePack
from pipeline.labels.boxes import Box
from pipeline.labels.training_set import TrainingSet
from pipeline.progress import Report, track
from pipeline.provenance import asset_name, code_version_behind
from pipeline.scenes.dataset.synthetic_set import SyntheticSet
from resources.artifacts import Artifact, ArtifactMissingError, Artifacts, ArtifactStore

GROUP = "model"
LOWEST_SCORE = 0.01
"""Average precision looks at the whole range; what counts for F1 is decided by the thresholds."""
WORST_FRAMES = 6
EVALUATION_CODE = (
    "pipeline.evaluation.reports.conventions",
    "pipeline.evaluation.reports.drawing",
    "pipeline.evaluation.evaluation",
    "pipeline.evaluation.reports.report",
)
"""With all that they import they decide what an evaluation says and shows."""
NOT_EVALUATION_CODE = frozenset({"pipeline.games.pack"})
"""Values and classes, of which the recipe states those that count."""


def thresholds_of(pack: GamePack) -> tuple[float, ...]:
    """The confidence from which a detection of each class counts, in the order of the ids."""
    rules = pack.thresholds
    return tuple(rules.per_class.get(name, rules.default) for name in pack.class_names)


def evaluation_assets(pack: GamePack) -> list[dg.AssetsDefinition]:
    """The evaluation of a game's newest export."""
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
        judgement = Judgement(pack.class_names, thresholds_of(pack), seed=config.seed)
        recipe = {
            "thresholds": judgement.thresholds,
            "seed": config.seed,
            "low": LOWEST_SCORE,
            "labels": pack.scenes.labels.model_dump(mode="json"),
        }
        inputs = (export, training_set, *held_out, *drawn_set)
        build = AssetBuild(context, store, keys.real_evaluation, code, recipe, inputs)

        def write(folder: Path) -> None:
            detector = shipped_detector(OnnxExport.open(export.path).model)
            merged = TrainingSet.open(training_set.path)
            held_out_frames = true_frames(judged_frames(instance, store, pack))
            truths = held_out_frames or validation_frames(merged, real=True)
            real = detect(detector, truths, "evaluating real frames", build.report)
            drawn = validation_frames(merged, real=False)
            synthetic = detect(detector, drawn, "evaluating synthetic frames", build.report)
            report = evaluate(real, synthetic, judgement, _inputs(inputs))
            report = report.model_copy(
                update={"conventions": _by_convention(synthetic, drawn_set, pack, judgement)}
            )
            verdicts = chain(
                _verdicts("real", truths, real, inputs, judgement),
                _verdicts("synthetic", drawn, synthetic, inputs, judgement),
            )
            worst = _drawn_worst(report, truths, real, judgement)
            Evaluation.write(folder, report, verdicts, worst)

        return build_asset(build, write, lambda folder: show_evaluation(Evaluation.open(folder)))

    return [real_evaluation]


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


def shipped_detector(model: Path) -> Detector:
    """The shipped runtime on a model, keeping everything down to the lowest score."""
    return open_detector(
        model, settings=DetectorSettings(thresholds=Thresholds(LOWEST_SCORE), tracking="none")
    )


def detect(
    detector: Detector, frames: Sequence[TrueFrame], stage: str, report: Report
) -> tuple[JudgedFrame, ...]:
    """Run the detector over frames."""
    return tuple(
        frame.judged(_scored(detector, frame.image))
        for frame in track(frames, len(frames), stage, report)
    )


def _scored(detector: Detector, file: Path) -> tuple[ScoredBox, ...]:
    found = detector.detect_fast(file)
    return tuple(
        ScoredBox(int(class_id), float(score), Box(*(float(value) for value in corners)))
        for class_id, score, corners in zip(found.class_ids, found.scores, found.boxes, strict=True)
    )


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


def _drawn_worst(
    report: EvaluationReport,
    truths: Sequence[TrueFrame],
    judged: Sequence[JudgedFrame],
    judgement: Judgement,
) -> Iterator[tuple[str, Image.Image]]:
    """The frames with most errors, with what counts drawn in."""
    by_name = {frame.name: (frame, result) for frame, result in zip(truths, judged, strict=True)}
    for name in worst_frames(report.real, WORST_FRAMES):
        frame, result = by_name[name]
        found = counting(result.detections, judgement.thresholds)
        with Image.open(frame.image) as image:
            drawn = draw_comparison(upright(image), frame.truths, found, judgement.class_names)
        yield frame.image.stem, drawn


def show_evaluation(evaluation: Evaluation) -> Metadata:
    """The figure of record, the classes, and the worst frames."""
    report = evaluation.report
    figures = {
        "real_f1": report.real.micro.f1,
        "real_precision": report.real.micro.precision,
        "real_recall": report.real.micro.recall,
        "synthetic_f1": report.synthetic.micro.f1 if report.synthetic else None,
        **{f"synthetic_f1_{one.box}_boxes": one.micro.f1 for one in report.conventions},
        "gap": report.gap,
    }
    errors = {frame.name: frame.errors for frame in report.real.per_frame}
    names = worst_frames(report.real, WORST_FRAMES)
    return {
        **{name: value for name, value in figures.items() if value is not None},
        "preview": [
            image(file.read_bytes(), f"{errors[name]} error{'s' * (errors[name] != 1)}: {name}")
            for name, file in zip(names, evaluation.worst(), strict=True)
        ],
        "report": dg.MetadataValue.md(markdown(report)),
    }

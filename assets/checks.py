"""Asset checks: what must hold before money is spent or a model leaves the house.

Blocking ones stop everything downstream in the same run. Each reads the newest artifact of its
asset, so it can be run again by itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg

from assets.core.building import latest, latest_version
from assets.core.keys import GameKeys
from assets.core.metadata import table
from assets.graph.annotations import held_out_batches
from pipeline.errors import OutpostError
from pipeline.evaluation.champion import compare
from pipeline.evaluation.evaluation import Evaluation
from pipeline.evaluation.report import EvaluationError, EvaluationReport
from pipeline.export.contract import check_onnx_contract
from pipeline.export.onnx_export import OnnxExport
from pipeline.games.pack import GamePack
from pipeline.labels.batches import ExportBatch
from pipeline.labels.coverage import coverage_warnings
from pipeline.labels.fingerprints import Fingerprint
from pipeline.labels.leakage import find_leaks, fingerprint_of
from pipeline.labels.merge import REAL_PREFIX
from pipeline.labels.training_set import TrainingSet, is_real
from pipeline.provenance import ArtifactVersion
from pipeline.scenes.dataset.checks import label_problems, scene_separation_problems
from pipeline.scenes.dataset.synthetic_set import SyntheticSet
from resources.artifacts import Artifacts

PROBLEMS_SHOWN = 20

T = TypeVar("T")
Opener = Callable[[Path], T]
"""Opens an artifact's folder; what it raises is what is wrong."""
Judge = Callable[[dg.AssetCheckExecutionContext, Artifacts, T], Sequence[object]]
"""Returns what is wrong with an artifact; nothing wrong, nothing returned."""


def asset_checks(pack: GamePack) -> list[dg.AssetChecksDefinition]:
    """Every check of a game's assets."""
    keys = GameKeys.of(pack)
    return [
        _check(keys.synthetic_set, "scene_separation", SyntheticSet.open, _scene_separation(pack)),
        _warning(keys.synthetic_set, "gated", SyntheticSet.open, _gated),
        _check(keys.synthetic_set, "label_sanity", SyntheticSet.open, _label_sanity(pack)),
        _check(keys.cvat_merge, "dataset_integrity", TrainingSet.open, _dataset_integrity),
        _check(keys.cvat_merge, "leakage", TrainingSet.open, _leakage(pack)),
        _warning(keys.cvat_merge, "class_coverage", TrainingSet.open, _class_coverage),
        _check(keys.onnx_export, "onnx_contract", OnnxExport.open, _onnx_contract(pack)),
        _check(keys.onnx_export, "parity", OnnxExport.open, _parity),
        _warning(
            keys.real_evaluation, "not_worse_than_packaged", Evaluation.open, _not_worse(pack)
        ),
    ]


def _check(
    key: dg.AssetKey, name: str, opener: Opener[T], judge: Judge[T]
) -> dg.AssetChecksDefinition:
    """A check whose failure stops what follows."""
    return _define(key, name, opener, judge, dg.AssetCheckSeverity.ERROR)


def _warning(
    key: dg.AssetKey, name: str, opener: Opener[T], judge: Judge[T]
) -> dg.AssetChecksDefinition:
    """A check whose failure is shown and stops nothing."""
    return _define(key, name, opener, judge, dg.AssetCheckSeverity.WARN)


def _define(
    key: dg.AssetKey,
    name: str,
    opener: Opener[T],
    judge: Judge[T],
    severity: dg.AssetCheckSeverity,
) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=key,
        name=name,
        blocking=severity is dg.AssetCheckSeverity.ERROR,
        description=judge.__doc__,
    )
    def check(context: dg.AssetCheckExecutionContext, artifacts: Artifacts) -> dg.AssetCheckResult:
        artifact = latest(context.instance, artifacts.store, key)
        try:
            opened = opener(artifact.path)
        except OutpostError as error:
            problems = [str(error)]
        else:
            problems = [str(problem) for problem in judge(context, artifacts, opened)]
        return dg.AssetCheckResult(
            passed=not problems,
            severity=severity,
            metadata={
                "checked": artifact.version.data_version[:12],
                "problems": len(problems),
                "which": table(["problem"], [[text] for text in problems[:PROBLEMS_SHOWN]]),
            },
        )

    return check


def _scene_separation(pack: GamePack) -> Judge[SyntheticSet]:
    def judge(_context: Any, _artifacts: Artifacts, drawn: SyntheticSet) -> Sequence[object]:
        """Water classes are on water and land classes on land, at the shore on their side of it.

        A set that was drawn without gates, because somebody asked for that, is left alone; the
        check 'gated' tells of it.
        """
        return scene_separation_problems(drawn, pack) if drawn.summary.gated else ()

    return judge


def _gated(_context: Any, _artifacts: Artifacts, drawn: SyntheticSet) -> Sequence[object]:
    """Every class was kept in its own kind of scene."""
    if drawn.summary.gated:
        return []
    return [
        "the set was drawn with gated: false, so classes stand where the game never has them; a "
        "model that learns from it will not find them where they are"
    ]


def _label_sanity(pack: GamePack) -> Judge[SyntheticSet]:
    def judge(_context: Any, _artifacts: Artifacts, drawn: SyntheticSet) -> Sequence[object]:
        """Every label is readable, inside its image, large enough and what was drawn."""
        return label_problems(drawn, pack)

    return judge


def _dataset_integrity(
    _context: Any, _artifacts: Artifacts, training_set: TrainingSet
) -> Sequence[object]:
    """Every listed image can be read and has labels of known classes inside it."""
    return training_set.problems()


def _leakage(pack: GamePack) -> Judge[TrainingSet]:
    def judge(
        context: dg.AssetCheckExecutionContext, artifacts: Artifacts, training_set: TrainingSet
    ) -> Sequence[object]:
        """No frame that a model is judged on was trained on: by name, by bytes, nearly."""
        held_out = held_out_batches(context.instance, artifacts.store, pack)
        judged = [
            frame.fingerprint
            for batch in held_out
            for frame in ExportBatch.open(batch.path).batch.frames
        ]
        # Validation frames choose the checkpoint, so the model has learned from them too.
        seen = {line for lines in training_set.listed.values() for line in lines}
        real = (training_set.folder / line for line in sorted(seen) if is_real(line))
        prints = [_fingerprint(image) for image in real]
        return [*training_set.summary.validation_leaks, *find_leaks(prints, judged)]

    return judge


def _fingerprint(image: Path) -> Fingerprint:
    """A merged frame's fingerprint under the name that it had in its batch."""
    merged = fingerprint_of(image)
    return replace(merged, stem=merged.stem.removeprefix(REAL_PREFIX))


def _class_coverage(
    _context: Any, _artifacts: Artifacts, training_set: TrainingSet
) -> Sequence[object]:
    """Every class has real and synthetic images to learn from and to be judged by."""
    return coverage_warnings(training_set.summary.per_class)


def _onnx_contract(pack: GamePack) -> Judge[OnnxExport]:
    def judge(_context: Any, _artifacts: Artifacts, export: OnnxExport) -> Sequence[object]:
        """The model's output is [1,300,6] from the NMS-free head, its names are the pack's."""
        try:
            check_onnx_contract(export.model, pack.class_names)
        except OutpostError as error:
            return [error]
        return []

    return judge


def _parity(_context: Any, _artifacts: Artifacts, export: OnnxExport) -> Sequence[object]:
    """The export answers as the weights do."""
    return [] if export.parity.is_close else [export.parity]


def _not_worse(pack: GamePack) -> Judge[Evaluation]:
    keys = GameKeys.of(pack)

    def judge(
        context: dg.AssetCheckExecutionContext, artifacts: Artifacts, evaluation: Evaluation
    ) -> Sequence[object]:
        """Real F1 is not clearly below that of the model that was packaged last.

        By a paired bootstrap over the same frames. The first model has nothing to be compared with.
        """
        packaged = latest_version(context.instance, keys.runtime_package)
        champion = _packaged_report(artifacts, packaged, keys) if packaged else None
        if champion is None:
            return []
        try:
            found = compare(evaluation.report.real, champion.real)
        except EvaluationError as error:
            context.log.info(error.problem)
            return []
        if found.verdict != "worse":
            return []
        return [
            f"real micro-F1 {found.challenger_f1:.3f} is below the {found.champion_f1:.3f} of the "
            f"model that was packaged last (difference {found.interval})"
        ]

    return judge


def _packaged_report(
    artifacts: Artifacts, packaged: ArtifactVersion, keys: GameKeys
) -> EvaluationReport | None:
    """What the packaged model scored, if its evaluation is still in the store."""
    made = artifacts.store.provenance_of(packaged)
    evaluated = keys.real_evaluation.to_user_string()
    inputs = [version for record in made for version in record.recipe.inputs]
    versions = [version for version in inputs if version.asset == evaluated]
    if not versions or artifacts.store.problems_of(versions[0]):
        return None
    return Evaluation.open(artifacts.store.open(versions[0]).path).report

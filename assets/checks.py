"""Asset checks: what must hold before money is spent or a model leaves the house.

Blocking ones stop everything downstream in the same run. Each reads the newest artifact of its
asset, so it can be run again by itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import dagster as dg

from assets.core.building import latest
from assets.core.keys import GameKeys
from assets.core.metadata import table
from assets.graph.annotations import judged_frames
from assets.graph.play.recordings import is_played, recorded_sessions
from pipeline.errors import OutpostError
from pipeline.evaluation.evaluation import Evaluation
from pipeline.export.contract import check_onnx_contract
from pipeline.export.onnx_export import OnnxExport
from pipeline.games.pack import GamePack
from pipeline.labels.batches import ExportBatch
from pipeline.labels.comparing.leakage import find_leaks
from pipeline.labels.coverage import coverage_warnings
from pipeline.labels.formats.label_names import unknown_label_problems
from pipeline.labels.training_set import TrainingSet
from pipeline.play.arena.artifacts.arena_benchmarks import (
    GENERALIST,
    HISTORICAL,
    TRANSFER,
    ArenaBenchmarks,
)
from pipeline.play.arena.artifacts.arena_league import (
    ArenaLeague,
    completeness_problems,
    exploitability_problems,
    rating_fall_problems,
)
from pipeline.play.arena.artifacts.arena_policy import (
    ArenaPolicy,
    clone_problems,
)
from pipeline.play.arena.artifacts.arena_policy import random_problems as arena_random_problems
from pipeline.play.arena.artifacts.arena_ratings import (
    ArenaRatings,
    agreement_problems,
    surprise_problems,
)
from pipeline.play.policies.artifacts.policy_evaluation import (
    PolicyEvaluation,
    random_problems,
    share_problems,
)
from pipeline.play.policies.artifacts.targets import missed_targets
from pipeline.play.policies.artifacts.trained_policies import TrainedPolicies
from pipeline.play.recordings.quality import copies, quality_problems
from pipeline.play.recordings.recorded_session import RecordedSession
from pipeline.scenes.dataset.checks import label_problems, scene_separation_problems
from pipeline.scenes.dataset.synthetic_set import SyntheticSet
from resources.artifacts import Artifacts, ArtifactStore

PROBLEMS_SHOWN = 20
WARN = dg.AssetCheckSeverity.WARN

T = TypeVar("T")


@dataclass(frozen=True)
class Case:
    """What a check may look at beside the artifact."""

    context: dg.AssetCheckExecutionContext
    store: ArtifactStore
    pack: GamePack


def asset_checks(pack: GamePack) -> list[dg.AssetChecksDefinition]:
    """Every check of a game's assets."""
    keys = GameKeys.of(pack)
    return [
        _check(pack, keys.synthetic_set, SyntheticSet.open, _scene_separation),
        _check(pack, keys.synthetic_set, SyntheticSet.open, _gated, WARN),
        _check(pack, keys.synthetic_set, SyntheticSet.open, _label_sanity),
        _check(pack, keys.cvat_export, ExportBatch.open, _known_labels),
        _check(pack, keys.cvat_merge, TrainingSet.open, _known_labels),
        _check(pack, keys.cvat_merge, TrainingSet.open, _dataset_integrity),
        _check(pack, keys.cvat_merge, TrainingSet.open, _leakage),
        _check(pack, keys.cvat_merge, TrainingSet.open, _class_coverage, WARN),
        _check(pack, keys.onnx_export, OnnxExport.open, _onnx_contract),
        _check(pack, keys.onnx_export, OnnxExport.open, _parity),
        _check(pack, keys.real_evaluation, Evaluation.open, _not_worse_than_packaged, WARN),
        *_play_checks(pack),
    ]


def _play_checks(pack: GamePack) -> list[dg.AssetChecksDefinition]:
    """Those of recorded play and of policies; nothing for games that nobody plays."""
    if not is_played(pack):
        return []
    keys = GameKeys.of(pack)
    return [
        _check(pack, keys.recordings, RecordedSession.open, _session_quality, WARN),
        _check(pack, keys.recordings, RecordedSession.open, _recorded_once, WARN),
        _check(pack, keys.policies, TrainedPolicies.open, _held_out_targets, WARN),
        _check(pack, keys.policy_evaluation, PolicyEvaluation.open, _beats_random),
        _check(pack, keys.policy_evaluation, PolicyEvaluation.open, _reaches_recorded_return, WARN),
        _check(pack, keys.arena_policy, ArenaPolicy.open, _wins_against_random),
        _check(pack, keys.arena_policy, ArenaPolicy.open, _wins_against_clone, WARN),
        _check(pack, keys.arena_league, ArenaLeague.open, _league_complete),
        _check(pack, keys.arena_league, ArenaLeague.open, _not_more_exploitable, WARN),
        _check(pack, keys.arena_league, ArenaLeague.open, _not_weaker, WARN),
        _check(pack, keys.arena_ratings, ArenaRatings.open, _ratings_agree),
        _check(pack, keys.arena_ratings, ArenaRatings.open, _ratings_explain_matches, WARN),
        _check(pack, keys.arena_benchmarks, ArenaBenchmarks.open, _transfer, WARN),
        _check(pack, keys.arena_benchmarks, ArenaBenchmarks.open, _generalist, WARN),
        _check(pack, keys.arena_benchmarks, ArenaBenchmarks.open, _historical, WARN),
    ]


def _check(
    pack: GamePack,
    key: dg.AssetKey,
    opener: Callable[[Path], T],
    judge: Callable[[Case, T], Sequence[object]],
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetChecksDefinition:
    """A check with the name of its judge; its failure stops what follows, unless it only warns.

    What the judge returns is wrong, and what it or the opener of the artifact's folder raises.
    """

    @dg.asset_check(
        asset=key,
        name=judge.__name__.removeprefix("_"),
        blocking=severity is dg.AssetCheckSeverity.ERROR,
        description=judge.__doc__,
    )
    def check(context: dg.AssetCheckExecutionContext, artifacts: Artifacts) -> dg.AssetCheckResult:
        run = context.op_execution_context
        partition = run.partition_key if run.has_partition_key else None
        artifact = latest(context.instance, artifacts.store, key, partition)
        problems: Sequence[object]
        try:
            problems = judge(Case(context, artifacts.store, pack), opener(artifact.path))
        except OutpostError as error:
            problems = [error]
        return dg.AssetCheckResult(
            passed=not problems,
            severity=severity,
            metadata={
                "checked": artifact.version.data_version[:12],
                "problems": len(problems),
                "which": table(["problem"], ([one] for one in problems[:PROBLEMS_SHOWN])),
            },
        )

    return check


def _scene_separation(case: Case, drawn: SyntheticSet) -> Sequence[object]:
    """Water classes are on water and land classes on land, at the shore on their side of it.

    A set that was drawn without gates, because somebody asked for that, is left alone; the
    check 'gated' tells of it.
    """
    return scene_separation_problems(drawn, case.pack) if drawn.summary.gated else ()


def _gated(_case: Case, drawn: SyntheticSet) -> Sequence[object]:
    """Every class was kept in its own kind of scene."""
    if drawn.summary.gated:
        return []
    return [
        "the set was drawn with gated: false, so classes stand where the game never has them; a "
        "model that learns from it will not find them where they are"
    ]


def _label_sanity(case: Case, drawn: SyntheticSet) -> Sequence[object]:
    """Every label is readable, inside its image, large enough and what was drawn."""
    return label_problems(drawn, case.pack)


def _known_labels(case: Case, labelled: ExportBatch | TrainingSet) -> Sequence[object]:
    """Every label is a class of the game, or left out on purpose (merge.left_out_labels)."""
    counts = labelled.report if isinstance(labelled, ExportBatch) else labelled.summary
    left_out, classes = case.pack.merge.left_out_labels, case.pack.class_names
    return list(unknown_label_problems(counts.unknown_labels, left_out, classes))


def _dataset_integrity(_case: Case, training_set: TrainingSet) -> Sequence[object]:
    """Every listed image can be read and has labels of known classes inside it."""
    return training_set.problems()


def _leakage(case: Case, training_set: TrainingSet) -> Sequence[object]:
    """No frame that a model is judged on was trained on: by its bytes, or nearly by its look."""
    judged = [
        one.fingerprint for one in judged_frames(case.context.instance, case.store, case.pack)
    ]
    # Validation frames choose the checkpoint, so the model has learned from them too.
    seen = training_set.fingerprints()
    return [*training_set.summary.validation_leaks, *find_leaks(seen, judged)]


def _class_coverage(_case: Case, training_set: TrainingSet) -> Sequence[object]:
    """Every class has real and synthetic images to learn from and to be judged by."""
    return coverage_warnings(training_set.summary.per_class)


def _onnx_contract(case: Case, export: OnnxExport) -> Sequence[object]:
    """The model's output is [1,300,6] from the NMS-free head, its names are the pack's."""
    try:
        check_onnx_contract(export.model, case.pack.class_names)
    except OutpostError as error:
        return [error]
    return []


def _parity(_case: Case, export: OnnxExport) -> Sequence[object]:
    """The export answers as the weights do."""
    return [] if export.parity.is_close else [export.parity]


def _not_worse_than_packaged(_case: Case, evaluation: Evaluation) -> Sequence[object]:
    """Real F1 is not clearly below that of the model that was packaged last before this one.

    Paired over sessions of the same frames. The first model has nothing to be compared with.
    """
    champion = evaluation.report.champion
    if champion is None or champion.comparison.verdict != "worse":
        return []
    change = champion.comparison.of_record
    return [
        f"real micro-F1 {change.new:.3f} is below the {change.old:.3f} of {champion.version}, "
        f"which was packaged before: {change.explanation}"
    ]


def _session_quality(_case: Case, recorded: RecordedSession) -> Sequence[object]:
    """The session is whole, long enough, without gaps, at its rates, and more than one goal's."""
    return quality_problems(recorded.quality)


def _recorded_once(case: Case, recorded: RecordedSession) -> Sequence[object]:
    """No other session begins with the same events: what is learned from counts twice otherwise."""
    found = recorded_sessions(case.context.instance, case.store, GameKeys.of(case.pack))
    openings = {name: one.quality.opening for name, one in found.items()}
    return [
        f"the same was recorded as {', '.join(names)}"
        for names in copies(openings)
        if openings[names[0]] == recorded.quality.opening
    ]


def _held_out_targets(_case: Case, trained: TrainedPolicies) -> Sequence[object]:
    """On sessions that they have not learned from, the policies reach what they should."""
    return missed_targets(trained.cloned)


def _beats_random(_case: Case, evaluation: PolicyEvaluation) -> Sequence[object]:
    """The policies' return is above a random player's in the same games, by the whole interval."""
    return random_problems(evaluation.verdict)


def _reaches_recorded_return(_case: Case, evaluation: PolicyEvaluation) -> Sequence[object]:
    """The policies reach four fifths of the return of those whom they learned from."""
    return share_problems(evaluation.verdict)


def _wins_against_random(_case: Case, policy: ArenaPolicy) -> Sequence[object]:
    """The policy wins more than half of its games against a random player, by the interval."""
    return arena_random_problems(policy)


def _wins_against_clone(_case: Case, policy: ArenaPolicy) -> Sequence[object]:
    """A policy that began as a copy wins 70% at least against those that it was copied from."""
    return clone_problems(policy)


def _league_complete(_case: Case, league: ArenaLeague) -> Sequence[object]:
    """Every round is there, and every two players have one match of as many games as asked."""
    return completeness_problems(league)


def _not_more_exploitable(_case: Case, league: ArenaLeague) -> Sequence[object]:
    """Who was trained against the last round does not certainly win more than against the first."""
    return exploitability_problems(league)


def _not_weaker(_case: Case, league: ArenaLeague) -> Sequence[object]:
    """The last round is not rated certainly below what the league began as."""
    return rating_fall_problems(league)


def _ratings_agree(_case: Case, ratings: ArenaRatings) -> Sequence[object]:
    """Ratings are what follows from the recorded matches, of which every two players have one."""
    return agreement_problems(ratings)


def _ratings_explain_matches(_case: Case, ratings: ArenaRatings) -> Sequence[object]:
    """No match ends far from what the ratings of its players say."""
    return surprise_problems(ratings)


def _transfer(_case: Case, benchmarks: ArenaBenchmarks) -> Sequence[object]:
    """The policy plays on drawn maps as it does on made ones; passes where it was not run."""
    return benchmarks.problems_of(TRANSFER)


def _generalist(_case: Case, benchmarks: ArenaBenchmarks) -> Sequence[object]:
    """The policy plays held-out set-ups beside specialists; passes where it was not run."""
    return benchmarks.problems_of(GENERALIST)


def _historical(_case: Case, benchmarks: ArenaBenchmarks) -> Sequence[object]:
    """Battles of the past end as they did and as recorded; passes where it was not run."""
    return benchmarks.problems_of(HISTORICAL)

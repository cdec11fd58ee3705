"""`outpost thresholds`: what the newest evaluation suggests, and writing it into the pack."""

from __future__ import annotations

from dataclasses import dataclass

from assets.core.building import latest, latest_version, made_from
from assets.core.keys import GameKeys
from assets.graph.evaluation import thresholds_of
from pipeline.errors import OutpostError
from pipeline.evaluation.class_thresholds import ClassThresholds, ThresholdSuggestion
from pipeline.games.editing import PackEdit, edit_thresholds
from pipeline.games.pack import load_pack
from resources.defaults import Resources
from resources.instance import open_instance

EVALUATE_AGAIN = "Materialize real_evaluation and class_thresholds again."


class ThresholdError(OutpostError):
    """Thresholds that cannot be promoted."""


@dataclass(frozen=True)
class ThresholdChange:
    """A class whose threshold in the pack would be another one."""

    name: str
    old: float
    new: float


@dataclass(frozen=True)
class ThresholdProposal:
    """What is suggested beside what the pack says.

    Attributes:
        game: name or folder of the pack.
        version: of the suggestion.
        changes: what promoting would change.
        outdated: why the suggestion says nothing of what is there now; None where it does.
    """

    game: str
    version: str
    suggestion: ThresholdSuggestion
    changes: tuple[ThresholdChange, ...]
    outdated: str | None


def proposed(resources: Resources, game: str) -> ThresholdProposal:
    """The newest suggestion for a game.

    Raises:
        NotMaterializedError: there is none yet.
        OutpostError: pack or suggestion cannot be read.
    """
    pack = load_pack(game)
    keys, store = GameKeys.of(pack), resources.artifacts.store
    with open_instance(resources.state) as instance:
        artifact = latest(instance, store, keys.class_thresholds)
        evaluation = latest_version(instance, keys.real_evaluation)
        export = latest_version(instance, keys.onnx_export)
    judged = made_from(store, evaluation, keys.onnx_export) if evaluation else ()
    used = made_from(store, artifact.version, keys.real_evaluation)
    suggestion = ClassThresholds.open(artifact.path).suggestion
    now = dict(zip(pack.class_names, thresholds_of(pack), strict=True))
    changes = tuple(
        ThresholdChange(name, now[name], new)
        for name, new in suggestion.per_class.items()
        if name in now and now[name] != new
    )
    return ThresholdProposal(
        game=game,
        version=artifact.version.data_version,
        suggestion=suggestion,
        changes=changes,
        outdated=_outdated(
            other_evaluation=evaluation not in used,
            # Where nothing says which model was judged, none is known to be newer.
            newer_model=bool(judged) and export is not None and export not in judged,
            other_thresholds=suggestion.judged_at != now,
        ),
    )


def plan_promotion(proposal: ThresholdProposal) -> PackEdit:
    """The change of the pack that a proposal comes to; nothing is written yet.

    Raises:
        ThresholdError: nothing would change, or the suggestion is outdated.
        PackError: the pack cannot be changed.
    """
    if proposal.outdated is not None:
        raise ThresholdError(proposal.outdated, EVALUATE_AGAIN)
    if not proposal.changes:
        raise ThresholdError(
            "There is nothing to promote: no class would be better from another confidence on.",
            "Label more sessions of the classes that matter, then evaluate again.",
        )
    return edit_thresholds(proposal.game, {one.name: one.new for one in proposal.changes})


def _outdated(*, other_evaluation: bool, newer_model: bool, other_thresholds: bool) -> str | None:
    if other_evaluation:
        return "These thresholds come of another evaluation than the newest one."
    if newer_model:
        return "There is a newer model than the one that was evaluated."
    if other_thresholds:
        return "The classes or thresholds of the pack have changed since it was evaluated."
    return None

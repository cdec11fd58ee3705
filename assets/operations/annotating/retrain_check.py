"""Whether what came back from the annotators is worth a training; nothing is started."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from assets.automation.retraining import now_utc, retrain_state
from assets.core.building import latest_version
from assets.core.keys import GameKeys
from pipeline.annotation.retrain_policy import RetrainState, decide
from pipeline.games.pack import load_pack
from resources.defaults import Resources
from resources.instance import open_instance


@dataclass(frozen=True)
class RetrainAnswer:
    """Whether the sensor would start a training now, and why or why not.

    Attributes:
        start: whether it would.
        waiting: batches that the last training has not seen as they are now.
        rules: the pack's, by name.
        unreachable: sources of exports that could not be asked.
    """

    game: str
    start: bool
    reasons: tuple[str, ...]
    waiting: tuple[str, ...]
    new_boxes: int
    last_training: datetime | None
    rules: dict[str, Any]
    unreachable: tuple[str, ...]


def explained_retrain(resources: Resources, game: str | Path) -> RetrainAnswer:
    """Look at the batches, the trainings and the pack's rules; nothing is started."""
    pack = load_pack(game)
    keys, listing = GameKeys.of(pack), resources.exports.listing(pack.name)
    with open_instance(resources.state) as instance:
        state = retrain_state(instance, resources.artifacts.store, pack, now_utc())
        new = sorted(
            batch
            for batch in listing.chosen
            if latest_version(instance, keys.cvat_export, batch) is None
        )
        drawn = latest_version(instance, keys.synthetic_set) is not None
    decision = decide(pack.retrain, state)
    hindrances = [] if drawn else [f"{pack.name}/synthetic_set has not been materialized yet."]
    would_start = decision.start and drawn and bool(state.waiting)
    arrived = [f"Not read yet, and not counted: {', '.join(new)}."] if new else []
    # That no rule speaks against it is no news where something else does.
    told = decision.reasons[:1] if decision.start and not would_start else decision.reasons
    return RetrainAnswer(
        game=pack.name,
        start=would_start,
        reasons=(*told, *hindrances, *arrived),
        waiting=state.waiting,
        new_boxes=state.new_boxes,
        last_training=_last(state),
        rules=pack.retrain.model_dump(),
        unreachable=tuple(error.problem for error in listing.unreachable.values()),
    )


def _last(state: RetrainState) -> datetime | None:
    return state.trainings[-1].at if state.trainings else None

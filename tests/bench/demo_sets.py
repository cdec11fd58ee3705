"""The built-in game's training set and held-out frames, for benchmarks that train to the end."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from assets.core.building import latest
from assets.core.keys import GameKeys
from assets.core.runs import materialize, register_batches
from assets.definitions import build_definitions
from assets.graph.evaluation import thresholds_of
from pipeline.demo_game.captures import write_export_batches
from pipeline.evaluation.detecting import detect, shipped_detector
from pipeline.evaluation.frames import batch_frames
from pipeline.evaluation.metrics.scores import Judgement, score_frames
from pipeline.games.pack import GamePack, load_pack
from pipeline.labels.batches import ExportBatch
from resources.defaults import Resources
from resources.instance import open_instance
from resources.paths import Paths

HELD_OUT = "heldout_session"


class DemoSets(NamedTuple):
    """Folders of the artifacts."""

    training_set: Path
    held_out: Path


def demo_sets(state_folder: Path, game: str = "demo") -> DemoSets:
    """Materialize all that comes before a training."""
    resources = Resources.of(Paths.below(state_folder.absolute()))
    resources.state.require_writable()
    pack, exports = load_pack(game), resources.exports
    keys = GameKeys.of(pack)
    write_export_batches(exports.path(pack.name), lambda _: None)
    definitions = build_definitions(pack, resources.by_name())
    with open_instance(resources.state) as instance:
        store = resources.artifacts.store
        batches = register_batches(instance, pack, exports, store)
        materialize(definitions, instance, keys.before_annotation)
        for batch in batches:
            materialize(definitions, instance, [keys.cvat_export], partition=batch)
        materialize(definitions, instance, [keys.cvat_merge])
        return DemoSets(
            latest(instance, store, keys.cvat_merge).path,
            latest(instance, store, keys.cvat_export, HELD_OUT).path,
        )


def f1_of(model: Path, held_out: Path, pack: GamePack) -> float:
    """Micro-F1 of an exported model on held-out frames, at the pack's thresholds."""
    judgement = Judgement(pack.class_names, thresholds_of(pack))
    frames = batch_frames(ExportBatch.open(held_out))
    judged = detect(shipped_detector(model), frames, "held-out frames", lambda _: None)
    return score_frames(judged, judgement).micro.f1 or 0.0

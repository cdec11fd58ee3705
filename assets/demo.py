"""`outpost demo`: the whole graph on the built-in game, from nothing to a detector."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from assets.definitions import build_definitions
from assets.keys import GameKeys
from assets.making import latest, reporter
from assets.runs import Outcome, materialize, register_batches
from pipeline.errors import OutpostError
from pipeline.evaluation.report import EvaluationReport, read_report
from pipeline.games.demo.captures import write_export_batches
from pipeline.games.pack import load_pack
from pipeline.progress import Report
from resources.artifacts import Artifacts
from resources.exports import ExportsFolder
from resources.instance import open_instance
from resources.state import StateFolder

GAME = "demo"


class NotDrawnError(OutpostError):
    """The demo was asked for a game that Outpost does not draw."""


@dataclass(frozen=True)
class DemoOptions:
    """What a caller may change; None keeps what the pack says.

    Attributes:
        pack: name or folder of the pack of a game that Outpost draws.
    """

    pack: str | Path = GAME

    images: int | None = None
    epochs: int | None = None
    seed: int | None = None


@dataclass(frozen=True)
class DemoResult:
    """What the demo made."""

    outcomes: tuple[Outcome, ...]
    evaluation: EvaluationReport
    bundle: Path


def run_demo(state: StateFolder, options: DemoOptions) -> DemoResult:
    """Materialize every asset of the built-in game.

    Raises:
        NotDrawnError: the pack is of an installed game, whose exports the demo would mix with its
            own; nothing was written.
        OutpostError: a step failed; what was finished before stays and is not made again.
    """
    pack = load_pack(options.pack)
    if not pack.drawn:
        raise NotDrawnError(
            f"{pack.title} is not drawn by Outpost, and the demo is for games that are.",
            f"Run `outpost dev` with OUTPOST_GAMES={options.pack} and materialize it there, or "
            "give a changed copy of the built-in game's pack.",
        )
    state.require_writable()
    keys = GameKeys.of(pack)
    exports = ExportsFolder()
    write_export_batches(exports.path(pack.name), _reporter())
    definitions = build_definitions(pack)
    with open_instance(state) as instance:
        batches = register_batches(instance, pack, exports)
        outcomes = tuple(_stages(definitions, instance, keys, batches, options))
        store = Artifacts().store
        evaluation = read_report(latest(instance, store, keys.real_evaluation).path)
        bundle = latest(instance, store, keys.runtime_package).path / "bundle"
    return DemoResult(outcomes, evaluation, bundle)


def _stages(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    keys: GameKeys,
    batches: tuple[str, ...],
    options: DemoOptions,
) -> Iterator[Outcome]:
    config = _run_config(keys.game, options)
    before = {op: config[op] for op in config if op.endswith("synthetic_set")}
    yield from materialize(definitions, instance, keys.before_annotation, config=before)
    for batch in batches:
        yield from materialize(definitions, instance, [keys.cvat_export], partition=batch)
    after = {op: config[op] for op in config if op not in before}
    yield from materialize(definitions, instance, keys.after_annotation, config=after)


def _run_config(game: str, options: DemoOptions) -> dict[str, Any]:
    scenes = {"images": options.images, "seed": options.seed}
    training = {"epochs": options.epochs, "seed": options.seed}
    asked = {f"{game}__synthetic_set": scenes, f"{game}__training": training}
    given = {
        op: {key: value for key, value in config.items() if value is not None}
        for op, config in asked.items()
    }
    return {op: {"config": config} for op, config in given.items() if config}


def _reporter() -> Report:
    """Progress for the terminal alone: no run's log is open yet."""
    return reporter(lambda _line: None)

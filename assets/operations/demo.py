"""`outpost demo`: the whole graph on the built-in game, from nothing to a detector."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from assets.core.building import latest, latest_version
from assets.core.keys import GameKeys
from assets.core.runs import Outcome, materialize, register_batches
from assets.definitions import build_definitions
from pipeline.demo_game.captures import BATCHES, write_export_batches
from pipeline.demo_game.renderer import FRAMES, SESSIONS, screenshot
from pipeline.errors import OutpostError
from pipeline.evaluation.evaluation import Evaluation
from pipeline.evaluation.reports.report import EvaluationReport
from pipeline.games.pack import GamePack, load_pack
from pipeline.labels.merge import is_held_out
from pipeline.processes import without_secrets
from pipeline.release.package import RuntimePackage
from pipeline.scenes.dataset import compile_loops
from pipeline.training.estimate import TrainingImages, estimate_seconds
from pipeline.training.job import TrainingSpec, hyperparameters
from resources.defaults import Resources
from resources.instance import open_instance
from resources.run_log import reporter

REST_IN_SCREENSHOTS = 130
"""All that the demo does beside training takes about as long as drawing so many screenshots on one
core, of two."""


class NotDrawnError(OutpostError):
    """The demo was asked for a game that Outpost does not draw."""


@dataclass(frozen=True)
class DemoOptions:
    """What a caller may change; None keeps what the pack says.

    Attributes:
        pack: name or folder of the pack of a game that Outpost draws.
        oversample: times that a real frame is listed to train on.
    """

    pack: str | Path = "demo"
    images: int | None = None
    epochs: int | None = None
    seed: int | None = None
    oversample: int | None = None


@dataclass(frozen=True)
class DemoResult:
    """What the demo made."""

    outcomes: tuple[Outcome, ...]
    evaluation: EvaluationReport
    bundle: Path

    @property
    def is_held_out(self) -> bool:
        """Whether it was judged on frames that were kept from training and from validation."""
        return any("/cvat_export [" in name for name in self.evaluation.inputs)


@dataclass(frozen=True)
class Expectation:
    """About how long the demo takes on this computer, in seconds, if nothing else runs."""

    training: float
    rest: float

    def __str__(self) -> str:
        whole, training = _minutes(self.training + self.rest), _minutes(self.training)
        return (
            f"On this computer it takes about {whole}, of which training {training}; longer if "
            "other programs compute meanwhile."
        )


def _minutes(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return "a minute" if minutes == 1 else f"{minutes} minutes"


def run_demo(
    resources: Resources, options: DemoOptions, expect: Callable[[Expectation], None] | None = None
) -> DemoResult:
    """Materialize every asset of the built-in game.

    Args:
        expect: told beforehand how long it will take, unless there is a model already. To find
            out takes some seconds.

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
    resources.state.require_writable()
    keys = GameKeys.of(pack)
    exports = resources.exports
    definitions = build_definitions(pack, resources.by_name())
    with open_instance(resources.state) as instance:
        if expect is not None and latest_version(instance, keys.trained_weights) is None:
            expect(expectation(pack, options))
        # Screenshots, what is made of the game's files, and compiling do not need each other, and
        # each of them leaves a part of the cores free.
        with _loops_compiled(), ThreadPoolExecutor(1) as beside:
            captures = beside.submit(write_export_batches, exports.path(pack.name), reporter())
            outcomes = [*_before_annotation(definitions, instance, keys, options)]
            captures.result()
        store = resources.artifacts.store
        batches = register_batches(instance, pack, exports, store)
        outcomes += _from_annotation_on(definitions, instance, keys, batches, options)
        evaluation = Evaluation.open(latest(instance, store, keys.real_evaluation).path)
        package = RuntimePackage.open(latest(instance, store, keys.runtime_package).path)
    return DemoResult(tuple(outcomes), evaluation.report, package.bundle)


@contextmanager
def _loops_compiled() -> Iterator[None]:
    """Have the loops of scenes compiled while the block runs, which a first set waits 12 s for."""
    program = [sys.executable, "-m", compile_loops.__name__]
    environment, nowhere = without_secrets(os.environ), subprocess.DEVNULL
    process = subprocess.Popen(program, env=environment, stdout=nowhere, stderr=nowhere)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def expectation(pack: GamePack, options: DemoOptions) -> Expectation:
    """How long the demo will take: a step of its training and a screenshot are timed.

    Raises:
        SpeedError: no step of training could be timed.
    """
    epochs = {"epochs": options.epochs} if options.epochs else {}
    chosen = hyperparameters(pack.training.hyperparameters, epochs)
    spec = TrainingSpec(game=pack.name, class_names=pack.class_names, hyperparameters=chosen)
    drawn = options.images or pack.scenes.images
    real = FRAMES * sum(not is_held_out(name, pack.merge) for name in BATCHES)
    train_share = pack.scenes.train_fraction
    oversampled = options.oversample or pack.merge.oversample_real
    images = TrainingImages(
        train=round(train_share * (drawn + real * oversampled)),
        validation=round((1 - train_share) * (drawn + real)),
        width=pack.scenes.width,
        height=pack.scenes.height,
    )
    with ThreadPoolExecutor(1) as beside:
        training = beside.submit(estimate_seconds, spec, images)
        # Meanwhile that loads PyTorch, on one core.
        rest = REST_IN_SCREENSHOTS * _seconds_of_a_screenshot()
        return Expectation(training.result(), rest)


def _seconds_of_a_screenshot() -> float:
    session = SESSIONS[0].name
    screenshot(session, 0)  # Draws the map too, which the others of the session share.
    began = time.perf_counter()
    screenshot(session, 1)
    return time.perf_counter() - began


def _before_annotation(
    definitions: dg.Definitions, instance: dg.DagsterInstance, keys: GameKeys, options: DemoOptions
) -> tuple[Outcome, ...]:
    scenes = _config(f"{keys.game}__synthetic_set", images=options.images, seed=options.seed)
    return materialize(definitions, instance, keys.before_annotation, config=scenes)


def _from_annotation_on(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    keys: GameKeys,
    batches: tuple[str, ...],
    options: DemoOptions,
) -> Iterator[Outcome]:
    merge = _config(f"{keys.game}__cvat_merge", oversample_real=options.oversample)
    training = _config(f"{keys.game}__training", epochs=options.epochs, seed=options.seed)
    for batch in batches:
        yield from materialize(definitions, instance, [keys.cvat_export], partition=batch)
    yield from materialize(definitions, instance, keys.after_annotation, config=merge | training)


def _config(op: str, **asked: int | None) -> dict[str, Any]:
    """What of it was asked for, as a run wants it."""
    given = {name: value for name, value in asked.items() if value is not None}
    return {op: {"config": given}} if given else {}

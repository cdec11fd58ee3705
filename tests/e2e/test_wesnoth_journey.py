"""From the installed art of another game to the wheel on somebody's machine.

The bench of the pack trains and judges without Dagster, the store, the export's checks, the bundle
and the wheel. Here all of them lie between, and what arrives is as good. It trains for minutes, and
needs the installed game and the screenshots that the bench judges on.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import dagster as dg
import pytest
from doubles.wheel_users import WheelUser, read_frames

from assets.core.building import latest
from assets.core.keys import GameKeys
from assets.core.runs import materialize, register_batches
from assets.definitions import build_definitions
from pipeline.evaluation.evaluation import Evaluation
from pipeline.games.installed import find_installed
from pipeline.games.pack import GamePack, load_pack
from pipeline.release.package import RuntimePackage
from resources.artifacts import Artifacts
from resources.exports import Exports
from resources.paths import Paths

SCREENSHOTS = Path(__file__).parents[3] / "shared" / "data" / "wesnoth"
EPOCHS = 6
LEAST_F1 = 0.74
"""The lowest of four trainings of so many epochs that the bench made and judged."""

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(
        find_installed(load_pack("wesnoth")) is None,
        reason="apt install wesnoth-1.16-data to run this",
    ),
    pytest.mark.skipif(not SCREENSHOTS.is_dir(), reason=f"no screenshots in {SCREENSHOTS}"),
]


def short(pack: GamePack) -> GamePack:
    """The pack with a shorter training; every screenshot is kept for judging."""
    hyperparameters = {**pack.training.hyperparameters, "epochs": EPOCHS}
    training = pack.training.model_copy(update={"hyperparameters": hyperparameters})
    merge = pack.merge.model_copy(update={"held_out": ["*"]})
    return pack.model_copy(update={"training": training, "merge": merge})


def test_what_arrives_is_as_good_as_what_the_bench_trains(tmp_path: Path) -> None:
    pack, paths = short(load_pack("wesnoth")), Paths.below(tmp_path / "state")
    keys, artifacts, exports = GameKeys.of(pack), Artifacts(paths=paths), Exports(paths=paths)
    for batch in SCREENSHOTS.iterdir():
        shutil.copytree(batch, exports.path(pack.name) / batch.name)
    definitions = build_definitions(
        pack, {"paths": paths, "artifacts": artifacts, "exports": exports}
    )
    with dg.instance_for_test() as instance:
        for key in (keys.game_files, *keys.scene_sources, keys.synthetic_set):
            materialize(definitions, instance, [key])
        for batch_name in register_batches(instance, pack, exports, artifacts.store):
            materialize(definitions, instance, [keys.cvat_export], partition=batch_name)
        for key in (
            keys.cvat_merge,
            keys.trained_weights,
            keys.onnx_export,
            keys.real_evaluation,
            keys.runtime_package,
        ):
            materialize(definitions, instance, [key])
        evaluation = latest(instance, artifacts.store, keys.real_evaluation)
        package = latest(instance, artifacts.store, keys.runtime_package)
    report = Evaluation.open(evaluation.path).report
    frames = read_frames(tmp_path / "state", pack.name)
    user = WheelUser.install(tmp_path / "user", RuntimePackage.open(package.path).bundle)
    scores, warnings = user.scored(frames, pack)
    promised = report.real.micro.f1 or 0.0
    print(f"evaluation {promised:.3f}, wheel {scores.micro.f1:.3f} on {len(frames)} screenshots")
    assert report.real.frames == len(frames)
    assert (scores.micro.f1 or 0.0) >= promised - 0.001
    assert (scores.micro.f1 or 0.0) >= LEAST_F1
    assert "than in training" not in warnings

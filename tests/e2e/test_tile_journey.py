"""A pack that trains on tiles of screenshots, from its art to the wheel on somebody's machine."""

import json
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from doubles.pythons import make_venv

from pipeline.evaluation.frames import JudgedFrame, TrueFrame
from pipeline.evaluation.matching import ScoredBox
from pipeline.evaluation.metrics.scores import Judgement, Scores, score_frames
from pipeline.games.pack import PACKS_FOLDER, GamePack, load_pack
from pipeline.labels.batches import ExportBatch
from pipeline.labels.boxes import Box

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
CHANGES: dict[str, dict[str, Any]] = {
    # A quarter of a screenshot of 320x256, in its own pixels.
    "scenes": {"width": 160, "height": 128, "images": 260},
    "terrain": {"land_count": 8, "water_count": 5},
    # Every screenshot is kept for judging.
    "merge": {"held_out": ["*"]},
    "training": {
        "trained_on": "tile",
        "hyperparameters": {"imgsz": 160, "epochs": 12, "initial_scale": 1.0},
    },
}
LOOK = """
import json, sys
from pathlib import Path
from detector_runtime import get_detector
settings = json.loads(sys.argv[1])
detector = get_detector(**settings)

def look(file):
    detector.reset_tracking()
    found = detector.detect_fast(file)
    columns = zip(found.class_ids, found.scores, found.boxes)
    return [[int(c), float(s), *map(float, b)] for c, s, b in columns]

print(json.dumps({file: look(file) for file in json.loads(sys.stdin.read())}))
"""
"""As users call it: without a path, and without settings unless they have some. Each screenshot is
a recording of its own, or what was tracked in the one before would be looked for in it."""


@pytest.fixture(scope="module")
def outpost(new_outpost: Callable[[str], Any]) -> Any:
    made = new_outpost("tiles")
    for name, changes in CHANGES.items():
        file = made.pack / f"{name}.yaml"
        content = yaml.safe_load((PACKS_FOLDER / "demo" / file.name).read_text("utf-8"))
        hyperparameters = content.get("hyperparameters", {}) | changes.get("hyperparameters", {})
        content |= changes | ({"hyperparameters": hyperparameters} if hyperparameters else {})
        file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def document(outpost: Any) -> dict[str, Any]:
    made: dict[str, Any] = outpost.demo()
    return made


@pytest.fixture(scope="module")
def python(document: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the runtime and the model's wheel; the rest is that of the tests."""
    folder = tmp_path_factory.mktemp("user") / "environment"
    python = make_venv(folder)
    (wheel,) = Path(document["bundle"]).parent.glob("*.whl")
    install = ["uv", "pip", "install", "--quiet", "--no-deps", "--python", str(python)]
    subprocess.run([*install, str(ROOT / "detector_runtime"), str(wheel)], check=True)
    command = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = Path(subprocess.check_output(command, text=True).strip())
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return python


@pytest.fixture(scope="module")
def frames(document: dict[str, Any], outpost: Any) -> list[TrueFrame]:
    folders = (outpost.home / "artifacts/demo").glob("cvat_export@*/*/files")
    return [
        TrueFrame(f"{folder.parents[1].name}/{frame.name}", folder / frame.path, frame.boxes)
        for folder in folders
        for frame in ExportBatch.open(folder).batch.frames
    ]


def scored(
    python: Path, frames: list[TrueFrame], pack: GamePack, **settings: Any
) -> tuple[Scores, str]:
    """What the installed model scores when it is called with these settings, and its warnings."""
    command = [str(python), "-I", "-c", LOOK, json.dumps(settings)]
    files = json.dumps([str(frame.image) for frame in frames])
    done = subprocess.run(
        command, input=files, capture_output=True, text=True, check=False, cwd=python.parent
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    judged = [
        JudgedFrame(
            frame.name,
            frame.truths,
            tuple(ScoredBox(c, s, Box(*box)) for c, s, *box in found[str(frame.image)]),
        )
        for frame in frames
    ]
    thresholds = tuple(pack.thresholds.default for _ in pack.class_names)
    return score_frames(judged, Judgement(pack.class_names, thresholds)), done.stderr


def test_the_wheel_scores_what_the_evaluation_says(
    document: dict[str, Any], outpost: Any, python: Path, frames: list[TrueFrame]
) -> None:
    pack = load_pack(str(outpost.pack))
    report = document["evaluation"]
    promised = report["real"]["micro"]["f1"]
    assert report["real"]["frames"] == len(frames)
    assert report["inputs"]["looked at"] == "whole, at 1 input pixels per pixel"

    scores, warnings = scored(python, frames, pack)

    assert scores.micro.f1 is not None
    assert scores.micro.f1 >= promised - 0.001
    assert promised > 0.3
    assert "than in training" not in warnings
    shrunk, warnings = scored(python, frames, pack, imgsz=160)
    assert (shrunk.micro.f1 or 0.0) < promised / 2
    assert "2.0 times smaller than in training (on tiles)" in warnings


def test_the_bundle_says_how_its_model_learned(document: dict[str, Any]) -> None:
    manifest = json.loads((Path(document["bundle"]) / "bundle.json").read_text("utf-8"))

    assert manifest["io"]["trained_on"] == "tile"
    assert manifest["io"]["scale"] == 1.0
    learned = {"trained_on": "tile", "scale": 1.0, "image_size": [160, 128]}
    assert manifest["lineage"]["learned"] == learned

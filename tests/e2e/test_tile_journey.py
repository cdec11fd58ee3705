"""A pack that trains on tiles of screenshots, from its art to the wheel on somebody's machine."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from doubles.wheel_users import WheelUser, read_frames

from pipeline.games.pack import PACKS_FOLDER, load_pack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

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
def user(document: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> WheelUser:
    folder = tmp_path_factory.mktemp("user") / "environment"
    return WheelUser.install(folder, Path(document["bundle"]))


def test_the_wheel_scores_what_the_evaluation_says(
    document: dict[str, Any], outpost: Any, user: WheelUser
) -> None:
    pack = load_pack(str(outpost.pack))
    frames = read_frames(outpost.home, "demo")
    report = document["evaluation"]
    promised = report["real"]["micro"]["f1"]
    assert report["real"]["frames"] == len(frames)
    assert report["inputs"]["looked at"] == "whole, at 1 input pixels per pixel"

    scores, warnings = user.scored(frames, pack)

    assert scores.micro.f1 is not None
    assert scores.micro.f1 >= promised - 0.001
    assert promised > 0.3
    assert "than in training" not in warnings
    shrunk, warnings = user.scored(frames, pack, imgsz=160)
    assert (shrunk.micro.f1 or 0.0) < promised / 2
    assert "2.0 times smaller than in training (on tiles)" in warnings


def test_the_bundle_says_how_its_model_learned(document: dict[str, Any]) -> None:
    manifest = json.loads((Path(document["bundle"]) / "bundle.json").read_text("utf-8"))

    assert manifest["io"]["trained_on"] == "tile"
    assert manifest["io"]["scale"] == 1.0
    learned = {"trained_on": "tile", "scale": 1.0, "image_size": [160, 128]}
    assert manifest["lineage"]["learned"] == learned

"""`outpost fit-scale`: the comparison that a user sees, and what it says when it cannot be made."""

import json
from pathlib import Path

import pytest
from doubles.artifacts import write_set_summary
from doubles.exports import write_export
from PIL import Image
from typer.testing import CliRunner

from assets.cli.app import app
from resources.state import STATE_VARIABLE

FRAMES, PER_FRAME = 6, 4
SIDES = {"sheep": 20, "keep": 100}


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state"))


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """An export with boxes of the sizes above."""
    images = {f"play_{n}.png": Image.new("RGB", (320, 256)) for n in range(FRAMES)}
    boxes = [
        (name, label, (40 + 10 * place, 50, side, side))
        for name in images
        for label, side in SIDES.items()
        for place in range(PER_FRAME)
    ]
    return write_export(tmp_path / "session_play.zip", images, list(SIDES), boxes)


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    """Records of a set whose objects were drawn twice as large, its sheep three times."""
    folder = tmp_path / "set" / "objects" / "train"
    folder.mkdir(parents=True)
    for number in range(FRAMES):
        objects = [
            {"class": name, "covered_by": [], "dropped": None, "full": box, "player": None}
            | {"scale": 1.0, "sprite": "s", "truncated_fraction": 0.0, "visible": box}
            | {"visible_fraction": 1.0}
            for name, factor in (("sheep", 3), ("keep", 2))
            for box in [[10, 10, 10 + factor * SIDES[name], 10 + factor * SIDES[name]]] * PER_FRAME
        ]
        head = {"background": "b", "index": number, "kind": "land", "seed": 1, "zoom": 1.0}
        record = head | {"size": [320, 256], "objects": objects}
        (folder / f"synth_{number:06d}.json").write_text(json.dumps(record))
    write_set_summary(tmp_path / "set", list(SIDES), images=FRAMES)
    return tmp_path / "set"


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["fit-scale", "demo", *map(str, arguments)])
    return result.exit_code, result.output


def test_the_table_says_what_to_write(export: Path, drawn: Path) -> None:
    code, text = run("--against", export, "--synthetic", drawn)
    assert code == 0
    assert "zoom: [0." in text
    assert "scenes.yaml" in text
    assert "sheep" in text


def test_a_program_reads_the_same(export: Path, drawn: Path) -> None:
    code, text = run("--against", export, "--synthetic", drawn, "--json")
    assert code == 0
    fit = json.loads(text)
    ratios = {known["name"]: known["ratio"] for known in fit["classes"] if known["ratio"]}
    assert ratios == {"sheep": pytest.approx(1 / 3), "keep": pytest.approx(1 / 2)}
    assert fit["write"][0].startswith("zoom:")


def test_without_real_frames_it_says_what_to_do(drawn: Path) -> None:
    code, text = run("--synthetic", drawn)
    assert code == 1
    assert "no real box" in text
    assert "--against" in text


def test_without_a_synthetic_set_it_says_what_to_do(export: Path) -> None:
    code, text = run("--against", export)
    assert code == 1
    assert "Materialize demo/synthetic_set" in text


def test_an_export_that_is_not_there_is_named(drawn: Path, tmp_path: Path) -> None:
    code, text = run("--against", tmp_path / "nothing.zip", "--synthetic", drawn)
    assert code == 1
    assert "no export" in text

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from detector_runtime import open_detector
from detector_runtime.tools import watching
from detector_runtime.tools.cli import main
from detector_runtime.tools.drawing import draw
from detector_runtime.tools.palette import class_colour, text_colour_on
from detector_runtime.tools.server import DetectionServer


@pytest.fixture
def shot(tmp_path: Path) -> Path:
    image = np.zeros((64, 64, 3), np.uint8)
    image[16:32, 32:48, 0] = 255
    path = tmp_path / "shots" / "a.png"
    path.parent.mkdir()
    Image.fromarray(image).save(path)
    return path


def test_detect_prints_a_table(
    shot: Path, block_model: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["detect", str(shot), "--model", str(block_model())]) == 0
    out = capsys.readouterr().out
    assert "1 entities, onnx blocks.onnx" in out
    assert "sheep_0" in out
    assert "(32, 16) to (48, 32)" in out


def test_detect_gives_json_and_a_drawing(
    shot: Path,
    block_model: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    drawn = tmp_path / "out.png"
    model = str(block_model())
    arguments = ["detect", str(shot), "--model", model, "--mode", "full", "--save", str(drawn)]
    assert main([*arguments, "--json", "-"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert [entity["id"] for entity in values["entities"]] == ["sheep_0"]
    pixels = np.asarray(Image.open(drawn))
    assert (pixels[32, 40] == class_colour(0)).all()
    other = shot.with_name("b.png")
    other.write_bytes(shot.read_bytes())
    assert main(["detect", str(shot), str(other), "--model", model, "--json", "both.json"]) == 0
    assert list(json.loads(Path("both.json").read_text())) == [str(shot), str(other)]


def test_info_tells_what_a_model_is(
    block_model: Callable[..., Path],
    constant_model: Callable[..., Path],
    make_bundle: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    bundle = make_bundle()
    assert main(["info", str(bundle)]) == 0
    assert "PASS" in capsys.readouterr().out
    assert main(["info", str(bundle), "--json"]) == 0
    about = json.loads(capsys.readouterr().out)
    assert about["usable"]
    assert about["classes"] == ["sheep", "villager", "town_center"]
    wrong = constant_model(np.zeros((1, 84, 100)), name="wrong.onnx")
    assert main(["info", str(wrong)]) == 1
    captured = capsys.readouterr()
    assert "FAIL" in captured.out
    assert "nms=False" in captured.err
    assert main(["info", str(wrong), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["usable"] is False


def test_bench_measures(
    block_model: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    model = str(block_model())
    arguments = ["bench", "--model", model, "--size", "640x320", "--runs", "2"]
    assert main([*arguments, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["total_ms"] >= figures["fastest_ms"] > 0
    assert figures["size"] == [640, 320]
    assert main(arguments) == 0
    assert "total_ms" in capsys.readouterr().out


def test_watch_goes_on_after_a_bad_image(
    shot: Path, block_model: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    bad = shot.with_name("b.png")
    bad.write_bytes(shot.read_bytes()[:60])
    os.utime(shot, (1, 1))
    os.utime(bad, (2, 2))
    Image.open(shot).save(shot.with_name("c.png"))
    model = str(block_model())
    assert main(["watch", str(shot.parent), "--once", "--model", model, "--save", "out"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["file"] for line in lines] == ["a.png", "b.png", "c.png"]
    assert "entities" in lines[0]
    assert "error" in lines[1]
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "c.png"]


def test_watched_images_are_given_when_they_are_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "watched"
    folder.mkdir()
    rounds = iter(range(100))
    seen: list[str] = []

    def step(_seconds: float) -> None:
        number = next(rounds)
        if number < 3:
            (folder / "growing.png").write_bytes(b"x" * (number + 1))
        if number == 1:
            (folder / "note.txt").write_text("no image")
        if number == 6:
            raise KeyboardInterrupt

    monkeypatch.setattr(watching.time, "sleep", step)
    with pytest.raises(KeyboardInterrupt):
        seen.extend(path.name for path in watching.new_images(folder, 0.0))
    assert seen == ["growing.png"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["detect", "absent.png", "--mock"], "no image at absent.png"),
        (["detect", "absent.png", "--model", "absent.onnx"], "no model at"),
        (["info", "absent.onnx"], "no model at"),
        (["info"], "no model was found"),
        (["bench", "--mock", "--size", "big"], "cannot be measured"),
        (["watch", "nowhere", "--mock"], "no folder"),
        (["detect", "shots/a.png", "--mock", "--confidence", "7"], "between 0 and 1"),
        (["detect", "shots/a.png", "--mock", "--save", "no/where.png"], "cannot be written"),
        (["detect", "shots/a.png", "--mock", "--save", "a.xyz"], "cannot be written"),
        (["detect", "shots/a.png", "--mock", "--json", "no/where.json"], "cannot be written"),
        (["serve", "--mock", "--host", "203.0.113.7"], "cannot listen"),
        (["serve", "--mock", "--port", "99999"], "cannot listen"),
        (["serve", "--mock", "--rate", "nan"], "--rate is nan"),
        (["serve", "--mock", "--max-mb", "0"], "--max-mb is 0"),
        (["watch", "shots", "--mock", "--interval", "-1"], "--interval is -1"),
        (["watch", "shots", "--mock", "--once", "--save", "shots/a.png"], "cannot be written"),
        (["bench", "--mock", "--size", "99999x99999"], "99999x99999 pixels"),
    ],
)
def test_what_cannot_be_done_is_said_with_the_fix(
    shot: Path,
    arguments: list[str],
    says: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def serve(*_arguments: object) -> None:
        raise AssertionError("a server was started, and nobody would end it")

    monkeypatch.setattr(DetectionServer, "serve_forever", serve)
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert says in captured.err
    assert "What to do" in captured.err
    assert "Traceback" not in captured.err


def test_an_image_in_another_order_of_channels_is_drawn_as_it_is() -> None:
    image = np.random.default_rng(0).integers(0, 256, (300, 500, 3), dtype=np.uint8)
    found = open_detector(use_mock=True).detect_fast(image)
    expected = np.asarray(draw(image, found))
    assert np.array_equal(draw(image[..., ::-1], found, color="bgr"), expected)


def test_drawing_leaves_the_image_alone() -> None:
    image = np.zeros((300, 500, 3), np.uint8)
    image[..., 2] = 90
    found = open_detector(use_mock=True).detect_fast(image)
    drawn = np.asarray(draw(image, found))
    assert drawn.shape == image.shape
    assert (drawn != image).any()
    assert image[..., 0].max() == 0
    x1, y1, _, _ = (round(value) for value in found[0].bbox)
    assert (drawn[y1 + 40, x1] == class_colour(0)).all()


def test_classes_have_their_own_colours_and_text_on_them_can_be_read() -> None:
    colours = [class_colour(index) for index in range(100)]
    assert len(set(colours)) == 100
    for colour in colours:
        ground, text = (
            np.array(each) @ (0.299, 0.587, 0.114) for each in (colour, text_colour_on(colour))
        )
        assert abs(ground - text) > 100


def test_the_server_can_be_started_from_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from detector_runtime.tools import server

    started = threading.Event()
    monkeypatch.setattr(
        server.DetectionServer, "serve_forever", lambda self: started.set(), raising=True
    )
    assert main(["serve", "--mock", "--port", "0"]) == 0
    assert started.is_set()
    assert "mock opening scene on http://127.0.0.1:" in capsys.readouterr().out

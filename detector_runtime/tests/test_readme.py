"""Every example of the README is run as it stands there."""

from __future__ import annotations

import re
import shlex
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from doubles.publisher import Publisher
from PIL import Image

from detector_runtime import FrameDiffer, open_detector
from detector_runtime.tools.cli import _parser, main
from detector_runtime.tools.server import DetectionServer

README = Path(__file__).parents[1] / "README.md"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README.read_text(encoding="utf-8"), re.M | re.S)
ADDRESS = "http://127.0.0.1:8765"
ENDLESS = ("watch", "serve")


@pytest.fixture
def folder(
    tmp_path: Path, block_model: Callable[..., Path], make_bundle: Callable[..., Path]
) -> Path:
    """What the examples name: a screenshot, a bundle, a published model, a folder of images."""
    shutil.make_archive("bundle", "zip", make_bundle())
    shutil.rmtree("bundle")
    (tmp_path / "screenshots").mkdir()
    Image.fromarray(screenshot()).save(tmp_path / "shot.png")
    publisher = Publisher(tmp_path / "published" / "blocks")
    publisher.publish(1)
    shutil.copy(publisher.keys_file, "keys.json")
    return tmp_path


def screenshot() -> np.ndarray:
    image = np.zeros((128, 128, 3), np.uint8)
    image[32:64, 32:64, 0] = 255
    return image


@pytest.fixture
def address() -> Iterator[str]:
    with DetectionServer(open_detector(use_mock=True), "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_python_examples_run(
    folder: Path, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, Any] = {}
    blocks = [text for kind, text in BLOCKS if kind == "python"]
    for text in blocks:
        exec(compile(text.replace(ADDRESS, address), str(README), "exec"), names)
    assert len(blocks) >= 6
    printed = capsys.readouterr().out
    assert "sheep_0 (48.0, 48.0)" in printed
    assert "bundle blocks 1.2.0" in printed
    assert "town_center_0" in printed


def test_the_agents_loop_looks_only_when_it_must(folder: Path) -> None:
    names: dict[str, Any] = {}
    (loop,) = (text for kind, text in BLOCKS if kind == "python" and "FrameDiffer" in text)
    exec(compile(loop, str(README), "exec"), names)
    assert isinstance(names["differ"], FrameDiffer)
    taken = []

    def take_screenshot() -> np.ndarray:
        taken.append(1)
        return screenshot()

    (entity,) = names["at_the_start_of_a_turn"](screenshot(), 1.0)
    assert entity["id"] == "sheep_0"
    first = names["in_the_middle_of_a_turn"](take_screenshot, 2.0)
    assert first.ids == ("sheep_0",)
    names["at_the_start_of_a_turn"](screenshot(), 3.0)
    for step in range(8):
        names["at_the_start_of_a_turn"](screenshot(), 4.0 + step)
    before = len(taken)
    assert names["in_the_middle_of_a_turn"](take_screenshot, 12.0).ids == ("sheep_0",)
    assert len(taken) == before
    assert names["in_the_middle_of_a_turn"](take_screenshot, 20.0).ids == ("sheep_0",)
    assert len(taken) == before + 1


def test_commands_run(
    folder: Path, block_model: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    block_model(name="model.onnx")
    lines = [line for kind, text in BLOCKS if kind == "sh" for line in text.splitlines()]
    commands = [shlex.split(line, comments=True) for line in lines]
    ours = [words[1:] for words in commands if words[0] == "detector-runtime"]
    assert {words[0] for words in ours} == {
        *("detect", "info", "bench", "watch", "serve"),
        *("update", "status"),
    }
    for words in ours:
        if words[0] in ENDLESS:
            _parser().parse_args(words)
        else:
            assert main(words) == 0
    assert "PASS" in capsys.readouterr().out

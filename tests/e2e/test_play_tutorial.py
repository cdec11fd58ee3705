"""The tutorial of play: its commands, in its order, with less play and less training; its film."""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image
from typer.testing import CliRunner

from assets.cli.app import app
from resources.defaults import Resources
from resources.paths import Paths

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorial-play.md"
SHORTER = {"--games": "2", "--preset": "brief"}
MOST_BYTES = 2_000_000


def commands() -> Iterator[list[str]]:
    """The words of each command of the page behind `outpost`; a person's cannot be typed here."""
    for block in re.findall(r"^```\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            if words[:3] == ["uv", "run", "outpost"] and "person" not in words:
                yield words[3:]


def shortened(words: list[str]) -> list[str]:
    """The same with fewer games, less training and smaller films."""
    short = [SHORTER.get(before, word) for before, word in zip(["", *words], words, strict=False)]
    film = ["--width", "400", "--speed", "30"] if words[:2] == ["play", "watch"] else []
    return [*short, *film]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("draw_play", ROOT / "docs" / "draw_play.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_film_is_the_scripts_and_small(script: ModuleType) -> None:
    assert f"](images/{script.FILM})" in PAGE.read_text("utf-8")
    file = ROOT / "docs" / "images" / script.FILM
    assert file.stat().st_size <= MOST_BYTES
    with Image.open(file) as film:
        assert film.format == "WEBP"
        assert film.n_frames > 50
        assert film.width == 640


def test_page_and_script_do_the_same(script: ModuleType) -> None:
    text = PAGE.read_text("utf-8")
    assert f"record {script.PLAYER} {script.OPPONENT} --games {len(script.RECORDED)}" in text
    assert f"--preset {script.PRESET}" in text


@pytest.mark.slow
def test_every_command_of_the_page_works_and_so_does_the_script(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    resources = Resources.of(Paths.below(tmp_path / "home"))
    done = []
    for words in commands():
        result = CliRunner().invoke(app, shortened(words), obj=resources)
        assert result.exit_code == 0, (words, result.output)
        done.append(words[1])
    assert done[:3] == ["record", "quality", "watch"]
    assert {"clone", "evaluate"} <= set(done)
    assert len(list((tmp_path / "recordings").glob("*.mcap"))) == 2
    films = sorted(file.name for file in tmp_path.glob("*.webp"))
    assert films == ["film.webp", "recorded.webp"]
    drawn = script.film(tmp_path / "policies", tmp_path / "drawn.webp", speed=60.0)
    assert drawn.players == ("policies", script.OPPONENT)
    with Image.open(tmp_path / "drawn.webp") as film:
        assert film.width == 640

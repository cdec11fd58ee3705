"""A tiny configuration of the built-in game, and `outpost` as a user calls it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.games.pack import PACKS_FOLDER

ROOT = Path(__file__).parents[2]
CHANGES: dict[str, dict[str, Any]] = {
    "scenes": {"images": 24},
    "terrain": {"land_count": 6, "water_count": 4},
    "training": {"hyperparameters": {"imgsz": 160, "epochs": 1, "batch": 8, "patience": 0}},
}


def write_tiny_pack(folder: Path) -> Path:
    """The built-in game's pack with everything as small as it gets."""
    folder.mkdir()
    for file in (PACKS_FOLDER / "demo").glob("*.yaml"):
        content = yaml.safe_load(file.read_text("utf-8"))
        changes = CHANGES.get(file.stem, {})
        text = yaml.safe_dump({**content, **changes} if changes else content, sort_keys=False)
        (folder / file.name).write_text(text, encoding="utf-8")
    return folder


@dataclass(frozen=True)
class Outpost:
    """The command line on a state folder of its own."""

    home: Path
    pack: Path

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "OUTPOST_HOME": str(self.home), "OUTPOST_GAMES": str(self.pack)}

    def __call__(self, *arguments: str, timeout: float = 850) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "assets.cli.app", *arguments],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def demo(self, *arguments: str) -> dict[str, Any]:
        """What `outpost demo` says in JSON."""
        done = self("demo", "--pack", str(self.pack), "--json", *arguments)
        assert done.returncode == 0, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document


@pytest.fixture(scope="session")
def new_outpost(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Outpost]:
    """Makes an empty state folder with the tiny pack."""

    def make(name: str) -> Outpost:
        folder = tmp_path_factory.mktemp(name)
        return Outpost(folder / "state", write_tiny_pack(folder / "pack"))

    return make

"""Somebody who installed the runtime and a model's wheel, and has nothing else of the project."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from doubles.pythons import make_venv

from pipeline.evaluation.frames import JudgedFrame, TrueFrame
from pipeline.evaluation.matching import ScoredBox
from pipeline.evaluation.metrics.scores import Judgement, Scores, score_frames
from pipeline.games.pack import GamePack
from pipeline.labels.batches import ExportBatch
from pipeline.labels.boxes import Box

ROOT = Path(__file__).parents[2]
LOOK = """
import json, sys
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


@dataclass(frozen=True)
class WheelUser:
    """An environment with the runtime and one model's wheel; the rest is that of the tests."""

    python: Path

    @classmethod
    def install(cls, folder: Path, bundle: Path) -> WheelUser:
        """Make the environment, with the wheel that lies beside a bundle."""
        python = make_venv(folder)
        (wheel,) = bundle.parent.glob("*.whl")
        install = ["uv", "pip", "install", "--quiet", "--no-deps", "--python", str(python)]
        subprocess.run([*install, str(ROOT / "detector_runtime"), str(wheel)], check=True)
        command = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
        packages = Path(subprocess.check_output(command, text=True).strip())
        there = sysconfig.get_path("purelib")
        (packages / "dependencies.pth").write_text(there, encoding="utf-8")
        return cls(python)

    def scored(
        self, frames: Sequence[TrueFrame], pack: GamePack, **settings: Any
    ) -> tuple[Scores, str]:
        """What the model scores when it is called with these settings, and its warnings."""
        command = [str(self.python), "-I", "-c", LOOK, json.dumps(settings)]
        files = json.dumps([str(frame.image) for frame in frames])
        done = subprocess.run(
            command,
            input=files,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.python.parent,
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


def read_frames(home: Path, game: str) -> list[TrueFrame]:
    """All frames that were read from the exports of a game in a state folder."""
    folders = (home / "artifacts" / game).glob("cvat_export@*/*/files")
    return [
        TrueFrame(f"{folder.parents[1].name}/{frame.name}", folder / frame.path, frame.boxes)
        for folder in folders
        for frame in ExportBatch.open(folder).batch.frames
    ]

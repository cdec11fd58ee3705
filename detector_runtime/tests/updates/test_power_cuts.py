"""A power cut at any change to the folder leaves a model that works, and an update that goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from doubles import power_cuts
from doubles.publisher import Publisher, small_model

from detector_runtime import ModelUpdater

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the double forks")

Updating = Callable[..., ModelUpdater]
IMAGE = np.zeros((64, 64, 3), np.uint8)


def cut(tmp_path: Path, source: Path, action: str, step: int) -> list[Path]:
    """Folders after a power cut at each `step`-th change; the last one is complete."""
    work = tmp_path / "cut"
    work.mkdir()
    command = [sys.executable, power_cuts.__file__, str(tmp_path / "models"), str(work)]
    done = subprocess.run(
        [*command, str(source), action, str(step)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    folders = sorted(work.iterdir())
    assert len(folders) == int(done.stdout)
    return folders


def mark_in(folder: Path) -> float:
    with ModelUpdater(folder).detector(watch=False) as detector:
        return float(detector.detect_fast(IMAGE).boxes[0, 0])


def check_updates(tmp_path: Path, publisher: Publisher, updating: Updating, step: int) -> None:
    publisher.publish(1)
    updating(publisher.folder).check()
    publisher.publish(2)
    updating(publisher.folder).check(now=True)
    publisher.rotate()
    publisher.publish(3)
    marks = []
    for folder in cut(tmp_path, publisher.folder, "check", step):
        marks.append(mark_in(folder))
        result = ModelUpdater(folder).check(now=True)
        assert result.outcome in ("updated", "current"), result
        assert mark_in(folder) == 3
        assert not list(folder.rglob("*.tmp"))
        assert ModelUpdater(folder).rollback().name == "blocks 1.2"
    assert set(marks) == {2, 3}
    assert marks == sorted(marks)


def test_during_an_update(tmp_path: Path, publisher: Publisher, updating: Updating) -> None:
    check_updates(tmp_path, publisher, updating, step=9)


@pytest.mark.slow
def test_during_an_update_at_each_change(
    tmp_path: Path, publisher: Publisher, updating: Updating
) -> None:
    check_updates(tmp_path, publisher, updating, step=1)


@pytest.mark.slow
def test_during_the_first_install(tmp_path: Path, publisher: Publisher, updating: Updating) -> None:
    publisher.publish(1)
    models = tmp_path / "models"
    models.mkdir()
    (models / "keys.json").write_bytes(publisher.keys_file.read_bytes())
    for folder in cut(tmp_path, publisher.folder, "check", 1):
        ModelUpdater(folder, publisher.folder).check(now=True)
        assert mark_in(folder) == 1


@pytest.mark.slow
def test_while_going_back_and_while_a_model_of_ones_own_comes(
    tmp_path: Path, publisher: Publisher, updating: Updating
) -> None:
    for mark in (1, 2):
        publisher.publish(mark)
        updating(publisher.folder).check(now=True)
    mine = tmp_path / "mine.onnx"
    mine.write_bytes(small_model(30))
    for action, after in (("rollback", 1), (str(mine), 30)):
        marks = [mark_in(folder) for folder in cut(tmp_path, publisher.folder, action, 1)]
        assert set(marks) == {2, after}
        assert marks[-1] == after
        (tmp_path / "cut").rename(tmp_path / f"cut{after}")

"""Where a training logs, with a double of Weights & Biases."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pipeline.play.arena.training.logs import (
    KEY,
    LatestValues,
    WandbCallback,
    logger_of,
    wandb_run,
)


class Run:
    """What `wandb.init` gives."""

    def __init__(self, **asked: Any) -> None:
        self.asked = asked
        self.logged: list[tuple[int, dict[str, float]]] = []
        self.is_finished = False

    def log(self, values: dict[str, float], step: int) -> None:
        self.logged.append((step, values))

    def finish(self) -> None:
        self.is_finished = True


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("wandb")
    module.init = Run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", module)
    return module


def test_nothing_is_sent_without_a_key(
    wandb: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(KEY, raising=False)
    assert wandb_run("project", "run", {}, tmp_path) == (None, None)


def test_a_key_without_the_library_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(KEY, "secret")
    monkeypatch.setitem(sys.modules, "wandb", None)
    run, problem = wandb_run("project", "run", {}, tmp_path)
    assert run is None
    assert problem is not None
    assert "not installed" in problem
    assert "secret" not in problem


def test_a_run_has_the_id_of_the_training_and_what_was_logged(
    wandb: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(KEY, "secret")
    run, problem = wandb_run("project", "run", {"seed": 1}, tmp_path)
    assert problem is None
    assert run.asked["id"] == "run"
    assert run.asked["resume"] == "allow"
    assert run.asked["config"] == {"seed": 1}
    assert "secret" not in str(run.asked)

    class Model:
        num_timesteps = 0

    latest, model = LatestValues(), Model()
    sending = WandbCallback(run, latest, log_freq=100)
    sending.model = model  # type: ignore[assignment]
    for steps in (0, 50, 100, 160, 200):
        latest.write({"reward": float(steps), "text": "none"}, {}, steps)
        model.num_timesteps = steps
        sending.on_rollout_start()
    assert run.logged == [(0, {"reward": 0.0}), (100, {"reward": 100.0}), (200, {"reward": 200.0})]
    assert not run.is_finished
    latest.write({"reward": 250.0}, {}, 250)
    sending.on_training_end()
    assert run.logged[3:] == [(200, {"reward": 250.0})]
    assert run.is_finished


def test_what_an_interrupted_training_had_logged_beyond_its_checkpoint_is_not_shown(
    tmp_path: Path,
) -> None:
    for begin, values in ((0, (1.0, 2.0, 3.0)), (20, (9.0,))):
        logger = logger_of(tmp_path, begin, LatestValues())
        for number, value in enumerate(values):
            logger.record("reward", value)
            logger.dump(begin + 10 * number)
        logger.close()
    read = EventAccumulator(str(tmp_path))
    read.Reload()
    shown = [(event.step, event.value) for event in read.Scalars("reward")]
    assert shown == [(0, 1.0), (10, 2.0), (20, 9.0)]

"""Policies learn, go on where they were interrupted, and keep what they are told to keep."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from detector_runtime.policies.networks import WIDTHS
from pydantic import ValidationError

from pipeline.play.demonstrations import Demonstration
from pipeline.play.policies.checkpoints import PolicyCheckpointError, prune, read_checkpoint
from pipeline.play.policies.cloning import ClonedPolicies, CloneError, clone
from pipeline.play.policies.examples import strategist_examples
from pipeline.play.policies.settings import PRESETS, CloneSettings
from pipeline.play.policies.training import Lesson, network_of, rate_at, train_policy

TRAINED = {"sessions": "abc"}


class InterruptedError(Exception):
    """In the middle of an epoch."""


@pytest.fixture
def lesson(little: list[Demonstration]) -> Lesson:
    return Lesson(
        "strategist", strategist_examples(little[:1], 0), strategist_examples(little[1:], 0)
    )


def test_a_training_goes_on_to_the_same_bytes(
    lesson: Lesson, tiny: CloneSettings, tmp_path: Path
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train_policy(lesson, tiny, whole, TRAINED, lambda _done, _total: None)

    def interrupt(done: int, total: int) -> None:
        if done == total - 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        train_policy(lesson, tiny, parts, TRAINED, interrupt)
    told: list[int] = []
    train_policy(lesson, tiny, parts, TRAINED, lambda done, _total: told.append(done))
    # One step an epoch of 32 in 35 seconds of play makes two: all but the last epochs were done.
    assert told[0] > 0
    for file in whole.iterdir():
        assert (parts / file.name).read_bytes() == file.read_bytes(), file.name


def test_best_last_and_some_epochs_are_kept(
    lesson: Lesson, tiny: CloneSettings, tmp_path: Path
) -> None:
    done = train_policy(lesson, tiny, tmp_path, TRAINED, lambda _done, _total: None)
    names = {file.name for file in tmp_path.iterdir()}
    epochs = {f"epoch-0000{number}.safetensors" for number in (2, 3, 4)}
    assert names == {"best.safetensors", "last.safetensors", *epochs}
    losses = [entry["held_out"]["loss"] for entry in done.last.history]
    assert len(losses) == 4
    assert losses[done.best.epoch - 1] == min(losses)
    assert losses[-1] < losses[0]
    assert done.last.moments
    assert not done.best.moments


def test_another_training_is_not_gone_on_with(
    lesson: Lesson, tiny: CloneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_policy(lesson, tiny, tmp_path, TRAINED, lambda _done, _total: None)
    with pytest.raises(PolicyCheckpointError, match="trained otherwise"):
        train_policy(lesson, tiny, tmp_path, {"sessions": "d"}, lambda _done, _total: None)
    last = tmp_path / "last.safetensors"
    with pytest.raises(PolicyCheckpointError, match="of a strategist, not of a executor"):
        read_checkpoint(last, "executor")
    wide = tiny.model_copy(update={"width": 16})
    with pytest.raises(PolicyCheckpointError, match="of another network"):
        network_of(read_checkpoint(last, "strategist"), wide)
    monkeypatch.setitem(WIDTHS, "strategist", (99, 9))
    with pytest.raises(PolicyCheckpointError, match="other features") as told:
        train_policy(lesson, tiny, tmp_path, TRAINED, lambda _done, _total: None)
    assert "Clone the policies again" in told.value.fix
    monkeypatch.undo()
    whole = last.read_bytes()
    last.write_bytes((tmp_path / "best.safetensors").read_bytes())
    with pytest.raises(PolicyCheckpointError, match="no checkpoint to go on from"):
        train_policy(lesson, tiny, tmp_path, TRAINED, lambda _done, _total: None)
    last.write_bytes(whole[:-9])
    with pytest.raises(PolicyCheckpointError, match="cannot be read"):
        train_policy(lesson, tiny, tmp_path, TRAINED, lambda _done, _total: None)


def test_old_epochs_are_removed(tmp_path: Path) -> None:
    for number in (1, 2, 10, 9):
        (tmp_path / f"epoch-{number:05}.safetensors").touch()
    (tmp_path / "best.safetensors").touch()
    prune(tmp_path, 2)
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == ["best.safetensors", "epoch-00009.safetensors", "epoch-00010.safetensors"]
    prune(tmp_path, 0)
    assert [file.name for file in tmp_path.iterdir()] == ["best.safetensors"]


def test_three_policies_are_cloned(
    little: list[Demonstration], tiny: CloneSettings, tmp_path: Path
) -> None:
    stages: list[str] = []
    cloned = clone(little, tiny, tmp_path, lambda progress: stages.append(progress.stage))
    assert {*stages} == {f"train the {role}" for role in cloned.policies}
    assert {*cloned.sessions} | {*cloned.held_out_sessions} == {one.name for one in little}
    assert json.loads((tmp_path / "clone.json").read_text())["minutes"] == cloned.minutes == 0.58
    curves = json.loads((tmp_path / "curves.json").read_text())
    assert [len(curves[role]) for role in cloned.policies] == [4, 4, 4]
    drawn = ElementTree.parse(tmp_path / "curves.svg").getroot()
    assert "held-out sessions" in "".join(drawn.itertext())
    files = {role: (tmp_path / f"{role}.onnx").read_bytes() for role in cloned.policies}
    assert ClonedPolicies.read(tmp_path) == cloned
    # Once more, in whatever order: nothing is left to do, and the same comes out.
    assert clone(little[::-1], tiny, tmp_path) == cloned
    for role, content in files.items():
        assert (tmp_path / f"{role}.onnx").read_bytes() == content


def test_a_folder_that_is_a_file_is_said(
    little: list[Demonstration], tiny: CloneSettings, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CloneError, match="file"):
        clone(little, tiny, tmp_path / "file")


def test_a_folder_that_says_nothing_is_refused(tmp_path: Path) -> None:
    for content in (None, "[]", '{"minutes": 3}'):
        if content is not None:
            (tmp_path / "clone.json").write_text(content)
        with pytest.raises(CloneError, match="cannot be read"):
            ClonedPolicies.read(tmp_path)


def test_rates_rise_and_fall() -> None:
    rates = np.array([rate_at(step, 100, 0.1) for step in range(1, 101)])
    assert rates[9] == rates.max() == 1
    assert (np.diff(rates[:10]) > 0).all()
    assert (np.diff(rates[9:]) < 0).all()
    assert rates[-1] == pytest.approx(0.01)
    assert rate_at(1, 1, 0.0) == 1


def test_presets_are_those_of_the_page() -> None:
    assert [PRESETS["quick"].of(role).epochs for role in ("strategist", "tactician")] == [20, 15]
    with pytest.raises(ValidationError):
        CloneSettings.model_validate({**PRESETS["quick"].model_dump(), "width": 30})

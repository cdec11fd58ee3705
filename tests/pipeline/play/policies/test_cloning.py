"""Policies learn, go on where they were interrupted, and keep what they are told to keep."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from detector_runtime.policies.networks import FEATURES_VERSION, WIDTHS
from pydantic import ValidationError

from pipeline.play.demonstrations import UNSTATED, Demonstration
from pipeline.play.policies import checkpoints, training
from pipeline.play.policies.checkpoints import PolicyCheckpointError, prune, read_checkpoint
from pipeline.play.policies.cloning import ClonedPolicies, CloneError, check_folder, clone
from pipeline.play.policies.examples import strategist_examples
from pipeline.play.policies.following import Follower, PolicyEpoch
from pipeline.play.policies.settings import PRESETS, CloneSettings, Role
from pipeline.play.policies.training import (
    Lesson,
    PolicyTrainingError,
    network_of,
    rate_at,
    train_policy,
)

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
    train_policy(lesson, tiny, whole, TRAINED, Follower())

    def interrupt(_role: Role, done: int, total: int) -> None:
        if done == total - 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        train_policy(lesson, tiny, parts, TRAINED, Follower(interrupt))
    told: list[int] = []
    epochs: list[PolicyEpoch] = []
    follower = Follower(lambda _role, done, _total: told.append(done), epochs.append)
    train_policy(lesson, tiny, parts, TRAINED, follower)
    # Each epoch is told of once by this start, those of the one before as such.
    assert [epoch.epoch for epoch in epochs] == [1, 2, 3, 4]
    restored = [epoch.restored for epoch in epochs]
    assert restored[0]
    assert not restored[-1]
    # One step an epoch of 32 in 35 seconds of play makes two: all but the last epochs were done.
    assert told[0] > 0
    for file in whole.iterdir():
        assert (parts / file.name).read_bytes() == file.read_bytes(), file.name


def test_best_last_and_some_epochs_are_kept(
    lesson: Lesson, tiny: CloneSettings, tmp_path: Path
) -> None:
    done = train_policy(lesson, tiny, tmp_path, TRAINED, Follower())
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
    train_policy(lesson, tiny, tmp_path, TRAINED, Follower())
    with pytest.raises(PolicyCheckpointError, match="trained otherwise"):
        train_policy(lesson, tiny, tmp_path, {"sessions": "d"}, Follower())
    last = tmp_path / "last.safetensors"
    with pytest.raises(PolicyCheckpointError, match="of a strategist, not of a executor"):
        read_checkpoint(last, "executor")
    wide = tiny.model_copy(update={"width": 16})
    with pytest.raises(PolicyCheckpointError, match="of another network"):
        network_of(read_checkpoint(last, "strategist"), wide)
    monkeypatch.setitem(WIDTHS, "strategist", (99, 9))
    with pytest.raises(PolicyCheckpointError, match="other features") as told:
        train_policy(lesson, tiny, tmp_path, TRAINED, Follower())
    assert "Clone the policies again" in told.value.fix
    monkeypatch.undo()
    whole = last.read_bytes()
    last.write_bytes((tmp_path / "best.safetensors").read_bytes())
    with pytest.raises(PolicyCheckpointError, match="no checkpoint to go on from"):
        train_policy(lesson, tiny, tmp_path, TRAINED, Follower())
    last.write_bytes(whole[:-9])
    with pytest.raises(PolicyCheckpointError, match="cannot be read"):
        train_policy(lesson, tiny, tmp_path, TRAINED, Follower())


def test_a_training_of_other_features_is_refused_in_words(
    lesson: Lesson, tiny: CloneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_policy(lesson, tiny, tmp_path, TRAINED, Follower())
    monkeypatch.setattr(checkpoints, "FEATURES_VERSION", FEATURES_VERSION + 1)
    told = f"on version {FEATURES_VERSION} of the features, and this Outpost makes version"
    with pytest.raises(PolicyCheckpointError, match=told) as refused:
        train_policy(lesson, tiny, tmp_path, TRAINED, Follower())
    assert "Clone the policies again" in refused.value.fix


def test_a_training_that_is_asked_to_stop_ends_after_its_epoch(
    little: list[Demonstration], tiny: CloneSettings, tmp_path: Path
) -> None:
    epochs: list[PolicyEpoch] = []
    follower = Follower(on_epoch=epochs.append, is_asked_to_stop=lambda: len(epochs) >= 2)
    cloned = clone(little, tiny, tmp_path, follower=follower)
    # Two of the first, and one of each that had learned nothing yet.
    assert [policy.epochs for policy in cloned.policies.values()] == [2, 1, 1]
    whole = clone(little, tiny, tmp_path)
    assert [policy.epochs for policy in whole.policies.values()] == [4, 4, 4]


def test_a_loss_that_is_no_number_ends_the_training(
    lesson: Lesson, tiny: CloneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "measure", lambda *_: {"loss": float("nan")})
    with pytest.raises(PolicyTrainingError, match="strategist is no number in epoch 1"):
        train_policy(lesson, tiny, tmp_path, TRAINED, Follower())
    assert not list(tmp_path.iterdir())


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


def test_goals_that_nobody_has_stated_are_told_by_the_acts(
    little: list[Demonstration],
    tiny: CloneSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    learned: list[Lesson] = []

    def stop(lesson: Lesson, *_others: object) -> None:
        learned.append(lesson)
        raise InterruptedError

    monkeypatch.setattr(training, "train_policy", stop)
    silent = [replace(one, goals=np.full(len(one), UNSTATED, np.int8)) for one in little]
    with pytest.raises(InterruptedError):
        clone(silent, tiny, tmp_path)
    (lesson,) = learned
    assert lesson.role == "strategist"
    assert len(lesson.train) > 20
    assert (lesson.train.goals >= 0).all()


def test_a_folder_that_is_a_file_is_said(
    little: list[Demonstration], tiny: CloneSettings, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(CloneError, match="file"):
            check_folder(folder)
    check_folder(tmp_path / "new" / "folder")
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
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

"""Policies that learn of what is watched: the same every time, going on where they were."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
from detector_runtime.policies.networks import PolicyNetworks

from pipeline.play.demonstrations import UNSTATED
from pipeline.play.policies.checkpoints import PolicyCheckpointError, file_of, read_checkpoint
from pipeline.play.policies.cloning import ClonedPolicies, CloneError
from pipeline.play.policies.examples import strategist_examples
from pipeline.play.policies.training import network_of
from pipeline.play.shadow.learner import Learner, RoleLearner, ShadowFolderError
from pipeline.play.shadow.moments import WatchedPart, ticks_of
from pipeline.play.shadow.settings import ShadowSettings


def watch(policies, old, settings, folder, ticks):
    learner = Learner.start(policies, old, settings, folder)
    return [update for tick in ticks for update in learner.watch(tick)]


@pytest.mark.slow
def test_policies_follow_and_go_on_where_they_were(tmp_path, policies, old, watched, brief):
    ticks = ticks_of(watched[0])[:1600]
    folders = [tmp_path / "one", tmp_path / "two"]
    updates = [watch(policies, old, brief, folder, ticks) for folder in folders]
    assert updates[0] == updates[1]
    names = sorted(file.relative_to(folders[0]) for file in folders[0].rglob("*.*"))
    for name in names:
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes(), name
    # Checkpoints of the second, fourth and so on training, of which two are kept.
    executor = [update for update in updates[0] if update.role == "executor"]
    assert len(executor) == 8
    kept = sorted(file.stem for file in (folders[0] / "executor").iterdir())
    assert kept == ["best", "epoch-00006", "epoch-00008", "last"]
    assert executor[-1].old["loss"] < executor[0].old["loss"]
    assert any(update.is_better for update in executor)
    assert max(update.observations for update in executor) <= brief.observations
    assert "<svg" in (folders[0] / "curves.svg").read_text("utf-8")
    PolicyNetworks.load(folders[0])

    more = watch(policies, old, brief, folders[0], ticks_of(watched[1])[:600])
    first = next(update for update in more if update.role == "executor")
    assert first.training == 9
    assert first.minutes > executor[-1].minutes
    assert first.rate < max(update.rate for update in executor)


@pytest.mark.slow
def test_the_latest_observations_are_learned_from(tmp_path, policies, old, watched, brief):
    few = brief.model_copy(update={"observations": 64})
    updates = watch(policies, old, few, tmp_path, ticks_of(watched[0])[:2000])
    counts = [update.observations for update in updates if update.role == "tactician"]
    assert counts[-1] == max(counts) == 64


def test_only_weights_that_are_no_worse_on_new_and_old_play_are_taken(
    tmp_path, policies, old, watched, brief, monkeypatch
):
    cloned = ClonedPolicies.read(policies).settings
    saved = read_checkpoint(file_of(policies / "strategist", "best"), "strategist")
    examples = strategist_examples(old[:1], cloned.delay)
    one = RoleLearner(
        "strategist", network_of(saved, cloned), (brief, cloned, {}), [examples] * 2, tmp_path
    )
    losses: list[float] = []
    monkeypatch.setattr("pipeline.play.shadow.learner.measure", lambda *_: {"loss": losses.pop(0)})
    files = [file_of(tmp_path / "strategist", "best"), tmp_path / "strategist.onnx"]
    parts = [WatchedPart(watched[0], 0, len(watched[0]))]
    # Of the weights that learned, on new and old play; then of those in use.
    for given, is_taken in (
        ((2, 1, 1, 2), True),  # As good as those in use.
        ((1, 3, 2, 1), False),  # Better on new play, worse on both.
        ((3, 1, 1, 2), False),  # Better on old play, worse on both.
        ((1, 2, 2, 2), True),
    ):
        losses[:] = given
        before = [file.read_bytes() for file in files]
        weights = [value.clone() for value in one._student.in_use.parameters()]
        update = one.train(parts, 1.0)
        assert update.is_better == is_taken
        for file, content in zip(files, before, strict=True):
            assert (file.read_bytes() != content) == is_taken, file
        kept = zip(weights, one._student.in_use.parameters(), strict=True)
        assert all(value.equal(now) for value, now in kept) != is_taken


def test_old_play_of_a_person_is_kept_in_mind_too(tmp_path, policies, old, brief):
    silent = [replace(one, goals=np.full(len(one), UNSTATED, np.int8)) for one in old]
    learner = Learner.start(policies, silent, brief, tmp_path)
    strategist = next(one for one in learner._students if one.role == "strategist")
    assert (strategist._old.goals >= 0).all()


def test_damaged_and_foreign_folders_are_refused(tmp_path, policies, old, brief):
    folder = tmp_path / "new"
    Learner.start(policies, old, brief, folder)
    best = file_of(folder / "executor", "best")
    best.replace(file_of(folder / "executor", "last"))
    other = ShadowSettings(seed=5)
    with pytest.raises(PolicyCheckpointError, match="has learned otherwise"):
        Learner.start(policies, old, other, folder)
    file_of(folder / "executor", "last").write_bytes(b"torn")
    with pytest.raises(PolicyCheckpointError, match="cannot be read"):
        Learner.start(policies, old, brief, folder)
    with pytest.raises(ShadowFolderError, match="1 sessions of old play are too few"):
        Learner.start(policies, old[:1], brief, tmp_path / "third")
    (tmp_path / "file").write_text("")
    with pytest.raises(CloneError, match="cannot be written to"):
        Learner.start(policies, old, brief, tmp_path / "file" / "new")
    copied = tmp_path / "copied"
    shutil.copytree(policies, copied)
    (copied / "clone.json").write_text("{", "utf-8")
    with pytest.raises(CloneError, match="cannot be read"):
        Learner.start(copied, old, brief, tmp_path / "third")
    shutil.copy(policies / "clone.json", copied)
    best = file_of(copied / "strategist", "best").replace(tmp_path / "away")
    with pytest.raises(PolicyCheckpointError, match="cannot be read"):
        Learner.start(copied, old, brief, tmp_path / "third")
    best.replace(file_of(copied / "strategist", "best"))
    torn = file_of(copied / "tactician", "best")
    torn.write_bytes(torn.read_bytes()[:1000])
    with pytest.raises(PolicyCheckpointError, match="cannot be read"):
        Learner.start(copied, old, brief, tmp_path / "third")

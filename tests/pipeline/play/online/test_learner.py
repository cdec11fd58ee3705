"""Policies that learn from what came of their play: the same every time, and back when it harms."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from detector_runtime.policies.networks import PolicyNetworks

from pipeline.play.background.exchange import weights_of as onnx_weights
from pipeline.play.background.student import Student
from pipeline.play.online import own_play
from pipeline.play.online.advantage_learner import advantages_of, weights_of
from pipeline.play.online.curves import online_curves
from pipeline.play.online.guard import Guard
from pipeline.play.online.history import OnlineHistory, OnlineHistoryError
from pipeline.play.online.learner import CANDIDATE, OnlineLearner
from pipeline.play.online.messages import Candidate, Compared, Decided, GameEnded, Settle, Settled
from pipeline.play.online.own_play import OwnGame, OwnMoments, OwnPlayError, moments_of
from pipeline.play.online.settings import OnlineSettings
from pipeline.play.policies.checkpoints import PolicyCheckpointError, epoch_file, file_of
from pipeline.play.policies.cloning import ROLES, CloneError
from pipeline.play.policies.onnx_files import onnx_file
from pipeline.play.policies.training import PolicyTrainingError

BRIEF = OnlineSettings(
    games=1, steps=2, smallest=16, batch=16, learning_rate=3e-3, keep_every=2, kept=1
)


def give(learner, *items):
    return [news for item in items for news in learner.take(item)]


def play(learner, game, name):
    return give(learner, *game.ticks(name), GameEnded(name))


def decide(learner, lead):
    """Compare until the guard decides."""
    for _count in range(100):
        history = learner.history
        news = give(learner, Compared(history.test, history.trainings, 1.0, 1.0 + lead))
        if news:
            return news[0]
    raise AssertionError


def weights(folder: Path) -> dict[str, np.ndarray]:
    every = [onnx_weights(onnx_file(folder, role)) for role in ROLES]
    return {
        f"{role}:{name}": v for role, w in zip(ROLES, every, strict=True) for name, v in w.items()
    }


def are_equal(one: Path, other: Path) -> bool:
    ours, theirs = weights(one), weights(other)
    return all(np.array_equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.slow
def test_a_candidate_is_rolled_back_or_kept(tmp_path, policies, games):
    learner = OnlineLearner.start(policies, BRIEF, tmp_path)
    (news,) = play(learner, games[0], "first")
    assert isinstance(news, Candidate)
    assert {update["role"] for update in news.updates} == set(ROLES)
    assert news.outcomes["loot"] > 0
    assert not are_equal(tmp_path / CANDIDATE, policies)
    assert are_equal(tmp_path, policies)

    back = decide(learner, -5.0)
    assert isinstance(back, Decided)
    assert (back.test, back.verdict, back.lead) == (2, "worse", pytest.approx(-5.0))
    assert are_equal(tmp_path, policies)
    for one in learner._learners:
        champion = one.student.in_use.state_dict()
        assert all(torch.equal(v, champion[k]) for k, v in one.student.copy.state_dict().items())
    # What led astray is forgotten, and the steps are half as large.
    (news,) = play(learner, games[1], "second")
    assert [update["rate"] for update in news.updates] == [BRIEF.learning_rate / 2] * 3
    assert give(learner, Compared(1, 1, 0.0, 5.0)) == []
    assert learner.history.current() == ()

    kept = decide(learner, 5.0)
    assert (kept.test, kept.verdict) == (3, "better")
    assert are_equal(tmp_path, tmp_path / CANDIDATE)
    assert not are_equal(tmp_path, policies)
    PolicyNetworks.load(tmp_path)
    history = OnlineHistory.read(tmp_path)
    assert (history.test, history.rollbacks, history.games) == (3, 1, 2)
    image = online_curves(history)
    assert "rolled back" in image
    assert (tmp_path / "curves.svg").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(("verdict", "writes"), [("better", "take"), ("worse", "write_copy")])
def test_a_decision_that_is_cut_short_is_carried_out_at_the_next_start(
    tmp_path, policies, games, monkeypatch, verdict, writes
):
    settings = BRIEF.model_copy(update={"keep_every": 1})
    learner = OnlineLearner.start(policies, settings, tmp_path)
    play(learner, games[0], "first")
    trained = weights(tmp_path / CANDIDATE)
    kept = [epoch_file(tmp_path / role, 1).read_bytes() for role in ROLES]
    written = getattr(Student, writes)

    def killed_at_the_second(student):
        if student.role == "tactician":
            raise KeyboardInterrupt
        written(student)

    monkeypatch.setattr(Student, writes, killed_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        decide(learner, 5.0 if verdict == "better" else -5.0)
    monkeypatch.undo()
    again = OnlineLearner.start(policies, settings, tmp_path)
    (candidate, _settled) = give(again, Settle(1))
    assert (candidate.test, candidate.training) == (2, 1)
    history = OnlineHistory.read(tmp_path)
    assert (history.test, history.rollbacks) == (2, int(verdict == "worse"))
    assert history.comparisons[-1].verdict == verdict
    assert history.pending is None
    assert again._guard.log_limit == Guard(2, settings.error, settings.bound).log_limit
    champion = trained if verdict == "better" else weights(policies)
    for folder in (tmp_path, tmp_path / CANDIDATE):
        found = weights(folder)
        assert all(np.array_equal(found[name], champion[name]) for name in champion)
    assert [epoch_file(tmp_path / role, 1).read_bytes() for role in ROLES] == kept


@pytest.mark.exhaustive
def test_only_a_candidate_that_has_played_itself_is_kept(tmp_path, policies, games):
    learner = OnlineLearner.start(policies, BRIEF, tmp_path)
    play(learner, games[0], "first")
    play(learner, games[1], "second")
    assert give(learner, *[Compared(1, 1, 0.0, 6.0)] * 40) == []
    assert learner.history.current()[-1].better > learner.history.current()[-1].limit
    (kept,) = give(learner, Compared(1, 2, 0.0, 0.0))
    assert kept.verdict == "better"


@pytest.mark.exhaustive
def test_learning_is_the_same_every_time_and_goes_on_where_it_was(tmp_path, policies, games):
    folders = [tmp_path / "one", tmp_path / "two", tmp_path / "three"]
    told = []
    for folder in folders[:2]:
        learner = OnlineLearner.start(policies, BRIEF, folder)
        told.append([play(learner, game, str(number)) for number, game in enumerate(games[:2])])
        give(learner, Compared(1, 2, 0.0, 1.0), Settle(1))
    assert [news.updates for (news,) in told[0]] == [news.updates for (news,) in told[1]]
    for file in sorted(file for file in folders[0].rglob("*.*")):
        assert file.read_bytes() == (folders[1] / file.relative_to(folders[0])).read_bytes(), file
    kept = sorted(file.stem for file in (folders[0] / "executor").iterdir())
    assert kept == ["best", "epoch-00002", "last"]

    again = OnlineLearner.start(policies, BRIEF, folders[0])
    assert again.history == learner.history
    assert again._guard.better.log_capital == learner._guard.better.log_capital
    candidate, settled = give(again, Settle(7))
    assert (candidate.training, settled) == (2, Settled(7))
    for role in ROLES:
        for name, value in onnx_weights(onnx_file(folders[0] / CANDIDATE, role)).items():
            assert (candidate.weights[role][name] == value).all()


def test_what_came_out_better_than_expected_counts_more(games):
    game = OwnGame.of(games[0].ticks("one"), 0)
    for role in ROLES:
        moments = moments_of(role, game, BRIEF, 0)
        counts = weights_of(moments, BRIEF)
        told = moments.counted
        advantages = advantages_of(moments)[told]
        order = np.argsort(advantages)
        assert (np.diff(counts[told][order]) >= 0).all()
        assert counts[told].mean() == pytest.approx(1, rel=1e-5)
        assert (counts[~told] == 1).all()
        assert advantages.mean() == pytest.approx(0, abs=0.1)
        assert advantages.std() == pytest.approx(1)
        at_most = BRIEF.model_copy(update={"most_weight": 2.0})
        clipped = weights_of(moments, at_most)[told]
        assert clipped.max() / clipped.min() <= 2 / np.exp(advantages.min()) + 1e-3
        # What can be foretold from the moment is no advantage.
        tick = moments.examples.status[:, 0] / 1000
        noise = np.random.default_rng(2).normal(0, 0.3, len(moments))
        foretold = OwnMoments(moments.examples, (3 * tick + noise).astype(np.float32), told)
        assert abs(np.corrcoef(advantages_of(foretold)[told], tick[told])[0, 1]) < 0.2
        assert np.corrcoef(advantages_of(foretold)[told], noise[told])[0, 1] > 0.5


@pytest.mark.slow
def test_a_policy_learns_what_came_out_well(tmp_path, policies, games):
    """Of two goals that it has chosen at random, it takes to the one that was rewarded."""
    learner = OnlineLearner.start(policies, BRIEF.model_copy(update={"steps": 40}), tmp_path)
    game = OwnGame.of(games[0].ticks("one"), 0)
    moments = moments_of("strategist", game, BRIEF, 0)
    goals = np.random.default_rng(1).integers(0, 2, len(moments)).astype(np.int8)
    moments.examples.goals[:] = goals
    strategist = next(one for one in learner._learners if one.student.role == "strategist")

    def preference() -> float:
        told = moments.examples.features()
        given = (told.entities, told.places, told.known, told.status)
        with torch.no_grad():
            (logits,) = strategist.student.copy(*map(torch.from_numpy, given))
        return float((logits[:, 1] - logits[:, 0]).mean())

    for sign in (1, -1):
        strategist.forget()
        before = preference()
        strategist.add(
            OwnMoments(moments.examples, sign * goals.astype(np.float32), moments.counted)
        )
        strategist.train(1, 1, 3e-3)
        assert sign * (preference() - before) > 0.05


@pytest.mark.exhaustive
def test_too_long_a_game_is_learned_from_in_parts(tmp_path, policies, games, monkeypatch):
    monkeypatch.setattr(own_play, "MOST_TICKS", 600)
    learner = OnlineLearner.start(policies, BRIEF.model_copy(update={"games": 1000}), tmp_path)
    ticks = games[0].ticks("one")
    give(learner, *ticks[:1300])
    assert learner.history.games == 2
    assert len(learner._sessions._ticks["one"]) == 100
    give(learner, GameEnded("one"), GameEnded("one"), GameEnded("never begun"))
    assert learner.history.games == 3
    give(learner, *ticks[:500], GameEnded("one", is_whole=False))
    assert learner.history.games == 3
    monkeypatch.setattr(own_play, "MOST_SESSIONS", 3)
    for number in range(5):
        give(learner, ticks[0]._replace(session=str(number)))
    assert list(learner._sessions._ticks) == ["2", "3", "4"]


@pytest.mark.slow
def test_damaged_and_foreign_folders_and_play_are_refused(tmp_path, policies, games):
    folder = tmp_path / "new"
    learner = OnlineLearner.start(policies, BRIEF, folder)
    tick = games[0].ticks("one")[0]
    with pytest.raises(OwnPlayError, match="in this game, not"):
        give(learner, tick._replace(status=np.zeros(7, np.int32)))
    give(learner, Settle(1))
    before = {file: file.read_bytes() for file in folder.rglob("*.*")}
    for returns in ((float("nan"), 1.0), (0.0, float("inf"))):
        with pytest.raises(OwnPlayError, match="cannot compare returns"):
            give(learner, Compared(1, 0, *returns))
    with torch.no_grad():
        next(learner._learners[-1].student.copy.parameters()).fill_(float("nan"))
    with pytest.raises(PolicyTrainingError, match="executor have become no numbers"):
        play(learner, games[0], "one")
    assert before == {file: file.read_bytes() for file in folder.rglob("*.*")}
    with pytest.raises(PolicyCheckpointError, match="has learned otherwise"):
        OnlineLearner.start(policies, BRIEF.model_copy(update={"seed": 5}), folder)
    (folder / "online.json").write_text("{", "utf-8")
    with pytest.raises(OnlineHistoryError, match="cannot be read"):
        OnlineLearner.start(policies, BRIEF, folder)
    file_of(folder / "tactician", "last").write_bytes(b"torn")
    with pytest.raises(PolicyCheckpointError, match="cannot be read"):
        OnlineLearner.start(policies, BRIEF, folder)
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(CloneError, match="cannot be written to"):
        OnlineLearner.start(policies, BRIEF, file / "new")
    copied = tmp_path / "copied"
    shutil.copytree(policies, copied)
    shutil.rmtree(copied / "tactician")
    with pytest.raises(PolicyCheckpointError, match="cannot be read"):
        OnlineLearner.start(copied, BRIEF, tmp_path / "third")

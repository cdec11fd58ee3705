"""Policies are judged by whole games, the same for everybody who is beside them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from detector_runtime.policies.networks import ActLogits, PolicyNetworks

from pipeline.evaluation.metrics.intervals import wilson
from pipeline.play.demonstrations import demonstrate
from pipeline.play.policies import judging
from pipeline.play.policies.cloning import clone
from pipeline.play.policies.judging import (
    POLICIES,
    JudgingError,
    PlayedGames,
    PolicyTable,
    evaluate,
    lead_of,
    play_policies,
    play_scripted,
)
from pipeline.play.policies.settings import PRESETS
from pipeline.play.simulator.games import GameError, Games
from pipeline.play.simulator.matches import win_rate
from pipeline.play.simulator.rules import Act, Key, Kind, Result
from pipeline.play.simulator.scripted import ScriptedPlayers
from pipeline.progress import Progress


class Stubborn:
    """In place of networks: the same act in every tick, or none."""

    delay = 0

    def __init__(self, act: Act) -> None:
        self.act = act

    def goals(self, features: Any) -> Any:
        return np.eye(5, dtype=np.float32)[np.zeros(len(features.status), int)]

    def targets(self, features: Any, _goals: Any) -> Any:
        return np.zeros((len(features.status), 1 + features.known.shape[1]), np.float32)

    def acts(self, features: Any, _goals: Any, _targets: Any) -> ActLogits:
        count, rows = features.known.shape
        acts = np.full((count, 4), -40, np.float32)
        if self.act != Act.NOTHING:
            acts[:, [0, self.act]] = 40
        keys = np.tile(np.eye(5, dtype=np.float32)[Key.STOP], (count, 1))
        pointed = np.zeros((count, 1 + rows), np.float32)
        return ActLogits(acts, keys, pointed, pointed, np.full((count, 4), 0.5, np.float32))


def test_policies_play_as_they_answer() -> None:
    act, seed = Act.KEY, 5
    played = play_policies(Stubborn(act), "scripted_l4", [seed])
    for number, side in enumerate((0, 1)):
        games = Games.start([seed])
        names = ("scripted_l4", None) if side else (None, "scripted_l4")
        opponents = ScriptedPlayers.start([seed], names)
        while games.clocks["result"][0] == Result.RUNNING:
            actions = games.no_actions()
            actions[0, side] = (act, -1, 0, 0, Key.STOP)
            games.step(opponents.act(games, actions))
        lead = int(games.players["score"][0, side]) - int(games.players["score"][0, 1 - side])
        won = int(games.clocks["result"][0]) == 1 + side
        lost = int(games.clocks["result"][0]) == 2 - side
        assert played.outcomes[number] == won - lost
        assert played.returns[number] == pytest.approx(lead / 100 + won - lost)
        assert played.loot[number] == games.players["stock"][0, side]
        own = games.entities[0][games.entities["owner"][0] == side]
        living = (own["present"] == 1) & (own["kind"] != Kind.KEEP)
        assert played.survival[number] == living.sum() / 8
        assert played.seconds[number] == games.clocks["tick"][0] / 20


def test_policies_are_judged_with_the_delay_that_they_learned_with() -> None:
    networks, seen = Stubborn(Act.NOTHING), []
    networks.delay, asked = 3, networks.acts

    def watched(features: Any, goals: Any, targets: Any) -> ActLogits:
        seen.append(round(float(features.status[0, :18].sum()) * 200))
        return asked(features, goals, targets)

    networks.acts = watched
    table = PolicyTable.start(networks, "random", [1], np.zeros(1, int))
    assert all(table.step() for _tick in range(8))
    assert seen == [0, 0, 0, 0, 1, 2, 3, 4]


def test_scripted_players_do_as_in_their_matches() -> None:
    expected = win_rate("scripted_l5", "scripted_l3", games=6, seed=2)
    played = play_scripted("scripted_l5", "scripted_l3", [2, 3, 4])
    assert (played.outcomes == 1).sum() == expected.wins
    assert (played.outcomes == 0).sum() == expected.draws


def test_who_does_nothing_is_beaten_by_who_knows() -> None:
    told: list[Progress] = []
    judged = evaluate(
        Stubborn(Act.NOTHING),
        "random",
        9,
        beside=("scripted_l5", "random"),
        seed=11,
        report=told.append,
    )
    assert judged.games == 10
    assert [one.player for one in judged.players] == [POLICIES, "scripted_l5", "random"]
    nobody, knowing, _random = judged.players
    assert nobody.loot.mean == 0
    for player in judged.players:
        for mean in (player.returns, player.loot, player.survival, player.seconds):
            assert mean.interval.low <= mean.mean <= mean.interval.high
    assert judged.return_leads["scripted_l5"].interval.high < 0
    assert judged.return_leads["scripted_l5"].mean == pytest.approx(
        nobody.returns.mean - knowing.returns.mean, abs=1e-3
    )
    share = judged.return_shares["scripted_l5"]
    assert share.mean == pytest.approx(nobody.returns.mean / knowing.returns.mean, abs=1e-3)
    # A share of what is not above zero says nothing.
    assert "random" not in judged.return_shares
    assert {one.stage for one in told} == {
        f"games of {name}" for name in (POLICIES, "scripted_l5", "random")
    }
    assert told[-1].done == told[-1].total


def test_an_interval_holds_95_of_100_replicates_of_whole_seeds() -> None:
    draws = judging._replicates(40)
    assert draws.shape == (judging.REPLICATES, 40)
    assert set(draws[:, :20].flat) == set(range(20))
    np.testing.assert_array_equal(draws[:, 20:], draws[:, :20] + 20)
    found = judging._percentiles(np.arange(2001.0))
    assert (found.low, found.high) == (50, 1950)


def test_a_share_is_told_of_a_return_that_is_above_zero_with_certainty(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def played(*returns: float) -> PlayedGames:
        one = np.array(returns * 2, np.float64)
        return PlayedGames(np.sign(one).astype(int), one, one, one, one)

    scripted = {"scripted_l5": played(1, 1, 1, 1, -3), "scripted_l4": played(2, 2, 2, 2, 4)}
    monkeypatch.setattr(judging, "play_policies", lambda *_: played(1, 1, 0, 1, -1))
    monkeypatch.setattr(judging, "play_scripted", lambda name, *_: scripted[name])
    judged = evaluate(Stubborn(Act.NOTHING), "random", 10, beside=tuple(scripted))
    assert list(judged.return_shares) == ["scripted_l4"]
    assert judged.return_shares["scripted_l4"].mean == pytest.approx(0.4 / 2.4, abs=1e-4)
    assert judged.return_leads["scripted_l5"].mean == pytest.approx(0.2)
    own = judged.players[0]
    assert (own.wins, own.draws) == (6, 2)
    assert own.win_rate == wilson(6, 10)


def test_a_lead_is_that_of_the_first_in_the_same_games() -> None:
    def played(*returns: float) -> PlayedGames:
        one = np.array(returns, np.float64)
        return PlayedGames(np.zeros(len(one), int), one, one, one, one)

    lead = lead_of(played(*range(2, 12)), played(*range(10)))
    assert lead.interval is not None
    assert (lead.mean, lead.interval.low, lead.interval.high) == (2, 2, 2)


def test_of_few_games_no_interval_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def played(count: int) -> PlayedGames:
        one = np.arange(float(count)) + 1
        return PlayedGames(np.ones(count, int), one, one, one, one)

    for count, is_told in ((8, False), (10, True)):
        monkeypatch.setattr(judging, "play_policies", lambda *_, count=count: played(count))
        monkeypatch.setattr(judging, "play_scripted", lambda *_, count=count: played(count))
        judged = evaluate(Stubborn(Act.NOTHING), "random", count, beside=("random",))
        means = [judged.players[0].returns, *judged.return_shares.values()]
        means += judged.return_leads.values()
        assert len(means) == 3
        for mean in means:
            assert (mean.interval is not None) == is_told
            assert ("too few games for an interval" in mean.told()) != is_told
    assert judged.return_leads["random"].told("+") == "+0.00 (+0.00 to +0.00)"


def test_what_cannot_be_played_is_said_first() -> None:
    networks: Any = SimpleNamespace(delay=0)
    with pytest.raises(JudgingError, match="0 games"):
        evaluate(networks, "random", 0)
    with pytest.raises(GameError, match="nobody"):
        evaluate(networks, "nobody", 2)
    with pytest.raises(GameError, match="nobody"):
        evaluate(networks, "random", 2, beside=("nobody",))


@pytest.mark.slow
def test_cloned_policies_beat_a_random_player(tmp_path: Path) -> None:
    """After a quarter of an hour of play and seconds of training, with certainty."""
    roles = {"strategist": 2, "tactician": 1, "executor": 3}
    brief = PRESETS["brief"]
    settings = brief.model_copy(
        update={
            role: brief.of(role).model_copy(update={"epochs": epochs})
            for role, epochs in roles.items()
        }
    )
    clone(demonstrate("scripted_l5", "scripted_l3", range(1000, 1006)), settings, tmp_path)
    judged = evaluate(PolicyNetworks.load(tmp_path), "scripted_l3", 16, beside=("random",), seed=50)
    assert judged.return_leads["random"].interval.low > 0

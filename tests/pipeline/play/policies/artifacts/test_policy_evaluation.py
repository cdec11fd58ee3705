"""Policies are held against those whom they learned from, and what is too little is said."""

from __future__ import annotations

import numpy as np
import pytest
from doubles.policies import cloned_policies

from pipeline.evaluation.metrics.intervals import Interval, wilson
from pipeline.play.policies.artifacts.policy_evaluation import (
    PolicyVerdict,
    RecordedPlayer,
    random_problems,
    recorded_player,
    share_problems,
    usual_opponent,
)
from pipeline.play.policies.artifacts.sessions import SessionPlay
from pipeline.play.policies.artifacts.targets import missed_targets
from pipeline.play.policies.judging import (
    POLICIES,
    Mean,
    PlayedGames,
    PlayerResult,
    PolicyJudgement,
    judge,
    mean_of_sessions,
    share_of_sessions,
)


def session(player: str, opponent: str = "random", returns: float | None = 1.0) -> SessionPlay:
    return SessionPlay(
        name=f"{player}-{opponent}", player=player, opponent=opponent, seconds=9.0, returns=returns
    )


def games(*returns: float) -> PlayedGames:
    values = np.array(returns)
    return PlayedGames(np.sign(values).astype(np.int_), values, values, values, values)


def test_the_opponent_that_was_met_most_often_is_met_again() -> None:
    met = ["scripted_l2", "scripted_l1", "scripted_l1", "scripted_l2", "person", "person", "person"]
    assert usual_opponent([session("me", name) for name in met]) == "scripted_l1"
    met.append("scripted_l2")
    assert usual_opponent([session("me", name) for name in met]) == "scripted_l2"
    assert usual_opponent([session("me", "person")]) == "scripted_l3"


def test_a_person_is_compared_by_its_sessions_and_a_script_by_the_same_games() -> None:
    own, script = games(2.0, 2.0, 2.0, 2.0), games(2.0, 4.0, 2.0, 4.0)
    played = {POLICIES: own, "scripted_l5": script, "random": games(-1.0, -2.0, -1.0, -2.0)}
    judgement = judge(played, "scripted_l3")
    sessions = [session("person", returns=4.0), session("person", returns=None)]
    sessions += [session("scripted_l5", returns=9.0), session("random", returns=-3.0)]
    person = recorded_player("person", sessions, judgement, played)
    assert (person.sessions, person.is_paired) == (1, False)
    assert person.share is not None
    assert person.share.mean == 0.5
    paired = recorded_player("scripted_l5", sessions, judgement, played)
    assert paired.is_paired
    assert paired.share is not None
    assert paired.share.mean == pytest.approx(2 / 3, abs=1e-4)
    assert recorded_player("random", sessions, judgement, played).share is None
    nobody = recorded_player("absent", sessions, judgement, played)
    assert (nobody.sessions, nobody.returns, nobody.share) == (0, None, None)


def test_shares_of_sessions_have_the_interval_of_both_means() -> None:
    rng = np.random.default_rng(1)
    own = games(*rng.normal(2.0, 0.5, 200))
    few, many = (rng.normal(4.0, 1.0, count).tolist() for count in (12, 800))
    wide, narrow = share_of_sessions(own, few), share_of_sessions(own, many)
    assert wide is not None
    assert wide.interval is not None
    assert narrow is not None
    assert narrow.interval is not None
    assert narrow.interval.low < 0.5 < narrow.interval.high
    width = narrow.interval.high - narrow.interval.low
    assert wide.interval.high - wide.interval.low > 2 * width
    assert share_of_sessions(own, [5.0, -4.0, 0.1]) is None
    # Of few games none is given.
    assert share_of_sessions(own, [4.0, 4.0]) == Mean(
        mean=round(own.returns.mean() / 4, 4), interval=None
    )
    assert mean_of_sessions([3.0]) == Mean(mean=3.0, interval=None)


def verdict(lead: Mean, share: Mean | None) -> PolicyVerdict:
    mean = Mean(mean=1.0, interval=Interval(low=0.9, high=1.1))
    figures = dict.fromkeys(("returns", "loot", "survival", "seconds"), mean)
    result = PlayerResult(player=POLICIES, wins=3, draws=0, win_rate=wilson(3, 4), **figures)
    judgement = PolicyJudgement(
        opponent="scripted_l3",
        games=4,
        players=(result,),
        return_shares={},
        return_leads={"random": lead},
    )
    person = RecordedPlayer(player="me", sessions=4, returns=mean, share=share, is_paired=True)
    return PolicyVerdict(judgement=judgement, recorded=(person,))


def between(low: float, mean: float, high: float) -> Mean:
    return Mean(mean=mean, interval=Interval(low=low, high=high))


def test_a_lead_that_may_be_chance_and_a_small_share_are_told() -> None:
    good = verdict(between(0.1, 0.5, 0.9), between(0.7, 0.8, 0.9))
    assert random_problems(good) == share_problems(good) == []
    bad = verdict(between(-0.1, 0.5, 0.9), between(0.7, 0.79, 0.9))
    assert "may be chance" in random_problems(bad)[0]
    assert "0.79 (0.70 to 0.90) of the return of me" in share_problems(bad)[0]
    assert share_problems(verdict(between(0.1, 0.5, 0.9), None)) == []
    few = Mean(mean=3.0, interval=None)
    assert "too few games for an interval" in random_problems(verdict(few, None))[0]


def test_targets_that_are_missed_are_told_with_what_they_are() -> None:
    assert missed_targets(cloned_policies()) == [
        "goal of the strategist: 75.0%, and should be > 75%",
        "clicks of the executor are off by, in sides of the map: 11.0%, and should be < 10%",
    ]

"""The curriculum goes on when the window is full of wins, and after an interruption as if none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.play.arena.curriculum import CurriculumError, CurriculumScheduler, CurriculumStage
from pipeline.play.simulator.environments.teams import SkirmishParallelEnv


def played(scheduler: CurriculumScheduler, wins: int, losses: int) -> CurriculumScheduler:
    for win in [False] * losses + [True] * wins:
        scheduler.record_episode(win)
    return scheduler


def test_35_of_the_last_50_are_enough() -> None:
    scheduler = CurriculumScheduler()
    assert scheduler.win_rate() == 0.0
    played(scheduler, 35, 14)
    assert scheduler.win_rate() > 0.7
    assert not scheduler.should_promote(), "the window is not full"
    # One more loss fills it, and with the next two losses as many fall out at its other end.
    for _ in range(3):
        played(scheduler, 0, 1)
        assert scheduler.win_rate() == 0.7
        assert scheduler.should_promote()
    played(scheduler, 0, 12)
    assert scheduler.win_rate() == 0.7
    played(scheduler, 0, 1)
    assert scheduler.win_rate() == 0.68, "the oldest win has left the window"
    assert not scheduler.should_promote()
    assert scheduler.total_episodes == 65


def test_stages_follow_each_other_and_each_counts_anew() -> None:
    scheduler = CurriculumScheduler(0.5, 2)
    for number, label in enumerate(("1v1", "2v2", "3v3", "4v4"), start=1):
        assert scheduler.stage_label == label
        assert scheduler.env_kwargs() == {"players_a_side": number}
        assert len(SkirmishParallelEnv(**scheduler.env_kwargs()).possible_agents) == 2 * number
        assert scheduler.win_rate() == 0.0
        played(scheduler, 2, 0)
        assert scheduler.should_promote() is not scheduler.is_final_stage
        if not scheduler.is_final_stage:
            assert scheduler.promote() is scheduler.stage
    assert scheduler.stage is CurriculumStage.STAGE_4V4
    assert scheduler.total_episodes == 8
    with pytest.raises(CurriculumError, match="No stage follows 4v4") as caught:
        scheduler.promote()
    assert isinstance(caught.value, RuntimeError)
    assert scheduler.stage is CurriculumStage.STAGE_4V4


@given(st.lists(st.booleans(), max_size=30), st.integers(0, 30))
def test_an_interruption_changes_nothing(wins: list[bool], at: int) -> None:
    through, stopped = CurriculumScheduler(0.6, 5), CurriculumScheduler(0.6, 5)
    for number, win in enumerate(wins):
        if number == at:
            stopped = CurriculumScheduler.from_state(stopped.state)
        for scheduler in (through, stopped):
            scheduler.record_episode(win)
            if scheduler.should_promote():
                scheduler.promote()
    assert stopped.state == through.state
    assert stopped.metrics() == through.metrics()


def test_the_state_is_kept_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "training" / "curriculum.json"
    scheduler = played(CurriculumScheduler(0.9, 3, CurriculumStage.STAGE_2V2), 1, 2)
    scheduler.save(file)
    assert CurriculumScheduler.load(file).state == scheduler.state
    assert scheduler.metrics() == {
        "curriculum/stage": 1,
        "curriculum/stage_label": "2v2",
        "curriculum/win_rate": pytest.approx(1 / 3),
        "curriculum/total_episodes": 3,
    }
    file.write_text(file.read_text()[:-9])
    with pytest.raises(CurriculumError, match="no state of a curriculum"):
        CurriculumScheduler.load(file)
    with pytest.raises(CurriculumError, match="no state of a curriculum"):
        CurriculumScheduler.load(tmp_path / "gone.json")


@pytest.mark.parametrize(("threshold", "window"), [(0, 50), (1.1, 50), (0.7, 0)])
def test_what_can_never_be_passed_is_refused(threshold: float, window: int) -> None:
    with pytest.raises(CurriculumError, match="No stage can be passed"):
        CurriculumScheduler(threshold, window)

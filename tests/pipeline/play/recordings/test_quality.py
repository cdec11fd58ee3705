"""What is wrong with a session is found, and nothing else; sessions can be looked at."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from doubles.sessions import session_info, some_events
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.play.recordings.events import (
    EntitiesEvent,
    GoalEvent,
    KeyEvent,
    ScoresEvent,
    StateEvent,
    TimedEvent,
    Topic,
)
from pipeline.play.recordings.quality import (
    QualityRules,
    copies,
    quality_of,
    quality_problems,
)
from pipeline.play.recordings.reader import SessionReader, open_session
from pipeline.play.recordings.session_images import GOALS, frames_sheet, timeline_svg
from pipeline.play.recordings.simulated_play import planned_games, record_games
from pipeline.play.recordings.writer import SessionWriter

TICK = 50_000_000


def steady(
    seconds: float,
    *,
    without: tuple[float, float] = (0, 0),
    goals: Iterable[str] = ("FIGHT", "LOOT"),
) -> list[TimedEvent]:
    """Entities twenty times and a state once a second, a key every five seconds; a gap."""
    names = list(goals)
    events = []
    for tick in range(round(seconds * 20)):
        time = tick * TICK
        if tick % 20 == 0:
            events.append(TimedEvent(time, StateEvent(tick=tick, digest="0" * 64)))
        if tick % 100 == 0:
            events.append(TimedEvent(time, KeyEvent(actor="person", kind="press", key="STOP")))
            goal = names[tick // 100 % len(names)]
            events.append(
                TimedEvent(time, GoalEvent.model_validate({"goal": goal, "target": None}))
            )
        if not without[0] <= tick / 20 < without[1]:
            rows = [[1, 0, 0, tick, 0, 9, 0, 1, 0, 0, 0, 0]]
            events.append(TimedEvent(time, EntitiesEvent(rows=rows, status=[tick, 0, 0, 0])))
    return events


def session_of(
    folder: Path, events: list[TimedEvent], name: str = "one", **info: object
) -> SessionReader:
    with SessionWriter(folder, session_info(name, **info)) as writer:
        for time, event in events:
            writer.write(time, event)
        return open_session(writer.finish())


def test_nothing_is_wrong_with_a_good_session(tmp_path):
    quality = quality_of(session_of(tmp_path, steady(60)))
    assert quality_problems(quality) == []
    assert quality.goals == {
        "FIGHT": pytest.approx(0.5, abs=0.01),
        "LOOT": pytest.approx(0.5, abs=0.01),
    }
    entities = quality.channels[Topic.ENTITIES]
    assert (entities.events, entities.stated_rate) == (1200, 20.0)
    assert entities.rate == pytest.approx(20, rel=0.01)
    assert entities.longest_gap == pytest.approx(0.05)
    assert quality.deeds == 12


def test_each_fault_is_told(tmp_path):
    faults = {
        "gap": (steady(60, without=(20, 22)), "/entities has no event for 2.0 s after 19.9"),
        "late": (steady(60, without=(0, 3)), "/entities has no event for 3.0 s after 0.0 s"),
        "ends": (
            [*steady(30), TimedEvent(33 * 20 * TICK, ScoresEvent(scores=[0, 0]))],
            "/state has no event for 4.0 s after 29.0 s",
        ),
        "slow": (steady(60, without=(1, 12)), "/entities has 16.3"),
        "short": (steady(8), "it lasts 7.95 s, less than 10 s"),
        "one goal": (steady(60, goals=["LOOT"]), "100% of the time has the goal LOOT"),
        "idle": (
            [one for one in steady(60) if not isinstance(one.event, KeyEvent)],
            "the player does 0 things in 59.95 s",
        ),
    }
    for name, (events, told) in faults.items():
        problems = quality_problems(quality_of(session_of(tmp_path / name, events)))
        assert any(told in problem for problem in problems), (name, problems)
        assert len(problems) <= 2, (name, problems)
    generous = QualityRules(longest_gap=5)
    gap = open_session(tmp_path / "gap" / "one.mcap")
    assert quality_problems(quality_of(gap), generous) == []


def test_a_session_without_stated_goals_has_not_one_goal_alone(tmp_path):
    unstated = [one for one in steady(60) if not isinstance(one.event, GoalEvent)]
    quality = quality_of(session_of(tmp_path, unstated))
    assert quality.goals == {"none stated": 1.0}
    assert quality_problems(quality) == []


def test_a_torn_session_is_told(tmp_path):
    session = session_of(tmp_path, steady(60))
    session.file.write_bytes(session.file.read_bytes()[:-30])
    (problem,) = quality_problems(quality_of(open_session(session.file)))
    assert problem == "after 59.95 s the file cannot be read: it breaks off"


def test_copies_are_found_by_what_they_hold(tmp_path):
    """Under another name, or cut off after the first half minute; not by what they say they are."""
    events = steady(60)
    sessions = {
        "original": session_of(tmp_path, events, "original"),
        "renamed": session_of(tmp_path, events, "renamed", seed=99),
        "beginning": session_of(tmp_path, events[:900], "beginning"),
        "another": session_of(tmp_path, steady(60, goals=["FLEE", "FIGHT"]), "another"),
    }
    openings = {name: quality_of(session).opening for name, session in sessions.items()}
    assert copies(openings) == [("beginning", "original", "renamed")]
    assert copies({}) == []


@given(st.dictionaries(st.text(min_size=1, max_size=3), st.sampled_from("abcd"), max_size=9))
def test_every_session_is_in_one_group_of_copies_at_most(openings):
    groups = copies(openings)
    names = [name for group in groups for name in group]
    assert len(names) == len(set(names))
    for name, opening in openings.items():
        alone = list(openings.values()).count(opening) == 1
        assert (name in names) is not alone


def test_shares_of_goals_are_the_whole_time(tmp_path):
    played = open_session(next(record_games(tmp_path, planned_games("scripted_l4", "random", [3]))))
    quality = quality_of(played)
    assert sum(quality.goals.values()) == pytest.approx(1)
    assert set(quality.goals) <= set(GOALS)
    assert quality.outcome in (-1, 0, 1)
    assert set(quality.actors) == {"scripted_l4", "random"}
    drawn = timeline_svg(played)
    root = ElementTree.fromstring(drawn)
    texts = {text.text for text in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {f"kill {quality.outcomes.get('kill', 0)}", "FIGHT", "player", "0 s"} <= texts


@pytest.mark.slow
def test_frames_are_drawn_of_the_game_played_again(tmp_path):
    played = open_session(next(record_games(tmp_path, planned_games("scripted_l4", "random", [3]))))
    sheet = frames_sheet(played, count=3)
    assert sheet is not None
    with Image.open(io.BytesIO(sheet)) as image:
        assert image.width == 960
        assert np.asarray(image).std() > 20


def test_a_small_session_can_be_looked_at(tmp_path):
    """It has ended before it began, and nobody has scored."""
    event = TimedEvent(0, EntitiesEvent(rows=[], status=[0, 0, 0, 0]))
    session = session_of(tmp_path, [event])
    quality = quality_of(session)
    assert quality.goals == {}
    assert "less than 10 s" in quality_problems(quality)[0]
    ElementTree.fromstring(timeline_svg(session))
    assert frames_sheet(session) is None
    ElementTree.fromstring(timeline_svg(session_of(tmp_path, list(some_events()), "two")))

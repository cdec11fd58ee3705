"""What is exported is what was recorded, read back by those who own the formats."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import minari
import numpy as np
import polars as pl
import pytest
from doubles.sessions import session_info, some_events

from pipeline.play.recordings.events import (
    EVENTS,
    ActionEvent,
    EntitiesEvent,
    MouseEvent,
    RecordingError,
    ScoresEvent,
    Topic,
)
from pipeline.play.recordings.export import TABLES, export_minari, export_parquet
from pipeline.play.recordings.reader import SessionReader, open_session
from pipeline.play.recordings.replay import demonstration_of
from pipeline.play.recordings.simulated_play import planned_games, record_games
from pipeline.play.recordings.writer import SessionWriter
from pipeline.play.simulator.environments.episodes import to_actions


@pytest.fixture(scope="module")
def sessions(tmp_path_factory) -> list[SessionReader]:
    folder = tmp_path_factory.mktemp("sessions")
    games = planned_games("scripted_l2", "scripted_l5", (4, 5))
    return [open_session(file) for file in record_games(folder, games)]


def small_session(folder: Path, name: str = "one") -> SessionReader:
    with SessionWriter(folder, session_info(name)) as writer:
        for time, event in some_events():
            writer.write(time, event)
        return open_session(writer.finish())


def test_every_event_is_in_a_table(tmp_path):
    session = small_session(tmp_path)
    (folder,) = export_parquet([session], tmp_path / "tables")
    assert {file.name for file in folder.iterdir()} == {
        "session.json",
        *(f"{name}.parquet" for name in TABLES),
    }
    told = json.loads((folder / "session.json").read_text("utf-8"))
    assert (told["name"], told["seed"], told["damage"]) == ("one", 7, None)
    tables = {name: pl.read_parquet(folder / f"{name}.parquet") for name in TABLES}
    for topic, name in ((t, t.value[1:]) for t in Topic if t is not Topic.ENTITIES):
        assert len(tables[name]) == session.counts[topic] > 0, name
        times = [time for time, _event in session.events(topic)]
        assert tables[name]["time_ns"].to_list() == times
    known = [
        [time, *row]
        for time, event in session.events(Topic.ENTITIES)
        if isinstance(event, EntitiesEvent)
        for row in event.rows
    ]
    assert [list(row) for row in tables["entities"].rows()] == known
    assert tables["entities"].schema["x"] == pl.Int16
    clicks = [
        (time, *(getattr(event, column) for column in TABLES["mouse"]))
        for time, event in session.events(Topic.MOUSE)
        if isinstance(event, MouseEvent)
    ]
    assert tables["mouse"].rows() == clicks
    deeds = [
        (time, event.actor, event.tick, event.player, *event.action)
        for time, event in session.events(Topic.ACTIONS)
        if isinstance(event, ActionEvent)
    ]
    assert tables["actions"].rows() == deeds


def test_every_field_of_an_event_has_a_column():
    apart = {EntitiesEvent, ActionEvent, ScoresEvent}
    for topic, event in EVENTS.items():
        if event not in apart:
            assert set(TABLES[topic.value[1:]]) == set(event.model_fields), topic


def test_a_session_and_its_copy_are_not_exported_into_one_folder(tmp_path):
    one = small_session(tmp_path / "sessions")
    copy = tmp_path / "sessions" / "copy.mcap"
    shutil.copyfile(one.file, copy)
    with pytest.raises(
        RecordingError, match=r"one\.mcap and .*copy\.mcap are both the session one"
    ):
        export_parquet([one, open_session(copy)], tmp_path / "tables")
    assert not (tmp_path / "tables").exists()


def test_nothing_is_exported_where_one_session_has_a_folder_already(tmp_path):
    sessions = [small_session(tmp_path, name) for name in ("one", "two")]
    export_parquet(sessions[1:], tmp_path / "tables")
    with pytest.raises(RecordingError, match="two already"):
        export_parquet(sessions, tmp_path / "tables")
    assert [folder.name for folder in (tmp_path / "tables").iterdir()] == ["two"]


def test_many_sessions_are_read_as_one_table(sessions, tmp_path):
    export_parquet(sessions, tmp_path / "tables")
    every = pl.scan_parquet(tmp_path / "tables" / "*" / "status.parquet").collect()
    assert len(every) == sum(session.counts[Topic.ENTITIES] for session in sessions)


def test_minari_reads_what_policies_learn_from(sessions, tmp_path, monkeypatch):
    export_minari(sessions, tmp_path / "sets" / "skirmish-v0")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "sets"))
    assert list(minari.list_local_datasets()) == ["skirmish-v0"]
    dataset = minari.load_dataset("skirmish-v0")
    shown = [demonstration_of(session) for session in sessions]
    assert dataset.total_episodes == 2
    assert dataset.total_steps == sum(map(len, shown))
    for episode, one, session in zip(dataset.iterate_episodes(), shown, sessions, strict=True):
        steps = len(one)
        np.testing.assert_array_equal(episode.observations["entities"][:-1], one.entities)
        np.testing.assert_array_equal(episode.observations["status"][:-1], one.status)
        last = episode.observations["status"][-1]
        assert last[0] == steps
        assert last[3] != 0
        np.testing.assert_array_equal(to_actions(episode.actions), one.actions)
        lead = one.scores[-1, 0] - one.scores[-1, 1]
        assert episode.rewards.sum() == pytest.approx(lead / 100 + one.outcome)
        assert episode.terminations.tolist() == [False] * (steps - 1) + [True]
        assert not episode.truncations.any()
        np.testing.assert_array_equal(episode.infos["goal"][:-1], one.goals)
        for step in (0, steps // 2, steps):
            observation = {
                name: episode.observations[name][step] for name in ("entities", "status")
            }
            assert dataset.observation_space.contains(observation)
        assert all(dataset.action_space.contains(action) for action in episode.actions[:200])
        (told,) = dataset.storage.get_episode_metadata([episode.id])
        assert told["options"]["session"] == one.name
        assert told["seed"] == session.info.seed


def test_an_interrupted_session_is_truncated(sessions, tmp_path, monkeypatch):
    with SessionWriter(tmp_path, sessions[0].info) as writer:
        for time, event in sessions[0].events():
            if time < 5e9:
                writer.write(time, event)
        short = open_session(writer.finish())
    export_minari([short], tmp_path / "sets" / "short-v1")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "sets"))
    (episode,) = minari.load_dataset("short-v1").iterate_episodes()
    assert len(episode.rewards) == 99
    assert episode.truncations.tolist() == [False] * 98 + [True]
    assert not episode.terminations.any()


def test_nothing_is_half_written(sessions, tmp_path, monkeypatch):
    session = small_session(tmp_path / "played")
    out = tmp_path / "tables"
    export_parquet([session], out)
    with pytest.raises(RecordingError, match="already"):
        export_parquet([session], out)
    broken = open_session(session.file)
    session.file.write_bytes(session.file.read_bytes()[:1500])
    with pytest.raises(RecordingError, match="has changed"):
        export_parquet([broken], tmp_path / "other")
    assert list((tmp_path / "other").iterdir()) == []
    for name, told in (
        ("no id!-v0", "cannot be called"),
        ("versionless", "cannot be called"),
        ("fine-v0", "has changed"),
    ):
        with pytest.raises(RecordingError, match=told):
            export_minari([broken], tmp_path / "sets" / name)
    assert not list(tmp_path.glob("sets/*"))
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingError, match="cannot be exported"):
        export_parquet([sessions[0]], tmp_path / "file" / "out")


def test_without_minari_it_is_said_how_to_get_it(sessions, tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "minari"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "minari", None)
    with pytest.raises(RecordingError, match="not installed") as refused:
        export_minari(sessions, tmp_path / "set-v0")
    assert "uv sync --extra minari" in refused.value.fix

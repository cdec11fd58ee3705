"""Recorded sessions become artifacts with checks and a page, on a real Dagster instance."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from assets.automation.recording_sensor import recording_sensors
from assets.core.building import latest
from assets.core.keys import GameKeys
from assets.core.runs import materialize
from assets.definitions import build_definitions
from assets.graph.play.recordings import recorded_sessions
from pipeline.games.pack import load_pack
from pipeline.play.recordings import session_images
from pipeline.play.recordings.events import ActionEvent, RecordingError
from pipeline.play.recordings.reader import open_session
from pipeline.play.recordings.recorded_session import RecordedSession
from pipeline.play.recordings.replay import demonstration_of
from pipeline.play.recordings.simulated_play import planned_games, record_games
from pipeline.play.recordings.writer import SessionWriter
from resources.defaults import Resources
from resources.instance import open_instance
from resources.paths import Paths

KEYS = GameKeys("demo")
NAME = "scripted_l3-random-2"


@pytest.fixture(scope="module")
def played(tmp_path_factory) -> Path:
    """One recorded session, which the tests copy."""
    folder = tmp_path_factory.mktemp("played")
    return next(record_games(folder, planned_games("scripted_l3", "random", [2])))


@dataclass
class Play:
    """A state folder with one recorded session."""

    resources: Resources
    instance: dg.DagsterInstance
    definitions: dg.Definitions

    @property
    def folder(self) -> Path:
        return self.resources.state.recordings("demo")

    def make(self, name: str = NAME) -> dg.AssetMaterialization:
        self.instance.add_dynamic_partitions("demo_recorded_sessions", [name])
        materialize(self.definitions, self.instance, [KEYS.recordings], partition=name)
        wanted = dg.AssetRecordsFilter(KEYS.recordings, asset_partitions=[name])
        (record, *_) = self.instance.fetch_materializations(wanted, limit=1).records
        assert record.asset_materialization is not None
        return record.asset_materialization

    def check(self, name: str) -> dict[str, bool]:
        """Whether each check of the newest run has passed."""
        key = dg.AssetCheckKey(KEYS.recordings, name)
        (record, *_) = self.instance.event_log_storage.get_asset_check_execution_history(key, 1)
        assert record.event is not None
        evaluation = record.event.asset_check_evaluation
        assert evaluation is not None
        return {"passed": evaluation.passed, **{k: v.value for k, v in evaluation.metadata.items()}}


@pytest.fixture
def play(tmp_path, played) -> Iterator[Play]:
    resources = Resources.of(Paths.below(tmp_path / "home"))
    folder = resources.state.recordings("demo")
    folder.mkdir(parents=True)
    shutil.copy(played, folder)
    with open_instance(resources.state) as instance:
        yield Play(resources, instance, build_definitions("demo", {"paths": resources.paths}))


@pytest.mark.slow
def test_a_session_becomes_an_artifact_with_a_page(play, played):
    made = play.make()
    store = play.resources.artifacts.store
    recorded = RecordedSession.open(latest(play.instance, store, KEYS.recordings, NAME).path)
    assert recorded.session.file.read_bytes() == played.read_bytes()
    assert demonstration_of(recorded.session).name == NAME
    metadata = {name: value.value for name, value in made.metadata.items()}
    assert metadata["replay"].startswith("the same game, by ")
    assert metadata["ended"] in ("won", "lost", "neither won nor lost")
    assert metadata["preview"].count("/logs/images/") >= 2
    assert "| /entities |" in metadata["channels"]
    assert "| LOOT |" in metadata["goals"]
    assert metadata["problems"] == "none"
    assert play.check("session_quality")["passed"]
    assert play.check("recorded_once")["passed"]
    assert play.make().metadata["ended"].value == metadata["ended"]
    assert list(recorded_sessions(play.instance, store, KEYS)) == [NAME]


def test_faults_and_copies_are_told_by_the_checks(play, monkeypatch):
    # Painting the map takes seconds; the test above does.
    monkeypatch.setattr(session_images, "frames_sheet", lambda _session: None)
    play.make()
    session = open_session(play.folder / f"{NAME}.mcap")
    info = session.info.model_copy(update={"name": "copy"})
    with SessionWriter(play.folder, info) as writer:
        for time, event in session.events():
            # From the fortieth second on nothing is done, and nothing is known for two seconds.
            if time < 30e9 or (time > 42e9 and not isinstance(event, ActionEvent)):
                writer.write(time, event)
        writer.finish()
    made = play.make("copy")
    assert "has no event for 12.1 s" in made.metadata["problems"].value
    assert "another game after" in made.metadata["replay"].value
    quality, once = play.check("session_quality"), play.check("recorded_once")
    assert not quality["passed"]
    assert not once["passed"]
    assert f"copy, {NAME}" in once["which"]


def test_what_is_no_session_is_one_clear_error(play):
    (play.folder / "torn.mcap").write_bytes(b"\x89MCAP")
    for name, told in (("nothing", "There is no session"), ("torn", "is no recorded session")):
        with pytest.raises(RecordingError, match=told):
            play.make(name)


def test_the_sensor_takes_up_each_session_once(play):
    (sensor,) = recording_sensors(load_pack("demo"))
    (play.folder / "no name.mcap").write_bytes(b"")
    (play.folder / "unfinished.mcap.part").write_bytes(b"")

    def tick(cursor: str | None) -> dg.SensorResult:
        context = dg.build_sensor_context(
            play.instance, cursor=cursor, resources={"paths": play.resources.paths}
        )
        with context as entered:
            found = sensor(entered)
        assert isinstance(found, dg.SensorResult)
        return found

    first = tick(None)
    assert [request.partition_key for request in first.run_requests or []] == [NAME]
    assert [list(added.partition_keys) for added in first.dynamic_partitions_requests] == [[NAME]]
    second = tick(first.cursor)
    assert not second.run_requests
    assert "all are taken up" in str(second.skip_reason)
    session = play.folder / f"{NAME}.mcap"
    session.write_bytes(session.read_bytes() + b" ")
    assert len(tick(second.cursor).run_requests or []) == 1
    assert len(tick("damaged").run_requests or []) == 1
    session.unlink()
    assert not tick(first.cursor).run_requests


def test_games_that_are_not_played_have_none_of_it():
    definitions = build_definitions("wesnoth")
    keys = definitions.resolve_asset_graph().get_all_asset_keys()
    assert GameKeys("wesnoth").recordings not in keys
    names = [sensor.name for sensor in definitions.get_repository_def().sensor_defs]
    assert "wesnoth_recording_sensor" not in names

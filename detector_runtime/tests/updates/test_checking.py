"""What a check does, from the first install to weeks without a network."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from doubles import file_server
from doubles.file_server import FileServer
from doubles.publisher import NAMES, Publisher, bundle_files, small_model

from detector_runtime import (
    ConfigurationError,
    DetectorSettings,
    ModelLoadError,
    ModelUpdater,
    UpdateError,
)
from detector_runtime.errors import ModelOutputError, SourceUnreachableError
from detector_runtime.models.onnx import OnnxOptions
from detector_runtime.released.kinds import DETECTOR
from detector_runtime.updates import installing, updater
from detector_runtime.updates.installed import (
    EARLIER_KEPT,
    OWN_KEPT,
    Installation,
    InstalledModel,
)
from detector_runtime.updates.state import Failure

HOUR = 3600.0
DAY = 24 * HOUR

Updating = Callable[..., ModelUpdater]


def paths(server: FileServer) -> list[str]:
    """What was asked for since the last time."""
    found = [path for _, path, _ in server.requests]
    server.requests.clear()
    return found


@pytest.fixture
def installed(publisher: Publisher, updating: Updating) -> None:
    """A first model was published and is used: the one of mark 3."""
    publisher.publish(3)
    assert updating().check().outcome == "updated"


def test_the_first_model_is_installed_and_answers(
    publisher: Publisher, updating: Updating, mark_of: Callable[..., float]
) -> None:
    version = publisher.publish(3)
    with updating().detector() as detector:
        assert mark_of(detector) == 3
        assert str(detector.source) == "bundle blocks 1.1"
    status = updating().status()
    assert status.model is not None
    assert (status.model.version, status.model.worked) == (version, True)
    assert status.keys_epoch == 1


def test_nothing_new_is_one_request(
    publisher: Publisher, updating: Updating, server: FileServer
) -> None:
    publisher.publish(3)
    assert updating().check().outcome == "updated"
    paths(server)
    has_tag = []

    def answer(handler: Any, content: bytes) -> None:
        has_tag.append("If-None-Match" in handler.headers)
        handler.answer(content)

    server.faults["champion.json"] = answer
    assert updating().check(now=True).outcome == "current"
    assert (paths(server), has_tag) == (["/channels/champion.json"], [True])
    assert updating().check().outcome == "not due"
    assert paths(server) == []


def test_a_newer_model_is_used_and_the_one_before_is_kept(
    publisher: Publisher, updating: Updating, used: Callable[[], float], tmp_path: Path
) -> None:
    versions = []
    for mark in (1, 2, 3, 4, 5):
        versions.append(publisher.publish(mark))
        assert updating().check(now=True).outcome == "updated"
        assert used() == mark
    there = (tmp_path / "models" / "versions").iterdir()
    assert sorted(folder.name for folder in there) == versions[2:]
    assert not (tmp_path / "models" / "incoming").exists()


def test_a_folder_is_a_source_too(
    publisher: Publisher, updating: Updating, server: FileServer, used: Callable[[], float]
) -> None:
    publisher.publish(3)
    assert updating(publisher.folder).check().outcome == "updated"
    assert updating(publisher.folder).check(now=True).outcome == "current"
    publisher.publish(4)
    assert updating(publisher.folder).check(now=True).outcome == "updated"
    assert used() == 4
    shutil.rmtree(publisher.folder)
    result = updating(publisher.folder).check(now=True)
    assert isinstance(result.error, SourceUnreachableError)
    assert not server.requests


def test_a_folder_is_remembered_as_seen_from_everywhere(
    publisher: Publisher, updating: Updating, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.publish(3)
    monkeypatch.chdir(publisher.folder.parent)
    assert updating(publisher.folder.name).check().outcome == "updated"
    monkeypatch.chdir(tmp_path.parent)
    publisher.publish(4)
    assert ModelUpdater(tmp_path / "models").check(now=True).outcome == "updated"


@pytest.mark.usefixtures("installed")
def test_kept_keys_that_are_damaged_are_told(updating: Updating, tmp_path: Path) -> None:
    (tmp_path / "models" / "keys.json").write_text("{")
    result = updating().check(now=True)
    assert result.error is not None
    assert "remove it" in result.error.fix
    (tmp_path / "models" / "keys.json").unlink()
    assert updating().check(now=True).outcome == "current"


@pytest.mark.usefixtures("installed")
def test_source_and_keys_are_remembered(publisher: Publisher, tmp_path: Path) -> None:
    publisher.publish(4)
    result = ModelUpdater(tmp_path / "models").check(now=True)
    assert result.outcome == "updated"
    assert ModelUpdater(tmp_path / "models").status().channel == "champion"


def test_what_is_not_said_is_asked_for(publisher: Publisher, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nothing says where"):
        ModelUpdater(tmp_path / "models").check()
    with pytest.raises(ConfigurationError, match="whose updates are to be believed"):
        ModelUpdater(tmp_path / "models", publisher.folder).check()
    with pytest.raises(ConfigurationError, match="whose updates are to be believed"):
        ModelUpdater(tmp_path / "models", publisher.folder).detector()
    for wrong in ("ftp://x/y", "https://me:secret@x/y", "https://x/y?sig=1", "https://"):
        with pytest.raises(ConfigurationError) as refused:
            ModelUpdater(tmp_path / "models", wrong)
        assert "secret" not in str(refused.value)
    assert not (tmp_path / "models" / "current.json").exists()


def test_without_keys_only_who_asks_for_it_is_served(
    publisher: Publisher, updating: Updating
) -> None:
    version = publisher.add(small_model(3))
    publisher.offer(version)
    assert updating(allow_unsigned=True).check().outcome == "updated"
    assert updating(allow_unsigned=True).status().keys_epoch is None


@pytest.mark.usefixtures("installed")
def test_keys_that_are_kept_cannot_be_taken_away(publisher: Publisher, updating: Updating) -> None:
    publisher.release = type(publisher.release).generate()
    publisher.publish(4)
    assert updating(allow_unsigned=True).check(now=True).outcome == "failed"


@pytest.mark.usefixtures("installed")
def test_only_what_has_changed_is_fetched(
    publisher: Publisher, updating: Updating, server: FileServer
) -> None:
    model = small_model(3)
    publisher.offer(publisher.add(model))
    paths(server)
    assert updating().check(now=True).outcome == "updated"
    assert [path.rpartition("/")[2] for path in paths(server)] == [
        "champion.json",
        "manifest.json",
        "bundle.json",
    ]


def test_a_channel_that_goes_back_needs_no_download(
    publisher: Publisher, updating: Updating, server: FileServer, used: Callable[[], float]
) -> None:
    first = publisher.publish(3)
    updating().check()
    publisher.publish(4)
    updating().check(now=True)
    publisher.offer(first, reason="the new one misses sheep")
    paths(server)
    assert updating().check(now=True).outcome == "updated"
    assert len(paths(server)) == 2
    assert used() == 3


def test_a_check_a_day(
    publisher: Publisher, updating: Updating, server: FileServer, clock: Any
) -> None:
    publisher.publish(3)
    updating().check()
    paths(server)
    asked = []
    for hour in range(1, 24 * 7):
        clock.now += HOUR
        updating().check()
        asked += [hour] * len(paths(server))
    assert asked == [24, 48, 72, 96, 120, 144]


def test_a_source_that_is_away_is_asked_each_hour_and_one_that_answers_is_not(
    publisher: Publisher, updating: Updating, server: FileServer, clock: Any
) -> None:
    publisher.publish(3)
    updating().check()
    clock.now += DAY
    gone = updating("http://127.0.0.1:9/")
    outcomes = []
    for _ in range(4):
        outcomes.append(gone.check().outcome)
        clock.now += HOUR / 2
    assert outcomes == ["failed", "not due", "failed", "not due"]
    paths(server)
    server.faults["champion.json"] = file_server.status(500)
    clock.now += DAY
    for _ in range(20):
        updating().check()
        clock.now += HOUR
    assert len(paths(server)) == 1


def test_weeks_without_a_network_change_nothing(
    publisher: Publisher, updating: Updating, used: Callable[[], float], clock: Any
) -> None:
    publisher.publish(3)
    updating().check()
    gone = updating("http://127.0.0.1:9/")
    for _ in range(15):
        clock.now += 3 * DAY
        result = gone.check()
        assert result.outcome == "failed"
        assert "cannot be reached" in result.message
        assert used() == 3
    status = gone.status()
    assert status.failure is not None
    assert status.is_expired
    publisher.now += timedelta(days=40)
    publisher.publish(4)
    clock.now += DAY
    assert updating().check().outcome == "updated"
    assert updating().status().failure is None


def test_without_a_network_there_is_no_first_model(updating: Updating) -> None:
    gone = updating("http://127.0.0.1:9/")
    with pytest.raises(SourceUnreachableError, match="cannot be reached"):
        gone.detector()
    with pytest.raises(UpdateError, match="not time yet"):
        gone.detector()


@pytest.mark.parametrize("years", [-50, -3, 3, 70])
def test_a_wrong_clock_neither_blocks_nor_asks_each_time(
    publisher: Publisher, updating: Updating, server: FileServer, clock: Any, years: int
) -> None:
    publisher.publish(3)
    right = clock.now
    clock.now = right + years * 365 * DAY
    updating().check(now=True, allow=["expired"])
    clock.now += HOUR
    paths(server)
    updating().check()
    assert paths(server) == []
    # The clock is set right, and is wrong again at each start.
    asked = 0
    for start in range(20):
        clock.now = right + start * HOUR / 4
        updating().check()
        clock.now = right + years * 365 * DAY + HOUR
        updating().check()
        asked += len(paths(server))
    assert asked == 1
    clock.now = right + 2 * DAY
    updating().check()
    assert len(paths(server)) == 1


def test_a_clock_that_starts_at_the_same_moment_each_time_does_not_block(
    publisher: Publisher, updating: Updating, server: FileServer, clock: Any
) -> None:
    publisher.publish(3)
    boot = clock.now
    asked = []
    for start in range(40):
        clock.now, clock.running = boot, 0.0
        running = updating()
        for _ in range(6):
            clock.now += HOUR / 2
            clock.running += HOUR / 2
            running.check()
        asked += [start] * len([path for path in paths(server) if "champion" in path])
    assert asked == [0, 8, 16, 24, 32]


def test_an_expired_document_changes_nothing_and_is_told(
    publisher: Publisher, updating: Updating, used: Callable[[], float], clock: Any
) -> None:
    publisher.publish(3)
    updating().check()
    clock.now += 60 * DAY
    result = updating().check()
    assert result.outcome == "current"
    assert "has expired" in result.message
    publisher.publish(4)
    result = updating().check(now=True)
    assert (result.outcome, used()) == ("expired", 3)
    assert updating().check(now=True, allow=["expired"]).outcome == "updated"
    assert used() == 4


def test_signed_documents_tell_the_time_to_a_clock_that_is_behind(
    publisher: Publisher, updating: Updating, clock: Any
) -> None:
    publisher.publish(3)
    updating().check()
    late = publisher.now
    publisher.now = late + timedelta(days=100)
    publisher.publish(4)
    clock.now -= 3650 * DAY
    assert updating().check(now=True).outcome == "updated"
    publisher.now = late
    publisher.publish(5)
    assert updating().check(now=True).outcome == "expired"


def test_back_to_the_one_that_worked(
    publisher: Publisher, updating: Updating, used: Callable[[], float]
) -> None:
    publisher.publish(1)
    assert used() == 1
    for mark in (2, 3):
        publisher.publish(mark)
        updating().check(now=True)
    back = updating().rollback()
    assert (back.name, back.worked, used()) == ("blocks 1.1", True, 1)
    assert updating().check(now=True).outcome == "kept"
    assert used() == 1
    assert updating().check(now=True, allow=["held back"]).outcome == "updated"
    assert used() == 3
    updating().rollback()
    publisher.publish(4)
    assert updating().check(now=True).outcome == "updated"
    assert used() == 4


def test_where_nothing_was_before_nothing_is_gone_back_to(
    publisher: Publisher, updating: Updating, used: Callable[[], float]
) -> None:
    with pytest.raises(UpdateError, match="go back to"):
        updating().rollback()
    publisher.publish(3)
    updating().check()
    with pytest.raises(UpdateError, match="go back to"):
        updating().rollback()
    assert used() == 3


def own_bundle(folder: Path, mark: float, trained_at: str | None = None) -> Path:
    folder.mkdir()
    for name, content in bundle_files("0.1", small_model(mark)).items():
        (folder / name).write_bytes(content)
    if trained_at is not None:
        file = folder / "bundle.json"
        values = json.loads(file.read_text()) | {"lineage": {"trained_at": trained_at}}
        file.write_text(json.dumps(values))
    return folder


def test_a_model_of_the_users_own_stays(
    publisher: Publisher, updating: Updating, used: Callable[[], float], tmp_path: Path
) -> None:
    publisher.publish(1)
    updating().check()
    mine = tmp_path / "mine.onnx"
    mine.write_bytes(small_model(30))
    assert updating().use(mine, by="user@desk").origin == "own"
    model = updating().status().model
    assert model is not None
    assert model.installed_by == "user@desk"
    mine.unlink()
    for mark in (2, 3):
        publisher.publish(mark)
        result = updating().check(now=True)
        assert result.outcome == "kept"
        assert "mine.onnx stays" in result.message
        assert used() == 30
    assert updating().check(now=True, allow=["replace own"]).outcome == "updated"
    assert used() == 3
    assert updating().rollback().origin == "own"
    assert used() == 30


@pytest.mark.parametrize(
    ("trained_at", "outcome"), [("2020-01-01T00:00:00Z", "updated"), ("2099-01-01", "kept")]
)
def test_who_wants_it_has_older_models_of_his_own_replaced(
    publisher: Publisher, updating: Updating, tmp_path: Path, trained_at: str, outcome: str
) -> None:
    updating().use(own_bundle(tmp_path / "mine", 30, trained_at))
    publisher.publish(3)
    # Who has not asked for it keeps his own, however old it is.
    assert updating().check(now=True).outcome == "kept"
    assert updating(own_models="replace older").check(now=True).outcome == outcome


def test_what_cannot_be_used_is_not_taken_as_ones_own(updating: Updating, tmp_path: Path) -> None:
    bad = tmp_path / "bad.onnx"
    for content in (None, b"x" * 1000):
        if content is not None:
            bad.write_bytes(content)
        with pytest.raises(ModelLoadError):
            updating().use(bad)
    assert updating().status().model is None


@pytest.mark.usefixtures("installed")
def test_a_published_model_that_is_none_is_fetched_once(
    publisher: Publisher, updating: Updating, server: FileServer, used: Callable[[], float]
) -> None:
    publisher.offer(publisher.add(b"no model" * 100))
    result = updating().check(now=True)
    assert (result.outcome, used()) == ("failed", 3)
    assert "not an ONNX model" in result.message
    paths(server)
    result = updating().check(now=True)
    assert result.outcome == "kept"
    assert paths(server) == ["/channels/champion.json"]
    assert updating().check(now=True, allow=["refused"]).outcome == "failed"
    publisher.publish(4)
    assert updating().check(now=True).outcome == "updated"


@pytest.mark.usefixtures("installed")
def test_a_model_that_opens_and_fails_at_its_first_image_is_not_used(
    publisher: Publisher, updating: Updating, used: Callable[[], float]
) -> None:
    publisher.publish(float("nan"))
    result = updating().check(now=True)
    assert (result.outcome, used()) == ("failed", 3)
    assert isinstance(result.error, ModelOutputError)
    assert updating().check(now=True).outcome == "kept"


@pytest.mark.usefixtures("installed")
def test_a_model_with_other_classes_than_its_manifest_says_is_refused(
    publisher: Publisher, updating: Updating, used: Callable[[], float]
) -> None:
    files = bundle_files("1.2", small_model(4, ("a", "b")), ("a", "b"))
    publisher.offer(publisher.add(b"", files=files, names=NAMES))
    result = updating().check(now=True)
    assert (result.outcome, used()) == ("failed", 3)
    assert "classes" in result.message
    for _ in range(2):
        result = updating().check(now=True)
        assert (result.outcome, used()) == ("kept", 3)
        assert "classes" in result.message


@pytest.mark.usefixtures("installed")
def test_a_version_for_a_newer_runtime_is_left_alone(
    publisher: Publisher, updating: Updating, used: Callable[[], float]
) -> None:
    publisher.offer(publisher.add(small_model(4), min_runtime="99.0"))
    result = updating().check(now=True)
    assert (result.outcome, used()) == ("failed", 3)
    assert result.error is not None
    assert "pip install --upgrade" in result.error.fix


@pytest.mark.usefixtures("installed")
def test_a_full_disk_is_noticed_before_a_byte_is_fetched(
    publisher: Publisher,
    updating: Updating,
    server: FileServer,
    used: Callable[[], float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publisher.publish(4)
    paths(server)
    monkeypatch.setattr(
        installing.shutil, "disk_usage", lambda _folder: SimpleNamespace(free=1 << 20)
    )
    result = updating().check(now=True)
    assert (result.outcome, used()) == ("failed", 3)
    assert "are free" in result.message
    assert not [path for path in paths(server) if path.endswith("model.onnx")]


@pytest.mark.usefixtures("installed")
def test_a_folder_that_cannot_be_written_asks_nobody(
    updating: Updating,
    server: FileServer,
    used: Callable[[], float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paths(server)

    def full(_file: Path, _content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("detector_runtime.updates.state.write_durably", full)
    result = updating().check(now=True)
    assert (result.outcome, used()) == ("failed", 3)
    assert "No space left" in result.message
    assert paths(server) == []


def test_another_program_at_the_same_folder_is_not_waited_for(
    publisher: Publisher, updating: Updating, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(updater, "CHECK_PATIENCE", 0.0)
    publisher.publish(3)
    with updating()._lock.hold():
        result = updating().check()
    assert (result.outcome, result.error) == ("busy", None)
    assert updating().check().outcome == "updated"


@pytest.mark.usefixtures("installed")
def test_a_damaged_model_gives_way_to_the_one_before_and_is_fetched_again(
    publisher: Publisher, updating: Updating, used: Callable[[], float], tmp_path: Path
) -> None:
    version = publisher.publish(4)
    updating().check(now=True)
    model = tmp_path / "models" / "versions" / version / "model.onnx"
    model.write_bytes(model.read_bytes()[:-1] + b"!")
    assert used() == 3
    assert updating().check(now=True).outcome == "updated"
    assert used() == 4


def test_the_only_model_is_fetched_again_where_it_is_damaged(
    publisher: Publisher,
    updating: Updating,
    used: Callable[[], float],
    clock: Any,
    tmp_path: Path,
) -> None:
    version = publisher.publish(3)
    updating().check()
    model = tmp_path / "models" / "versions" / version / "model.onnx"
    damaged = model.read_bytes()[:-1] + b"!"
    model.write_bytes(damaged)
    with pytest.raises(ModelLoadError) as told:
        updating().detector()
    assert "detector-runtime update" in told.value.fix
    assert updating().check(now=True).outcome == "updated"
    assert used() == 3
    assert updating().check(now=True).outcome == "current"
    model.write_bytes(damaged)
    clock.now += 100  # more than the wait of those who have no model
    assert used() == 3


def test_the_only_model_of_ones_own_says_what_to_do_where_it_is_damaged(
    updating: Updating, used: Callable[[], float], tmp_path: Path
) -> None:
    mine = tmp_path / "mine.onnx"
    mine.write_bytes(small_model(30))
    updating().use(mine)
    (copy,) = (tmp_path / "models" / "versions").rglob("mine.onnx")
    copy.write_bytes(b"x" * 1000)
    with pytest.raises(ModelLoadError) as told:
        updating().detector()
    assert "detector-runtime use" in told.value.fix
    updating().use(mine)
    assert used() == 30


@pytest.mark.skipif(sys.platform == "win32", reason="such names there are none")
@pytest.mark.parametrize("name", ["we:ird.onnx", "a\\b.onnx", "line\n.onnx", "bad\udcff.onnx"])
def test_a_model_of_ones_own_may_have_any_name(
    updating: Updating, used: Callable[[], float], tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(small_model(30))
    updating().use(tmp_path / name)
    assert used() == 30


def test_a_model_of_ones_own_is_told_by_the_names_of_its_files_too() -> None:
    one = installing.own_version({"a.onnx": b"model"})
    assert one != installing.own_version({"b.onnx": b"model"})
    swapped = ({"a": b"1", "b": b"2"}, {"b": b"1", "a": b"2"})
    assert installing.own_version(swapped[0]) != installing.own_version(swapped[1])
    assert one == installing.own_version({"a.onnx": b"model"})


def test_a_message_may_quote_a_name_that_is_no_text() -> None:
    failure = Failure.of(UpdateError("no bad\udcff", "look at bad\udcff"), datetime.now(UTC))
    assert Failure.model_validate_json(failure.model_dump_json()) == failure


def test_the_same_model_again_is_not_moved(
    updating: Updating, used: Callable[[], float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine.onnx"
    mine.write_bytes(small_model(30))
    updating().use(mine)

    def cut_off(*_paths: Path) -> None:
        raise AssertionError("what is in use was moved")

    monkeypatch.setattr("detector_runtime.updates.installed.replace", cut_off)
    updating().use(mine)
    assert used() == 30


def test_what_is_known_of_the_past_may_be_lost(
    publisher: Publisher, updating: Updating, used: Callable[[], float], tmp_path: Path
) -> None:
    publisher.publish(3)
    old = publisher.channel_file.read_bytes()
    publisher.publish(4)
    updating().check()
    (tmp_path / "models" / "state.json").write_bytes(b"\0" * 100)
    publisher.channel_file.write_bytes(old)
    result = updating().check()
    assert (result.outcome, used()) == ("failed", 4)
    assert "older" in result.message


@pytest.mark.usefixtures("installed")
def test_a_damaged_account_of_what_is_used_is_told(updating: Updating, tmp_path: Path) -> None:
    (tmp_path / "models" / "current.json").write_text("{")
    with pytest.raises(UpdateError, match=r"current\.json cannot be read"):
        updating().detector()
    assert updating().check(now=True).outcome == "failed"


@pytest.mark.usefixtures("installed")
def test_settings_that_do_not_fit_a_model_do_not_cost_it_its_place(
    publisher: Publisher, updating: Updating, used: Callable[[], float]
) -> None:
    publisher.publish(4)
    updating().check(now=True)
    with pytest.raises(ModelLoadError, match="imgsz"):
        updating().detector(DetectorSettings(imgsz=640))
    assert used() == 4


@pytest.mark.usefixtures("installed")
def test_a_disk_that_fills_up_while_a_model_comes(
    publisher: Publisher,
    updating: Updating,
    used: Callable[[], float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publisher.publish(4)

    def full(_stream: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("detector_runtime.updates.downloads.flush", full)
        result = updating().check(now=True)
    assert (result.outcome, used()) == ("failed", 3)
    assert result.error is not None
    assert "Make room" in result.error.fix
    assert updating().check(now=True).outcome == "updated"
    assert used() == 4


@pytest.mark.usefixtures("installed")
def test_a_model_that_ends_the_program_is_tried_twice(
    publisher: Publisher,
    updating: Updating,
    used: Callable[[], float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publisher.publish(4)

    def crash(*_arguments: object) -> None:
        raise SystemExit(139)

    with monkeypatch.context() as patch:
        patch.setattr("detector_runtime.updates.checking.try_version", crash)
        for _ in range(2):
            with pytest.raises(SystemExit):
                updating().check(now=True)
    result = updating().check(now=True)
    assert (result.outcome, used()) == ("kept", 3)
    assert "ended while it was tried out" in result.message
    publisher.publish(5)
    assert updating().check(now=True).outcome == "updated"


@pytest.mark.usefixtures("installed")
def test_without_cryptography_what_is_there_runs_and_nothing_is_believed(
    publisher: Publisher,
    updating: Updating,
    used: Callable[[], float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publisher.publish(4)
    for name in [name for name in sys.modules if name.startswith("cryptography.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    result = updating().check(now=True)
    assert (result.outcome, used()) == ("failed", 3)
    assert result.error is not None
    assert "detector-runtime[signed]" in result.error.fix


def test_a_version_that_was_refused_is_tried_again_by_another_runtime(
    publisher: Publisher, updating: Updating, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.offer(publisher.add(b"no model" * 100))
    assert updating().check().outcome == "failed"
    assert updating().check(now=True).outcome == "kept"
    monkeypatch.setattr("detector_runtime.updates.state.__version__", "99.0")
    assert updating().check(now=True).outcome == "failed"


def test_another_policy_counts_where_nothing_has_changed_at_the_source(
    publisher: Publisher, updating: Updating, tmp_path: Path
) -> None:
    updating().use(own_bundle(tmp_path / "mine", 30, "2020-01-01T00:00:00Z"))
    publisher.publish(3)
    assert updating().check().outcome == "kept"
    assert updating(own_models="replace older").check(now=True).outcome == "updated"


@pytest.mark.usefixtures("installed")
def test_a_tag_of_one_channel_is_none_of_another(
    publisher: Publisher, updating: Updating, server: FileServer, tmp_path: Path
) -> None:
    """Some servers make it of size and second, which two documents may have in common."""

    def alike(handler: Any, content: bytes) -> None:
        known = handler.headers.get("If-None-Match") == '"same"'
        handler.send_response(304 if known else 200)
        handler.send_header("ETag", '"same"')
        handler.send_header("Content-Length", "0" if known else str(len(content)))
        handler.end_headers()
        handler.wfile.write(b"" if known else content)

    def outcome(channel: str) -> str:
        return ModelUpdater(tmp_path / "models", channel=channel).check(now=True).outcome

    server.faults["champion.json"] = server.faults["challenger.json"] = alike
    assert outcome("champion") == "current"
    champion = publisher.channel_file.read_bytes()
    (version,) = (path.name for path in (publisher.folder / "versions").iterdir())
    publisher.offer(version, channel="challenger")
    publisher.channel_file.rename(publisher.channel_file.with_name("challenger.json"))
    publisher.channel_file.write_bytes(champion)
    assert outcome("challenger") == "current"
    publisher.publish(4)
    assert outcome("champion") == "updated"


@pytest.mark.usefixtures("installed")
def test_other_keys_than_those_that_are_kept_are_refused(tmp_path: Path) -> None:
    same_name = Publisher(tmp_path / "same")
    with pytest.raises(ConfigurationError, match="not those that the models in"):
        ModelUpdater(tmp_path / "models", keys=same_name.keys_file).check(now=True)
    elsewhere = Publisher(tmp_path / "other", name="elsewhere")
    with pytest.raises(ConfigurationError, match="given keys of 'elsewhere'"):
        ModelUpdater(tmp_path / "models", keys=elsewhere.keys_file).check(now=True)


def test_a_program_that_ends_during_a_download_asks_again_soon(
    publisher: Publisher, updating: Updating, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.publish(3)
    updating().check()
    publisher.publish(4)

    def end(*_arguments: object) -> None:
        raise SystemExit

    clock.now += DAY
    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr("detector_runtime.updates.checking.fetch_version", end)
        updating().check()
    assert updating().check().outcome == "not due"
    clock.now += HOUR
    assert updating().check().outcome == "updated"


def test_who_has_no_model_asks_again_after_a_minute(
    publisher: Publisher, updating: Updating, clock: Any
) -> None:
    publisher.publish(3)
    assert updating("http://127.0.0.1:9/").check().outcome == "failed"
    assert updating().check().outcome == "not due"
    clock.now += 61
    assert updating().check().outcome == "updated"


@pytest.mark.usefixtures("installed")
def test_a_model_that_was_cut_short_is_fetched_again(
    updating: Updating, used: Callable[[], float], tmp_path: Path
) -> None:
    (model,) = (tmp_path / "models" / "versions").rglob("model.onnx")
    model.write_bytes(model.read_bytes()[:-1])
    assert updating().check(now=True).outcome == "updated"
    assert used() == 3


@pytest.mark.usefixtures("installed")
def test_going_back_passes_over_what_is_gone_and_holds_only_the_last_one_back(
    publisher: Publisher, updating: Updating, used: Callable[[], float], tmp_path: Path
) -> None:
    gone = publisher.publish(4)
    updating().check(now=True)
    last = publisher.publish(5)
    updating().check(now=True)
    shutil.rmtree(tmp_path / "models" / "versions" / gone)
    assert updating().rollback().name == "blocks 1.1"
    assert updating().status().held_back == (last,)
    publisher.offer(gone)
    assert updating().check(now=True).outcome == "updated"
    assert used() == 4


def test_models_of_the_users_own_stay_in_the_folder(
    publisher: Publisher, updating: Updating, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.onnx"
    mine.write_bytes(small_model(30))
    own = updating().use(mine)
    for mark in range(1, 6):
        publisher.publish(mark)
        updating().check(now=True, allow=["replace own"])
    assert (tmp_path / "models" / "versions" / own.version / "mine.onnx").is_file()


def test_of_the_users_own_models_those_stay_that_are_remembered_or_came_last(
    publisher: Publisher, updating: Updating, tmp_path: Path
) -> None:
    mine, versions = tmp_path / "mine.onnx", tmp_path / "models" / "versions"

    def use(mark: int) -> str:
        mine.write_bytes(small_model(mark))
        version = updating().use(mine).version
        os.utime(versions / version, ns=(mark, mark))
        return version

    used = [use(mark) for mark in range(1, 1 + EARLIER_KEPT + OWN_KEPT)]
    publisher.publish(1)
    assert updating().check(now=True, allow=["replace own"]).outcome == "updated"
    present = {folder.name for folder in versions.iterdir() if folder.name.startswith("own-")}
    assert present == set(used), "so many are remembered, and so many more stay"
    # The oldest of all is used again: then the next one is the oldest that nobody remembers.
    assert use(1) == used[0]
    later = use(31)
    present = {folder.name for folder in versions.iterdir() if folder.name.startswith("own-")}
    assert present == {*used, later} - {used[1]}


def test_what_an_interrupted_write_left_becomes_no_part_of_a_version(
    publisher: Publisher, updating: Updating, tmp_path: Path
) -> None:
    version = publisher.publish(3)
    left = tmp_path / "models" / "incoming" / version / "model.onnx.1-2.tmp"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half of it")
    assert updating().check().outcome == "updated"
    files = (tmp_path / "models" / "versions" / version).iterdir()
    assert sorted(file.name for file in files) == ["bundle.json", "manifest.json", "model.onnx"]


def test_of_a_version_that_did_not_come_nothing_stays_when_the_next_one_does(
    publisher: Publisher, updating: Updating, server: FileServer, tmp_path: Path
) -> None:
    server.faults["model.onnx"] = file_server.status(500)
    for mark in (3, 4):
        version = publisher.publish(mark)
        assert updating().check(now=True).outcome == "failed"
    assert [folder.name for folder in (tmp_path / "models" / "incoming").iterdir()] == [version]


def test_the_one_that_worked_is_kept_however_many_came_after_it(
    publisher: Publisher, updating: Updating, used: Callable[[], float]
) -> None:
    publisher.publish(1)
    assert used() == 1
    for mark in range(2, 9):
        publisher.publish(mark)
        updating().check(now=True)
    assert updating().rollback().name == "blocks 1.1"
    assert used() == 1


@pytest.mark.usefixtures("installed")
def test_who_finds_a_damaged_model_takes_the_newer_one_that_just_came(
    publisher: Publisher, updating: Updating, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = publisher.publish(4)
    updating().check(now=True)
    (tmp_path / "models" / "versions" / version / "model.onnx").write_bytes(b"damaged")
    late = updating()
    changing = late._changing

    def after_another_program(*patience: float) -> Any:
        publisher.publish(5)
        updating().check(now=True)
        return changing(*patience)

    monkeypatch.setattr(late, "_changing", after_another_program)
    installed, model = late.open(DETECTOR, OnnxOptions())
    model.close()
    assert installed.name == "blocks 1.3"


def test_only_so_many_versions_are_remembered() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)

    def model(number: int) -> InstalledModel:
        return InstalledModel(version=f"v{number}", origin="own", name="a", installed_at=moment)

    kept = Installation(current=model(0))
    for number in range(1, 50):
        back = kept.followed_by(model(number)).without_current(hold_back=True)
        assert back is not None
        kept = back
    assert (kept.current.version, kept.held_back[-1]) == ("v0", "v49")
    assert len(kept.held_back) < 20
    for number in range(1, 50):
        kept = kept.followed_by(model(number))
    assert len(kept.earlier) < 10

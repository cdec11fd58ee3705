"""Community models are versions like any other, with rules of their own on top."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from doubles import file_server
from doubles.classifiers import COLOURS, community_files
from doubles.file_server import FileServer
from doubles.publisher import Publisher

from detector_runtime import CheckResult, ModelUpdater
from detector_runtime.community import CommunityClassifiers, follow_community_model
from detector_runtime.community.following import FIRST_CHECK
from detector_runtime.errors import ModelLoadError, UpdateError
from detector_runtime.system.files import FolderLock
from detector_runtime.updates import reloading
from detector_runtime.updates.installed import ModelFolder

from .conftest import Clock

RED = np.full((64, 64, 3), (220, 30, 30), np.uint8)
OTHER = {**COLOURS, "Red Gem": (1, 1, 1), "Ruby": (220, 30, 30)}
Updating = Callable[..., ModelUpdater]


def publish(publisher: Publisher, **settings: Any) -> str:
    colours = settings.get("colours", COLOURS)
    files = community_files(str(publisher.versions + 1), **settings)
    version = publisher.add(
        b"", names=tuple(colours), files=files, kind="community", trained_at=publisher.now
    )
    publisher.offer(version)
    return version


@pytest.fixture
def following(tmp_path: Path, publisher: Publisher, server: FileServer) -> Callable[..., Any]:
    @contextmanager
    def follow(**settings: Any) -> Iterator[CommunityClassifiers]:
        found = follow_community_model(
            tmp_path / "models", server.address, keys=publisher.keys_file, **settings
        )
        try:
            yield found
        finally:
            found.close()

    return follow


def waited_for(holds: Callable[[], bool], seconds: float = 60.0) -> bool:
    until = time.monotonic() + seconds
    while not holds() and time.monotonic() < until:
        time.sleep(0.001)
    return holds()


def name_of(community: CommunityClassifiers) -> str | None:
    return community.match([RED])[0].name


def test_the_first_model_is_fetched_at_once_and_answers(
    publisher: Publisher, following: Callable[..., Any]
) -> None:
    publish(publisher)
    with following(watch=False) as community:
        assert name_of(community) == "Red Gem"
        assert community.screen_type(np.full((90, 160, 3), 200, np.uint8)).name == "SHIP"
        assert community.read_text("ship_type", "F1eet").text == "Fleet"


def test_without_any_model_it_says_so(following: Callable[..., Any]) -> None:
    with pytest.raises(UpdateError), following():
        pass


@pytest.mark.usefixtures("clock")
def test_a_newer_model_is_used_without_losing_a_call_or_an_example(
    publisher: Publisher, following: Callable[..., Any], updating: Updating
) -> None:
    publish(publisher)
    stranger = np.random.default_rng(1).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    with following(watch=False) as community:
        community.confirm("New Thing", stranger)
        answers: set[str | None] = set()
        failures: list[BaseException] = []
        done = threading.Event()

        def ask() -> None:
            while not done.is_set():
                try:
                    answers.add(name_of(community))
                except BaseException as error:
                    failures.append(error)

        callers = [threading.Thread(target=ask) for _ in range(3)]
        for caller in callers:
            caller.start()
        assert waited_for(lambda: "Red Gem" in answers)
        publish(publisher, colours=OTHER)
        assert updating().check(now=True).outcome == "updated"
        community.look_for_another_model()
        assert name_of(community) == "Ruby"
        assert waited_for(lambda: "Ruby" in answers)
        done.set()
        for caller in callers:
            caller.join()
        assert not failures
        assert answers == {"Red Gem", "Ruby"}
        assert community.match([stranger])[0].step == "example"


def test_a_model_counts_as_one_that_worked_when_it_has_answered(
    tmp_path: Path, publisher: Publisher, following: Callable[..., Any]
) -> None:
    publish(publisher)
    models = ModelFolder(tmp_path / "models")

    def worked() -> bool:
        return models.installation().current.worked

    with following(watch=False) as community:
        community.note_that_it_worked()
        assert not waited_for(worked, seconds=0.3)
        name_of(community)
        community.note_that_it_worked()
        assert waited_for(worked)


def test_going_back_is_followed_too(
    publisher: Publisher, following: Callable[..., Any], updating: Updating
) -> None:
    publish(publisher)
    with following(watch=False) as community:
        assert name_of(community) == "Red Gem"
        community.note_that_it_worked()
        publish(publisher, colours=OTHER)
        updating().check(now=True)
        updating().rollback()
        community.look_for_another_model()
        assert name_of(community) == "Red Gem"
        assert updating().check(now=True).outcome == "kept"


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("trained", ["before", "after"])
def test_a_model_of_one_s_own_is_used_until_a_published_one_is_newer(
    trained: str,
    tmp_path: Path,
    publisher: Publisher,
    following: Callable[..., Any],
    updating: Updating,
) -> None:
    publish(publisher)
    shift = timedelta(days=-1 if trained == "before" else 1)
    own = tmp_path / "own"
    own.mkdir()
    mine = community_files("mine", colours=OTHER, trained_at=publisher.now + shift)
    for name, content in mine.items():
        (own / name).write_bytes(content)
    updating().check(now=True)
    assert updating().use(own).name == "blocks-community mine"
    publish(publisher, screens=False)
    with following(watch=False) as community:
        result = community._updater.check(now=True)
        community.look_for_another_model()
        if trained == "before":
            assert (result.outcome, name_of(community)) == ("updated", "Red Gem")
        else:
            assert (result.outcome, name_of(community)) == ("kept", "Ruby")


def test_a_missing_classifier_of_screens_is_fetched_at_once(
    tmp_path: Path, publisher: Publisher, following: Callable[..., Any]
) -> None:
    version = publish(publisher)
    with following(watch=False):
        pass
    missing = tmp_path / "models" / "versions" / version / "screen_classifier.onnx"
    missing.unlink()
    with following(watch=False) as community:
        assert community.model.screens is not None
        assert missing.is_file()


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("name", ["screen_classifier.onnx", "icon_classifier.onnx"])
def test_without_its_classifier_of_screens_icons_are_named_until_it_is_there_again(
    name: str,
    tmp_path: Path,
    publisher: Publisher,
    server: FileServer,
    following: Callable[..., Any],
    updating: Updating,
) -> None:
    version = publish(publisher)
    with following(watch=False):
        pass
    (tmp_path / "models" / "versions" / version / name).unlink()
    server.faults[name] = file_server.cut_at(20)
    if name == "icon_classifier.onnx":
        with pytest.raises(ModelLoadError), following(watch=False):
            pass
        return
    with following(watch=False) as community:
        screen = np.full((90, 160, 3), 200, np.uint8)
        assert name_of(community) == "Red Gem"
        assert community.screen_type(screen) is None
        community.look_for_another_model()
        server.faults.clear()
        assert updating().check(now=True).outcome == "updated"
        community.look_for_another_model()
        assert community.screen_type(screen).name == "SHIP"


def test_a_model_that_another_program_is_fetching_is_waited_for(
    tmp_path: Path,
    publisher: Publisher,
    following: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("detector_runtime.updates.updater.CHECK_PATIENCE", 0.0)
    publish(publisher)
    found: list[str | None] = []

    def follow() -> None:
        with following(watch=False) as community:
            found.append(name_of(community))

    waiting = threading.Thread(target=follow)
    with FolderLock(tmp_path / "models").hold():
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
    waiting.join(60)
    assert found == ["Red Gem"]


@pytest.mark.parametrize("busy", [False, True])
def test_what_nobody_is_followed_for_works_without_its_classifier_of_screens(
    busy: bool, tmp_path: Path, updating: Updating, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for name, content in community_files().items():
        (own / name).write_bytes(content)
    used = updating().use(own)
    folder = tmp_path / "models"
    (folder / "versions" / used.version / "screen_classifier.onnx").unlink()
    if busy:
        monkeypatch.setattr("detector_runtime.updates.updater.PATIENCE", 0.0)
        monkeypatch.setattr("detector_runtime.community.following.FIRST_PATIENCE", 0.0)
    with FolderLock(folder).hold() if busy else nullcontext():
        community = follow_community_model(folder, watch=False)
    assert name_of(community) == "Red Gem"
    assert community.model.screens is None
    community.close()


def test_a_model_that_cannot_be_used_is_not_taken(
    publisher: Publisher, following: Callable[..., Any], updating: Updating
) -> None:
    publish(publisher)
    with following(watch=False) as community:
        publish(publisher, icon_classifier=b"no model" * 50)
        assert updating().check(now=True).outcome == "failed"
        community.look_for_another_model()
        assert name_of(community) == "Red Gem"


def test_the_first_question_is_a_while_after_the_start_and_then_once_a_day(
    publisher: Publisher,
    server: FileServer,
    following: Callable[..., Any],
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish(publisher)
    with following(watch=False):
        pass
    asked: list[float] = []
    check, enough = ModelUpdater.check, threading.Event()

    def noted(updater: ModelUpdater, **settings: Any) -> CheckResult:
        asked.append(time.monotonic())
        result = check(updater, **settings)
        if len(asked) == 3:
            enough.set()
        return result

    monkeypatch.setattr(ModelUpdater, "check", noted)
    monkeypatch.setattr(reloading, "LOOK_SECONDS", 0.001)
    monkeypatch.setattr(reloading, "ASK_SECONDS", 0.05)
    monkeypatch.setattr("detector_runtime.community.following.FIRST_CHECK", 0.3)
    assert FIRST_CHECK == 15.0
    server.requests.clear()
    began = time.monotonic()
    with following():
        assert enough.wait(60)
        assert asked[0] - began > 0.29
        # It was asked whether it is time; nobody was asked for a model, for it is not.
        assert not server.requests
        clock.now += 25 * 3600
        asked.clear()
        enough.clear()
        assert enough.wait(60)
        assert len([path for path in server.requests if "champion" in str(path)]) == 1

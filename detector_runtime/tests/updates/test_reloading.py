"""Models are exchanged under a detector that is used."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from doubles.publisher import Publisher, small_model

from detector_runtime import (
    ConfigurationError,
    DetectorSettings,
    ModelLoadError,
    ModelUpdater,
    get_detector,
    open_detector,
)
from detector_runtime.models.base import Model
from detector_runtime.updates import reloading
from detector_runtime.updates.installed import InstalledModel, ModelFolder

Updating = Callable[..., ModelUpdater]
IMAGE = np.zeros((64, 64, 3), np.uint8)


@pytest.fixture(autouse=True)
def _quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reloading, "LOOK_SECONDS", 0.01)


def update(updater: ModelUpdater) -> None:
    assert updater.check(now=True).outcome == "updated"


def until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def exchange_while_used(
    publisher: Publisher, updating: Updating, calls: int, switches: int
) -> None:
    """Four threads call as often as they can, until `calls` were made and models were exchanged."""
    publisher.publish(0)
    updating(publisher.folder).check()
    failures: list[BaseException] = []
    seen: list[float] = []
    stop = threading.Event()

    def call() -> None:
        try:
            while not stop.is_set():
                found = detector.detect_fast(IMAGE)
                seen.append(float(found.boxes[0, 0]))
        except BaseException as error:
            failures.append(error)

    with updating(publisher.folder).detector(
        DetectorSettings(tracking="none", threads=1), watch=False
    ) as detector:
        threads = [threading.Thread(target=call) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for number in range(switches):
                updater = updating(publisher.folder)
                if number % 4 == 3:
                    version = updater.rollback().name
                else:
                    publisher.publish(number + 1)
                    assert updater.check(now=True).outcome == "updated"
                    version = f"blocks 1.{publisher.versions}"
                until(lambda name=version: failures or str(detector.source).endswith(name))
            until(lambda: bool(failures) or len(seen) >= calls, 300)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    assert failures == []
    assert len(seen) >= calls
    assert set(seen) <= set(range(switches + 1))


def test_no_call_fails_while_models_are_exchanged(publisher: Publisher, updating: Updating) -> None:
    exchange_while_used(publisher, updating, calls=200, switches=5)


@pytest.mark.slow
def test_no_call_of_ten_thousand_fails(publisher: Publisher, updating: Updating) -> None:
    exchange_while_used(publisher, updating, calls=10_000, switches=28)


def test_a_detector_looks_for_newer_models_by_itself(
    publisher: Publisher, updating: Updating, tmp_path: Path, mark_of: Callable[..., float]
) -> None:
    publisher.publish(1)
    updating().check()
    (tmp_path / "models" / "state.json").unlink()
    publisher.publish(2)
    with updating().detector() as detector:
        until(lambda: mark_of(detector) == 2)
        assert detector.source.version == "1.2"


def test_ids_go_on_with_the_same_classes_and_are_never_given_twice(
    publisher: Publisher, updating: Updating
) -> None:
    publisher.publish(3)
    updating().check()
    with updating().detector(watch=False) as detector:
        assert detector.detect_fast(IMAGE).ids == ("sheep_0",)
        publisher.publish(3)
        update(updating())
        until(lambda: detector.detect_fast(IMAGE).source.version == "1.2")
        assert detector.detect_fast(IMAGE).ids == ("sheep_0",)
        publisher.publish(3, names=("sheep", "wolf"))
        update(updating())
        until(lambda: detector.detect_fast(IMAGE).source.version == "1.3")
        assert detector.class_names == ("sheep", "wolf")
        assert detector.detect_fast(IMAGE).ids == ("sheep_1",)


def test_a_model_that_cannot_be_opened_is_not_taken(
    publisher: Publisher,
    updating: Updating,
    mark_of: Callable[..., float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publisher.publish(1)
    updating().check()
    with updating().detector(watch=False) as detector:
        mark_of(detector)
        until(lambda: updating().status().model.worked)  # type: ignore[union-attr]
        whole = ModelFolder.open

        def damaged(folder: ModelFolder, model: InstalledModel, *others: Any) -> Model:
            if model.name == "blocks 1.2":
                raise ModelLoadError("the disk is damaged", "Buy another.")
            return whole(folder, model, *others)

        monkeypatch.setattr(ModelFolder, "open", damaged)
        publisher.publish(2)
        update(updating())
        until(lambda: updating().status().model.name == "blocks 1.1")  # type: ignore[union-attr]
        assert mark_of(detector) == 1


def test_the_shared_detector_takes_updates(
    publisher: Publisher, updating: Updating, tmp_path: Path
) -> None:
    publisher.publish(1)
    updater = updating()
    detector = get_detector(updates=updater, tracking="none")
    assert get_detector() is detector
    assert get_detector(updates=updater, tracking="none") is detector
    assert detector.detect_fast(IMAGE).boxes[0, 0] == 1
    with pytest.raises(ConfigurationError, match="either updates="):
        get_detector("other.onnx", updates=updater, reconfigure=True)


def test_the_folder_is_a_model_too(
    publisher: Publisher, updating: Updating, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.publish(1)
    updating().check()
    assert open_detector(tmp_path / "models").source.name == "blocks"
    monkeypatch.setenv("DETECTOR_RUNTIME_MODEL", str(tmp_path / "models"))
    mine = tmp_path / "mine.onnx"
    mine.write_bytes(small_model(30))
    updating().use(mine)
    assert str(open_detector().source) == "onnx mine.onnx"


def test_a_forgotten_detector_is_freed_and_its_thread_ends(
    publisher: Publisher, updating: Updating
) -> None:
    publisher.publish(1)
    updating().check()
    detector = updating().detector(watch=False)
    detector.detect_fast(IMAGE)
    thread = detector._watcher._thread
    assert thread is not None
    gone = weakref.ref(detector)
    del detector

    def collected() -> bool:
        gc.collect()
        return gone() is None

    until(collected)
    thread.join(60)
    assert not thread.is_alive()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows knows no forks")
def test_a_forked_process_follows_as_well(
    publisher: Publisher, updating: Updating, tmp_path: Path
) -> None:
    publisher.publish(1)
    updating().check()
    code = f"""
import os, sys, time
import numpy as np
from detector_runtime import ModelUpdater
from detector_runtime.updates import reloading
reloading.LOOK_SECONDS = 0.01
image = np.zeros((64, 64, 3), np.uint8)
detector = ModelUpdater({str(tmp_path / "models")!r}).detector(watch=False)
detector.detect_fast(image)
if os.fork() == 0:
    assert detector.detect_fast(image).boxes[0, 0] == 1
    print("ready", flush=True)
    for _ in range(1000):
        if detector.detect_fast(image).boxes[0, 0] == 2:
            print("exchanged", flush=True)
            os._exit(0)
        time.sleep(0.01)
    os._exit(1)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        publisher.publish(2)
        update(updating())
        assert child.stdout.readline() == "exchanged\n"
        assert child.wait(60) == 0


def test_a_program_that_ends_waits_until_a_model_is_open() -> None:
    code = """
import threading, time
from detector_runtime.updates.reloading import Watcher
begun = threading.Event()

class Opening:
    def look_for_another_model(self):
        begun.set()
        time.sleep(0.3)
        print("open", flush=True)

    def note_that_it_worked(self):
        pass

owner = Opening()
Watcher(owner, None, asks=False).begin()
begun.wait()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "open\n", "")

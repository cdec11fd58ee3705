"""Programs that publish, promote, fetch, switch and roll back are killed at random moments.

Others look on meanwhile, and whoever comes next goes through all of it undisturbed.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
from detector_runtime.errors import ModelLoadError
from detector_runtime.models.base import Frame
from detector_runtime.models.onnx import OnnxOptions
from detector_runtime.released.kinds import DETECTOR
from detector_runtime.updates.documents import MANIFEST_FILE, Manifest, parse
from detector_runtime.updates.signatures import verify
from doubles.release_story import END, STAGES, client_in, publisher_in, store_in, tell
from doubles.releases import new_version

from pipeline.manifests import sha256_of
from pipeline.release.channels import CHAMPION

PER_STORE = 25
"""Kills in one store: listing hundreds of versions would take longer than all the rest."""
FRAME = Frame(np.zeros((64, 64, 3), np.uint8))

# A process that has imported everything is copied; where systems have none, each imports anew.
CONTEXT = multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver")


@pytest.fixture(autouse=True)
def copied_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that is copied finds the modules that it imports in advance."""
    if sys.platform != "win32":
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        CONTEXT.set_forkserver_preload(["doubles.release_story", "onnxruntime"])


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(12, marks=pytest.mark.slow),
        pytest.param(200, marks=[pytest.mark.exhaustive, pytest.mark.timeout(3000)]),
    ],
)
def test_no_reader_ever_sees_what_is_not_whole(tmp_path: Path, kills: int) -> None:
    chance, killed = random.Random(7), Counter[str]()
    for number in range(0, kills, PER_STORE):
        home = tmp_path / str(number)
        killed += kill_in(home, min(PER_STORE, kills - number), chance)
    print(f"killed in: {dict(killed)}")
    assert killed.total() == kills
    if kills >= 100:
        assert set(STAGES) <= set(killed), killed


def kill_in(home: Path, kills: int, chance: random.Random) -> Counter[str]:
    """Kill so many programs one after the other; returns in which stage each was."""
    store, publisher = store_in(home), publisher_in(home, "first")
    publisher.init_keys()
    (home / "keys.json").write_bytes(store.keys_file())
    publisher.move(CHAMPION, publisher.publish(new_version(home / "first")), "first", 1)
    assert client_in(home).check(now=True).outcome == "updated"
    killed = Counter[str]()
    with looking_on(store_reader(home)), looking_on(model_reader(home)):
        for number in range(kills):
            killed[kill_one(home, f"{number}", chance)] += 1
            check_client(home)
    # Whoever comes next goes on, and finds a history without a gap.
    sequence = store.next_sequence(CHAMPION)
    publisher.move(CHAMPION, store.versions()[0], "last", sequence)
    assert [one.sequence for one in store.history(CHAMPION)] == list(range(1, sequence + 1))
    assert store.shown(CHAMPION) == store.head(CHAMPION)
    assert sequence > 4 * kills, "every program was to get through twice"
    return killed


def kill_one(home: Path, actor: str, chance: random.Random) -> str:
    """Let a program go through everything twice, then kill it in the midst of a random stage."""
    versions = [new_version(home / f"{actor}-{turn}") for turn in range(3)]
    hearing, saying = CONTEXT.Pipe(duplex=False)
    program = CONTEXT.Process(target=tell, args=(home, actor, versions, saying))
    program.start()
    saying.close()
    try:
        heard_once(hearing)  # with what takes longer the first time
        lasting = heard_once(hearing)
        target = chance.choice(STAGES)
        while hearing.recv() != target:
            pass
        time.sleep(chance.uniform(0, lasting[target]))
    finally:
        program.kill()
        program.join()
    last = target
    try:
        while True:
            last = hearing.recv()
    except EOFError:
        hearing.close()
        return last


def heard_once(hearing: Connection) -> dict[str, float]:
    """How many seconds each stage takes, where nobody disturbs the program."""
    lasting, stage, began = dict[str, float](), "", 0.0
    while stage != END:
        following, now = hearing.recv(), time.monotonic()
        # A version that is rolled back to may be tried out and put in its place once more.
        lasting.setdefault(stage, now - began)
        stage, began = following, now
    return lasting


@contextmanager
def looking_on(look: Callable[[], None]) -> Iterator[None]:
    """Have a reader look again and again for as long as a `with` block lasts."""
    ended, problems = threading.Event(), list[Exception]()
    looks = 0

    def run() -> None:
        nonlocal looks
        while not ended.is_set():
            try:
                look()
                looks += 1
            except Exception as error:
                problems.append(error)
                return

    reader = threading.Thread(target=run)
    reader.start()
    try:
        yield
    finally:
        ended.set()
        reader.join()
    assert problems == []
    assert looks > 0


def store_reader(home: Path) -> Callable[[], None]:
    """A look at keys, channel, manifest and every file of the store, verified."""
    store, seen = store_in(home), [0]

    def look() -> None:
        shown = store.shown(CHAMPION)
        assert shown is not None, "the channel is not signed, or not there"
        assert shown.sequence >= seen[-1], "a client never goes back"
        store.download(store.version(shown.version), home / "reader")
        seen.append(shown.sequence)

    return look


def model_reader(home: Path) -> Callable[[], None]:
    """A look with the model of the client's folder at an image."""
    models = client_in(home).models

    def look() -> None:
        installation = models.installation()
        assert installation is not None
        try:
            model = models.open(installation.current, DETECTOR, OnnxOptions(threads=1))
        except ModelLoadError:
            # It may have been replaced several times since, and be gone.
            assert models.installation() != installation
            return
        model.infer([FRAME], 0.0)
        model.close()

    return look


def check_client(home: Path) -> None:
    """What a killed program leaves is the model before or the next, as somebody has signed it."""
    models, keys = client_in(home).models, store_in(home).keys()
    installation = models.installation()
    assert installation is not None
    folder = models.folder_of(installation.current.version)
    manifest = parse((folder / MANIFEST_FILE).read_bytes(), Manifest, "here")
    verify(manifest, keys.release_keys)
    for name, said in manifest.document.files.items():
        assert sha256_of(folder / name) == said.sha256
    models.open(installation.current, DETECTOR, OnnxOptions(threads=1)).close()

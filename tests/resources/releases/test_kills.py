"""Processes that publish, promote and roll back are killed at random moments; a client looks on."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from doubles.releases import new_version

from pipeline.release.channels import CHAMPION
from resources.object_store.folder import FolderStore
from resources.releases.private_keys import PrivateKeys
from resources.releases.publisher import Publisher
from resources.releases.release_store import ReleaseStore

ROOT = Path(__file__).parents[3]
WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, "tests")
from doubles.releases import new_version
from pipeline.release.channels import CHAMPION
from resources.object_store.folder import FolderStore
from resources.releases.private_keys import PrivateKeys
from resources.releases.publisher import Publisher
from resources.releases.release_store import ReleaseError, ReleaseStore

home, number = Path(sys.argv[1]), sys.argv[2]
store = ReleaseStore(FolderStore(home / "store"), "demo")
publisher = Publisher(store, PrivateKeys(home / "keys"), number)
versions = [new_version(home / f"{number}-{letter}") for letter in "ab"]
print("ready", flush=True)
while True:
    for version in versions:
        sequence = store.next_sequence(CHAMPION)
        publisher.move(CHAMPION, publisher.publish(version), "published", sequence)
    publisher.roll_back(CHAMPION, None, "rolled back")
"""


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(12, marks=pytest.mark.slow),
        pytest.param(200, marks=[pytest.mark.exhaustive, pytest.mark.timeout(3000)]),
    ],
)
def test_no_client_ever_sees_what_is_not_whole(tmp_path: Path, kills: int) -> None:
    store = ReleaseStore(FolderStore(tmp_path / "store"), "demo")
    publisher = Publisher(store, PrivateKeys(tmp_path / "keys"), "first")
    publisher.init_keys()
    publisher.move(CHAMPION, publisher.publish(new_version(tmp_path / "first")), "first", 1)
    ended, seen = threading.Event(), [0]
    problems: list[Exception] = []

    def look() -> None:
        """Keys, channel, manifest and every file, verified, again and again."""
        while not ended.is_set():
            try:
                shown = store.shown(CHAMPION)
                assert shown is not None
                assert shown.sequence >= seen[-1], "a client never goes back"
                store.download(store.version(shown.version), tmp_path / "client")
                seen.append(shown.sequence)
            except Exception as error:
                problems.append(error)
                return

    client = threading.Thread(target=look)
    client.start()
    chance = random.Random(7)
    for number in range(kills):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(number)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(chance.uniform(0, 0.4))
        writer.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        writer.wait()
        writer.stdout.close()
    ended.set()
    client.join()
    assert problems == []
    # Whoever comes next goes on, and finds a history without a gap.
    sequence = store.next_sequence(CHAMPION)
    publisher.move(CHAMPION, store.versions()[0], "last", sequence)
    assert [one.sequence for one in store.history(CHAMPION)] == list(range(1, sequence + 1))
    assert store.shown(CHAMPION) == store.head(CHAMPION)
    assert sequence > 2, "writers were killed before they had done anything"

"""Who uses which folder of a store: seen by every other process, until the user's end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from resources.local_artifacts import in_use
from resources.local_artifacts.in_use import (
    StoreLockedError,
    nobody_begins_to_use,
    use,
    used_for_a_while,
)

USER = """
import sys
from pathlib import Path
from resources.local_artifacts.in_use import use
root = Path(sys.argv[1])
for name in sys.argv[2:]:
    use(root, root / name)
print("ready", flush=True)
sys.stdin.read()
"""

PARENT = """
import os, sys
from pathlib import Path
from resources.local_artifacts.in_use import use
root, name, name_of_child = Path(sys.argv[1]), *sys.argv[2:]
use(root, root / name)
child = os.fork()
if child == 0:
    use(root, root / name_of_child)
    sys.exit()
os.waitpid(child, 0)
print("ready", flush=True)
sys.stdin.read()
"""


@contextmanager
def process_that_uses(
    root: Path, *names: str, program: str = USER
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(root), *names],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(in_use.__file__).parents[2],
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdout.readline()
        yield process
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def used(root: Path) -> set[str]:
    with nobody_begins_to_use(root) as found:
        assert found is not None
        return {folder.relative_to(root).as_posix() for folder in found}


def test_a_process_uses_what_it_has_opened_until_it_ends(tmp_path: Path) -> None:
    assert used(tmp_path) == set()
    with process_that_uses(tmp_path, "toy/a/1", "toy/b/2"):
        assert used(tmp_path) == {"toy/a/1", "toy/b/2"}
    assert used(tmp_path) == set()
    assert [file.name for file in (tmp_path / ".in_use").iterdir()] == ["lock"]


def test_a_killed_process_uses_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    with process_that_uses(tmp_path, "toy/a/1") as process:
        process.send_signal(signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
        process.wait()
    assert used(tmp_path) == set()
    assert [file.name for file in (tmp_path / ".in_use").iterdir()] == ["lock"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork is POSIX")
def test_a_forked_process_uses_its_own_and_ends_alone(tmp_path: Path) -> None:
    with process_that_uses(tmp_path, "toy/a/1", "toy/b/2", program=PARENT):
        assert used(tmp_path) == {"toy/a/1"}
    assert used(tmp_path) == set()


def test_what_is_used_for_a_while_is_used_by_whoever_else_uses_it(tmp_path: Path) -> None:
    with used_for_a_while():
        use(tmp_path, tmp_path / "toy/a/1")
        with used_for_a_while():
            use(tmp_path, tmp_path / "toy/a/1")
            use(tmp_path, tmp_path / "toy/b/2")
            assert used(tmp_path) == {"toy/a/1", "toy/b/2"}
        assert used(tmp_path) == {"toy/a/1"}
    assert used(tmp_path) == set()
    use(tmp_path, tmp_path / "toy/c/3")
    assert used(tmp_path) == {"toy/c/3"}


def test_nobody_begins_to_use_a_folder_while_some_are_removed(tmp_path: Path) -> None:
    (tmp_path / "toy/a/1").mkdir(parents=True)
    found: list[bool] = []

    def look() -> None:
        use(tmp_path, tmp_path / "toy/a/1")
        found.append((tmp_path / "toy/a/1").exists())

    with nobody_begins_to_use(tmp_path):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join(0.1)
        assert thread.is_alive()
        (tmp_path / "toy/a/1").rmdir()
    thread.join()
    assert found == [False]


def test_a_process_that_hangs_is_said_to_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_use, "PATIENCE", 0.05)
    with nobody_begins_to_use(tmp_path), pytest.raises(StoreLockedError, match="locked by another"):
        use(tmp_path, tmp_path / "toy/a/1")


def test_a_store_that_was_removed_under_a_process_is_used_again(tmp_path: Path) -> None:
    root = tmp_path / "store"
    use(root, root / "toy/a/1")
    for file in (root / ".in_use").iterdir():
        file.unlink()
    use(root, root / "toy/b/2")
    assert "toy/b/2" in used(root)


def test_what_a_living_process_says_and_nobody_can_read_is_not_guessed(tmp_path: Path) -> None:
    with process_that_uses(tmp_path, "toy/a/1"):
        (told,) = (tmp_path / ".in_use").glob("*.json")
        told.write_text("[")
        with nobody_begins_to_use(tmp_path) as found:
            assert found is None


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="everybody may write")
def test_in_a_store_that_cannot_be_written_nobody_is_seen(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        use(tmp_path, tmp_path / "toy/a/1")
        with nobody_begins_to_use(tmp_path) as found:
            assert found is None
    finally:
        tmp_path.chmod(0o700)

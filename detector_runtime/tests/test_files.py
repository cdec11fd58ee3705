from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from detector_runtime import UpdateBusyError
from detector_runtime.errors import UpdateError
from detector_runtime.system.files import FolderLock, write_durably


def test_a_file_is_replaced_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    write_durably(file, b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_durably(file, b"new and longer")
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_one_thread_at_a_time(tmp_path: Path) -> None:
    """Each with a lock of its own, as programs have."""
    inside = 0

    def work() -> None:
        nonlocal inside
        for _ in range(5):
            with FolderLock(tmp_path / "folder").hold(60.0):
                seen = inside
                inside = seen + 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert inside == 20


def test_who_does_not_wait_is_told(tmp_path: Path) -> None:
    with (
        FolderLock(tmp_path).hold(),
        pytest.raises(UpdateBusyError, match="another program"),
        FolderLock(tmp_path).hold(),
    ):
        pass
    with FolderLock(tmp_path).hold():
        pass


def test_a_killed_program_leaves_no_lock(tmp_path: Path) -> None:
    code = (
        "import os, sys, pathlib\n"
        "from detector_runtime.system.files import FolderLock\n"
        "with FolderLock(pathlib.Path(sys.argv[1])).hold(): os._exit(9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == 9
    with FolderLock(tmp_path).hold():
        pass


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows knows no forks")
def test_a_fork_does_not_take_the_lock_along(tmp_path: Path) -> None:
    code = (
        "import os, sys, pathlib, time\n"
        "from detector_runtime.system.files import FolderLock\n"
        "with FolderLock(pathlib.Path(sys.argv[1])).hold():\n"
        "    if os.fork() == 0:\n"
        "        time.sleep(20); os._exit(0)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], check=False, stdout=subprocess.DEVNULL
    )
    # The child may not have come to letting go of it.
    with FolderLock(tmp_path).hold(10.0):
        pass


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(UpdateError, match="cannot be written"),
        FolderLock(tmp_path / "file").hold(),
    ):
        pass

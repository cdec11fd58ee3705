"""Locks of leases: beyond that they end with their process (test_ledger.py)."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from resources.gpu.leases.file_lock import HeldError, hold_lock, is_held

HOLDER = """
import os, sys, time
from pathlib import Path
from resources.gpu.leases.file_lock import hold_lock

with hold_lock(Path(sys.argv[1])):
    if os.fork() == 0:
        # Said by the child: it lets go of what it inherited before it gets here.
        print(os.getpid(), flush=True)
    time.sleep(600)
"""


def test_a_lock_is_held_against_the_same_process_too(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "lease.lock"
    with hold_lock(file):
        with pytest.raises(HeldError, match="lease is in use"), hold_lock(file):
            pass
        assert is_held(file)
    assert not is_held(file)


def test_the_file_stays(tmp_path: Path) -> None:
    file = tmp_path / "lease.lock"
    with hold_lock(file):
        pass
    assert file.read_bytes() == b""


def test_another_thread_may_end_what_one_began(tmp_path: Path) -> None:
    file, held = tmp_path / "lease.lock", ExitStack()
    thread = threading.Thread(target=lambda: held.enter_context(hold_lock(file)))
    thread.start()
    thread.join()
    assert is_held(file)

    held.close()

    assert not is_held(file)


@pytest.mark.skipif(os.name == "nt", reason="another error there")
def test_what_is_no_file_is_not_taken_for_a_held_lock(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError), hold_lock(tmp_path):
        pass


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks")
def test_a_forked_child_does_not_go_on_holding(tmp_path: Path) -> None:
    """A worker that outlives a killed run would keep the reaper from ending its pod."""
    file = tmp_path / "lease.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(file)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    child = int(holder.stdout.readline())
    try:
        assert is_held(file)
        holder.kill()
        holder.wait()
        assert not is_held(file)
    finally:
        os.kill(child, signal.SIGKILL)

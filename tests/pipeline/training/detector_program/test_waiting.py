"""How the training's idle threads wait follows what other programs do."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pipeline.training.detector_program.acceleration import waiting
from pipeline.training.detector_program.acceleration.waiting import (
    BUSY,
    CHOSEN_BY,
    QUIET,
    OtherPrograms,
    ThreadsGiveWay,
    busy_share,
)

COMPUTE = "while True: pass"


class Extra:
    """Stands for threads of OpenMP: how many there are."""

    alive = 0

    def __init__(self, count: int) -> None:
        assert count >= 2
        Extra.alive += 1

    def end(self) -> None:
        Extra.alive -= 1


@pytest.fixture
def extra(monkeypatch: pytest.MonkeyPatch) -> type[Extra]:
    monkeypatch.setattr(waiting, "ExtraThreads", Extra)
    monkeypatch.setattr(Extra, "alive", 0)
    return Extra


@contextmanager
def busy_computer() -> Iterator[None]:
    """A process for each core that computes all the time."""
    count = os.cpu_count() or 1
    processes = [subprocess.Popen([sys.executable, "-c", COMPUTE]) for _ in range(count)]
    try:
        time.sleep(0.5)
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_threads_give_way_while_others_compute_and_spin_again_afterwards(
    extra: type[Extra],
) -> None:
    threads = ThreadsGiveWay()
    alive = []
    for share in (0.0, BUSY, 1.0, (BUSY + QUIET) / 2, QUIET, (BUSY + QUIET) / 2, BUSY):
        threads.decide(share)
        alive.append(extra.alive)
    assert alive == [0, 1, 1, 1, 0, 0, 1], "between the two shares it stays as it is"
    threads.__exit__(None, None, None)
    assert extra.alive == 0


def test_what_others_use_is_seen_before_and_while_this_process_computes() -> None:
    with busy_computer():
        assert busy_share() > BUSY
        others = OtherPrograms()
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            pass
        assert others.share() > BUSY


@pytest.mark.parametrize(
    ("busy", "own", "share"), [(2.0, 2.0, 0.0), (2.0, 0.5, 0.75), (1.0, 1.01, 0.0)]
)
def test_what_this_process_uses_is_not_counted(
    monkeypatch: pytest.MonkeyPatch, busy: float, own: float, share: float
) -> None:
    seconds = iter([(10.0, 100.0, 50.0), (11.0, 100.0 + busy, 50.0 + own)])
    monkeypatch.setattr(OtherPrograms, "_seconds", lambda _self: next(seconds))
    others = OtherPrograms()
    others._cores = 2

    assert others.share() == pytest.approx(share)


def threads_of(check: str, afterwards: str = "True") -> str:
    """What a process with torch prints that enters the block beside a busy computer.

    Args:
        check: done within the block.
        afterwards: what has to become so when it is left; printed last.
    """
    program = f"""
import os, time
from pipeline.training.detector_program.acceleration import waiting
chosen = waiting.prepare_to_share()
import torch
torch.set_num_threads(2)
torch.ones(1 << 20).sum()
waiting.busy_share = lambda *_: 1.0
waiting.OtherPrograms.share = lambda _: 1.0
count = lambda: len(os.listdir("/proc/self/task"))
with waiting.ThreadsGiveWay(chosen) as threads:
    {check}
until = time.monotonic() + 60
while not ({afterwards}) and time.monotonic() < until:
    time.sleep(0.05)
print({afterwards})
"""
    clean = {name: value for name, value in os.environ.items() if name not in CHOSEN_BY}
    clean["OMP_NUM_THREADS"] = "1"  # As ultralytics leaves it.
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=clean, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="GNU's OpenMP is that of Linux")
@pytest.mark.slow
def test_more_threads_than_cores_exist_only_while_others_compute() -> None:
    out = threads_of("threads.decide(0.0); print('extra', threads.extra)")
    assert "give way from now on" in out
    assert "spin while they wait from now on" in out
    assert "extra None" in out
    # The watching thread, the one of Python that computed, and the one of OpenMP that it brought.
    gone = threads_of("during = count()", "during - count() >= 3")
    assert gone.splitlines()[-1] == "True"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_threads_that_cannot_be_made_hold_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")

    def refuse(_count: int) -> None:
        raise RuntimeError("no more threads")

    monkeypatch.setattr(torch, "set_num_threads", refuse)
    waiting.ExtraThreads(2).end()


@pytest.mark.parametrize("name", CHOSEN_BY)
def test_what_the_user_has_chosen_holds(
    name: str, monkeypatch: pytest.MonkeyPatch, extra: type[Extra]
) -> None:
    for other in CHOSEN_BY:
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, "7")
    monkeypatch.setattr(waiting, "busy_share", lambda *_: 1.0)

    chosen = waiting.prepare_to_share()
    with ThreadsGiveWay(chosen):
        assert extra.alive == 0
    assert chosen == (name,)
    assert {key: os.environ.get(key) for key in CHOSEN_BY} == {
        **dict.fromkeys(CHOSEN_BY),
        name: "7",
    }


def test_other_openmps_are_told_before_they_are_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    for other in CHOSEN_BY:
        monkeypatch.setenv(other, "")
        monkeypatch.delenv(other)
    monkeypatch.setattr(waiting, "busy_share", lambda *_: BUSY)

    assert waiting.prepare_to_share() == ()

    assert os.environ.pop("KMP_BLOCKTIME") == waiting.BLOCKTIME

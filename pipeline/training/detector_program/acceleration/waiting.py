"""How OpenMP's idle threads wait: for themselves alone, or beside other programs.

By default a thread with nothing to do spins for milliseconds. Alone on a computer that is fastest.
Beside another program, a thread that spins takes the time in which the one that it waits for would
compute, and a training crawls: a step took 40 s instead of one. Other programs come and go, so the
training looks each second.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

CHOSEN_BY = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
"""Variables with which a user decides it; then they hold."""
BLOCKTIME = "1"
"""Milliseconds for LLVM's and Intel's OpenMP, whose default is 200; read when torch is imported."""
BUSY, QUIET = 0.15, 0.05
"""Share of the processor's time that other programs use: above the first, threads give way; below
the second, they spin again."""
LOOK_SECONDS = 0.5
PERIOD_SECONDS = 1.0
TENSOR_SIZE = 1 << 18
"""Elements that torch fills with several threads."""


def prepare_to_share() -> tuple[str, ...]:
    """Have LLVM's and Intel's OpenMP give way if other programs compute now.

    To be called before torch is imported, whose OpenMP decides for good.

    Returns:
        The variables with which the user has decided it; then nothing was done.
    """
    chosen = tuple(name for name in CHOSEN_BY if name in os.environ)
    if not chosen and busy_share() >= BUSY:
        os.environ["KMP_BLOCKTIME"] = BLOCKTIME
    return chosen


def busy_share() -> float:
    """Share of the processor's time that is used while this process waits, 0 to 1."""
    import psutil

    return float(psutil.cpu_percent(LOOK_SECONDS)) / 100


class OtherPrograms:
    """Measures what other programs use of the processor while this one computes."""

    def __init__(self) -> None:
        import psutil

        self._times, self._own_times = psutil.cpu_times, psutil.Process().cpu_times
        self._cores = psutil.cpu_count() or 1
        self._last = self._seconds()

    def share(self) -> float:
        """Their share of the processor's time since this was last asked for, 0 to 1."""
        now, last = self._seconds(), self._last
        self._last = now
        elapsed, busy, own = (after - before for after, before in zip(now, last, strict=True))
        return max(0.0, busy - own) / (self._cores * max(elapsed, 1e-3))

    def _seconds(self) -> tuple[float, float, float]:
        """The clock, and processor time of all programs and of this one."""
        times, own = self._times(), self._own_times()
        idle = times.idle + getattr(times, "iowait", 0.0)
        # Linux counts guests' time among the users', too.
        busy = sum(times) - idle - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        return time.monotonic(), busy, own.user + own.system


class ExtraThreads:
    """Has the idle threads of GNU's OpenMP give up their core at once, for as long as it lives.

    libgomp spins for GOMP_SPINCOUNT iterations (300,000 where nothing is set) while it manages no
    more threads than there are cores, else 100 times (GCC 14, libgomp: `do_spin` in
    config/linux/wait.h, `gomp_throttled_spin_count_var` in env.c). A thread of Python that has
    computed once has threads of OpenMP of its own, which sleep and make that many.
    """

    def __init__(self, count: int) -> None:
        """`count` of them; at least two."""
        self._count = count
        self._end, self._ready = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._compute_and_wait, daemon=True)
        self._thread.start()
        self._ready.wait()

    def end(self) -> None:
        """Let them go: idle threads spin again."""
        self._end.set()
        self._thread.join()

    def _compute_and_wait(self) -> None:
        import torch

        try:
            # A new thread begins with OMP_NUM_THREADS, which ultralytics 8.4.190 sets to 1.
            torch.set_num_threads(self._count)
            torch.ones(TENSOR_SIZE).sum()
        finally:
            # Whatever went wrong here, nobody waits for it: the training goes on as it was.
            self._ready.set()
        self._end.wait()


class ThreadsGiveWay:
    """While it is entered, idle threads give way whenever other programs compute.

    Only GNU's OpenMP can be told so while it runs.
    """

    def __init__(self, chosen: tuple[str, ...] = ()) -> None:
        """`chosen` are variables of the environment that decide it instead."""
        self.chosen = chosen
        self._count = 2
        self._end = threading.Event()
        self._watching: threading.Thread | None = None
        self.extra: ExtraThreads | None = None

    def __enter__(self) -> ThreadsGiveWay:
        if self.chosen:
            print(f"Threads wait as {', '.join(self.chosen)} says")
        elif not is_libgomp_loaded():
            print("Threads wait as they did when torch was loaded: this is not GNU's OpenMP")
        else:
            import torch

            self._count = max(2, torch.get_num_threads())
            self.decide(busy_share())
            self._watching = threading.Thread(target=self._watch, daemon=True)
            self._watching.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        if self._watching is not None:
            self._watching.join()
        if self.extra is not None:
            self.extra.end()
            self.extra = None

    def decide(self, share: float) -> None:
        """Change how threads wait, if what other programs use of the processor asks for it."""
        if share >= BUSY and self.extra is None:
            print(f"Threads give way from now on: other programs use {share:.0%} of the processor")
            self.extra = ExtraThreads(self._count)
        elif share <= QUIET and self.extra is not None:
            print("Threads spin while they wait from now on: nothing else computes")
            self.extra.end()
            self.extra = None

    def _watch(self) -> None:
        others = OtherPrograms()
        while not self._end.wait(PERIOD_SECONDS):
            self.decide(others.share())


def is_libgomp_loaded() -> bool:
    """Whether this process computes with GNU's OpenMP, as torch does on Linux."""
    if sys.platform != "linux":
        return False
    return "libgomp" in Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")

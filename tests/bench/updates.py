"""How long it takes to ask whether there is a newer model, to fetch one, and to exchange it in use.

A web server on the loopback offers models of 10 MB. What is timed of a check is all of it, as a
program does it at its start: reading the folder, the keys, the request, and the notes that reach
the disk. While models are exchanged, four threads call the detector as often as they can.

Run with `outpost bench updates --json`.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from detector_runtime.updates import reloading

from detector_runtime import Detector, DetectorSettings, ModelUpdater

sys.path.insert(0, str(Path(__file__).parents[1]))

from doubles.file_server import serving
from doubles.publisher import Publisher

CHECKS = 50
UPDATES = 5
SWITCHES = 20
CALLERS = 4
MODEL_BYTES = 10_000_000


def measure() -> dict[str, float]:
    """Medians in milliseconds, and the calls that failed of all that were made."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        publisher = Publisher(folder / "published")
        with serving(publisher.folder) as server:

            def updater() -> ModelUpdater:
                return ModelUpdater(folder / "models", server.address, keys=publisher.keys_file)

            publisher.publish(1, padding=MODEL_BYTES)
            updater().check()
            server.requests.clear()
            checks = [_milliseconds(lambda: _expect(updater(), "current")) for _ in range(CHECKS)]
            requests = len(server.requests)
            not_due = [_milliseconds(updater().check) for _ in range(CHECKS)]
            updates = [_update(publisher, updater) for _ in range(UPDATES)]
            calls, failed = _exchange(publisher, updater)
    return {
        "check_ms": statistics.median(checks),
        "check_worst_ms": max(checks),
        "requests_per_check": requests / CHECKS,
        "not_due_ms": statistics.median(not_due),
        "update_10_mb_ms": statistics.median(updates),
        "calls": float(calls),
        "calls_failed": float(failed),
        "switches": float(SWITCHES),
    }


def _expect(updater: ModelUpdater, outcome: str) -> None:
    result = updater.check(now=True)
    if result.outcome != outcome:
        raise RuntimeError(f"{result.outcome}: {result.message}")


def _update(publisher: Publisher, updater: Callable[[], ModelUpdater]) -> float:
    publisher.publish(publisher.versions % 30, padding=MODEL_BYTES)
    return _milliseconds(lambda: _expect(updater(), "updated"))


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def _exchange(publisher: Publisher, updater: Callable[[], ModelUpdater]) -> tuple[int, int]:
    """Calls that were made while models were exchanged, and those of them that failed."""
    reloading.LOOK_SECONDS = 0.02
    made, failed, stop = [0] * CALLERS, [0] * CALLERS, threading.Event()
    settings = DetectorSettings(tracking="none", threads=1)
    with updater().detector(settings, watch=False) as detector:
        threads = [
            threading.Thread(target=_call, args=(detector, stop, made, failed, number))
            for number in range(CALLERS)
        ]
        for thread in threads:
            thread.start()
        for _ in range(SWITCHES):
            publisher.publish(publisher.versions % 30)
            _expect(updater(), "updated")
            while detector.source.version != f"1.{publisher.versions}":
                time.sleep(0.01)
        stop.set()
        for thread in threads:
            thread.join()
    return sum(made), sum(failed)


def _call(
    detector: Detector, stop: threading.Event, made: list[int], failed: list[int], number: int
) -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    while not stop.is_set():
        made[number] += 1
        try:
            detector.detect_fast(image)
        except Exception:
            failed[number] += 1


if __name__ == "__main__":
    print(measure())

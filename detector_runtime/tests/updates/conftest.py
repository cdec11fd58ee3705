"""A publisher, his web server, a clock that can be set, and folders that are kept up to date."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from doubles.file_server import FileServer, serving
from doubles.publisher import Publisher

from detector_runtime import Detector, ModelUpdater
from detector_runtime.updates import downloads, updater
from detector_runtime.updates.checking import UpdatePolicy
from detector_runtime.updates.sources.web import SourceLimits

IMAGE = np.zeros((64, 64, 3), np.uint8)
QUICK = SourceLimits(silence=1.0, document=1.0, least_speed=1e6)


class Clock:
    """What `time` is for the updater: both clocks stand still until they are set."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.running = 0.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.running

    def sleep(self, _seconds: float) -> None:
        """No test waits."""


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return Publisher(tmp_path / "published")


@pytest.fixture
def server(publisher: Publisher) -> Iterator[FileServer]:
    with serving(publisher.folder) as running:
        yield running


@pytest.fixture
def clock(publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock(publisher.now.timestamp())
    monkeypatch.setattr(updater, "time", made)
    # Pauses between tries, and jitter, which would make a day longer.
    monkeypatch.setattr(random.Random, "random", lambda _self: 0.0)
    return made


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "PAUSES", (0.0, 0.0, 0.0))


@pytest.fixture
def updating(
    tmp_path: Path, publisher: Publisher, server: FileServer
) -> Callable[..., ModelUpdater]:
    """An updater as a program makes it, each time anew: of the published model, by HTTP."""

    def make(source: str | Path | None = None, **policy: Any) -> ModelUpdater:
        shipped = tmp_path / "shipped.json"
        if not shipped.exists():
            shipped.write_bytes(publisher.keys_file.read_bytes())
        return ModelUpdater(
            tmp_path / "models",
            source or server.address,
            keys=None if policy.get("allow_unsigned") else shipped,
            policy=UpdatePolicy(**{"limits": QUICK, **policy}),
        )

    return make


@pytest.fixture
def mark_of() -> Callable[[Detector], float]:
    """Which of the publisher's models a detector uses: where it finds its sheep."""
    return lambda detector: float(detector.detect_fast(IMAGE).boxes[0, 0])


@pytest.fixture
def used(
    updating: Callable[..., ModelUpdater], mark_of: Callable[[Detector], float]
) -> Callable[[], float]:
    """Which of the publisher's models a program that starts now uses; it counts as worked then."""

    def find() -> float:
        with updating().detector(watch=False) as detector:
            return mark_of(detector)

    return find

"""Simulated players of the built-in game, who send what they label to where all players do."""

from __future__ import annotations

import errno
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pipeline.demo_game.contributors import (
    ContributorMix,
    InventoryTruth,
    simulate_contributions,
)
from pipeline.demo_game.players.labelling import ContributorKind
from pipeline.demo_game.players.player import Habits
from pipeline.errors import OutpostError
from pipeline.files import replacing, write_json
from resources.defaults import Resources
from resources.object_store.base import ObjectStore
from resources.run_log import reporter

GAME = "demo"


class SimulationError(OutpostError):
    """Players who cannot be simulated as they were asked for."""


class SimulatedKind(NamedTuple):
    """How many players of a kind there are, and how many objects they sent."""

    kind: ContributorKind
    installs: int
    objects: int


@dataclass(frozen=True)
class SimulationResult:
    """What was sent.

    Attributes:
        place: where it lies; no credentials.
        kinds: of players, those that there are.
        known: objects that lay there already, from a simulation before.
        truth: the file that says what truly is on each image; None where none was asked for.
    """

    place: str
    kinds: tuple[SimulatedKind, ...]
    known: int
    truth: Path | None


def simulate(
    resources: Resources,
    installs: int,
    mix: ContributorMix,
    habits: Habits,
    seed: int,
    truth: Path | None = None,
) -> SimulationResult:
    """Have players of the built-in game send what they label.

    The same arguments send the same objects, so that doing it again, or after an interruption,
    sends only what is missing.

    Args:
        truth: a file for the true names and the kinds of players, which no asset is shown.

    Raises:
        SimulationError: there are more odd players than players, or the file cannot be written.
        ObjectStoreError: where contributions lie cannot be written.
    """
    kinds, odd = mix.kinds(installs), sum(mix.odd(installs).values())
    if odd > installs:
        raise SimulationError(
            f"Of {installs} players {odd} should be anything but honest.",
            "Ask for more players, or for smaller shares of the others.",
        )
    if truth is not None:
        _require_writable(truth)
    sink = _Sink(resources.contributions.store())
    found = simulate_contributions(sink.put, installs, seed, mix, habits, reporter())
    if truth is not None:
        _write_truth(truth, found)
    kind_of = {str(install): kind for install, kind in found.kinds.items()}
    objects = Counter(kind_of[install] for install in sink.installs)
    counts = tuple(
        SimulatedKind(kind, kinds.count(kind), objects[kind])
        for kind in ContributorKind
        if kind in kinds
    )
    return SimulationResult(resources.contributions.staging(GAME).place, counts, sink.known, truth)


class _Sink:
    """Writes objects below the game's name, and counts them."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self.installs: list[str] = []
        self.known = 0

    def put(self, key: str, content: bytes) -> None:
        self.installs.append(key.split("/")[1])
        full = f"{GAME}/{key}"
        if self._store.put_if_absent(full, content) is not None:
            return
        self.known += 1
        # Images are named by their digest; the records of an install can be others than before.
        found = self._store.get(full)
        if found is not None and found.content != content:
            self._store.put_if_match(full, content, found.tag)


def _require_writable(file: Path) -> None:
    """Told before anything is sent, which may take long; nothing is written."""
    with _explained(file):
        if file.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        file.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=file.parent).close()


def _write_truth(file: Path, truth: InventoryTruth) -> None:
    with _explained(file), replacing(file) as fresh:
        kinds = {str(install): str(kind) for install, kind in truth.kinds.items()}
        write_json(fresh, {"names": dict(truth.names), "kinds": kinds}, indent=1)


@contextmanager
def _explained(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SimulationError(
            f"{file} cannot be written: {error.strerror or error}.",
            "Name a file in a folder that you may write to.",
        ) from error

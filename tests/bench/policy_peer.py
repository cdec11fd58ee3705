"""Behaviour cloning by the library imitation, on the play that our executor learns from.

imitation 1.0.1 wants an older Gymnasium than the project, so it learns in a process and an
environment of its own (`tests/doubles/imitation_peer.py`). It is given what our networks are told,
with an entity at the same place in each row of features, one's own first: its networks are
perceptrons. What it has learned is weights, which play here.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from detector_runtime.policies.features import ENTITY_FEATURES, STATUS_FEATURES, Features, Floats
from detector_runtime.policies.known import ACT, KINDS, NO_TARGET, Numbers
from detector_runtime.policies.player import PolicyPlayer

from pipeline.errors import OutpostError
from pipeline.play.policies.examples import Examples
from pipeline.play.simulator.environments.episodes import action_space, to_actions, to_choice
from pipeline.play.simulator.rules import MAP_SIDE, RESOURCES, SHEEP, SIDES, SLOTS, UNITS, Act

PEER = Path(__file__).parents[1] / "doubles" / "imitation_peer.py"
PACKAGES = (
    "imitation==1.0.1",
    "stable-baselines3==2.2.1",
    "gymnasium==0.29.1",
    "numpy==1.26.4",
)
SLOT_COUNT = SIDES * SLOTS
OWN_COLUMN = KINDS
"""Of the features of an entity, where it says that it is one's own."""
ROWS_AT_ONCE = 4096


class PeerError(OutpostError):
    """A peer that cannot be made, or that has failed."""


@dataclass(frozen=True)
class PeerPolicy:
    """One that imitation trains.

    Attributes:
        examples: name of those that it is given.
        layers: widths; None for the library's own policy, two layers of 32.
    """

    name: str
    examples: str
    layers: tuple[int, ...] | None


@dataclass(frozen=True)
class Pass:
    """Once through the examples: how many there were, and seconds of processor time."""

    examples: int
    seconds: float


class Peer:
    """A process in which imitation learns as it is asked."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process, self._folder = process, folder

    def learn(self, policy: PeerPolicy) -> Pass:
        """Let a policy go through its examples once.

        Raises:
            PeerError: the process has ended.
        """
        asked = {"name": policy.name, "examples": policy.examples, "layers": policy.layers}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise PeerError("imitation has ended by itself.", "Read what it says above.")
        return Pass(**json.loads(line))

    def learned(self, policy: PeerPolicy) -> list[tuple[Floats, Floats]]:
        """Weights and biases of a policy, layer by layer."""
        with np.load(self._folder / f"{policy.name}.npz") as arrays:
            count = len(arrays.files) // 2
            return [(arrays[f"weight{n}"], arrays[f"bias{n}"]) for n in range(count)]


@contextmanager
def running_peer(folder: Path, examples: dict[str, Examples]) -> Iterator[Peer]:
    """Start imitation on examples by name.

    Args:
        folder: for what goes to and fro.

    Raises:
        PeerError: its packages cannot be had here.
    """
    command = _python()
    np.save(folder / "choices.npy", action_space().nvec)
    for name, those in examples.items():
        observed, done = _flattened(those)
        np.save(folder / f"{name}.observations.npy", observed)
        np.save(folder / f"{name}.actions.npy", done)
    process = subprocess.Popen(
        [*command, str(PEER), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Peer(process, folder)
    finally:
        process.kill()
        process.wait()


def _python() -> list[str]:
    """The command of a Python with imitation."""
    import torch

    uv = shutil.which("uv")
    if uv is None:
        raise PeerError("uv makes the environment of imitation.", "Install uv.")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    command = [uv, "run", "--quiet", "--no-project", "--no-build", "--python", version]
    # The same torch on both sides.
    packages = (*PACKAGES, f"torch=={torch.__version__.partition('+')[0]}")
    command += [word for package in packages for word in ("--with", package)] + ["python"]
    ready = subprocess.run(
        [*command, "-c", "import imitation.algorithms.bc"], capture_output=True, text=True
    )
    if ready.returncode:
        raise PeerError(
            f"imitation cannot be installed: {ready.stderr.strip()[-300:]}",
            "Run this where packages can be fetched.",
        )
    return command


def _flattened(examples: Examples) -> tuple[Floats, npt.NDArray[np.int64]]:
    """What imitation is told, float32 [n, features], and what is right, int64 [n, 5]."""
    parts = [
        _told_and_done(examples.rows(slice(start, start + ROWS_AT_ONCE)))
        for start in range(0, len(examples), ROWS_AT_ONCE)
    ]
    return np.concatenate([told for told, _ in parts]), np.concatenate([done for _, done in parts])


def _told_and_done(examples: Examples) -> tuple[Floats, npt.NDArray[np.int64]]:
    features = examples.features()
    return flat(features), to_choice(_turned(features, examples.actions))


def flat(features: Features) -> Floats:
    """Features with each entity at its own place: float32 [n, 44 times (1 + its features) + ...].

    The slots of the second player change places with those of the first.
    """
    count = len(features.status)
    told = np.zeros((count, SLOT_COUNT + 1, 1 + ENTITY_FEATURES), np.float32)
    at = _own_first(features)[np.arange(count)[:, None], features.slots]
    told[np.arange(count)[:, None], at, 0] = 1
    told[np.arange(count)[:, None], at, 1:] = features.entities[:, :, :ENTITY_FEATURES]
    # Rows without an entity were put into the last one.
    whole = told[:, :SLOT_COUNT].reshape(count, -1)
    return np.concatenate([whole, features.status[:, :STATUS_FEATURES]], axis=1)


def _own_first(features: Features) -> npt.NDArray[np.int_]:
    """Where an entity of a slot is told, by game: int [n, 45]; the last is of no slot."""
    own = (features.entities[:, :, OWN_COLUMN] == 1) & features.known
    second = own & (_swapped()[features.slots] < features.slots)
    same = np.arange(SLOT_COUNT + 1)
    return np.where(second.any(axis=1)[:, None], _swapped(), same)


def _swapped() -> npt.NDArray[np.int_]:
    """Slots by those of the other player: units, keeps, resources, what units leave, sheep."""
    order, begin = [], 0
    for count in (UNITS, 1, RESOURCES, UNITS, SHEEP):
        first = list(range(begin, begin + count))
        order += [slot + count for slot in first] + first
        begin += SIDES * count
    return np.array([*order, SLOT_COUNT])


def _turned(features: Features, actions: Numbers) -> npt.NDArray[np.int32]:
    """Actions as they are told and chosen; and back, for it is its own reverse."""
    slots = _own_first(features)[np.arange(len(actions)), actions[:, 1]]
    points = MAP_SIDE - 1 - actions[:, 2:4]
    places = np.where(actions[:, 1:2] == NO_TARGET, points, -actions[:, 2:4])
    clicks = np.isin(actions[:, 0], (Act.SELECT, Act.COMMAND))[:, None]
    turned = actions.copy()
    turned[:, 1] = np.where(slots == SLOT_COUNT, NO_TARGET, slots)
    turned[:, 2:4] = np.where(clicks & features.turned[:, None], places, actions[:, 2:4])
    return turned.astype(np.int32)


class PeerPlayer(PolicyPlayer):
    """Plays what imitation has learned, as our policies play.

    Whether to act is drawn, with the chance in all of play, and so is what kind of act.
    """

    def __init__(
        self, layers: Sequence[tuple[Floats, Floats]], idle_share: float, games: int, seed: int
    ) -> None:
        """
        Args:
            idle_share: of all moments in which nothing was done, how many were learned from.
        """
        nothing: Any = None
        super().__init__(nothing, games, seed)
        self._layers, self._idle_share = layers, idle_share

    def _decide(self, features: Features, played: Any, draws: Numbers) -> npt.NDArray[np.int32]:
        answers = flat(features)
        for weight, bias in self._layers[:-1]:
            answers = np.tanh(answers @ weight.T + bias)
        weight, bias = self._layers[-1]
        parts = np.split(answers @ weight.T + bias, np.cumsum(action_space().nvec)[:-1], axis=1)
        acts = np.exp(parts[0] - parts[0].max(axis=1, keepdims=True))
        acts[:, ACT] /= self._idle_share
        shares = acts.cumsum(axis=1) / acts.sum(axis=1, keepdims=True)
        kinds = np.minimum((draws[0][:, None] >= shares).sum(axis=1), 3)
        chosen = np.stack([kinds, *(part.argmax(axis=1) for part in parts[1:])], axis=1)
        return _turned(features, to_actions(chosen))

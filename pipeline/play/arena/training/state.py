"""All that going on with a training takes, in one file; loads torch and Stable-Baselines3.

A file is written between two rollouts: weights, the optimizer's moments, every game, every stream
of chance, and what callbacks have counted. What is restored from it goes on to the same bytes, on
the same machine with as many threads. It is a snapshot, too: its policy can be played against.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field, ValidationError
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback

from pipeline.errors import OutpostError
from pipeline.files import replacing
from pipeline.manifests import Record
from pipeline.play.arena.learner.environments import SkirmishVecEnv
from pipeline.play.arena.learner.episodes import LearnerEpisodes
from pipeline.play.arena.learner.model import OTHERS, snapshot_of
from pipeline.play.arena.learner.network import network_of, tensors_of
from pipeline.play.arena.opponents.snapshots import PolicySnapshot, SnapshotError, read_snapshot
from pipeline.play.arena.training.history import TrainingHistory

MOMENTS_OF_ADAM = ("step", "exp_avg", "exp_avg_sq")
TRAINING = "training"
"""In the settings of the snapshot: the facts."""


class TrainingStateError(OutpostError):
    """A checkpoint that a training cannot go on from."""


class TrainingFacts(Record):
    """What is no tensor."""

    run_id: str
    config_hash: str = Field(description="Of all that changes what is learned.")
    steps: int = Field(ge=0, description="Of all games together.")
    updates: int = Field(ge=0, description="Passes over a rollout so far.")
    seconds: float = Field(ge=0, description="Of training so far.")
    anchor_share: float = Field(description="Of entropy beside the divergence.")
    chance: dict[str, Any] = Field(description="State of the games' stream of chance.")
    numpy_position: int
    episodes: tuple[dict[str, float], ...] = Field(description="The latest, as logged.")
    pending: dict[str, float] = Field(description="Recorded for the log, and not yet logged.")
    callbacks: tuple[dict[str, Any], ...] = ()
    history: TrainingHistory = TrainingHistory()


@runtime_checkable
class RemembersCounts(Protocol):
    """A callback that counts something over several rollouts; plain values of JSON."""

    def counts(self) -> dict[str, Any]:
        """What it has counted."""

    def restore(self, counts: dict[str, Any]) -> None:
        """Go on counting."""


@runtime_checkable
class RemembersTensors(Protocol):
    """A callback that keeps more than plain values; told to restore it after its counts."""

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """What it keeps, by name."""

    def restore_tensors(self, tensors: dict[str, npt.NDArray[Any]]) -> None:
        """Go on with it."""


@dataclass(frozen=True, eq=False)
class TrainingState:
    """A training between two rollouts."""

    snapshot: PolicySnapshot
    facts: TrainingFacts

    @classmethod
    def of(
        cls,
        model: PPO,
        callbacks: Sequence[BaseCallback],
        *,
        run_id: str,
        config_hash: str,
        seconds: float,
        history: TrainingHistory,
    ) -> TrainingState:
        """As a training stands now; what the model does not know is given as in the facts."""
        network, episodes = model.policy.network, _episodes_of(model)
        _name, keys, position, *_gauss = np.random.get_state(legacy=True)
        others = {
            **_named("moments", moments_of(model.policy.optimizer)),
            **_named("episodes", {name: _bytes(v) for name, v in episodes.arrays().items()}),
            **_named("random", {"torch": torch.get_rng_state().numpy(), "numpy": keys}),
            **_named("last", {"features": model._last_obs, "starts": model._last_episode_starts}),
        }
        if model.policy.anchor is not None:
            others |= _named("anchor", tensors_of(model.policy.anchor))
        for number, callback in enumerate(callbacks):
            if isinstance(callback, RemembersTensors):
                others |= _named(f"callback{number}", callback.tensors())
        facts = TrainingFacts(
            run_id=run_id,
            config_hash=config_hash,
            steps=model.num_timesteps,
            updates=model._n_updates,
            seconds=seconds,
            anchor_share=model.policy.entropy_share,
            chance=dict(episodes.chance.bit_generator.state),
            numpy_position=int(position),
            episodes=tuple(model.ep_info_buffer or ()),
            pending=_pending(model),
            callbacks=tuple(_counts(callback) for callback in callbacks),
            history=history,
        )
        snapshot = snapshot_of(network)
        copied = {name: np.array(value) for name, value in others.items()}
        return cls(replace(snapshot, tensors={**snapshot.tensors, **copied}), facts)

    def write(self, file: Path) -> None:
        """Write it whole.

        Raises:
            OSError: it cannot be written; the file is then as it was.
        """
        settings = {**self.snapshot.settings, TRAINING: self.facts.model_dump(mode="json")}
        content = replace(self.snapshot, settings=settings).to_bytes()
        with replacing(file) as fresh:
            fresh.write_bytes(content)

    def restore(self, model: PPO, callbacks: Sequence[BaseCallback]) -> None:
        """Put a fresh model, its games and all chance where this training stood.

        Raises:
            TrainingStateError: it is of a training with other games, or another network.
        """
        facts, tensors = self.facts, self.snapshot.tensors
        weights = {name: value for name, value in tensors.items() if OTHERS not in name}
        try:
            model.policy.network.load_state_dict(_as_torch(weights))
            restore_moments(model.policy.optimizer, self._part("moments"))
            _put_episodes(_episodes_of(model), self._part("episodes"), facts.chance)
            if anchor := self._part("anchor"):
                width = int(self.snapshot.settings["width"])
                model.policy.stay_near(network_of(anchor, width), facts.anchor_share)
            random, last = self._part("random"), self._part("last")
            model._last_obs = last["features"].copy()
            model._last_episode_starts = last["starts"].copy()
        except (KeyError, ValueError, RuntimeError) as error:
            raise TrainingStateError(
                f"The checkpoint does not fit this training: {error}",
                "Resume it with its own configuration.",
            ) from error
        model.num_timesteps, model._n_updates = facts.steps, facts.updates
        if model.ep_info_buffer is not None:
            model.ep_info_buffer.extend(facts.episodes)
        for name, value in facts.pending.items():
            model.logger.record(name, value)
        for number, (callback, counts) in enumerate(zip(callbacks, facts.callbacks, strict=False)):
            if isinstance(callback, RemembersCounts):
                callback.restore(counts)
            if isinstance(callback, RemembersTensors):
                callback.restore_tensors(self._part(f"callback{number}"))
        torch.set_rng_state(torch.from_numpy(random["torch"].copy()))
        np.random.set_state(("MT19937", random["numpy"], facts.numpy_position, 0, 0.0))

    def _part(self, prefix: str) -> dict[str, npt.NDArray[Any]]:
        start = f"{prefix}{OTHERS}"
        return {
            name.removeprefix(start): value
            for name, value in self.snapshot.tensors.items()
            if name.startswith(start)
        }


def read_state(file: Path) -> TrainingState:
    """Read what was written.

    Raises:
        TrainingStateError: it is gone, damaged, or no checkpoint to go on from.
    """
    try:
        snapshot = read_snapshot(file)
        facts = TrainingFacts.model_validate(snapshot.settings[TRAINING])
    except (SnapshotError, KeyError, ValidationError) as error:
        problem = error.problem if isinstance(error, SnapshotError) else f"it lacks {error}"
        raise TrainingStateError(
            f"No training can go on from {file}: {problem}",
            "Give another checkpoint of it, named ..._steps.safetensors, or begin again.",
        ) from error
    settings = {name: one for name, one in snapshot.settings.items() if name != TRAINING}
    return TrainingState(replace(snapshot, settings=settings), facts)


def moments_of(optimizer: torch.optim.Optimizer) -> dict[str, npt.NDArray[Any]]:
    """Adam's moments, by the number of the weight and the name; none before the first step."""
    return {
        f"{number}.{name}": optimizer.state[weight][name].numpy()
        for number, weight in enumerate(_weights(optimizer))
        for name in MOMENTS_OF_ADAM
        if weight in optimizer.state
    }


def restore_moments(optimizer: torch.optim.Optimizer, moments: dict[str, npt.NDArray[Any]]) -> None:
    """Put moments back into an optimizer of the same weights.

    Raises:
        KeyError: some are missing.
    """
    for number, weight in enumerate(_weights(optimizer)):
        if moments:
            named = {name: moments[f"{number}.{name}"] for name in MOMENTS_OF_ADAM}
            optimizer.state[weight] = _as_torch(named)


def _episodes_of(model: PPO) -> LearnerEpisodes:
    assert isinstance(model.env, SkirmishVecEnv)
    return model.env.episodes


def _weights(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    return [weight for group in optimizer.param_groups for weight in group["params"]]


def _put_episodes(
    episodes: LearnerEpisodes, saved: dict[str, npt.NDArray[Any]], chance: dict[str, Any]
) -> None:
    for name, array in episodes.arrays().items():
        array[...] = np.frombuffer(saved[name].tobytes(), array.dtype).reshape(array.shape)
    episodes.chance.bit_generator.state = chance


def _bytes(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Records are no tensors, their bytes are."""
    return np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)


def _pending(model: PPO) -> dict[str, float]:
    return {name: float(value) for name, value in model.logger.name_to_value.items()}


def _counts(callback: BaseCallback) -> dict[str, Any]:
    counts = callback.counts() if isinstance(callback, RemembersCounts) else {}
    return dict(json.loads(json.dumps(counts)))


def _named(prefix: str, tensors: dict[str, Any]) -> dict[str, Any]:
    return {f"{prefix}{OTHERS}{name}": value for name, value in tensors.items()}


def _as_torch(tensors: dict[str, npt.NDArray[Any]]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(np.array(value)) for name, value in tensors.items()}

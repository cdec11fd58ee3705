"""Playing against oneself as one was: snapshots into a pool, and opponents out of it. Loads torch.

Both happen between two rollouts. A training that goes on from a checkpoint meets whom it met: its
opponents are in the checkpoint, and snapshots that it had written since are written again with the
same bytes.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from stable_baselines3.common.vec_env import VecEnv

from pipeline.play.arena.learner.environments import SkirmishVecEnv
from pipeline.play.arena.learner.model import KIND, OTHERS, LearnedModel, model_of, snapshot_of
from pipeline.play.arena.learner.rivals import Rival
from pipeline.play.arena.matches.evaluation import run_episodes_with_model
from pipeline.play.arena.opponents.pool import OpponentPool, VersionTakenError
from pipeline.play.arena.opponents.snapshots import PolicySnapshot, SnapshotError
from pipeline.play.arena.training.callbacks import BetweenRollouts


class SampledPool(Protocol):
    """What opponents are drawn from, such as `OpponentPool`."""

    def sample(self, rng: np.random.Generator | None = None) -> PolicySnapshot | None:
        """Any of the snapshots."""

    def sample_latest(self) -> PolicySnapshot | None:
        """The newest one."""


class SeenPool:
    """A pool as one training has seen it.

    After a kill the folder can be ahead of the checkpoint that is gone on from: snapshots are there
    that were not, and others have left. What was seen is kept here, and of the folder are added
    those versions of others that are not above the newest of its own.
    """

    def __init__(self, pool: OpponentPool, on_add: Callable[[Path], None] | None = None) -> None:
        """
        Args:
            on_add: told of the file of each snapshot that was added.
        """
        self.pool = pool
        self._on_add = on_add
        self._seen: dict[int, LearnedModel] = {}

    @property
    def models(self) -> list[LearnedModel]:
        """The policies, the oldest version first."""
        return [self._seen[version] for version in sorted(self._seen)]

    def add(self, snapshot: PolicySnapshot) -> None:
        """Keep a policy under the next version that nobody has taken, and see who else is there.

        Raises:
            PoolError: no version is left.
            OSError: it cannot be written; the pool is then as it was.
        """
        for version in itertools.count(max(self._seen, default=0) + 1):
            try:
                file = self.pool.add(snapshot, version)
            except VersionTakenError:
                continue
            break
        self._seen[version] = model_of(snapshot)
        for other in self.pool.versions:
            if other < version and other not in self._seen:
                self._see(other)
        newest = sorted(self._seen)[-self.pool.max_size :]
        self._seen = {version: self._seen[version] for version in newest}
        if self._on_add is not None:
            self._on_add(file)

    def sample(self, rng: np.random.Generator | None = None) -> PolicySnapshot | None:
        """As of `OpponentPool`."""
        models = self.models
        if not models:
            return None
        drawn = rng or np.random.default_rng()
        return snapshot_of(models[int(drawn.integers(len(models)))].network)

    def sample_latest(self) -> PolicySnapshot | None:
        """As of `OpponentPool`."""
        models = self.models
        return snapshot_of(models[-1].network) if models else None

    def widths(self) -> dict[str, int]:
        """Of the networks, by version."""
        return {str(version): model.network.width for version, model in self._seen.items()}

    def tensors(self) -> Iterator[tuple[str, npt.NDArray[Any]]]:
        """All weights, by version and name."""
        for version, model in self._seen.items():
            for name, value in snapshot_of(model.network).tensors.items():
                yield f"{version}{OTHERS}{name}", value

    def restore(self, widths: dict[str, int], tensors: dict[str, npt.NDArray[Any]]) -> None:
        """See again what was seen.

        Raises:
            KeyError, ValueError: these are no such weights.
        """
        weights: dict[str, dict[str, npt.NDArray[Any]]] = {version: {} for version in widths}
        for place, value in tensors.items():
            version, name = place.split(OTHERS, 1)
            weights[version][name] = value
        self._seen = {
            int(version): model_of(PolicySnapshot(KIND, weights[version], {"width": width}))
            for version, width in widths.items()
        }

    def _see(self, version: int) -> None:
        """A snapshot of somebody else; one that cannot be played against is told of."""
        snapshot = self.pool.read(version)
        if snapshot is None:
            return
        try:
            self._seen[version] = model_of(snapshot)
        except SnapshotError as error:
            warnings.warn(f"{self.pool.path_of(version)}: {error.problem}", stacklevel=2)


class SelfPlayCallback(BetweenRollouts):
    """Puts the policy into a pool every so many steps, and lets the games meet those in it.

    Running games go on against whom they had met, unless that one has left the pool: then against
    the newest. Before the first snapshot, all games are against the fixed opponents.
    """

    def __init__(
        self,
        pool: OpponentPool | SeenPool,
        snapshot_freq: int = 50_000,
        vec_env: VecEnv | None = None,
        verbose: int = 0,
        *,
        use_latest: bool = False,
        fixed_share: float = 0.2,
    ) -> None:
        """
        Args:
            snapshot_freq: steps between two snapshots.
            vec_env: the `SkirmishVecEnv` that is trained in; that of the model by default.
            use_latest: meet the newest snapshot alone, in place of all as often.
            fixed_share: of new games, those against whom the environment had met before.
        """
        super().__init__(snapshot_freq, verbose)
        self.pool = pool if isinstance(pool, SeenPool) else SeenPool(pool)
        self._env = vec_env
        self._use_latest = use_latest
        self._fixed_share = fixed_share
        self._fixed: tuple[Rival, ...] = ()
        self._widths: dict[str, int] = {}

    def act(self) -> None:
        """Take a snapshot, and draw opponents from the pool as it is then."""
        self.pool.add(snapshot_of(self.model.policy.network))
        self._games().episodes.meet(self._rivals())
        self.logger.record("self_play/pool_size", len(self.pool.models))

    def counts(self) -> dict[str, Any]:
        """As `state.RemembersCounts`."""
        return {"widths": self.pool.widths()}

    def restore(self, counts: dict[str, Any]) -> None:
        """As `state.RemembersCounts`."""
        self._widths = counts["widths"]

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """As `state.RemembersTensors`."""
        return dict(self.pool.tensors())

    def restore_tensors(self, tensors: dict[str, npt.NDArray[Any]]) -> None:
        """As `state.RemembersTensors`."""
        self.pool.restore(self._widths, tensors)

    def _on_training_start(self) -> None:
        super()._on_training_start()
        episodes = self._games().episodes
        self._fixed = self._fixed or tuple(episodes.rivals)
        # Of a training that goes on: the games that run have the numbers of these.
        episodes.rivals = self._rivals()

    def _games(self) -> SkirmishVecEnv:
        games = self._env or self.model.get_env()
        assert isinstance(games, SkirmishVecEnv)
        return games

    def _rivals(self) -> tuple[Rival, ...]:
        models = self.pool.models[-1:] if self._use_latest else self.pool.models
        if not models:
            return self._fixed
        whole = sum(rival.weight for rival in self._fixed)
        fixed = [Rival(o.player, self._fixed_share * o.weight / whole) for o in self._fixed]
        share = (1 - self._fixed_share) / len(models)
        return (*fixed, *(Rival(model, share) for model in models))


class WinRateVsPoolCallback(BetweenRollouts):
    """Lets the policy play against a snapshot of its pool, and logs how many games it wins.

    Nothing is played before there is a snapshot.
    """

    def __init__(
        self,
        pool: SampledPool,
        eval_freq: int = 50_000,
        n_eval_episodes: int = 20,
        deterministic: bool = True,
        use_latest: bool = False,
        verbose: int = 0,
    ) -> None:
        """
        Args:
            eval_freq: steps between two evaluations.
            deterministic: whether both do what they deem best, in place of drawing.
            use_latest: play the newest snapshot, in place of any.
        """
        super().__init__(eval_freq, verbose)
        self._pool = pool
        self._episodes = n_eval_episodes
        self._deterministic = deterministic
        self._use_latest = use_latest

    def act(self) -> None:
        """Evaluate, and log `self_play/win_rate_vs_pool`."""
        # So that a training that goes on draws the same opponent.
        chance = np.random.default_rng(self.num_timesteps)
        latest = self._pool.sample_latest
        opponent = latest() if self._use_latest else self._pool.sample(chance)
        if opponent is None:
            return
        played = run_episodes_with_model(
            self.policy(),
            model_of(opponent),
            self._episodes,
            self._deterministic,
            seed=self.num_timesteps,
        )
        self.logger.record("self_play/win_rate_vs_pool", played.win_rate)

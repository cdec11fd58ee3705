"""What happens on the way of a training: counts, evaluations, checkpoints. Loads torch.

All of it happens between two rollouts, so that a training that goes on from a checkpoint does the
same again, or finds it done. Callbacks of anybody else are those of Stable-Baselines3.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback

from pipeline.play.arena.learner.episodes import REWARD_PARTS
from pipeline.play.arena.learner.model import LearnedModel, model_of, save_model, snapshot_of
from pipeline.play.arena.matches.evaluation import EvaluationResult, run_episodes_with_model
from pipeline.play.arena.matches.players import Contestant
from pipeline.play.arena.ratings.elo import EloRegistry
from pipeline.play.arena.training.history import (
    MEASURES,
    EvaluatedGames,
    TrainingHistory,
    TrainingPoint,
)
from pipeline.play.simulator.hand_made.scenarios import Scenario
from pipeline.progress import Progress, Report

Played = Mapping[str, EvaluationResult]
"""How evaluations have ended, by opponent."""


class Due:
    """Whether so many steps have gone by once more, counted from the beginning of a training."""

    def __init__(self, every: int) -> None:
        self._every = every
        self._done = 0

    def begin(self, steps: int) -> None:
        """A training begins, or goes on, after so many steps."""
        self._done = steps // self._every

    def is_now(self, steps: int) -> bool:
        """Asked once between two rollouts."""
        now = steps // self._every
        is_due = now > self._done
        self._done = now
        return is_due


class BetweenRollouts(BaseCallback):
    """Does something between two rollouts, and at the end, every so many steps."""

    def __init__(self, every: int, verbose: int = 0) -> None:
        super().__init__(verbose)
        self._due = Due(every)

    def _on_training_start(self) -> None:
        self._due.begin(self.model.num_timesteps)

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        self.num_timesteps = self.model.num_timesteps
        if self._due.is_now(self.num_timesteps):
            self.act()

    def _on_training_end(self) -> None:
        self._on_rollout_start()

    def act(self) -> None:
        """What is done."""
        raise NotImplementedError

    def policy(self) -> LearnedModel:
        """The policy as it is now, changed by nobody else."""
        return model_of(snapshot_of(self.model.policy.network))


class RewardBreakdownCallback(BaseCallback):
    """Logs what the rewards of episodes were the sums of, and how many were won.

    Means over the episodes since the last log, as `reward/<part>`, `rollout/win_rate` and
    `rollout/episodes`.
    """

    def __init__(self, log_freq: int = 1000, verbose: int = 0) -> None:
        """
        Args:
            log_freq: steps between two logs at least; what is left at the end is logged, too.
        """
        super().__init__(verbose)
        self._due = Due(log_freq)
        self._sums = dict.fromkeys((*REWARD_PARTS, "wins", "episodes"), 0.0)

    def counts(self) -> dict[str, Any]:
        """As `state.RemembersCounts`."""
        return dict(self._sums)

    def restore(self, counts: dict[str, Any]) -> None:
        """As `state.RemembersCounts`."""
        self._sums = dict(counts)

    def _on_training_start(self) -> None:
        self._due.begin(self.model.num_timesteps)

    def _on_step(self) -> bool:
        for info in self.locals["infos"]:
            if "reward_parts" in info:
                for name, value in info["reward_parts"].items():
                    self._sums[name] += value
                self._sums["wins"] += info["outcome"] == 1
                self._sums["episodes"] += 1
        return True

    def _on_rollout_end(self) -> None:
        if self._due.is_now(self.num_timesteps):
            self._log()

    def _on_training_end(self) -> None:
        self._log()

    def _log(self) -> None:
        count = self._sums["episodes"]
        if not count:
            return
        for name in REWARD_PARTS:
            self.logger.record(f"reward/{name}", self._sums[name] / count)
        self.logger.record("rollout/win_rate", self._sums["wins"] / count)
        self.logger.record("rollout/episodes", count)
        self._sums = dict.fromkeys(self._sums, 0.0)


class EvaluationCallback(BetweenRollouts):
    """Lets the policy play against others, and keeps the best one.

    Attributes:
        evaluations: all so far.
    """

    def __init__(
        self,
        opponents: Mapping[str, Contestant],
        n_eval_episodes: int,
        eval_freq: int,
        seed: int = 0,
        on_best: Callable[[LearnedModel, int], None] | None = None,
        verbose: int = 0,
        scenarios: Sequence[Scenario] = (),
    ) -> None:
        """
        Args:
            opponents: by the name that they are logged by.
            n_eval_episodes: against each.
            eval_freq: steps between two evaluations.
            seed: of the first episode, the same in each evaluation.
            on_best: told of the policy that has won more than any before, and after how many steps.
            scenarios: set-ups that games begin with; those of their seeds alone without any.
        """
        super().__init__(eval_freq, verbose)
        self._opponents = dict(opponents)
        self._episodes = n_eval_episodes
        self._seed = seed
        self._on_best = on_best
        self._scenarios = tuple(scenarios)
        self.evaluations: tuple[EvaluatedGames, ...] = ()

    def act(self) -> None:
        """Evaluate."""
        policy, before = self.policy(), TrainingHistory(evaluations=self.evaluations).best
        for name, opponent in self._opponents.items():
            played = played_by(policy, opponent, self._episodes, self._seed, self._scenarios)
            self._note(name, played)
        best = TrainingHistory(evaluations=self.evaluations).best
        if self._on_best is not None and best is not None and best != before:
            self._on_best(policy, self.num_timesteps)

    def _note(self, opponent: str, played: EvaluationResult) -> None:
        self.evaluations += (
            EvaluatedGames(
                step=self.num_timesteps,
                opponent=opponent,
                wins=played.wins,
                draws=played.draws,
                losses=played.losses,
                win_rate=played.win_interval,
            ),
        )
        self.logger.record(f"evaluation/{Path(opponent).name}", played.win_rate)


class EloEvalCallback(BetweenRollouts):
    """Lets the policy play against others and counts the games in a registry of ratings.

    Games that were counted before a training was interrupted are not counted again.
    """

    def __init__(
        self,
        opponents: Sequence[str],
        n_eval_episodes: int,
        registry: EloRegistry,
        agent_name: str,
        eval_freq: int,
        seed: int = 0,
        verbose: int = 0,
    ) -> None:
        """
        Args:
            opponents: names of players by script, or paths.
            n_eval_episodes: against each.
            registry: which keeps itself on the disk.
            agent_name: of this policy in it.
            eval_freq: steps between two evaluations.
            seed: of the first episode.
        """
        super().__init__(eval_freq, verbose)
        self._opponents = tuple(opponents)
        self._episodes = n_eval_episodes
        self._registry = registry
        self._agent = agent_name
        self._seed = seed

    def act(self) -> None:
        """Evaluate, and rate."""
        policy = self.policy()
        # So that another training of an agent of this name is not taken for the same games.
        weights = hashlib.sha256(snapshot_of(policy.network).to_bytes()).hexdigest()[:16]
        for opponent in self._opponents:
            played = played_by(policy, opponent, self._episodes, self._seed)
            match = f"{self._agent}:{self.num_timesteps}:{weights}:{opponent}"
            self._registry.update(
                self._agent, opponent, played.score, played.n_episodes, match_id=match
            )
            self.logger.record(f"elo/wins_{Path(opponent).name}", played.win_rate)
        self.logger.record("elo/rating", self._registry.get_rating(self._agent))


class ManifestCheckpointCallback(BetweenRollouts):
    """Writes checkpoints to go on from, and records them at once.

    One is written at the beginning and one at the end, too: what a policy begins as can have taken
    minutes.
    """

    def __init__(self, save_freq: int, save: Callable[[], None], verbose: int = 0) -> None:
        """
        Args:
            save_freq: steps between two of them.
            save: writes one and records it.
        """
        super().__init__(save_freq, verbose)
        self._save = save

    def act(self) -> None:
        """Save."""
        self._save()

    def _on_training_start(self) -> None:
        super()._on_training_start()
        if not self.model.num_timesteps:
            self._save()

    def _on_training_end(self) -> None:
        self._save()


class ManifestEvalCallback(EvaluationCallback):
    """Evaluates, and writes and records the best policy as soon as there is one."""

    def __init__(
        self,
        opponents: Mapping[str, Contestant],
        n_eval_episodes: int,
        eval_freq: int,
        best: Path,
        record: Callable[[Path, int], None],
        seed: int = 0,
        scenarios: Sequence[Scenario] = (),
    ) -> None:
        """
        Args:
            best: the file.
            record: enters it in the manifest, with the steps after which it was the best.

        Others are those of `EvaluationCallback`.
        """

        def keep(policy: LearnedModel, step: int) -> None:
            save_model(policy.network, best)
            record(best, step)

        super().__init__(opponents, n_eval_episodes, eval_freq, seed, keep, scenarios=scenarios)


def played_by(
    policy: LearnedModel,
    opponent: Contestant,
    episodes: int,
    seed: int,
    scenarios: Sequence[Scenario] = (),
) -> EvaluationResult:
    """Episodes in which the policy draws what it does, as it learns it.

    In most steps nothing is to be done, which is then always the likeliest choice: a policy that
    did what is likeliest would hardly act.
    """
    return run_episodes_with_model(
        policy,
        opponent,
        episodes,
        deterministic=False,
        seed=seed,
        env_kwargs={"scenarios": tuple(scenarios)},
    )


class HistoryCallback(BaseCallback):
    """Keeps some of what is logged, for curves, and tells how far a training is.

    Attributes:
        points: so far.
    """

    def __init__(self, every: int, total: int, report: Report) -> None:
        """
        Args:
            every: steps from one point to the next, at least.
            total: steps of the training.
        """
        super().__init__()
        self._due = Due(every)
        self._total = total
        self._report = report
        self._began, self._first = time.monotonic(), 0
        self.points: tuple[TrainingPoint, ...] = ()

    def _on_training_start(self) -> None:
        self._due.begin(self.model.num_timesteps)
        self._began, self._first = time.monotonic(), self.model.num_timesteps

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        # At once after the update, as Stable-Baselines3 records what it measures there.
        if (divergence := self.model.policy.last_divergence) is not None:
            self.logger.record("train/divergence", divergence)

    def _on_rollout_end(self) -> None:
        self._tell()
        logged = self.logger.name_to_value
        if self._due.is_now(self.num_timesteps):
            values = {
                short: round(float(logged[name]), 6)
                for name, short in MEASURES.items()
                if name in logged
            }
            self.points += (TrainingPoint(step=self.num_timesteps, values=values),)

    def _tell(self) -> None:
        seconds = time.monotonic() - self._began
        pace = seconds / max(1, self.num_timesteps - self._first)
        left = max(0, self._total - self.num_timesteps) * pace
        done = min(self.num_timesteps, self._total)
        self._report(Progress("train the policy", done, self._total, seconds, left))

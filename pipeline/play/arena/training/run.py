"""One training, from its opponents to its files. Loads torch and Stable-Baselines3."""

from __future__ import annotations

import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback, CallbackList
from stable_baselines3.common.logger import Logger

from pipeline.files import replacing, write_json, write_text
from pipeline.play.arena.checkpoint_names import (
    checkpoint_best_filename,
    checkpoint_final_stem,
    checkpoint_name_prefix,
    periodic_checkpoint_filename,
)
from pipeline.play.arena.learner.environments import SkirmishVecEnv
from pipeline.play.arena.learner.episodes import LearnerEpisodes
from pipeline.play.arena.learner.model import LearnedModel, load_model, save_model
from pipeline.play.arena.learner.network import ChoiceNetwork
from pipeline.play.arena.learner.policy import ChoicePolicy
from pipeline.play.arena.learner.rivals import Rival
from pipeline.play.arena.opponents.pool import OpponentPool
from pipeline.play.arena.opponents.snapshots import SUFFIX
from pipeline.play.arena.ratings.elo import EloRegistry
from pipeline.play.arena.training.api import LearnedPolicy, run_folder, write_config
from pipeline.play.arena.training.callbacks import (
    EloEvalCallback,
    HistoryCallback,
    ManifestCheckpointCallback,
    ManifestEvalCallback,
    RewardBreakdownCallback,
)
from pipeline.play.arena.training.config import GAME, PolicyTrainingConfig
from pipeline.play.arena.training.history import POINTS, TrainingHistory, curves_of
from pipeline.play.arena.training.logs import LatestValues, WandbCallback, logger_of, wandb_run
from pipeline.play.arena.training.schedule import RolloutSchedule
from pipeline.play.arena.training.self_play import (
    SeenPool,
    SelfPlayCallback,
    WinRateVsPoolCallback,
)
from pipeline.play.arena.training.start import start_of
from pipeline.play.arena.training.state import (
    TrainingState,
    TrainingStateError,
    read_state,
)
from pipeline.play.simulator.scripted import SKILLS
from pipeline.progress import Report
from pipeline.training.library.checkpoints import (
    MANIFEST_FILE,
    CheckpointKind,
    CheckpointManifest,
    CheckpointMissingError,
)
from pipeline.training.library.registry import ModelRegistry, RegistryEntry

STATS_WINDOW = 100
"""Episodes over which Stable-Baselines3 logs means."""


class TrainingRun:
    """One training: its folder, what it is made of, and what is kept while it goes on."""

    def __init__(
        self,
        config: PolicyTrainingConfig,
        checkpoint: Path | None,
        extra_callbacks: tuple[BaseCallback, ...],
        report: Report,
    ) -> None:
        self.config = config
        self.state = None if checkpoint is None else read_state(checkpoint)
        self.folder = run_folder(config, checkpoint)
        self.run_id = self.folder.name if self.state is None else self.state.facts.run_id
        self.manifest = CheckpointManifest(self.folder.parent / MANIFEST_FILE)
        self.report = report
        self.latest = LatestValues()
        self.extra = extra_callbacks
        self.seconds_before = 0.0 if self.state is None else self.state.facts.seconds
        self.began = time.monotonic()

    def carry_out(self) -> LearnedPolicy:
        self._check_state()
        write_config(self.config, self.folder)
        with one_thread():
            # Before minutes of copying: can they be opened?
            rivals = [Rival(self._player(name)) for name in self.config.rivals]
            start = None if self.state is not None else self._start()
            model = self._model((*rivals, *self._copied(start)))
            self._learn(model, start)
        return self._collect(model)

    def _check_state(self) -> None:
        if self.state is None:
            return
        if self.state.facts.config_hash != self.config.digest:
            raise TrainingStateError(
                f"{self.folder} was trained with another configuration, and does not go on with "
                "this one to what it would have come to.",
                "Resume it without changes, or begin another training, in a folder of its own, "
                "with its checkpoint as start_from.",
            )

    def _start(self) -> ChoiceNetwork | None:
        """What the policy begins as."""
        if self.config.start_from is None:
            return None
        network, copied = start_of(self.config, self.config.start_from, self.report)
        if copied is not None:
            with replacing(self.folder / "distilled.json") as fresh:
                write_json(fresh, copied.model_dump())
        save_model(network, self.folder / f"start{SUFFIX}")
        return network

    def _player(self, name: str) -> str | LearnedModel:
        return name if name in SKILLS else load_model(Path(name))

    def _copied(self, start: ChoiceNetwork | None) -> Iterator[Rival]:
        """What the policy began as, where it plays against that."""
        if self.config.start_from is not None and self.config.plays_against_start:
            kept = start or load_model(self.folder / f"start{SUFFIX}").network
            yield Rival(LearnedModel(kept))

    def _model(self, rivals: tuple[Rival, ...]) -> PPO:
        chosen = self.config
        episodes = LearnerEpisodes.start(chosen.n_envs, rivals, chosen.seed, chosen.scenarios)
        with warnings.catch_warnings():
            # The last batch of an update may be smaller, of which Stable-Baselines3 warns.
            warnings.filterwarnings("ignore", "You have specified a mini-batch size")
            return PPO(
                ChoicePolicy,
                SkirmishVecEnv(episodes),
                learning_rate=self._rate(),
                n_steps=chosen.n_steps,
                batch_size=chosen.batch_size,
                n_epochs=chosen.n_epochs,
                gamma=chosen.gamma,
                gae_lambda=chosen.gae_lambda,
                clip_range=chosen.clip_range,
                ent_coef=self._coefficient(),
                vf_coef=chosen.vf_coef,
                max_grad_norm=chosen.max_grad_norm,
                stats_window_size=STATS_WINDOW,
                policy_kwargs={"width": chosen.width},
                seed=chosen.seed,
                device="cpu",
            )

    def _rate(self) -> RolloutSchedule:
        rollout = self.config.n_steps * self.config.n_envs
        return RolloutSchedule(self.config.learning_rate, rollout / self.config.total_timesteps)

    def _coefficient(self) -> float:
        """Of what draws the policy, which is the entropy where it stays near nobody."""
        return self.config.kl_coef if self._stays_near() else self.config.ent_coef

    def _stays_near(self) -> bool:
        return self.config.start_from is not None and self.config.kl_coef > 0

    def _learn(self, model: PPO, start: ChoiceNetwork | None) -> None:
        # Stable-Baselines3 makes them for trainings that begin alone.
        model.ep_info_buffer = deque(maxlen=STATS_WINDOW)
        model.ep_success_buffer = deque(maxlen=STATS_WINDOW)
        steps = 0 if self.state is None else self.state.facts.steps
        is_over = steps >= self.config.total_timesteps
        # That of a training that is over would begin with taking back what was logged last.
        events = self.folder / "tensorboard"
        model.set_logger(Logger(None, []) if is_over else logger_of(events, steps, self.latest))
        callbacks = self._callbacks(model)
        if self.state is not None:
            self.state.restore(model, callbacks)
        elif start is not None:
            model.policy.network.load_state_dict(start.state_dict())
            if self._stays_near():
                share = self.config.ent_coef / self.config.kl_coef
                model.policy.stay_near(start, share)
        if not is_over:
            self._learn_on(model, callbacks)

    def _learn_on(self, model: PPO, callbacks: tuple[BaseCallback, ...]) -> None:
        try:
            model.learn(
                self.config.total_timesteps - model.num_timesteps,
                CallbackList(list(callbacks)),
                reset_num_timesteps=self.state is None,
            )
            # Of the last update, which nothing follows that would log it.
            model.logger.dump(model.num_timesteps)
        finally:
            model.logger.close()

    def _callbacks(self, model: PPO) -> tuple[BaseCallback, ...]:
        """Those that look come before the one that saves: a checkpoint has what they saw."""
        chosen = self.config
        self.shown = HistoryCallback(
            max(chosen.log_freq, chosen.total_timesteps // POINTS),
            chosen.total_timesteps,
            self.report,
        )
        self.evaluated = ManifestEvalCallback(
            {name: name for name in chosen.eval_opponents},
            chosen.n_eval_episodes,
            chosen.eval_freq,
            self.folder / self._named(checkpoint_best_filename),
            lambda file, step: self._record(file, CheckpointKind.BEST, step),
            scenarios=chosen.scenarios,
        )
        if self.state is not None:
            history = self.state.facts.history
            self.shown.points, self.evaluated.evaluations = history.points, history.evaluations
        looking = [
            RewardBreakdownCallback(chosen.log_freq),
            self.shown,
            self.evaluated,
            *self._ratings(),
            *self._self_play(model),
            *self.extra,
            # The last: whether it is there may change, and counts are restored by place.
            *self._sending(),
        ]
        saving = ManifestCheckpointCallback(
            chosen.checkpoint_freq, lambda: self._save(model, looking)
        )
        return (*looking, saving)

    def _ratings(self) -> Iterator[BaseCallback]:
        chosen = self.config
        if chosen.elo_registry is not None:
            yield EloEvalCallback(
                chosen.eval_opponents,
                chosen.n_eval_episodes,
                EloRegistry(chosen.elo_registry),
                chosen.agent_name or self.run_id,
                chosen.eval_freq,
                # Other games than those by which the best policy is chosen.
                seed=chosen.n_eval_episodes,
            )

    def _self_play(self, model: PPO) -> Iterator[BaseCallback]:
        """What plays against snapshots; evaluations come before the newest one is there."""
        chosen = self.config
        if not chosen.enable_self_play:
            return
        folder = chosen.pool_dir or self.folder / "pool"
        pool = SeenPool(
            OpponentPool(folder, chosen.pool_max_size),
            lambda file: self._record_snapshot(file, model.num_timesteps),
        )
        yield WinRateVsPoolCallback(
            pool,
            chosen.pool_eval_freq,
            chosen.n_pool_eval_episodes,
            # As it learns: what it deems likeliest is mostly to do nothing.
            deterministic=False,
            use_latest=chosen.use_latest,
        )
        yield SelfPlayCallback(
            pool,
            chosen.snapshot_freq,
            use_latest=chosen.use_latest,
            fixed_share=chosen.fixed_share,
        )

    def _sending(self) -> Iterator[BaseCallback]:
        if not self.config.enable_wandb:
            return
        told = self.config.model_dump(mode="json")
        run, problem = wandb_run(self.config.wandb_project, self.run_id, told, self.folder)
        if problem is not None:
            warnings.warn(problem, stacklevel=2)
        if run is not None:
            yield WandbCallback(run, self.latest, self.config.log_freq)

    def _save(self, model: PPO, callbacks: list[BaseCallback]) -> None:
        state = TrainingState.of(
            model,
            callbacks,
            run_id=self.run_id,
            config_hash=self.config.digest,
            seconds=self._seconds(),
            history=self._history(),
        )
        name = periodic_checkpoint_filename(
            self._named(checkpoint_name_prefix), model.num_timesteps
        )
        state.write(self.folder / name)
        self._record(self.folder / name, CheckpointKind.PERIODIC, model.num_timesteps)
        self.manifest.prune_periodic(self.folder, keep_last=self.config.keep_last)
        self._draw()

    def _collect(self, model: PPO) -> LearnedPolicy:
        last = self.folder / f"{self._named(checkpoint_final_stem)}{SUFFIX}"
        save_model(model.policy.network, last)
        self._record(last, CheckpointKind.FINAL, model.num_timesteps)
        best = self.folder / self._named(checkpoint_best_filename)
        self._draw()
        return LearnedPolicy(
            config=self.config,
            run_id=self.run_id,
            folder=self.folder,
            weights=best if best.is_file() else last,
            last=last,
            curves=self.folder / "learning-curves.svg",
            tensorboard=self.folder / "tensorboard",
            history=self._history(),
            steps=model.num_timesteps,
            seconds=self._seconds(),
            manifest=self.manifest,
            entry=self._register(best if best.is_file() else last),
        )

    def _draw(self) -> None:
        with replacing(self.folder / "learning-curves.svg") as fresh:
            write_text(fresh, curves_of(self._history(), self.config.total_timesteps))

    def _history(self) -> TrainingHistory:
        return TrainingHistory(points=self.shown.points, evaluations=self.evaluated.evaluations)

    def _seconds(self) -> float:
        return self.seconds_before + time.monotonic() - self.began

    def _named(self, name_of: Callable[..., str]) -> str:
        """A name of `checkpoint_names` in the mode that was chosen."""
        chosen = self.config
        return name_of(
            seed=chosen.seed,
            curriculum_level=chosen.curriculum_level,
            enable_v2=chosen.enable_v2,
        )

    def _record(self, file: Path, kind: CheckpointKind, step: int) -> None:
        self.manifest.register(
            file,
            artifact_type=kind,
            step=step,
            seed=self.config.seed,
            curriculum_level=self.config.curriculum_level,
            run_id=self.run_id,
            config_hash=self.config.digest,
        )

    def _record_snapshot(self, file: Path, step: int) -> None:
        """Record a snapshot, in a pool that the manifest is there for."""
        if file.absolute().is_relative_to(self.folder.parent.absolute()):
            # Where others fill the pool faster, it has left it already.
            with suppress(CheckpointMissingError):
                self._record(file, CheckpointKind.SNAPSHOT, step)

    def _register(self, file: Path) -> RegistryEntry | None:
        if self.config.registry is None:
            return None
        best = self._history().best
        return ModelRegistry(self.config.registry).register(
            GAME,
            self.config.purpose,
            file,
            version=self.config.version,
            metrics={} if best is None else {"win_rate": best[1]},
            run_id=self.run_id,
        )


@contextmanager
def one_thread() -> Iterator[None]:
    """Several threads make it slower, and sums of floats others."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)

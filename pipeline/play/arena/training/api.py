"""Training a policy from Python: `train`, and what it returns."""

from __future__ import annotations

import importlib.util
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import OutpostError
from pipeline.files import make_room, read_json, replacing, write_json
from pipeline.play.arena.training.config import GAME, PolicyTrainingConfig
from pipeline.play.arena.training.history import TrainingHistory
from pipeline.progress import Report, silent
from pipeline.training.library.checkpoints import (
    MANIFEST_FILE,
    CheckpointManifest,
    CheckpointRecord,
    find_checkpoint,
)
from pipeline.training.library.config import require_new_version
from pipeline.training.library.registry import RegistryEntry

if TYPE_CHECKING:
    from stable_baselines3.common.callbacks import BaseCallback

    from pipeline.play.arena.learner.model import LearnedModel

CONFIG_FILE = "config.json"


class LearningUnavailableError(OutpostError):
    """What training by reinforcement takes is not installed."""


class LearnedPolicyError(OutpostError):
    """A training whose folder cannot be written to, or read from."""


@dataclass(frozen=True)
class LearnedPolicy:
    """What a training made.

    Attributes:
        folder: where everything of this training lies.
        weights: the policy that won most in evaluations; the last one where none was made.
        last: the policy after the last step.
        curves: SVG of wins and losses.
        tensorboard: folder for TensorBoard.
        history: what the curves show, and all evaluations.
        seconds: of training, those of earlier parts too.
        manifest: of all checkpoints in the configuration's `checkpoint_dir`.
        entry: in the registry, when one was named.
    """

    config: PolicyTrainingConfig
    run_id: str
    folder: Path
    weights: Path
    last: Path
    curves: Path
    tensorboard: Path
    history: TrainingHistory
    steps: int
    seconds: float
    manifest: CheckpointManifest
    entry: RegistryEntry | None

    @property
    def checkpoints(self) -> tuple[CheckpointRecord, ...]:
        """The records of this training, oldest first."""
        return tuple(r for r in self.manifest.records() if r.run_id == self.run_id)

    def model(self) -> LearnedModel:
        """The policy that won most, ready to play."""
        from pipeline.play.arena.learner.model import load_model

        return load_model(self.weights)

    def write_zip(self, file: Path) -> None:
        """Write the policy that won most for Stable-Baselines3.

        Raises:
            OSError: it cannot be written.
        """
        from pipeline.play.arena.training.zip_files import write_zip

        write_zip(self.model().network, file)


def train(
    config: PolicyTrainingConfig | None = None,
    *,
    extra_callbacks: Sequence[BaseCallback] = (),
    resume: str | Path | None = None,
    report: Report = silent,
    **overrides: Any,
) -> LearnedPolicy:
    """Train a policy in this process, on one thread.

    While it trains, `checkpoint_dir/<run>/` receives checkpoints to go on from, the best policy and
    logs, and `checkpoint_dir/manifest.jsonl` a line for each. A training that was interrupted, at
    whatever moment, and is resumed with its own configuration comes to the same bytes.

    Args:
        config: all defaults when left out; of a resumed training, its own.
        extra_callbacks: of Stable-Baselines3, called after those of the training. One that has
            `counts` and `restore` (`state.RemembersCounts`) goes on counting when it is resumed.
        resume: a checkpoint to go on from, or the folder of a training, which goes on from its
            newest one.
        report: told how far it is.
        overrides: fields of the configuration that differ from `config`.

    Raises:
        TrainingConfigError: an unknown field or an impossible value; also a ValueError.
        CheckpointMissingError: there is nothing to resume; also a FileNotFoundError.
        TrainingStateError: a checkpoint is damaged, or of another training.
        ContestantError, ModelLoadError, SnapshotError: an opponent, or what it starts from, cannot
            be opened.
        LearningUnavailableError: Stable-Baselines3 is not installed.
        OSError: the folder cannot be written to, as on a full disk; what there is, is kept.
    """
    checkpoint = None if resume is None else find_checkpoint(Path(resume))
    base = config or _config_beside(checkpoint) or PolicyTrainingConfig()
    chosen = base.with_changes(**overrides).resolved()
    require_new_version(chosen.registry, GAME, chosen.purpose, chosen.version)
    _check_installed()
    from pipeline.play.arena.training.run import TrainingRun

    return TrainingRun(chosen, checkpoint, tuple(extra_callbacks), report).carry_out()


def go_on(config: PolicyTrainingConfig, report: Report = silent) -> LearnedPolicy:
    """Train, or go on from the newest checkpoint of the same training.

    Args:
        config: its `checkpoint_dir` holds one training at most.

    Raises:
        As `train`.
    """
    manifest = CheckpointManifest(config.checkpoint_dir / MANIFEST_FILE)
    make_room(manifest.file)
    newest = manifest.latest_periodic()
    begun = None if newest is None else manifest.path_of(newest)
    return train(config, resume=begun, report=report)


def run_folder(config: PolicyTrainingConfig, checkpoint: Path | None) -> Path:
    """The folder of a training: of the one that goes on, or a new one."""
    if checkpoint is not None:
        return checkpoint.absolute().parent
    return config.checkpoint_dir / uuid.uuid4().hex[:8]


def write_config(config: PolicyTrainingConfig, folder: Path) -> None:
    """Write the configuration beside what is trained."""
    folder.mkdir(parents=True, exist_ok=True)
    beside = config.with_changes(checkpoint_dir=folder.parent)
    with replacing(folder / CONFIG_FILE) as fresh:
        write_json(fresh, beside.model_dump(mode="json", exclude_unset=True))


def _config_beside(checkpoint: Path | None) -> PolicyTrainingConfig | None:
    """The configuration of the training that wrote a checkpoint, where it is at hand."""
    if checkpoint is None or not (file := checkpoint.absolute().parent / CONFIG_FILE).is_file():
        return None
    return PolicyTrainingConfig(**read_json(file, dict[str, Any], _damaged))


def _check_installed() -> None:
    for name in ("stable_baselines3", "tensorboard"):
        if importlib.util.find_spec(name) is None:
            raise LearningUnavailableError(
                f"{name} is not installed, without which no policy learns by reinforcement.",
                "Install it with `uv sync --extra arena`, or `pip install outpost[arena]`.",
            )


def _damaged(file: Path, error: Exception) -> LearnedPolicyError:
    return LearnedPolicyError(
        f"{file} is no configuration of a training: {error}",
        "Resume with the configuration that it was started with, or begin again.",
    )

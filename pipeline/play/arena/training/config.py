"""The configuration of a training of a policy that plays."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, ValidationError, field_validator

from pipeline.manifests import Record, digest_of
from pipeline.play.arena.learner.settings import WIDTH, DistillationSettings
from pipeline.play.simulator.hand_made.scenarios import Scenario
from pipeline.play.simulator.scripted import SKILLS
from pipeline.training.job import problems_of
from pipeline.training.library.config import TrainingConfigError
from pipeline.training.library.registry import NAME_PATTERN

GAME = "demo"
"""Of policies in a registry."""
WHERE = {
    "checkpoint_dir",
    "registry",
    "version",
    "wandb_project",
    "enable_wandb",
    "total_timesteps",
    "eval_freq",
    "pool_dir",
    "pool_eval_freq",
}
"""Fields that do not change what is learned in a step."""
SELF_PLAY = {
    "enable_self_play",
    "pool_max_size",
    "snapshot_freq",
    "use_latest",
    "fixed_share",
    "n_pool_eval_episodes",
}
"""Fields that change nothing without self-play, with which trainings were begun without them."""


class PolicyTrainingConfig(Record):
    """What is trained, against whom, and what is kept. Instances are read-only.

    Raises:
        TrainingConfigError: an unknown field or an impossible value; also a `ValueError`. The text
            names the field and the nearest one that exists.
    """

    total_timesteps: int = Field(
        1_000_000, ge=1, description="Steps of all games together; whole rollouts are made."
    )
    n_envs: int = Field(256, ge=1, le=65_536, description="Games at the same time.")
    n_steps: int = Field(64, ge=2, description="Of each game between two updates.")
    batch_size: int = Field(4096, ge=2, description="Steps in one of an update's batches.")
    n_epochs: int = Field(2, ge=1, description="Passes of an update.")
    learning_rate: float = Field(
        5e-4, gt=0, le=1, description="At first; it falls to zero behind the last update."
    )
    gamma: float = Field(0.998, gt=0, le=1, description="By which later rewards count less.")
    gae_lambda: float = Field(0.95, ge=0, le=1)
    clip_range: float = Field(0.2, gt=0)
    ent_coef: float = Field(0.01, ge=0, description="Of entropy in the loss.")
    vf_coef: float = Field(0.5, ge=0, description="Of the value in the loss.")
    max_grad_norm: float = Field(0.5, gt=0)
    width: int = Field(WIDTH, ge=4, le=4096, description="Of the network's two layers.")
    curriculum_level: int = Field(
        5, ge=1, le=5, description="Plays against scripted_l1 to scripted_l5."
    )
    opponents: tuple[str, ...] = Field(
        (),
        description="Whom to play against in place of that one, all as often: players by script, "
        "and checkpoints of policies.",
    )
    scenarios: tuple[Scenario, ...] = Field(
        (),
        description="Set-ups that its games, and those of evaluations, begin with, by turns; maps "
        "and set-ups that follow from seeds without any. Ratings are always of games from seeds.",
    )
    start_from: Path | None = Field(
        None,
        description="Folder of cloned policies to begin as a copy of, or a checkpoint to begin "
        "with.",
    )
    kl_coef: float = Field(
        0.02, ge=0, description="Of the divergence from what `start_from` names; 0 for none."
    )
    plays_against_start: bool = Field(
        True, description="What `start_from` names is one of the opponents, too."
    )
    enable_self_play: bool = Field(
        False, description="Plays against itself as it was, too: snapshots in a pool."
    )
    pool_dir: Path | None = Field(
        None, description="Folder of that pool; `pool` in the training's own if None."
    )
    pool_max_size: int = Field(10, ge=1, description="Snapshots that are kept, the newest.")
    snapshot_freq: int = Field(50_000, ge=1, description="Steps between two snapshots.")
    use_latest: bool = Field(
        False, description="Meet the newest snapshot alone, and not all of the pool as often."
    )
    fixed_share: float = Field(
        0.2,
        ge=0,
        le=1,
        description="Of new games with self-play, those against the other opponents; all of them "
        "before there is a snapshot.",
    )
    pool_eval_freq: int = Field(
        500_000, ge=1, description="Steps between evaluations against a snapshot."
    )
    n_pool_eval_episodes: int = Field(20, ge=1, description="Of such an evaluation.")
    distillation: DistillationSettings = Field(
        DistillationSettings(), description="How cloned policies are copied."
    )
    seed: int = Field(42, ge=0, lt=1 << 32)
    checkpoint_dir: Path = Field(
        Path("checkpoints"), description="Receives manifest.jsonl and one folder a training."
    )
    checkpoint_freq: int = Field(
        250_000, ge=1, description="Steps between checkpoints to go on from."
    )
    keep_last: int = Field(3, ge=1, description="Of those checkpoints.")
    eval_freq: int = Field(500_000, ge=1, description="Steps between evaluations.")
    n_eval_episodes: int = Field(50, ge=1, description="Of an evaluation, against each opponent.")
    eval_opponents: tuple[str, ...] = Field(
        ("scripted_l5",), min_length=1, description="Whom an evaluation is against."
    )
    elo_registry: Path | None = Field(
        None, description="File of ratings in which evaluations are counted."
    )
    agent_name: str | None = Field(None, description="In that file; the training's id if None.")
    log_freq: int = Field(1000, ge=1, description="Steps between logs of episodes, at least.")
    enable_wandb: bool = Field(
        True, description="Send logs to Weights & Biases, where WANDB_API_KEY is set."
    )
    wandb_project: str = Field("outpost", min_length=1)
    enable_v2: bool = Field(
        False, description="Name seed and curriculum level in the names of checkpoints."
    )
    registry: Path | None = Field(None, description="Folder of a registry to enter the result in.")
    purpose: str = Field("policy", pattern=NAME_PATTERN, description="For the registry.")
    version: str | None = Field(
        None, pattern=NAME_PATTERN, description="In the registry; None takes the next number."
    )

    if not TYPE_CHECKING:  # A type checker knows the fields better than this signature does.

        def __init__(self, **fields: Any) -> None:
            try:
                super().__init__(**fields)
            except ValidationError as error:
                raise TrainingConfigError(*problems_of(error, "field", type(self))) from error

    @field_validator("opponents", "eval_opponents")
    @classmethod
    def _are_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in SKILLS and not Path(name).exists():
                raise ValueError(
                    f"'{name}' is neither one of {', '.join(SKILLS)} nor a file or folder"
                )
        return names

    def with_changes(self, **changes: Any) -> Self:
        """The same configuration with some fields changed, all of them checked again.

        Raises:
            TrainingConfigError: as for a new one.
        """
        return type(self)(**{**self.model_dump(exclude_unset=True), **changes})

    def resolved(self) -> Self:
        """The same with absolute paths, so that it means the same from another working folder."""
        changed: dict[str, Any] = {}
        for name in ("checkpoint_dir", "start_from", "pool_dir", "registry", "elo_registry"):
            if (path := getattr(self, name)) is not None:
                changed[name] = path.absolute()
        for name in ("opponents", "eval_opponents"):
            players = getattr(self, name)
            changed[name] = tuple(
                one if one in SKILLS else str(Path(one).absolute()) for one in players
            )
        return self.with_changes(**changed)

    @property
    def rivals(self) -> tuple[str, ...]:
        """Names and checkpoints of whom it plays against."""
        return self.opponents or (f"scripted_l{self.curriculum_level}",)

    @property
    def digest(self) -> str:
        """Of all that changes what is learned."""
        # Trainings without either have the digest that they had before there was any.
        silent = WHERE if self.enable_self_play else WHERE | SELF_PLAY
        silent = silent if self.scenarios else silent | {"scenarios"}
        return digest_of(self.model_dump(mode="json", exclude=silent))[:16]

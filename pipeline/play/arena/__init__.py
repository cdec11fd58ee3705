"""The arena: policies that play against each other, and against themselves as they were.

Read `matches` (games, and how often one wins), `ratings` (from games to ratings), `opponents` (a
pool of policies as they were), `curriculum` (from small games to large ones), `exploitability` (how
much a policy loses to whoever knows it), `learner` (a policy that learns by playing), `training`
(how it does), `league` (how it does in rounds, against itself), `benchmarks` (what policies can,
with criteria) and `checkpoint_names`. Checkpoints of policies are in the same manifest as
detectors', and registered in the same registry, of `pipeline.training`. What they learn in is
`pipeline.play.simulator.environments`.
"""

from pipeline.play.arena.checkpoint_names import (
    checkpoint_best_filename,
    checkpoint_final_stem,
    checkpoint_name_prefix,
    parse_step_from_checkpoint_name,
)
from pipeline.play.arena.curriculum import CurriculumScheduler, CurriculumStage
from pipeline.play.arena.exploitability.pool_gaps import nash_exploitability_proxy
from pipeline.play.arena.matches.evaluation import (
    EvaluationResult,
    evaluate,
    evaluate_detailed,
    evaluate_team_vs_pool,
    evaluate_vs_pool,
    run_episodes_with_model,
)
from pipeline.play.arena.opponents.pool import OpponentPool, TeamOpponentPool
from pipeline.play.arena.opponents.snapshots import PolicySnapshot
from pipeline.play.arena.ratings.elo import EloRegistry, TeamEloRegistry
from pipeline.play.arena.training.api import LearnedPolicy, train
from pipeline.play.arena.training.config import PolicyTrainingConfig as TrainingConfig
from pipeline.training.library.checkpoints import CheckpointKind, CheckpointManifest
from pipeline.training.library.registry import ModelRegistry

__all__ = [
    "CheckpointKind",
    "CheckpointManifest",
    "CurriculumScheduler",
    "CurriculumStage",
    "EloRegistry",
    "EvaluationResult",
    "LearnedPolicy",
    "ModelRegistry",
    "OpponentPool",
    "PolicySnapshot",
    "TeamEloRegistry",
    "TeamOpponentPool",
    "TrainingConfig",
    "checkpoint_best_filename",
    "checkpoint_final_stem",
    "checkpoint_name_prefix",
    "evaluate",
    "evaluate_detailed",
    "evaluate_team_vs_pool",
    "evaluate_vs_pool",
    "nash_exploitability_proxy",
    "parse_step_from_checkpoint_name",
    "run_episodes_with_model",
    "train",
]

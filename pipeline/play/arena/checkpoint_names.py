"""How checkpoints of policies are called, in two modes.

The plain mode has one policy in a folder; the other names the training's seed and curriculum level,
so that several share one. Periodic ones have the prefix, the step and `_steps`, which is how
Stable-Baselines3 names its own.
"""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.play.arena.opponents.snapshots import SUFFIX

STEM = "ppo_skirmish"
STEP = re.compile(r"_(\d{1,18})_steps$")


def checkpoint_name_prefix(*, seed: int, curriculum_level: int, enable_v2: bool) -> str:
    """How the names of periodic checkpoints begin."""
    return f"{STEM}_s{seed}_c{curriculum_level}" if enable_v2 else STEM


def periodic_checkpoint_filename(prefix: str, step: int) -> str:
    """The name of the checkpoint after so many steps."""
    return f"{prefix}_{step}_steps{SUFFIX}"


def checkpoint_final_stem(*, seed: int, curriculum_level: int, enable_v2: bool) -> str:
    """The name of the last checkpoint, without what follows the dot."""
    prefix = checkpoint_name_prefix(
        seed=seed, curriculum_level=curriculum_level, enable_v2=enable_v2
    )
    return f"{prefix}_final"


def checkpoint_best_filename(*, seed: int, curriculum_level: int, enable_v2: bool) -> str:
    """The name of the checkpoint that did best."""
    if not enable_v2:
        return f"best_model{SUFFIX}"
    return f"{STEM}_s{seed}_c{curriculum_level}_best{SUFFIX}"


def parse_step_from_checkpoint_name(path: Path) -> int | None:
    """After how many steps a periodic checkpoint was written; None of all others."""
    found = STEP.search(path.stem)
    return int(found[1]) if found else None

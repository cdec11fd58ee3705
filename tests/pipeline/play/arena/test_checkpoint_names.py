"""Names of checkpoints in both modes, and the steps that are read from them."""

from pathlib import Path

import pytest

from pipeline.play.arena.checkpoint_names import (
    checkpoint_best_filename,
    checkpoint_final_stem,
    checkpoint_name_prefix,
    parse_step_from_checkpoint_name,
    periodic_checkpoint_filename,
)


@pytest.mark.parametrize(
    ("enable_v2", "prefix", "final", "best"),
    [
        (False, "ppo_skirmish", "ppo_skirmish_final", "best_model.safetensors"),
        (
            True,
            "ppo_skirmish_s7_c3",
            "ppo_skirmish_s7_c3_final",
            "ppo_skirmish_s7_c3_best.safetensors",
        ),
    ],
)
def test_names_of_a_mode(enable_v2: bool, prefix: str, final: str, best: str) -> None:
    assert checkpoint_name_prefix(seed=7, curriculum_level=3, enable_v2=enable_v2) == prefix
    assert checkpoint_final_stem(seed=7, curriculum_level=3, enable_v2=enable_v2) == final
    assert checkpoint_best_filename(seed=7, curriculum_level=3, enable_v2=enable_v2) == best


@pytest.mark.parametrize("suffix", [".safetensors", ".zip"])
def test_the_step_of_a_periodic_checkpoint(suffix: str) -> None:
    file = Path("pool", periodic_checkpoint_filename("ppo_skirmish_s7_c3", 50_000))
    assert parse_step_from_checkpoint_name(file.with_suffix(suffix)) == 50_000


@pytest.mark.parametrize("name", ["ppo_skirmish_final.zip", "ppo__steps.zip", "a_1_steps_b.zip"])
def test_other_names_have_no_step(name: str) -> None:
    assert parse_step_from_checkpoint_name(Path(name)) is None

"""Values out of range in the launchpad are told by field, in our own words."""

from typing import Any, Self

import dagster as dg
import pytest
from pydantic import Field, model_validator

from assets.core.launchpad import LaunchpadConfig, LaunchpadError
from assets.core.runs import materialize
from assets.definitions import build_definitions


@pytest.mark.parametrize(
    ("asset", "op", "config", "problem"),
    [
        ("cvat_merge", "cvat_merge", {"seed": -1}, "seed: must be at least 0 (got -1)"),
        (
            "cvat_merge",
            "cvat_merge",
            {"oversample_real": 0, "seed": -3},
            "oversample_real: must be at least 1 (got 0); seed: must be at least 0 (got -3)",
        ),
        ("trained_weights", "training", {"epochs": 0}, "epochs: must be at least 1 (got 0)"),
        ("trained_weights", "training", {"imgsz": 16}, "imgsz: must be at least 128 (got 16)"),
        (
            "trained_weights",
            "training",
            {"finetune_epochs": -2},
            "finetune_epochs: must be at least 1 (got -2)",
        ),
        ("real_evaluation", "real_evaluation", {"seed": -1}, "seed: must be at least 0 (got -1)"),
    ],
)
def test_a_value_out_of_range_is_told_by_field(
    toy_game: Any, asset: str, op: str, config: dict[str, Any], problem: str
) -> None:
    with toy_game.instance() as instance, pytest.raises(LaunchpadError) as caught:
        materialize(
            build_definitions(toy_game.pack),
            instance,
            [dg.AssetKey(["toy", asset])],
            config={f"toy__{op}": {"config": config}},
        )
    assert caught.value.problem == problem
    assert "launchpad" in caught.value.fix


def test_every_kind_of_limit_has_words() -> None:
    class Config(LaunchpadConfig):
        share: float = Field(0.5, gt=0, lt=1)
        count: int = Field(1, le=9)

    with pytest.raises(LaunchpadError) as caught:
        Config(share=0.0, count=10)
    assert (
        caught.value.problem
        == "share: must be more than 0 (got 0.0); count: must be at most 9 (got 10)"
    )
    with pytest.raises(LaunchpadError, match="share: must be less than 1"):
        Config(share=1.0)
    assert Config(share=0.2, count=9).count == 9


def test_what_concerns_several_fields_is_told_like_a_limit() -> None:
    class Config(LaunchpadConfig):
        least: int = 1
        most: int = 2

        @model_validator(mode="after")
        def _in_order(self) -> Self:
            if self.least > self.most:
                raise ValueError("least must be at most most")
            return self

    assert Config(least=2).most == 2
    with pytest.raises(LaunchpadError, match=r"^least must be at most most") as caught:
        Config(least=3)
    assert "launchpad" in caught.value.fix

"""Provenance: the input key changes with what decides the content, and with nothing else."""

import pytest

from pipeline.provenance import ArtifactVersion, Recipe, code_version_behind, code_version_of


def recipe(**changes: object) -> Recipe:
    given: dict[str, object] = {
        "asset": "demo/sprites",
        "code_version": "c1",
        "config": {"seed": 1, "names": ["a", "b"]},
        "inputs": (ArtifactVersion(asset="demo/game_files", data_version="d1"),),
    }
    return Recipe.model_validate({**given, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"asset": "demo/other"},
        {"partition": "batch"},
        {"code_version": "c2"},
        {"config": {"seed": 2, "names": ["a", "b"]}},
        {"config": {"seed": 1, "names": ["b", "a"]}},
        {"inputs": (ArtifactVersion(asset="demo/game_files", data_version="d2"),)},
        {"inputs": ()},
    ],
)
def test_everything_that_decides_the_content_changes_the_key(changes: dict[str, object]) -> None:
    assert recipe(**changes).input_key != recipe().input_key


def test_the_order_of_configuration_keys_does_not_matter() -> None:
    assert recipe(config={"names": ["a", "b"], "seed": 1}).input_key == recipe().input_key


def test_code_version_covers_every_module_of_a_package() -> None:
    assert code_version_of("pipeline.labels") != code_version_of("pipeline.labels.boxes")
    assert code_version_of("pipeline.labels") == code_version_of("pipeline.labels")


def test_code_version_of_an_unknown_module_fails() -> None:
    with pytest.raises(ModuleNotFoundError):
        code_version_of("pipeline.no_such_module")


def test_a_module_that_counts_whole_changes_the_code_version() -> None:
    root = "pipeline.labels.boxes"
    versions = {
        code_version_behind(root),
        code_version_behind(root, whole=("detector_runtime.geometry",)),
        code_version_behind(root, whole=("detector_runtime",)),
    }
    assert len(versions) == 3

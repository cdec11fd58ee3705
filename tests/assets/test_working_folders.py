"""Working folders: one run at a time, and what was interrupted is gone on with."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from assets.core.working_folders import (
    InterruptedWorkError,
    WorkingFolderBusyError,
    working_folder,
)
from pipeline.errors import OutpostError
from pipeline.provenance import Recipe
from resources.paths import Paths

RECIPE = Recipe(
    asset="demo/arena/league", partition=None, code_version="1", config={}, inputs=()
)  # fmt: skip


def test_two_runs_do_not_work_on_the_same(tmp_path: Path) -> None:
    paths = Paths.below(tmp_path)

    def work() -> None:
        with working_folder(RECIPE, paths):
            pass

    with (
        working_folder(RECIPE, paths) as folder,
        ThreadPoolExecutor() as others,
        pytest.raises(WorkingFolderBusyError, match="Another run is making demo/arena/league"),
    ):
        others.submit(work).result()
    assert not folder.exists()


def test_what_was_interrupted_is_gone_on_with_by_the_same_recipe_alone(tmp_path: Path) -> None:
    paths = Paths.below(tmp_path)
    with pytest.raises(KeyboardInterrupt), working_folder(RECIPE, paths) as folder:
        (folder / "begun").touch()
        raise KeyboardInterrupt
    with working_folder(RECIPE.model_copy(update={"config": {"games": 2}}), paths) as other:
        assert not (other / "begun").exists()
    with working_folder(RECIPE, paths) as again:
        assert (again / "begun").exists()
    assert not folder.exists()


def test_what_cannot_be_gone_on_with_is_named_with_its_folder(tmp_path: Path) -> None:
    def fail() -> Path:
        with working_folder(RECIPE, Paths.below(tmp_path)) as folder:
            (folder / "begun").touch()
            raise OutpostError("It is damaged.", "Mend it.")

    with pytest.raises(OutpostError, match=r"^It is damaged") as first:
        fail()
    assert not isinstance(first.value, InterruptedWorkError)
    (folder,) = Paths.below(tmp_path).state.jobs.iterdir()
    with pytest.raises(InterruptedWorkError, match="It is damaged") as second:
        fail()
    assert str(folder) in second.value.problem
    assert second.value.fix.startswith("Mend it. Or remove that folder")

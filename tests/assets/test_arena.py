"""The arena as assets: what a killed run had begun is gone on with, and what pages show."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from doubles.pages import shown

from assets.core.building import NotMaterializedError
from assets.core.keys import GameKeys
from assets.core.launchpad import LaunchpadError
from assets.core.runs import CheckFailedError, materialize
from assets.definitions import build_definitions
from assets.graph.play.arena import (
    ArenaBenchmarksConfig,
    ArenaLeagueConfig,
    ArenaPolicyConfig,
)
from pipeline.play.arena.artifacts.arena_league import ArenaLeague
from pipeline.play.arena.artifacts.arena_policy import ArenaPolicy
from pipeline.play.arena.training.api import go_on
from resources.defaults import Resources
from resources.instance import open_instance
from resources.paths import Paths

KEYS = GameKeys("demo")
ROOT = Path(__file__).parents[2]
TINY: dict[str, Any] = {
    "from_clone": False, "envs": 8, "steps": 4096, "width": 8, "games": 2,
    "opponents": ["scripted_l1"],
}  # fmt: skip
OPS: dict[str, Any] = {
    "demo__arena__policy": TINY,
    "demo__arena__league": {
        "rounds": 1, "steps": 512, "response_steps": 512, "games": 2, "envs": 8,
        "opponents": ["random"],
    },
    "demo__arena__ratings": {"games": 2},
    "demo__arena__benchmarks": {
        "generalist": False, "historical": False, "games": 2, "finetune_steps": 512, "envs": 8,
        "opponent": "random",
    },
}  # fmt: skip


class Arena:
    """A state folder, and Dagster's instance of it."""

    def __init__(self, home: Path, instance: dg.DagsterInstance) -> None:
        self.resources = Resources.of(Paths.below(home))
        self.instance = instance
        self.definitions = build_definitions("demo", {"paths": self.resources.paths})

    def make(self, key: dg.AssetKey, **config: Any) -> dict[str, Any]:
        """Materialize; what the page shows then."""
        op = key.to_python_identifier()
        ops = {op: {"config": {**OPS[op], **config}}}
        # Policies of a moment play no better than by chance, which is a failed check.
        with contextlib.suppress(CheckFailedError):
            materialize(self.definitions, self.instance, [key], config=ops)
        return shown(self.instance, key)


@pytest.fixture
def arena(tmp_path: Path) -> Iterator[Arena]:
    home = tmp_path / "home"
    with open_instance(Resources.of(Paths.below(home)).state) as instance:
        yield Arena(home, instance)


def kill_when_it_has_begun(home: Path) -> None:
    """Materialize the policy in another process, and kill that after its first checkpoint."""
    command = [sys.executable, str(ROOT / "tests/doubles/killed_arena.py"), str(home)]
    process = subprocess.Popen([*command, json.dumps(TINY)], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 240
        while not list(home.glob("jobs/arena-policy-*/*/*_steps.safetensors")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait()


@pytest.mark.exhaustive
def test_the_arena_goes_on_after_a_kill_and_shows_itself(arena: Arena, tmp_path: Path) -> None:
    kill_when_it_has_begun(tmp_path / "home")
    assert arena.instance.get_latest_materialization_event(KEYS.arena_policy) is None
    (begun,) = (tmp_path / "home" / "jobs").glob("arena-policy-*/*/config.json")
    page = arena.make(KEYS.arena_policy)
    assert not begun.exists(), "the working folder is removed"
    policy = ArenaPolicy.open(Path(page["folder"]))
    uninterrupted = go_on(ArenaPolicyConfig(**TINY).training(None, tmp_path / "alone"))
    assert (policy.folder / "last.safetensors").read_bytes() == uninterrupted.last.read_bytes()
    assert policy.facts.history.evaluations == uninterrupted.history.evaluations
    assert page["steps"] == 4096
    assert [one.games for one in policy.facts.judged] == [2, 2]
    assert "wins and losses by step" in page["preview"]
    assert "/webp)" in page["preview"]
    assert arena.make(KEYS.arena_policy)["outcome"] == "unchanged, no work done"

    page = arena.make(KEYS.arena_league)
    league = ArenaLeague.open(Path(page["folder"]))
    assert (page["rounds"], page["matches"], page["games"]) == (1, 3, 6)
    assert "| round 1 |" in page["policies"]
    assert "who wins against whom" in page["preview"]
    assert league.policy_of(league.standing.rounds[0]).is_file()

    page = arena.make(KEYS.arena_ratings)
    # Two policies and six players by script.
    assert (page["matches"], page["games"]) == (28, 56)
    assert "| scripted_l5 | 1" in page["ratings"]
    page = arena.make(KEYS.arena_benchmarks)
    assert page["transfer"] in ("pass", "fail")
    assert "drop of wins, zero-shot" in page["criteria"]
    assert not list((tmp_path / "home" / "jobs").iterdir())


def test_what_cannot_be_made_is_said_before_anything_is_played(arena: Arena) -> None:
    with pytest.raises(NotMaterializedError, match="demo/play/policies has not been"):
        arena.make(KEYS.arena_policy, from_clone=True)
    with pytest.raises(NotMaterializedError, match="demo/arena/policy has not been"):
        arena.make(KEYS.arena_league)
    with pytest.raises(NotMaterializedError, match="demo/arena/league has not been"):
        arena.make(KEYS.arena_ratings)
    with pytest.raises(LaunchpadError, match="one of transfer, generalist and historical must be"):
        arena.make(KEYS.arena_benchmarks, transfer=False)
    with pytest.raises(LaunchpadError, match=r"or the file of a policy \(got scripted_l9\)"):
        arena.make(KEYS.arena_policy, opponents=["scripted_l9"])
    with pytest.raises(LaunchpadError, match=r"scripted_l5 \(got pyproject.toml\)"):
        arena.make(KEYS.arena_league, opponents=["pyproject.toml"])
    with pytest.raises(LaunchpadError, match="opponent: must be one of random, scripted_l1"):
        arena.make(KEYS.arena_benchmarks, opponent="scripted_l9")
    assert not list((arena.resources.state.jobs).glob("*"))


def test_who_learns_against_a_file_learns_against_its_bytes(tmp_path: Path) -> None:
    opponent = tmp_path / "opponent.safetensors"
    config = ArenaPolicyConfig(opponents=["scripted_l1"])
    assert config.recipe == config.model_dump(mode="json")
    recipes = []
    for held in (b"one", b"another", b"one"):
        opponent.write_bytes(held)
        recipes.append(ArenaPolicyConfig(opponents=[str(opponent)]).recipe)
    assert recipes[0] == recipes[2] != recipes[1]


def test_the_launchpad_explains_itself() -> None:
    for config in (ArenaPolicyConfig, ArenaLeagueConfig, ArenaBenchmarksConfig):
        assert all(field.description for field in config.model_fields.values())
    with pytest.raises(LaunchpadError, match="setups: must be at most 20"):
        ArenaBenchmarksConfig(setups=21)
    plan = ArenaBenchmarksConfig(generalist=False, games=8).plan()
    assert plan.transfer is not None
    assert (plan.transfer.games, plan.generalist) == (8, None)


def test_the_launchpad_takes_what_the_how_to_shows() -> None:
    page = (ROOT / "docs" / "how-to" / "train-by-reinforcement.md").read_text("utf-8")
    config: dict[str, Any] = yaml.safe_load(page.split("```yaml\n")[1].split("```")[0])
    job = build_definitions("demo").resolve_implicit_global_asset_job_def()
    validated = dg.validate_run_config(job, config)["ops"]
    for op, given in config["ops"].items():
        assert {name: validated[op]["config"][name] for name in given["config"]} == given["config"]


def test_games_that_are_not_played_have_no_arena() -> None:
    keys = build_definitions("wesnoth").resolve_asset_graph().get_all_asset_keys()
    assert not [key for key in keys if "arena" in key.path]

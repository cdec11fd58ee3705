"""Which games the demo and the server take."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.cli.app import _outpost
from assets.core.keys import GameKeys
from assets.definitions import build_definitions, games_served
from assets.operations import demo
from assets.operations.demo import DemoOptions, NotDrawnError, run_demo
from assets.operations.dev import prepare_to_serve
from pipeline.games.pack import PackError, load_pack, pack_names
from resources.defaults import Resources
from resources.paths import Paths


def test_the_demo_refuses_an_installed_game_before_it_writes_anything(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    with pytest.raises(NotDrawnError, match="Age of Empires II") as raised:
        run_demo(Resources.of(Paths.below(home)), DemoOptions(pack="aoe2"))
    assert "OUTPOST_GAMES=aoe2" in raised.value.fix
    assert not home.exists()


def test_what_is_asked_for_reaches_the_steps_that_it_is_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = load_pack("demo")
    definitions = build_definitions(pack, Resources.of(Paths.below(tmp_path)).by_name())
    asked: list[Any] = []

    def record(_definitions: object, _instance: object, made: object, *, config: Any) -> list[Any]:
        asked.append((made, config))
        return []

    monkeypatch.setattr(demo, "materialize", record)
    keys, options = GameKeys.of(pack), DemoOptions(epochs=3, oversample=2)
    nothing: Any = None
    list(demo._from_annotation_on(definitions, nothing, keys, (), options))
    ((made, config),) = asked
    assert made == keys.after_annotation
    assert config == {
        "demo__cvat_merge": {"config": {"oversample_real": 2}},
        "demo__training": {"config": {"epochs": 3}},
    }
    job = definitions.resolve_implicit_global_asset_job_def()
    chosen = job.get_subset(asset_selection=set(made))
    assert dg.validate_run_config(chosen, {"ops": config})


@pytest.mark.parametrize("value", [None, "", " ", ",", " , "])
def test_the_built_in_game_is_served_where_none_is_named(
    value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OUTPOST_GAMES", raising=False)
    if value is not None:
        monkeypatch.setenv("OUTPOST_GAMES", value)
    assert games_served() == ("demo",)


def test_several_games_are_served_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTPOST_GAMES", " aoe2, demo,")
    assert games_served() == ("aoe2", "demo")


def test_serving_an_unknown_game_names_the_known_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTPOST_GAMES", "age_of_umpires")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))  # Put back after the test: serving sets it.
    with pytest.raises(PackError, match="age_of_umpires") as raised:
        prepare_to_serve(Resources.of(Paths.below(tmp_path)), "127.0.0.1", 3000)
    for name in pack_names():
        assert name in raised.value.fix


@pytest.mark.parametrize(("checkout", "command"), [(True, "uv run outpost"), (False, "outpost")])
def test_the_command_to_go_on_with_is_the_one_that_is_there(
    checkout: bool, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resources.state.is_checkout", lambda: checkout)
    assert _outpost() == command

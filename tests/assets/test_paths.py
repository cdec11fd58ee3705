"""One state folder for everything: who gives other `paths` to the definitions moves all of it."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from doubles.exports import write_export
from PIL import Image
from typer.testing import CliRunner

from assets.cli.app import app
from assets.core.building import latest_version
from assets.core.keys import GameKeys
from assets.core.runs import materialize, register_batches
from assets.definitions import build_definitions
from pipeline.games.pack import load_pack
from resources.defaults import Resources
from resources.game_files import GameFiles
from resources.gpu.factory import provider_of
from resources.gpu.leases.rented import RentedProvider
from resources.gpu.resource import Gpu
from resources.gpu.settings import Provider
from resources.paths import Paths

IMAGES = 4


@pytest.fixture
def forbidden(tmp_path: Path) -> Path:
    """Where nobody can write, not even root: it would lie below a file."""
    file = tmp_path / "a file"
    file.write_text("")
    return file / "state"


@pytest.fixture
def elsewhere(tmp_path: Path, forbidden: Path, monkeypatch: pytest.MonkeyPatch) -> Resources:
    """A state folder that the environment does not name: that of `toy_game`, where a test asks for
    it first."""
    monkeypatch.setenv("OUTPOST_HOME", str(forbidden))
    return Resources.of(Paths.below(tmp_path / "home"))


WITH_STATE = {"artifacts", "contributions", "exports", "game", "gpu", "screenshots"}
WITHOUT_STATE = {"paths", "cvat", "releases"}
"""Resources that keep nothing in the state folder."""


@pytest.mark.parametrize("name", sorted(WITH_STATE))
def test_every_resource_follows_other_paths(
    name: str, tmp_path: Path, forbidden: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTPOST_HOME", str(forbidden))
    paths = Paths.below(tmp_path)

    resources = build_definitions("demo", {"paths": paths}).resources or {}

    assert resources["paths"] is paths
    assert name in resources.keys() - WITHOUT_STATE
    assert resources[name].paths.state.root == tmp_path


def test_no_resource_is_left_out_of_these_tests() -> None:
    resources = build_definitions("demo").resources or {}
    with_paths = {name for name, resource in resources.items() if hasattr(resource, "paths")}
    assert resources.keys() - with_paths == WITHOUT_STATE
    assert with_paths == WITH_STATE


def test_assets_and_galleries_are_made_where_other_paths_say(
    toy_game: Any, elsewhere: Resources
) -> None:
    key = GameKeys("toy").synthetic_set
    definitions = build_definitions(toy_game.pack, {"paths": elsewhere.paths})
    config = {"toy__synthetic_set": {"config": {"images": IMAGES}}}

    with toy_game.instance() as instance:
        (made,) = materialize(definitions, instance, [key], config=config)
    shown = CliRunner().invoke(app, ["gallery", "toy/synthetic_set"], obj=elsewhere)

    folder = elsewhere.state.artifacts / "toy" / "synthetic_set"
    assert [entry for entry in folder.iterdir() if made.data_version.startswith(entry.name)]
    assert shown.exit_code == 0, shown.output
    assert Path(shown.stdout.strip()).parent.parent == elsewhere.state.galleries


def test_exports_are_read_where_other_paths_say(tmp_path: Path, elsewhere: Resources) -> None:
    pack, keys = load_pack("demo"), GameKeys("demo")
    write_export(
        elsewhere.exports.path("demo") / "harbour.zip",
        {"a_00.png": Image.new("RGB", (64, 48), (60, 120, 60))},
        ["sheep"],
        [("a_00.png", "sheep", (4, 5, 20, 16))],
    )
    definitions = build_definitions(pack, {"paths": elsewhere.paths})

    with dg.DagsterInstance.ephemeral(str(tmp_path)) as instance:
        (batch,) = register_batches(instance, pack, elsewhere.exports, elsewhere.artifacts.store)
        materialize(definitions, instance, [keys.cvat_export], partition=batch)
        version = latest_version(instance, keys.cvat_export, batch)

    assert version is not None
    assert elsewhere.artifacts.store.problems_of(version) == ()


def test_games_are_read_and_remembered_where_other_paths_say(
    tmp_path: Path, elsewhere: Resources
) -> None:
    pack = load_pack("demo")
    assert elsewhere.game.located(pack) == elsewhere.state.drawn_game("demo")
    installed = GameFiles(paths=elsewhere.paths, folder=str(tmp_path / "game"))
    for name in (f"{pack.sprites.folder}/a_x1.sld", f"{pack.terrain.folder}/g_grs.dds"):
        file = tmp_path / "game" / name
        file.parent.mkdir(parents=True)
        file.write_bytes(b"some bytes")

    installed.index(tmp_path / "game", pack, lambda _: None)

    assert (elsewhere.state.caches / "demo-digests.json").is_file()
    assert installed.extraction_options(pack).cache == elsewhere.state.caches / "demo-sprites"


def test_leases_are_kept_where_other_paths_say(
    elsewhere: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNPOD_API_KEY", "key")

    gpu = Gpu(paths=elsewhere.paths, provider=Provider.RUNPOD)
    provider = provider_of(gpu, gpu.paths.state.gpu)

    assert isinstance(provider, RentedProvider)
    assert provider.terms.ledger.folder == elsewhere.state.gpu
    assert (elsewhere.state.gpu / "id_ed25519").is_file()


def test_commands_work_where_the_environment_says_without(
    tmp_path: Path, forbidden: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "")  # Put back after the test: commands set it.
    monkeypatch.setenv("OUTPOST_HOME", str(tmp_path / "home"))
    assert CliRunner().invoke(app, ["gc"]).exit_code == 0
    monkeypatch.setenv("OUTPOST_HOME", str(forbidden))

    refused = CliRunner().invoke(app, ["gc"])

    assert refused.exit_code == 1
    assert "OUTPOST_HOME" in refused.output

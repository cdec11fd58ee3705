"""`outpost deploy`: words and names of targets, what the list says, and the page of the package."""

import json
import os
import shlex
import shutil
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from doubles.releases import new_version
from doubles.targets import run_in_this_process
from typer.testing import CliRunner

from assets.cli.app import app
from detector_runtime import ModelUpdater
from pipeline.games.pack import pack_folder
from resources.defaults import Resources
from resources.deployment.records import DeploymentRecords
from resources.deployment.targets import TargetSettings
from resources.gpu.leases.file_lock import hold_lock
from resources.instance import open_instance
from resources.paths import Paths


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Resources:
    """A state folder, for whose targets no Python is started."""
    run_in_this_process(monkeypatch)
    return Resources.of(Paths.below(tmp_path / "home"))


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("bundles")
    first, second = (new_version(folder / name).package.bundle for name in ("first", "second"))
    return str(first), str(second)


def run(home: Resources, *words: str, exits: int = 0) -> Any:
    """An `outpost deploy` command; what it prints as JSON, or as text where it fails."""
    found = CliRunner().invoke(app, ["deploy", *words, "--json"], obj=home)
    assert found.exit_code == exits, found.output
    return json.loads(found.stdout) if found.stdout else found.output


def text(home: Resources, *words: str) -> str:
    found = CliRunner().invoke(app, ["deploy", *words], obj=home)
    assert found.exit_code == 0, found.output
    return found.output


def test_what_is_live_is_listed(home: Resources, bundles: tuple[str, str], tmp_path: Path) -> None:
    first, second = bundles
    folder = str(tmp_path / "models")
    assert "Nothing was deployed" in text(home, "list")

    made = run(home, folder, "--model", first)
    assert (made["target"]["name"], made["origin"], made["was_live"]) == (folder, first, False)
    assert run(home, "--model", first, folder)["was_live"] is True
    said = text(home, "to", folder, "--model", second)
    assert f"outpost deploy rollback {folder}" in said
    assert f"get_detector({folder!r})" in said

    (one,) = run(home, "list")
    assert (one["verdict"], one["place"]) == ("live", folder)
    live = one["state"]["current"]
    assert live["installed_by"] == one["record"]["by"]
    assert live["files"] == one["record"]["files"]
    assert [before["version"] for before in one["state"]["earlier"]] == [
        made["state"]["current"]["version"]
    ]
    assert "live" in text(home, "list")

    back = run(home, "rollback", folder)
    assert back["state"]["current"]["version"] == made["state"]["current"]["version"]
    (one,) = run(home, "list")
    assert (one["verdict"], one["record"]["origin"]) == ("live", "rolled back")


def test_the_way_back_is_shown_as_a_shell_takes_it(
    home: Resources, bundles: tuple[str, str], tmp_path: Path
) -> None:
    folder = str(tmp_path / "the user's models")
    run(home, folder, "--model", bundles[0])
    line = text(home, folder, "--model", bundles[1]).strip().splitlines()[-1]
    assert line.startswith("Back again: outpost deploy rollback ")
    if os.name != "nt":
        assert shlex.split(line)[-1] == folder


def test_the_list_asks_the_target(
    home: Resources, bundles: tuple[str, str], tmp_path: Path
) -> None:
    first, second = bundles
    folder = tmp_path / "models"
    version = run(home, str(folder), "--model", first)["state"]["current"]["version"]

    ModelUpdater(folder).use(second)
    (one,) = run(home, "list", exits=1)
    assert one["verdict"] == "another model"
    assert one["state"]["current"]["installed_by"] is None

    ModelUpdater(folder).rollback()
    (folder / "versions" / version / "model.onnx").write_bytes(b"no model")
    assert run(home, "list", exits=1)[0]["verdict"] == "damaged"

    current = (folder / "current.json").read_bytes()
    (folder / "current.json").write_text("{", "utf-8")
    (one,) = run(home, "list", exits=1)
    assert (one["verdict"], one["state"]) == ("damaged", None)
    listed = CliRunner().invoke(app, ["deploy", "list"], obj=home)
    assert "damaged" in listed.output
    assert "Remove" in " ".join(listed.output.split())
    (folder / "current.json").write_bytes(current)

    folder.rename(tmp_path / "elsewhere")
    assert run(home, "list", exits=1)[0]["verdict"] == "nothing"
    assert not folder.exists()

    found = CliRunner().invoke(app, ["deploy", "forget", str(folder)], obj=home)
    assert found.exit_code == 0
    assert run(home, "list") == []


def test_targets_have_names_in_the_state_folder(
    home: Resources, bundles: tuple[str, str], tmp_path: Path
) -> None:
    home.state.require_writable()
    lines = ["targets:", f"  bot: {{place: '{tmp_path / 'models'}'}}"]
    lines += ["  far: {place: 'user@127.0.0.1:9:/models', ssh_key: /no/key}"]
    home.state.deploy_file.write_text("\n".join(lines), "utf-8")
    assert run(home, "bot", "--model", bundles[0])["target"]["name"] == "bot"
    far_and_bot = {one["name"]: one for one in run(home, "list", exits=1)}
    assert far_and_bot["bot"]["verdict"] == "live"
    assert far_and_bot["far"]["verdict"] == "not reached"
    assert far_and_bot["far"]["problem"]


def test_the_page_of_the_package_shows_it(
    home: Resources, bundles: tuple[str, str], tmp_path: Path
) -> None:
    run(home, str(tmp_path / "models"), "--model", bundles[0])
    with open_instance(home.state) as instance:
        events = instance.fetch_observations(dg.AssetKey(["demo", "runtime_package"]), limit=5)
    (record,) = events.records
    observed = record.asset_observation
    assert observed is not None
    shown = {name: value.value for name, value in observed.metadata.items()}
    assert shown["target"] == str(tmp_path / "models")
    assert "own-" in str(shown["live"])
    assert float(str(shown["smoke_test_ms"])) > 0


def test_one_deployment_to_a_target_at_a_time(
    home: Resources, bundles: tuple[str, str], tmp_path: Path
) -> None:
    settings = TargetSettings(place=str(tmp_path / "models"))
    with hold_lock(DeploymentRecords(home.state.deployments).lock_file(settings)):
        said = run(home, settings.place, "--model", bundles[0], exits=1)
    assert "in use by another process" in said
    assert run(home, settings.place, "--model", bundles[0])["was_live"] is False


def test_a_damaged_record_is_told(
    home: Resources, bundles: tuple[str, str], tmp_path: Path
) -> None:
    run(home, str(tmp_path / "models"), "--model", bundles[0])
    (record,) = home.state.deployments.glob("*.json")
    record.write_text('{"name": "half', "utf-8")
    assert "no record of a deployment" in run(home, "list", exits=1)
    record.unlink()
    assert run(home, "list") == []


def test_what_cannot_be_deployed(home: Resources, tmp_path: Path) -> None:
    folder = str(tmp_path / "models")
    found = CliRunner().invoke(app, ["deploy", folder], obj=home)
    assert found.exit_code == 1
    assert "no package of demo to deploy" in found.output
    assert "--release champion" in " ".join(found.output.split())
    assert "there is no bundle" in run(home, folder, "--model", str(tmp_path / "none"), exits=1)
    assert "either" in run(home, folder, "--model", "a", "--release", "champion", exits=2)
    assert "not the folder of an SSH host" in run(home, "user@box:models", exits=1)
    assert not (tmp_path / "models").exists()
    assert "The target is empty" in run(home, "", exits=1)


def test_a_game_that_there_is_not_is_told_before_anything_is_deployed(
    home: Resources, bundles: tuple[str, str], tmp_path: Path
) -> None:
    words = (str(tmp_path / "models"), "--model", bundles[0], "--game", "packs/none")
    assert "There is no game pack" in run(home, *words, exits=1)
    assert not (tmp_path / "models").exists()


def test_the_way_back_needs_no_pack(
    home: Resources, bundles: tuple[str, str], tmp_path: Path
) -> None:
    folder, pack = str(tmp_path / "models"), tmp_path / "pack"
    shutil.copytree(pack_folder("demo"), pack)
    for bundle in bundles:
        made = run(home, folder, "--model", bundle, "--game", str(pack))
    shutil.rmtree(pack)
    back = run(home, "rollback", folder)
    assert back["state"]["current"]["version"] != made["state"]["current"]["version"]
    (one,) = run(home, "list")
    assert (one["verdict"], one["record"]["origin"]) == ("live", "rolled back")


def test_paths_are_remembered_for_every_working_folder(
    home: Resources, bundles: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("here", "elsewhere"):
        (tmp_path / name).mkdir()
    here = tmp_path / "here"
    shutil.copytree(pack_folder("demo"), here / "pack")
    monkeypatch.chdir(here)
    run(home, "models", "--model", bundles[0], "--python", "venv/python", "--game", "pack")
    monkeypatch.chdir(tmp_path / "elsewhere")
    (one,) = run(home, "list")
    assert (one["verdict"], one["place"]) == ("live", str(here / "models"))
    settings = one["record"]["settings"]
    assert settings["python"] == str(here / "venv" / "python")
    assert settings["game"] == str(here / "pack")

    monkeypatch.chdir(here)
    assert run(home, "models", "--model", bundles[0])["target"]["settings"] == settings


def test_a_target_that_lost_its_name_is_still_called_by_it(
    home: Resources, bundles: tuple[str, str], tmp_path: Path
) -> None:
    home.state.require_writable()
    home.state.deploy_file.write_text(f"targets: {{bot: {{place: '{tmp_path / 'models'}'}}}}\n")
    (bot,) = run(home, "list")
    assert (bot["verdict"], bot["record"]) == ("nothing", None)
    run(home, "bot", "--model", bundles[0])
    home.state.deploy_file.write_text(f"targets: {{robot: {{place: '{tmp_path / 'models'}'}}}}\n")
    assert [one["name"] for one in run(home, "list")] == ["robot"]
    home.state.deploy_file.unlink()
    assert [one["name"] for one in run(home, "list")] == ["bot"]
    assert run(home, "bot", "--model", bundles[0])["was_live"] is True
    assert (
        "bot is forgotten" in CliRunner().invoke(app, ["deploy", "forget", "bot"], obj=home).output
    )
    assert run(home, "list") == []

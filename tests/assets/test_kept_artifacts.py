"""Artifacts that a second machine takes from an object store: the same records, an empty folder."""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from doubles.artifacts import recorded
from typer.testing import CliRunner

from assets.cli.app import app
from assets.core.building import AssetBuild, build_asset, latest
from pipeline.provenance import Recipe
from resources.artifacts import Artifacts
from resources.defaults import Resources
from resources.instance import open_instance
from resources.local_artifacts.in_use import used_for_a_while
from resources.paths import Paths

PARTS, WHOLE = dg.AssetKey(["toy", "parts"]), dg.AssetKey(["toy", "whole"])
MADE: list[str] = []


@dg.asset(key=PARTS)
def parts(context: dg.AssetExecutionContext, artifacts: Artifacts) -> dg.MaterializeResult[Any]:
    def write(folder: Path) -> None:
        MADE.append("parts")
        (folder / "large.bin").write_bytes(bytes(2 << 20))

    return build_asset(AssetBuild(context, artifacts.store, PARTS, "1", {}), write, lambda _: {})


@dg.asset(key=WHOLE, deps=[PARTS])
def whole(context: dg.AssetExecutionContext, artifacts: Artifacts) -> dg.MaterializeResult[Any]:
    store = artifacts.store
    used = latest(context.instance, store, PARTS)

    def write(folder: Path) -> None:
        MADE.append("whole")
        shutil.copyfile(used.path / "large.bin", folder / "model.bin")
        (folder / "text").write_text("text")

    build = AssetBuild(context, store, WHOLE, "1", {}, (used,))
    return build_asset(build, write, lambda _: {})


@dg.asset(key=["toy", "a_copy"], deps=[PARTS])
def a_copy(context: dg.AssetExecutionContext, artifacts: Artifacts) -> dg.MaterializeResult[Any]:
    """Its name comes before that of what it is made from."""
    store = artifacts.store
    used = latest(context.instance, store, PARTS)

    def write(folder: Path) -> None:
        shutil.copyfile(used.path / "large.bin", folder / "copy.bin")
        (folder / "more.bin").write_bytes(b"more" * 1000)

    build = AssetBuild(context, store, dg.AssetKey(["toy", "a_copy"]), "1", {}, (used,))
    return build_asset(build, write, lambda _: {})


def outpost(resources: Resources, *words: str) -> Any:
    done = CliRunner().invoke(app, [*words], obj=resources)
    assert done.exit_code == 0, done.output
    return done


def materialize(resources: Resources, *assets: dg.AssetsDefinition) -> dg.ExecuteInProcessResult:
    everything = [parts, whole, a_copy]
    with open_instance(resources.state) as instance:
        return dg.materialize(
            everything,
            selection=list(assets),
            instance=instance,
            resources={"artifacts": resources.artifacts, "paths": resources.paths},
        )


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Resources:
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.setenv("OUTPOST_ARTIFACTS", str(tmp_path / "bucket"))
    MADE.clear()
    return Resources.of(Paths.below(tmp_path / "state"))


def listed(resources: Resources) -> dict[str, tuple[bool, bool | None]]:
    rows = json.loads(outpost(resources, "artifacts", "list", "--json").stdout)
    return {row["asset"]: (row["here"], row["remote"]) for row in rows}


def test_a_machine_with_an_empty_folder_goes_on_where_another_one_was(
    machine: Resources, tmp_path: Path
) -> None:
    made = materialize(machine, parts)
    (event,) = made.asset_materializations_for_node("toy__parts")
    assert event.metadata["also_in"].value == str(tmp_path / "bucket")
    assert listed(machine) == {"toy/parts": (True, True)}

    shutil.move(machine.state.artifacts, tmp_path / "the other machine's")
    assert listed(machine) == {"toy/parts": (False, True)}
    again = materialize(machine, parts, whole)
    assert MADE == ["parts", "whole"], "nothing was made twice"
    (second,) = again.asset_materializations_for_node("toy__parts")
    assert second.tags == event.tags | {
        key: value for key, value in (second.tags or {}).items() if "data_version" not in key
    }
    assert listed(machine) == {"toy/parts": (True, True), "toy/whole": (True, True)}


def test_only_what_a_run_asks_for_is_fetched_and_said_in_its_log(
    machine: Resources, tmp_path: Path
) -> None:
    materialize(machine, parts, whole)
    shutil.rmtree(machine.state.artifacts)
    materialize(machine, whole)
    assert listed(machine) == {"toy/parts": (True, True), "toy/whole": (True, True)}
    shutil.rmtree(machine.state.artifacts)
    result = materialize(machine, parts)
    assert listed(machine) == {"toy/parts": (True, True), "toy/whole": (False, True)}
    with open_instance(machine.state) as instance:
        said = [event.message for event in instance.all_logs(result.run_id)]
    assert any("MiB of toy/parts: 2/2" in message for message in said)


def test_what_is_in_the_bucket_too_makes_room_and_comes_back(
    machine: Resources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two runs, of which each is a process of its own otherwise."""
    monkeypatch.setenv("OUTPOST_ARTIFACTS_CACHE_GB", "0")
    with used_for_a_while():
        materialize(machine, parts)
    with used_for_a_while():
        made = materialize(machine, a_copy)
        assert listed(machine) == {"toy/a_copy": (True, True), "toy/parts": (True, True)}
    said = outpost(machine, "artifacts", "list").stdout
    assert "here, of at most 0.0 MB" in said
    with used_for_a_while():
        again = materialize(machine, whole)
    names = {"toy/a_copy": (False, True), "toy/parts": (True, True), "toy/whole": (True, True)}
    assert listed(machine) == names
    (text,) = [event.message for event in _log(machine, again) if "dropped" in event.message]
    assert f"MiB dropped here that are in {tmp_path / 'bucket'}: 2/2" in text
    with used_for_a_while():
        second = materialize(machine, a_copy)
    tags = [
        run.asset_materializations_for_node("toy__a_copy")[0].tags or {} for run in (made, second)
    ]
    assert tags[0]["dagster/data_version"] == tags[1]["dagster/data_version"]
    assert MADE == ["parts", "whole"], "nothing was made twice"


def _log(machine: Resources, run: dg.ExecuteInProcessResult) -> Sequence[dg.EventLogEntry]:
    with open_instance(machine.state) as instance:
        return instance.all_logs(run.run_id)


def test_what_was_made_before_there_was_a_bucket_is_uploaded_on_demand(
    machine: Resources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTPOST_ARTIFACTS", "")
    materialize(machine, parts, whole)
    materialize(machine, a_copy)
    names = ("toy/a_copy", "toy/parts", "toy/whole")
    assert listed(machine) == dict.fromkeys(names, (True, None))
    refused = CliRunner().invoke(app, ["artifacts", "upload"], obj=machine)
    assert "Set OUTPOST_ARTIFACTS" in refused.output
    monkeypatch.setenv("OUTPOST_ARTIFACTS", str(tmp_path / "bucket"))
    assert listed(machine) == dict.fromkeys(names, (True, False))
    assert "uploaded toy/whole" in outpost(machine, "artifacts", "upload").stdout
    assert listed(machine) == dict.fromkeys(names, (True, True))
    assert "Nothing to upload" in outpost(machine, "artifacts", "upload").stdout
    blocks = [file for file in (tmp_path / "bucket/blocks").rglob("*") if file.is_file()]
    for block in blocks:
        block.unlink()
    assert "uploaded toy/whole" in outpost(machine, "artifacts", "upload").stdout
    assert "Nothing to upload" in outpost(machine, "artifacts", "upload").stdout
    assert sum(file.stat().st_size for file in blocks) < (2 << 20) + 4100, "no byte is there twice"


def test_what_has_changed_keeps_nothing_else_from_being_uploaded(
    machine: Resources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTPOST_ARTIFACTS", "")
    materialize(machine, parts, whole)
    materialize(machine, a_copy)
    changed = next(machine.state.artifacts.rglob("large.bin"))
    changed.chmod(0o600)
    changed.write_bytes(b"X" * (2 << 20))
    monkeypatch.setenv("OUTPOST_ARTIFACTS", str(tmp_path / "bucket"))
    done = CliRunner().invoke(app, ["artifacts", "upload"], obj=machine)
    assert done.exit_code == 1
    assert "uploaded toy/a_copy" in done.stdout
    assert "uploaded toy/whole" in done.stdout
    assert f"not uploaded: toy/parts {changed.parents[1].name[:12]}" in done.stderr
    assert f"Remove the folder {changed.parents[1]}" in done.stderr
    names = {"toy/a_copy": True, "toy/parts": False, "toy/whole": True}
    assert {name: there for name, (_, there) in listed(machine).items()} == names
    again = CliRunner().invoke(app, ["artifacts", "upload", "--json"], obj=machine)
    assert again.exit_code == 1
    said = json.loads(again.stdout)
    assert said["uploaded"] == []
    assert [one["version"]["asset"] for one in said["failed"]] == ["toy/parts"]


def test_what_no_materialization_refers_to_is_not_uploaded(
    machine: Resources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTPOST_ARTIFACTS", "")
    store = machine.artifacts.store
    recipe = Recipe(asset="toy/parts", code_version="1", config={})
    with store.staging(recipe.asset) as staged:
        (staged / "a").write_bytes(b"a")
        artifact, _ = store.commit(staged, recorded(recipe))
    os.utime(artifact.home / "manifest.json", (0, 0))
    monkeypatch.setenv("OUTPOST_ARTIFACTS", str(tmp_path / "bucket"))
    assert "Nothing to upload" in outpost(machine, "artifacts", "upload").stdout


def test_an_audit_follows_a_model_that_was_made_elsewhere(
    machine: Resources, tmp_path: Path
) -> None:
    materialize(machine, parts, whole)
    model = next(machine.state.artifacts.rglob("model.bin"))
    shutil.copyfile(model, tmp_path / "model.bin")
    (tmp_path / "text.bin").write_text("text")
    shutil.rmtree(machine.state.artifacts)
    report = json.loads(outpost(machine, "audit", str(tmp_path / "text.bin"), "--json").stdout)
    assert [link["version"]["asset"] for link in report["chain"]] == ["toy/whole", "toy/parts"]
    assert report["problems"] == []

"""From a packaged model to a champion and back: the asset, the commands, and the record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from detector_runtime.updates.signatures import SigningKey
from doubles.artifacts import recorded
from doubles.releases import new_version
from doubles.targets import run_in_this_process
from typer.testing import CliRunner

from assets.cli.app import app
from assets.core.building import DATA_VERSION_TAG
from assets.definitions import build_definitions
from assets.graph.release import release_assets, signers_of
from detector_runtime import ModelUpdater
from pipeline.games.pack import load_pack
from pipeline.provenance import ArtifactVersion, Recipe
from pipeline.release.channels import LIFETIME
from pipeline.release.lineage.signed_records import sign_record
from pipeline.release.published import PublishedModel
from pipeline.release.version import NewVersion
from resources.artifacts import Artifact
from resources.defaults import Resources
from resources.instance import open_instance
from resources.keys.record_keys import RecordKeys
from resources.paths import Paths
from resources.releases.publisher import now

ASSETS = ("cvat_merge", "trained_weights", "onnx_export", "real_evaluation", "runtime_package")


class Workshop:
    """A state folder in which models are packaged without being trained."""

    def __init__(self, home: Path, instance: dg.DagsterInstance) -> None:
        self.resources = Resources.of(Paths.below(home))
        self.instance = instance
        self.home = home

    def package(self, new: NewVersion) -> None:
        """What runs would have left of a training, its export, its evaluation and its package."""
        folders = {
            "onnx_export": new.evidence["parity.json"].parent,
            "real_evaluation": new.evidence["evaluation.json"].parent,
            "runtime_package": new.package.folder,
        }
        made: list[ArtifactVersion] = []
        for asset in ASSETS:
            store = self.resources.artifacts.store
            with store.staging(f"demo/{asset}") as staged:
                folder = folders.get(asset)
                for file in folder.rglob("*") if folder else ():
                    if file.is_file():
                        target = staged / file.relative_to(folder or file)
                        target.parent.mkdir(parents=True, exist_ok=True)
                        target.write_bytes(file.read_bytes())
                (staged / "note.txt").write_text(asset, "utf-8")
                recipe = Recipe(
                    asset=f"demo/{asset}", code_version="c", config={}, inputs=tuple(made)
                )
                artifact, record = store.commit(staged, recorded(recipe, store.keys))
            made = [*made, artifact.version]
            self.instance.report_runless_asset_event(
                dg.AssetMaterialization(
                    ["demo", asset], tags={DATA_VERSION_TAG: record.data_version}
                )
            )

    def publish(self) -> dg.ExecuteInProcessResult:
        return dg.materialize(
            release_assets(load_pack("demo")),
            selection=[dg.AssetKey(["demo", "published_model"])],
            instance=self.instance,
            resources={
                "artifacts": self.resources.artifacts,
                "releases": self.resources.releases,
            },
            raise_on_error=False,
        )

    def shown(self, result: dg.ExecuteInProcessResult) -> dict[str, Any]:
        (event,) = result.asset_materializations_for_node("demo__published_model")
        return {name: value.value for name, value in event.metadata.items()}

    def run(self, *words: str, exits: int = 0) -> Any:
        """An `outpost release` command; what it prints as JSON."""
        found = CliRunner().invoke(app, ["release", *words, "--json"], obj=self.resources)
        assert found.exit_code == exits, found.output
        return json.loads(found.stdout) if found.stdout else found.output


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    monkeypatch.setenv("OUTPOST_RELEASES", str(tmp_path / "releases"))
    monkeypatch.setenv("OUTPOST_KEYS", str(tmp_path / "keys"))
    resources = Resources.of(Paths.below(tmp_path / "home"))
    with open_instance(resources.state) as instance:
        yield Workshop(tmp_path / "home", instance)


def test_what_a_channel_offers_is_deployed_and_else_the_newest_package(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_in_this_process(monkeypatch)
    workshop.run("keys", "init")
    workshop.package(new_version(tmp_path / "first"))
    first = workshop.shown(workshop.publish())
    workshop.run("promote")
    workshop.package(new_version(tmp_path / "second"))

    def origin(*words: str) -> str:
        command = ["deploy", str(tmp_path / "models"), *words, "--json"]
        found = CliRunner().invoke(app, command, obj=workshop.resources)
        assert found.exit_code == 0, found.output
        told: str = json.loads(found.stdout)["origin"]
        return told

    assert origin("--release", "champion").startswith(f"version {first['id']} of ")
    assert origin("--release", "1").startswith(f"version {first['id']} of ")
    assert origin().startswith("demo/runtime_package:")
    newest = (tmp_path / "second" / "package" / "bundle" / "model.onnx").read_bytes()
    installation = ModelUpdater(tmp_path / "models").models.installation()
    assert installation is not None
    assert (
        tmp_path / "models" / "versions" / installation.current.version / "model.onnx"
    ).read_bytes() == newest


def told(workshop: Workshop) -> str:
    """What `outpost release list` shows people."""
    found = CliRunner().invoke(app, ["release", "list"], obj=workshop.resources)
    assert found.exit_code == 0, found.output
    return found.output


def test_a_model_is_published_promoted_and_rolled_back(workshop: Workshop, tmp_path: Path) -> None:
    workshop.run("keys", "init")
    assert "Nothing is published yet" in told(workshop)
    workshop.package(new_version(tmp_path / "first", 16))
    first = workshop.shown(workshop.publish())
    assert "champion offers nothing." in told(workshop)
    assert first["version"] == "1.0.0+abc"
    assert first["promote"].startswith(f"outpost release promote {first['id']} --game demo")
    assert "outpost release rollback --game demo" in first["roll_back"]
    assert workshop.run("promote")["move"]["version"] == first["id"]

    workshop.package(new_version(tmp_path / "worse", 12))
    second = workshop.shown(workshop.publish())
    # Whatever else this machine does: two models of one size are told apart by F1 alone.
    refused = workshop.run("promote", "--latency-factor", "1000", exits=1)
    assert refused["move"] is None
    assert [one["name"] for one in refused["gates"] if not one["passed"]] == ["real_f1"]
    forced = workshop.run("promote", "2", "--force", "--reason", "it knows boats")
    assert forced["move"]["version"] == second["id"]
    assert forced["move"]["reason"].startswith("it knows boats (forced past real_f1: 0.750 against")

    back = workshop.run("rollback", "--reason", "no boats either")
    assert (back["version"], back["sequence"]) == (first["id"], 3)
    found = workshop.run("list")
    champion = next(one for one in found["channels"] if one["name"] == "champion")
    assert [one["reason"].partition(" (")[0] for one in champion["moves"]] == [
        "passed the gates",
        "it knows boats",
        "no boats either",
    ]
    assert champion["shown"] == champion["moves"][-1]
    assert all("@" in one["actor"] for one in champion["moves"])
    lineage = found["versions"][0]["manifest"]["lineage"]
    assert {key.rpartition("/")[2] for key in lineage} == set(ASSETS)
    signers = found["versions"][0]["manifest"]["record_signers"]
    assert signers.keys() == lineage.keys()
    assert set(signers.values()) == {RecordKeys().signing_key().id}
    assert found["versions"][0]["manifest"]["trained_at"] is not None
    assert workshop.run("doctor")["completed"] == []
    renewed = {one["channel"]: one for one in workshop.run("renew")["moves"]}
    assert renewed["champion"]["version"] == first["id"]
    assert renewed["champion"]["sequence"] == 4
    assert renewed["challenger"]["version"] == second["id"]
    bundle = str(tmp_path / "first" / "package" / "bundle")
    signed = Path(workshop.run("sign", bundle, str(tmp_path / "signed"))["folder"])
    pinned = tmp_path / "releases" / "models" / "demo" / "keys.json"
    assert (signed / "keys.json").read_bytes() == pinned.read_bytes()
    open_sign = ["sign", "--openssf", bundle, str(tmp_path / "open")]
    refused = CliRunner().invoke(app, ["release", *open_sign], obj=workshop.resources)
    assert "outpost release keys openssf demo.pub --game demo" in refused.output
    key_file = str(tmp_path / "demo.pub")
    public = workshop.run("keys", "openssf", key_file)
    assert workshop.run("keys", "openssf", key_file) == public
    assert (tmp_path / "demo.pub").read_text() == public["public_key"]
    assert "is there already" in workshop.run("keys", "openssf", key_file, "--new", exits=1)
    assert workshop.run("keys", "openssf", key_file) == public, "no other key was made"
    assert (Path(workshop.run(*open_sign)["folder"]) / "model.sig").is_file()
    other = workshop.run("keys", "openssf", str(tmp_path / "other.pub"), "--new")
    assert other["public_key"] != public["public_key"]
    assert "is there already" in workshop.run("keys", "openssf", key_file, exits=1)
    for words in (["list"], ["doctor"], ["promote", "--dry-run"]):
        assert CliRunner().invoke(app, ["release", *words], obj=workshop.resources).output


def test_a_signer_is_named_where_all_records_of_an_asset_have_one(tmp_path: Path) -> None:
    store = Resources.of(Paths.below(tmp_path)).artifacts.store
    recipe = Recipe(asset="demo/cvat_merge", code_version="c", config={})
    assert store.keys is not None
    unsigned, signed = recorded(recipe)("a" * 64), recorded(recipe, store.keys)("b" * 64)
    key = store.keys.signing_key().id
    assert signers_of(store, [signed]) == {"demo/cvat_merge": key}
    assert signers_of(store, [signed, unsigned]) == signers_of(store, [unsigned, signed]) == {}
    stranger = sign_record(signed, SigningKey(b"1" * 32))
    assert signers_of(store, [stranger]) == {}


def test_a_package_whose_record_was_changed_is_not_published(
    workshop: Workshop, tmp_path: Path
) -> None:
    workshop.run("keys", "init")
    workshop.package(new_version(tmp_path / "first"))
    (record,) = workshop.resources.state.artifacts.glob("demo/runtime_package/builds/*.json")
    said = json.loads(record.read_text("utf-8"))
    record.write_text(json.dumps({**said, "run_id": "forged"}), "utf-8")
    result = workshop.publish()
    assert not result.success
    (failure,) = (one for one in result.all_events if one.is_step_failure)
    assert "No record that can be trusted says how demo/runtime_package" in str(
        failure.step_failure_data.error
    )
    assert workshop.run("list")["versions"] == []


@pytest.mark.slow
def test_publishing_again_changes_nothing_and_restores_what_is_lost(
    workshop: Workshop, tmp_path: Path
) -> None:
    workshop.run("keys", "init")
    workshop.package(new_version(tmp_path / "first"))
    first = workshop.shown(workshop.publish())
    again = workshop.shown(workshop.publish())
    assert again["outcome"] == "unchanged, no work done"
    assert again["id"] == first["id"]
    versions = tmp_path / "releases" / "models" / "demo" / "versions"
    (versions / first["id"] / "manifest.json").unlink()
    assert workshop.shown(workshop.publish())["id"] == first["id"]
    assert len(workshop.run("list")["versions"]) == 1
    version = ArtifactVersion(asset="demo/published_model", data_version="0" * 64)
    home = Artifact(version, Path(first["folder"]).parent)
    assert PublishedModel.open(home.path).publication.id == first["id"]


def test_without_a_place_there_is_nothing_to_publish(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = dg.AssetKey(["demo", "published_model"])
    assert published in build_definitions("demo").resolve_asset_graph().get_all_asset_keys()
    monkeypatch.delenv("OUTPOST_RELEASES")
    assert published not in build_definitions("demo").resolve_asset_graph().get_all_asset_keys()
    found = CliRunner().invoke(app, ["release", "list"], obj=workshop.resources)
    assert found.exit_code == 1
    assert "Set OUTPOST_RELEASES" in found.output


def test_the_doctor_says_what_is_to_be_renewed(workshop: Workshop, tmp_path: Path) -> None:
    workshop.run("keys", "init")
    nothing = CliRunner().invoke(app, ["release", "renew"], obj=workshop.resources)
    assert "No channel of demo offers anything" in nothing.output
    publisher = workshop.resources.releases.publisher("demo")
    long_ago = replace(publisher, clock=lambda: now() - LIFETIME + timedelta(days=59))
    version = publisher.publish(new_version(tmp_path / "first"))
    long_ago.move("champion", version, "long ago", 1)
    publisher.move("challenger", version, "now", 1)
    (expiring,) = workshop.run("doctor")["expiring"]
    assert expiring["channel"] == "champion"
    told = CliRunner().invoke(app, ["release", "doctor"], obj=workshop.resources)
    assert told.exit_code == 0
    assert "outpost release renew --game demo" in told.output
    assert CliRunner().invoke(app, ["release", "renew"], obj=workshop.resources).exit_code == 0
    assert workshop.run("doctor")["expiring"] == []


def test_without_keys_it_says_which_command_makes_them(workshop: Workshop, tmp_path: Path) -> None:
    assert workshop.run("doctor")["has_keys"] is False
    workshop.package(new_version(tmp_path / "first"))
    assert not workshop.publish().success
    found = CliRunner().invoke(app, ["release", "list"], obj=workshop.resources)
    assert "outpost release keys init --game demo" in found.output
    assert not (tmp_path / "releases").exists() or not list((tmp_path / "releases").rglob("*.onnx"))


@pytest.mark.slow
def test_a_challenger_of_a_revoked_key_keeps_no_champion_from_being_renewed(
    workshop: Workshop, tmp_path: Path
) -> None:
    (old,) = workshop.run("keys", "init")["keys"]["release_keys"]
    workshop.package(new_version(tmp_path / "first"))
    workshop.publish()
    workshop.run("keys", "rotate")
    workshop.package(new_version(tmp_path / "second"))
    workshop.publish()
    workshop.run("promote", "2", "--force", "--reason", "it knows boats")
    workshop.run("rollback", "--channel", "challenger", "--to", "1")
    workshop.run("keys", "revoke", old)
    workshop.run("renew", exits=1)
    channels = {one["name"]: one["moves"] for one in workshop.run("list")["channels"]}
    assert [move["reason"] for move in channels["champion"]][-1] == "renewed"
    assert "renewed" not in [move["reason"] for move in channels["challenger"]]


@pytest.mark.slow
def test_keys_are_rotated_and_revoked_by_command(workshop: Workshop, tmp_path: Path) -> None:
    (old,) = workshop.run("keys", "init")["keys"]["release_keys"]
    workshop.package(new_version(tmp_path / "first"))
    workshop.publish()
    workshop.run("promote")
    assert workshop.run("keys", "rotate")["epoch"] == 2
    revoked = workshop.run("keys", "revoke", old)
    assert revoked["channels_without_offer"] == ["challenger", "champion"]
    assert old not in revoked["keys"]["release_keys"]
    assert workshop.shown(workshop.publish())["signed_by"] in revoked["keys"]["release_keys"]
    assert workshop.run("promote")["move"]["sequence"] == 2
    assert CliRunner().invoke(app, ["release", "keys", "rotate"], obj=workshop.resources).output


@pytest.mark.slow
def test_a_move_whose_writer_was_killed_is_told_and_completed(
    workshop: Workshop, tmp_path: Path
) -> None:
    workshop.run("keys", "init")
    workshop.package(new_version(tmp_path / "first"))
    workshop.publish()
    shown = tmp_path / "releases" / "models" / "demo" / "channels" / "challenger.json"
    shown.unlink()
    told = CliRunner().invoke(app, ["release", "list"], obj=workshop.resources)
    assert "outpost release doctor" in " ".join(told.output.split())
    assert workshop.run("doctor")["completed"] == ["challenger"]
    assert shown.is_file()
    assert workshop.run("doctor")["completed"] == []


def test_forcing_needs_a_reason(workshop: Workshop) -> None:
    found = CliRunner().invoke(app, ["release", "promote", "--force"], obj=workshop.resources)
    assert found.exit_code == 2
    assert "--reason" in found.output


@pytest.mark.parametrize("command", ["promote", "rollback"])
def test_an_empty_reason_is_told_before_anything_is_looked_at(
    workshop: Workshop, command: str
) -> None:
    found = CliRunner().invoke(app, ["release", command, "--reason", " "], obj=workshop.resources)
    assert found.exit_code == 1
    assert isinstance(found.exception, SystemExit)
    assert "The reason is empty" in " ".join(found.output.split())

"""The audit on a real store: every file of what is audited, every record, every source."""

import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import onnx
import pytest
from doubles.artifacts import recorded
from onnx import TensorProto, helper

from pipeline.progress import Progress
from pipeline.provenance import ArtifactVersion, Recipe
from pipeline.release.lineage.audit import (
    AuditError,
    AuditReport,
    Findings,
    audit,
    embedded_lineage,
)
from resources.artifacts import ArtifactStore


def write_model(file: Path, lineage: dict[str, str]) -> None:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    node = helper.make_node("Identity", ["x"], ["y"])
    model = helper.make_model(helper.make_graph([node], "g", [value], [out]))
    helper.set_model_props(model, {f"outpost_{key}": text for key, text in lineage.items()})
    onnx.save(model, str(file))


def build(
    store: ArtifactStore,
    asset: str,
    inputs: tuple[ArtifactVersion, ...],
    write: Callable[[Path], None],
) -> ArtifactVersion:
    recipe = Recipe(asset=f"toy/{asset}", code_version="c", config={}, inputs=inputs)
    with store.staging(recipe.asset) as staged:
        write(staged)
        artifact, _ = store.commit(staged, recorded(recipe))
    return artifact.version


@dataclass(frozen=True)
class Chain:
    """A training set, its export and its package, and a copy of the bundle elsewhere."""

    store: ArtifactStore
    training_set: ArtifactVersion
    export: ArtifactVersion
    package: ArtifactVersion
    bundle: Path

    def audit(self, subject: Path | None = None) -> AuditReport:
        return audit(subject or self.bundle, self.store, {})

    def record_of(self, version: ArtifactVersion) -> Path:
        (record,) = self.store.provenance_of(version)
        return (
            self.store.files_of(version).parents[1] / "builds" / f"{record.recipe.input_key}.json"
        )


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    store = ArtifactStore(tmp_path / "artifacts")
    merged = build(store, "cvat_merge", (), lambda folder: write_text(folder / "train.txt", "list"))

    def export(folder: Path) -> None:
        write_model(folder / "model.onnx", {"training_set": merged.data_version})
        write_text(folder / "contract.json", "{}")
        write_text(folder / "parity.json", "{}")

    exported = build(store, "onnx_export", (merged,), export)

    def package(folder: Path) -> None:
        (folder / "bundle").mkdir()
        model = store.files_of(exported) / "model.onnx"
        shutil.copyfile(model, folder / "bundle" / "model.onnx")
        write_text(folder / "bundle" / "bundle.json", json.dumps({"threshold": 0.25}))
        with zipfile.ZipFile(folder / "toy.whl", "w") as wheel:
            wheel.writestr("toy/__init__.py", "")

    packaged = build(store, "runtime_package", (exported,), package)
    bundle = tmp_path / "shipped"
    bundle.mkdir()
    for file in (store.files_of(packaged) / "bundle").iterdir():
        shutil.copyfile(file, bundle / file.name)
    return Chain(store, merged, exported, packaged, bundle)


def write_text(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


def test_an_untouched_bundle_is_followed_to_its_sources(chain: Chain) -> None:
    report = chain.audit()
    assert report.problems == ()
    versions = [link.version for link in report.chain]
    assert versions == [chain.package, chain.export, chain.training_set]
    claims = embedded_lineage(chain.bundle / "model.onnx")
    assert claims == {"training_set": chain.training_set.data_version}


@pytest.mark.parametrize("name", ["model.onnx", "bundle.json"])
def test_a_changed_file_of_a_bundle_is_named(chain: Chain, name: str) -> None:
    file = chain.bundle / name
    if name == "model.onnx":
        write_model(file, {"training_set": chain.training_set.data_version, "note": "changed"})
    else:
        write_text(file, json.dumps({"threshold": 0.05}))
    report = chain.audit()
    (problem,) = report.problems
    assert str(file) in problem
    assert report.chain[0].version == chain.package


def test_a_missing_and_an_extra_file_of_a_bundle_are_named(chain: Chain) -> None:
    (chain.bundle / "bundle.json").unlink()
    (chain.bundle / "plugin").mkdir()
    write_text(chain.bundle / "plugin" / "hook.py", "import os")
    missing, extra = chain.audit().problems
    assert missing == f"{chain.bundle / 'bundle.json'}: is missing"
    assert str(chain.bundle / "plugin" / "hook.py") in extra


def test_a_copy_of_a_whole_package_is_matched_as_one(chain: Chain, tmp_path: Path) -> None:
    copy = tmp_path / "package"
    shutil.copytree(chain.store.files_of(chain.package), copy)
    assert chain.audit(copy).problems == ()
    (copy / "toy.whl").chmod(0o600)
    (copy / "toy.whl").write_bytes(b"other")
    (problem,) = chain.audit(copy).problems
    assert str(copy / "toy.whl") in problem


def test_a_changed_file_in_the_store_is_named_once(chain: Chain) -> None:
    folder = chain.store.files_of(chain.package) / "bundle"
    (folder / "bundle.json").chmod(0o600)
    write_text(folder / "bundle.json", json.dumps({"threshold": 0.26}))
    (problem,) = chain.audit(folder).problems
    assert str(folder / "bundle.json") in problem


def test_a_model_and_a_wheel_are_known_by_their_digests(chain: Chain) -> None:
    assert chain.audit(chain.bundle / "model.onnx").is_clean
    wheel = chain.store.files_of(chain.package) / "toy.whl"
    assert chain.audit(wheel).is_clean
    changed = chain.bundle.parent / "changed.whl"
    shutil.copyfile(wheel, changed)
    with zipfile.ZipFile(changed, "a") as archive:
        archive.writestr("toy/hook.py", "")
    (problem,) = chain.audit(changed).problems
    assert "not in the artifact store" in problem


def test_a_folder_of_other_files_is_unknown(chain: Chain, tmp_path: Path) -> None:
    folder = tmp_path / "stranger"
    folder.mkdir()
    write_model(folder / "model.onnx", {"game": "elsewhere"})
    (problem,) = chain.audit(folder).problems
    assert "game=elsewhere" in problem
    with pytest.raises(AuditError):
        chain.audit(tmp_path)


@pytest.mark.parametrize("link", ["package", "export", "training_set"])
def test_a_forged_record_is_named_and_not_followed(chain: Chain, link: str) -> None:
    version: ArtifactVersion = getattr(chain, link)
    file = chain.record_of(version)
    record = json.loads(file.read_text("utf-8"))
    record["recipe"]["inputs"] = []
    record["recipe"]["config"] = {"forged": True}
    write_text(file, json.dumps(record))
    report = chain.audit()
    assert any(str(file) in p and "record was changed" in p for p in report.problems)
    assert report.chain[-1].version == version
    assert report.chain[-1].provenance is None


def test_a_model_that_claims_another_training_set_is_contradicted(chain: Chain) -> None:
    def export(folder: Path) -> None:
        write_model(folder / "model.onnx", {"training_set": "f" * 64})

    version = build(chain.store, "onnx_export", (chain.training_set,), export)
    (problem,) = chain.audit(chain.store.files_of(version)).problems
    assert "ffffffffffff" in problem


def test_what_cannot_be_compared_is_noted_and_no_difference(chain: Chain) -> None:
    def check(version: ArtifactVersion, folder: Path) -> Findings:
        assert (folder / "train.txt").is_file()
        return Findings(notes=(f"{version.asset}: mount the disk",))

    report = audit(chain.bundle, chain.store, {"cvat_merge": check})
    assert report.is_clean
    noted, unsigned = report.notes
    assert noted == "toy/cvat_merge: mount the disk"
    assert unsigned.startswith("The records of toy/runtime_package, toy/onnx_export, toy/cvat")
    assert len(report.unverified) == 4, "each by itself"


def test_progress_is_one_stage_that_ends_when_nothing_is_left(chain: Chain) -> None:
    readings: list[Progress] = []
    audit(chain.bundle, chain.store, {}, readings.append)
    assert {reading.stage for reading in readings} == {"verifying"}
    assert [(r.done, r.total) for r in readings] == [(0, 1), (1, 2), (2, 3), (3, 3)]

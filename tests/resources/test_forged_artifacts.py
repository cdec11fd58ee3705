"""Whoever can write the store, and has no key, cannot forge an artifact with its record.

The attacks are carried out on real files: the attacker writes anything below the store, and knows
how everything in it is named.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from detector_runtime.updates.signatures import SigningKey
from doubles.artifacts import recorded
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.manifests import manifest_of
from pipeline.provenance import ArtifactVersion, Provenance, Recipe
from pipeline.release.lineage.audit import AuditReport, audit
from pipeline.release.lineage.signed_records import SignatureState, sign_record
from resources.artifacts import DIRECTORY_DIGITS, ArtifactStore
from resources.keys.private_keys import PrivateKeys
from resources.keys.record_keys import RecordKeys
from resources.object_store.folder import FolderStore
from resources.remote_artifacts.remote import RemoteArtifacts

ATTACKER = SigningKey(b"attacker" * 4)


def store_in(folder: Path, bucket: Path | None = None) -> ArtifactStore:
    """A machine with a key of its own."""
    keys = RecordKeys(PrivateKeys(folder / "keys"))
    remote = RemoteArtifacts(FolderStore(bucket)) if bucket else None
    return ArtifactStore(folder / "artifacts", remote, keys=keys)


def recipe_of(asset: str, *inputs: ArtifactVersion, seed: int = 1) -> Recipe:
    return Recipe(asset=f"toy/{asset}", code_version="c", config={"seed": seed}, inputs=inputs)


def build(store: ArtifactStore, recipe: Recipe, content: bytes) -> ArtifactVersion:
    with store.staging(recipe.asset, recipe.partition) as staged:
        (staged / "best.pt").write_bytes(content)
        artifact, _ = store.commit(staged, recorded(recipe, store.keys))
    return artifact.version


@dataclass(frozen=True)
class Story:
    """Weights that were made from a training set, and what the attacker does to them."""

    store: ArtifactStore
    training_set: ArtifactVersion
    weights: ArtifactVersion
    subject: Path

    def audit(self) -> AuditReport:
        return audit(self.subject, self.store, {})

    @property
    def is_believed(self) -> bool:
        report = self.audit()
        return report.is_clean and not report.unverified

    def home_of(self, version: ArtifactVersion) -> Path:
        return self.store.files_of(version).parent

    def record_of(self, version: ArtifactVersion) -> Path:
        builds = self.home_of(version).parent / "builds"
        files = {file: json.loads(file.read_text("utf-8")) for file in builds.glob("*.json")}
        (found,) = (f for f, said in files.items() if said["data_version"] == version.data_version)
        return found

    def other_weights(self, sign: Callable[[dict[str, Any]], dict[str, Any]]) -> Path:
        """Files, manifest, folder and record of other weights in the place of the true ones."""
        home, record = self.home_of(self.weights), self.record_of(self.weights)
        write(home / "files/best.pt", b"trojan")
        manifest = manifest_of(home / "files")
        write(home / "manifest.json", manifest.model_dump_json().encode())
        home.rename(home.with_name(manifest.digest[:DIRECTORY_DIGITS]))
        said = json.loads(record.read_text("utf-8"))
        write(record, json.dumps(sign({**said, "data_version": manifest.digest})).encode())
        self.subject.write_bytes(b"trojan")
        return record


def write(file: Path, content: bytes) -> None:
    if file.exists():
        file.chmod(0o600)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def without_signature(record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "signature": None}


def signed_by_the_attacker(record: dict[str, Any]) -> dict[str, Any]:
    made = Provenance.model_validate(record)
    signed: dict[str, Any] = sign_record(made, ATTACKER).model_dump(mode="json")
    return signed


def signed_in_the_owners_name(record: dict[str, Any]) -> dict[str, Any]:
    signed = signed_by_the_attacker(record)
    return {**signed, "signature": {**signed["signature"], "key_id": record["signature"]["key_id"]}}


@pytest.fixture
def story(tmp_path: Path) -> Story:
    store = store_in(tmp_path)
    training_set = build(store, recipe_of("cvat_merge"), b"images")
    weights = build(store, recipe_of("weights", training_set), b"weights")
    subject = tmp_path / "best.pt"
    subject.write_bytes(b"weights")
    return Story(store, training_set, weights, subject)


def test_what_nobody_has_touched_is_believed(story: Story) -> None:
    report = story.audit()
    assert (report.problems, report.notes, report.unverified) == ((), (), ())
    assert {link.signature for link in report.chain} == {SignatureState.TRUSTED}
    assert [link.version for link in report.chain] == [story.weights, story.training_set]


def test_a_rewritten_file_is_named(story: Story) -> None:
    file = story.store.files_of(story.weights) / "best.pt"
    write(file, b"Weights")
    (problem,) = story.audit().problems
    assert str(file) in problem


def test_a_rewritten_file_and_manifest_are_named(story: Story) -> None:
    home = story.home_of(story.training_set)
    write(home / "files/best.pt", b"poison")
    write(home / "manifest.json", manifest_of(home / "files").model_dump_json().encode())
    (problem,) = story.audit().problems
    assert str(home / "manifest.json") in problem


@pytest.mark.parametrize("sign", [dict, signed_in_the_owners_name])
def test_a_rewritten_artifact_with_a_changed_record_is_named(
    story: Story, sign: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    record = story.other_weights(sign)
    report = story.audit()
    assert any(str(record) in one and "signature is wrong" in one for one in report.problems)
    assert report.chain[0].provenance is None, "nothing that the record says is told as true"


def test_a_rewritten_artifact_without_a_signature_is_said_to_be_unsigned(story: Story) -> None:
    story.other_weights(without_signature)
    report = story.audit()
    assert report.chain[0].signature is SignatureState.UNSIGNED
    (unverified,) = report.unverified
    assert "toy/weights" in unverified
    assert "unsigned" in unverified
    (note,) = report.notes
    assert note.startswith("The record of toy/weights is unsigned")


def test_a_rewritten_artifact_that_the_attacker_signs_names_his_key(story: Story) -> None:
    story.other_weights(signed_by_the_attacker)
    report = story.audit()
    assert report.chain[0].signature is SignatureState.UNKNOWN_KEY
    (unverified,) = report.unverified
    assert ATTACKER.id in unverified
    (note,) = report.notes
    assert ATTACKER.id in note
    assert "keys trust" in note


def test_swapped_signatures_are_wrong(story: Story) -> None:
    files = [story.record_of(version) for version in (story.weights, story.training_set)]
    one, two = (json.loads(file.read_text("utf-8")) for file in files)
    one["signature"], two["signature"] = two["signature"], one["signature"]
    for file, record in zip(files, (one, two), strict=True):
        write(file, json.dumps(record).encode())
    (wrong, missing) = story.audit().problems
    assert str(files[0]) in wrong
    assert "no record" in missing


def test_a_true_record_of_another_artifact_is_not_that_of_this_one(story: Story) -> None:
    sprites = build(story.store, recipe_of("sprites"), b"trojan")
    home = story.home_of(story.weights).with_name(sprites.data_version[:DIRECTORY_DIGITS])
    shutil.copytree(story.home_of(sprites), home)
    moved = home.parent / "builds" / story.record_of(sprites).name
    shutil.copyfile(story.record_of(sprites), moved)
    shutil.rmtree(story.home_of(sprites))
    story.subject.write_bytes(b"trojan")
    problems = story.audit().problems
    assert any(str(moved) in one and "toy/sprites" in one for one in problems)
    assert any("no record says" in one for one in problems)


def test_an_older_record_of_the_same_recipe_says_nothing_of_newer_bytes(story: Story) -> None:
    recipe = recipe_of("weights", story.training_set)
    file = story.record_of(story.weights)
    older = file.read_bytes()
    build(story.store, recipe, b"trained again")
    story.subject.write_bytes(b"trained again")
    assert story.is_believed
    write(file, older)
    (problem,) = story.audit().problems
    assert "no record says how it was made" in problem
    story.subject.write_bytes(b"weights")
    assert story.is_believed, "what the older record says is still true of the older bytes"


def test_a_record_of_before_records_were_signed_is_not_taken_for_the_signed_one(
    story: Story,
) -> None:
    file = story.record_of(story.weights)
    write(file, json.dumps(without_signature(json.loads(file.read_text("utf-8")))).encode())
    assert not story.is_believed
    assert story.audit().is_clean


def test_an_older_record_with_other_inputs_does_not_hide_the_signed_one(story: Story) -> None:
    other = build(story.store, recipe_of("cvat_merge", seed=2), b"other images")
    made = recorded(recipe_of("weights", other))(story.weights.data_version)
    forged = made.model_copy(update={"made_at": "2020-01-01T00:00:00+00:00"})
    builds = story.record_of(story.weights).parent
    write(builds / f"{forged.recipe.input_key}.json", forged.model_dump_json().encode())
    assert [link.version for link in story.audit().chain] == [story.weights, story.training_set]
    assert story.is_believed


def test_a_removed_record_is_missed(story: Story) -> None:
    story.record_of(story.training_set).unlink()
    (problem,) = story.audit().problems
    assert "toy/cvat_merge" in problem


@pytest.mark.parametrize("sign", [dict, signed_in_the_owners_name])
def test_a_forged_artifact_is_made_again_and_not_taken(
    story: Story, sign: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    recipe = recipe_of("weights", story.training_set)
    story.other_weights(sign)
    assert story.store.find_build(recipe.asset, None, recipe.input_key) is None
    assert build(story.store, recipe, b"weights") == story.weights
    story.subject.write_bytes(b"weights")
    assert story.is_believed


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_no_changed_byte_of_the_store_leaves_the_model_believed(
    story: Story, data: st.DataObject
) -> None:
    """Except in spaces of JSON, which say nothing."""
    everything = (file for file in story.store.root.rglob("*") if file.is_file())
    files = sorted(file for file in everything if ".in_use" not in file.parts)
    file = data.draw(st.sampled_from(files))
    content = file.read_bytes()
    place = data.draw(st.integers(0, len(content) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda value: value != content[place]))
    changed = content[:place] + bytes([other]) + content[place + 1 :]
    write(file, changed)
    try:
        assert not story.is_believed or json.loads(changed) == json.loads(content)
    finally:
        write(file, content)
    assert story.is_believed


def test_collecting_garbage_leaves_a_changed_record_for_the_audit_to_name(story: Story) -> None:
    file, version = story.record_of(story.weights), story.weights.data_version
    text = file.read_text("utf-8")
    asset = "toy/weights"
    for true, false in ((asset, "toy/weighty"), (asset, "toy/.eights"), (version, version[::-1])):
        write(file, text.replace(true, false).encode())
        story.store.remove(story.store.garbage({story.weights, story.training_set}))
        assert file.is_file(), false
    write(file, text.encode())
    assert story.is_believed


def test_a_forged_record_in_a_bucket_is_named_and_not_taken(tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    one, two = (store_in(tmp_path / name, bucket) for name in ("one", "two"))
    recipe = recipe_of("weights")
    version = build(one, recipe, b"weights")
    trust(two, one)
    (record,) = bucket.glob("versions/*/builds/*.json")
    said = json.loads(record.read_text("utf-8"))
    write(record, json.dumps({**said, "run_id": "forged"}).encode())

    assert two.find_build(recipe.asset, None, recipe.input_key) is None
    subject = tmp_path / "best.pt"
    subject.write_bytes(b"weights")
    problems = audit(subject, two, {}).problems
    assert any(record.name in one and "signature is wrong" in one for one in problems)
    assert not list(two.root.rglob("builds/*.json")), "a forged record is not kept"
    assert two.files_of(version).is_dir(), "its bytes were fetched to be verified"


def test_the_signature_comes_along_to_another_machine(tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    one, two = (store_in(tmp_path / name, bucket) for name in ("one", "two"))
    version = build(one, recipe_of("weights"), b"weights")
    subject = tmp_path / "best.pt"
    subject.write_bytes(b"weights")
    (unverified,) = audit(subject, two, {}).unverified
    assert own_id(one) in unverified
    trust(two, one)
    report = audit(subject, two, {})
    assert (report.problems, report.unverified) == ((), ())
    assert report.chain[0].version == version
    assert report.chain[0].signed_by == own_id(one)


def test_two_machines_that_make_the_same_each_believe_their_own_record(tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    one, two, third = (store_in(tmp_path / name, bucket) for name in ("one", "two", "third"))
    recipe = recipe_of("weights")
    assert build(one, recipe, b"weights") == build(two, recipe, b"weights")
    subject = tmp_path / "best.pt"
    subject.write_bytes(b"weights")
    for store in (one, two):
        report = audit(subject, store, {})
        assert (report.problems, report.unverified) == ((), ())
        assert report.chain[0].signed_by == own_id(store)
    assert audit(subject, third, {}).chain[0].signed_by == own_id(one), "it was first"


def own_id(store: ArtifactStore) -> str:
    assert store.keys is not None
    return store.keys.signing_key().id


def trust(store: ArtifactStore, other: ArtifactStore) -> None:
    assert store.keys is not None
    assert other.keys is not None
    store.keys.trust(other.keys.signing_key().public, "another machine")

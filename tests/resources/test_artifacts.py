"""The artifact store: whole artifacts or none, named by what they hold."""

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from pipeline.provenance import ArtifactVersion, Provenance, Recipe
from resources.artifacts import (
    ABANDONED_AFTER_SECONDS,
    ArtifactMissingError,
    ArtifactStore,
    ArtifactStoreError,
)


def recipe(asset: str = "demo/sprites", seed: int = 1, *inputs: ArtifactVersion) -> Recipe:
    return Recipe(asset=asset, code_version="c1", config={"seed": seed}, inputs=inputs)


def build(store: ArtifactStore, made: Recipe, content: bytes, run: str = "run") -> ArtifactVersion:
    def describe(data_version: str) -> Provenance:
        return Provenance(
            recipe=made,
            data_version=data_version,
            run_id=run,
            made_at=f"2026-01-01T00:00:00+00:00/{run}",
            seconds=1.0,
            outpost_version="0",
        )

    with store.staging(made.asset, made.partition) as staged:
        (staged / "folder").mkdir()
        (staged / "folder" / "file.bin").write_bytes(content)
        artifact, _ = store.commit(staged, describe)
    return artifact.version


def age(path: Path) -> None:
    """Let everything at and below a path be older than what a running process may own."""
    then = time.time() - ABANDONED_AFTER_SECONDS - 60
    for place in (*path.rglob("*"), path):
        os.utime(place, (then, then))


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "artifacts")


def test_what_was_staged_is_found_again_by_its_recipe(store: ArtifactStore) -> None:
    version = build(store, recipe(), b"one")
    found = store.find_build("demo/sprites", None, recipe().input_key)
    assert found is not None
    assert found.version == version
    assert (store.open(version).path / "folder/file.bin").read_bytes() == b"one"
    assert store.find_build("demo/sprites", None, recipe(seed=2).input_key) is None


def test_same_content_in_two_stores_has_one_data_version(tmp_path: Path) -> None:
    versions = {
        build(ArtifactStore(tmp_path / name), recipe(), b"one", run=name).data_version
        for name in ("here", "there")
    }
    assert len(versions) == 1


def test_two_recipes_that_make_the_same_bytes_share_one_directory(store: ArtifactStore) -> None:
    first, second = build(store, recipe(seed=1), b"x"), build(store, recipe(seed=2), b"x")
    assert first == second
    assert len(store.provenance_of(first)) == 2


def test_stored_files_cannot_be_written_by_accident(store: ArtifactStore) -> None:
    file = store.open(build(store, recipe(), b"one")).path / "folder/file.bin"
    assert file.stat().st_mode & 0o222 == 0


def test_a_failure_while_writing_leaves_nothing(store: ArtifactStore) -> None:
    with pytest.raises(ZeroDivisionError), store.staging("demo/sprites") as staged:
        (staged / "half").write_bytes(b"half")
        raise ZeroDivisionError
    assert [p for p in store.root.rglob("*") if p.is_file()] == []


def test_a_damaged_artifact_is_not_offered_again_and_is_rebuilt(store: ArtifactStore) -> None:
    version = build(store, recipe(), b"one")
    file = store.open(version).path / "folder/file.bin"
    file.chmod(0o600)
    file.unlink()
    assert store.find_build("demo/sprites", None, recipe().input_key) is None
    with pytest.raises(ArtifactMissingError, match="Materialize demo/sprites again"):
        store.open(version)
    assert build(store, recipe(), b"one") == version
    assert store.open(version).is_whole


def test_a_changed_byte_of_the_same_length_is_named(store: ArtifactStore) -> None:
    version = build(store, recipe(), b"one")
    file = store.open(version).path / "folder/file.bin"
    file.chmod(0o600)
    file.write_bytes(b"onE")
    (problem,) = store.problems_of(version)
    assert str(file) in problem
    assert "other bytes" in problem


def test_a_changed_manifest_is_named(store: ArtifactStore) -> None:
    version = build(store, recipe(), b"one")
    manifest = store.open(version).home / "manifest.json"
    text = manifest.read_text()
    manifest.chmod(0o600)
    manifest.write_text(text.replace('"size": 3', '"size": 4'))
    (problem,) = store.problems_of(version)
    assert "manifest.json" in problem


def test_full_disk_and_read_only_disk_say_what_to_do(store: ArtifactStore) -> None:
    for number, words in ((errno.ENOSPC, "no space left"), (errno.EACCES, "cannot be written")):
        with pytest.raises(ArtifactStoreError, match=words), store.staging("demo/sprites"):
            raise OSError(number, os.strerror(number))


def test_garbage_is_what_no_materialization_needs(store: ArtifactStore) -> None:
    sprites = build(store, recipe(), b"sprites")
    used = build(store, recipe("demo/set", 1, sprites), b"used")
    unused = build(store, recipe("demo/set", 2, sprites), b"unused")
    age(store.root)
    removals = store.garbage({used})
    assert [removal.path for removal in removals] == [store.files_of(unused).parent]
    assert store.open(unused).is_whole, "finding garbage removes nothing"
    store.remove(removals)
    assert not store.files_of(unused).exists()
    assert store.open(sprites).is_whole
    assert store.open(used).is_whole
    assert {record.version for record in store.builds()} == {sprites, used}


def test_what_a_run_may_not_have_reported_yet_is_kept_with_what_it_was_made_from(
    store: ArtifactStore,
) -> None:
    sprites = build(store, recipe(), b"sprites")
    age(store.root)
    unreported = build(store, recipe("demo/set", 1, sprites), b"set")
    assert store.garbage(set()) == ()
    age(store.root)
    homes = {removal.path for removal in store.garbage(set())}
    assert homes == {store.open(version).home for version in (sprites, unreported)}


@pytest.mark.parametrize("seed", [1, 2], ids=["found again", "made again"])
def test_an_old_artifact_that_a_run_takes_up_again_is_kept(store: ArtifactStore, seed: int) -> None:
    build(store, recipe(seed=1), b"one")
    age(store.root)
    assert len(store.garbage(set())) == 1
    if store.find_build("demo/sprites", None, recipe(seed=seed).input_key) is None:
        build(store, recipe(seed=seed), b"one")
    assert store.garbage(set()) == ()


def test_staging_is_garbage_once_nothing_is_written_into_it(store: ArtifactStore) -> None:
    with store.staging("demo/sprites") as staged:
        (staged / "half").write_bytes(b"half")
        age(store.root)
        (removal,) = store.garbage(set())
        assert removal.path == staged.parent
        (staged / "half").write_bytes(b"more")
        assert store.garbage(set()) == (), "its folder is old, what is in it is not"


def test_removing_leaves_records_that_cannot_be_read(store: ArtifactStore) -> None:
    """Such as those of another version of Outpost, whose artifacts are in use."""
    kept, gone = build(store, recipe(seed=1), b"kept"), build(store, recipe(seed=2), b"gone")
    (file,) = store.root.glob(f"*/*/builds/{recipe(seed=1).input_key}.json")
    file.write_text(json.dumps({**json.loads(file.read_text()), "from_the_future": 1}))
    age(store.root)

    store.remove(store.garbage({kept}))

    assert not store.files_of(gone).exists()
    assert [left.name for left in store.root.glob("*/*/builds/*.json")] == [file.name]


def test_removing_leaves_what_survives_protected(store: ArtifactStore) -> None:
    unused = store.open(build(store, recipe(seed=1), b"unused"))
    kept = store.open(build(store, recipe(seed=2), b"kept"))
    shared, lost = kept.path / "folder/shared.bin", kept.path / "folder/file.bin"
    os.link(unused.path / "folder/file.bin", shared)
    lost.chmod(0o600)
    age(store.root)
    store.remove(store.garbage({kept.version}))
    assert not unused.home.exists()
    assert [file.stat().st_mode & 0o222 for file in (shared, lost)] == [0, 0]


def test_staging_that_is_thrown_away_leaves_linked_files_protected(store: ArtifactStore) -> None:
    file = store.open(build(store, recipe(), b"one")).path / "folder/file.bin"
    with store.staging("demo/set") as staged:
        os.link(file, staged / "linked.bin")
    assert file.stat().st_mode & 0o222 == 0


def test_a_changed_record_counts_for_nothing_and_is_named(store: ArtifactStore) -> None:
    version = build(store, recipe(), b"one")
    other = build(store, recipe(seed=3), b"three")
    (file,) = (f for f in store.root.glob("*/*/builds/*.json") if f.stem == recipe().input_key)
    record = json.loads(file.read_text("utf-8"))
    record["recipe"]["config"] = {"seed": 2}
    file.write_text(json.dumps(record), encoding="utf-8")
    assert store.find_build("demo/sprites", None, recipe().input_key) is None
    assert store.provenance_of(version) == ()
    assert [record.version for record in store.builds()] == [other]
    (problem,) = store.problems_of(version)
    assert str(file) in problem
    assert "record was changed" in problem
    assert store.problems_of(other) == (), "it says nothing of another version"


def test_an_unreadable_record_is_named(store: ArtifactStore) -> None:
    version = build(store, recipe(), b"one")
    (file,) = store.root.glob("*/*/builds/*.json")
    file.write_text("{", encoding="utf-8")
    assert store.problems_of(version) == (f"{file}: the record was changed after the build",)


def test_versions_are_found_by_a_file_that_they_hold(store: ArtifactStore) -> None:
    version = build(store, recipe(), b"one")
    digest = store.open(version).manifest.files[0].sha256
    assert store.versions_holding(digest) == (version,)
    assert store.versions_holding("0" * 64) == ()
    assert store.versions_holding("0" * 64, digest) == (version,)


def test_the_key_of_an_asset_may_have_a_part_more(store: ArtifactStore) -> None:
    made = Recipe(asset="demo/community/crops", partition="a.b", code_version="c", config={})
    version = build(store, made, b"one")
    assert store.open(version).path.parents[1].name == "community.crops@a.b"
    digest = store.open(version).manifest.files[0].sha256
    assert store.versions_holding(digest) == (version,)
    assert store.find_build(made.asset, made.partition, made.input_key) is not None
    assert [removal.path.name for removal in store.garbage({version})] == []


def test_a_version_is_found_though_its_record_or_its_manifest_was_changed(
    store: ArtifactStore,
) -> None:
    version = build(
        store, Recipe(asset="demo/batch", partition="a@b", code_version="c", config={}), b"1"
    )
    digest = store.open(version).manifest.files[0].sha256
    manifest = store.open(version).home / "manifest.json"
    manifest.chmod(0o600)
    manifest.write_text(manifest.read_text().replace('"size": 1', '"size": 2'))
    assert store.versions_holding(digest) == (version,)
    manifest.write_text(manifest.read_text().replace('"size": 2', '"size": 1'))
    (record,) = store.root.glob("*/*/builds/*.json")
    record.unlink()
    assert store.versions_holding(digest) == (version,)


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_artifacts import build, recipe
from resources.artifacts import ArtifactStore
print("ready", flush=True)
seed = 0
while True:
    seed += 1
    build(ArtifactStore(Path({root!r})), recipe(seed=seed), str(seed).encode() * 50_000)
"""


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")
@pytest.mark.parametrize("delay", [0.01, 0.03, 0.06, 0.1])
def test_kill_9_leaves_whole_artifacts_or_none(store: ArtifactStore, delay: float) -> None:
    code = textwrap.dedent(KILLED).format(tests=str(Path(__file__).parent), root=str(store.root))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.wait()
    for record in store.builds():
        assert store.problems_of(record.version) == ()
    for home in store.root.glob("*/*/*"):
        if home.name not in ("builds", "staging"):
            assert (home / "manifest.json").is_file()
    version = build(store, recipe(seed=0), b"after")
    assert store.open(version).is_whole

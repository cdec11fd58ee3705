"""A store with a limit: what another place has too is dropped, and fetched again as it was."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from doubles.artifacts import recorded

from pipeline.provenance import ArtifactVersion, Recipe
from resources.artifacts import Artifacts, ArtifactStore, ArtifactStoreError
from resources.local_artifacts.in_use import used_for_a_while
from resources.object_store.folder import FolderStore
from resources.paths import Paths
from resources.remote_artifacts.remote import RemoteArtifacts

SIZE = 10_000
SLACK = SIZE // 2
"""For manifests."""


def machine(folder: Path, limit: int | None) -> ArtifactStore:
    remote = RemoteArtifacts(FolderStore(folder / "bucket"))
    return ArtifactStore(folder / "store", remote, cache_bytes=limit)


def build(store: ArtifactStore, name: str) -> ArtifactVersion:
    recipe = Recipe(asset=f"toy/{name}", code_version="1", config={})
    with used_for_a_while(), store.staging(recipe.asset) as staged:
        (staged / "data").write_bytes(name[:1].encode() * SIZE)
        return store.commit(staged, recorded(recipe))[0].version


def opened(store: ArtifactStore, version: ArtifactVersion, at: int) -> None:
    with used_for_a_while():
        home = store.open(version).home
    os.utime(home, (at, at))


def here(store: ArtifactStore, *versions: ArtifactVersion) -> list[bool]:
    return [store.is_here(version) for version in versions]


def test_the_least_recently_opened_is_dropped_and_fetched_again(tmp_path: Path) -> None:
    store = machine(tmp_path, 2 * SIZE + SLACK)
    a, b = build(store, "a"), build(store, "b")
    opened(store, b, at=1)
    opened(store, a, at=2)
    c = build(store, "c")
    assert here(store, a, b, c) == [True, False, True]
    opened(store, c, at=3)
    assert {record.version for record in store.builds()} == {a, b, c}

    assert store.listing_of(b).total_bytes == SIZE
    opened(store, b, at=4)
    assert here(store, a, b, c) == [False, True, True], "room was made before it came"
    with used_for_a_while():
        assert store.problems_of(a) == ()
        made = store.find_build("toy/b", None, next(store.builds()).recipe.input_key)
    assert made is None, "the key is another asset's"
    for record in store.builds():
        with used_for_a_while():
            assert store.find_build(record.recipe.asset, None, record.recipe.input_key) == record


def test_opening_one_makes_it_the_last_to_go(tmp_path: Path) -> None:
    store = machine(tmp_path, 2 * SIZE + SLACK)
    a, b = build(store, "a"), build(store, "b")
    opened(store, a, at=1)
    opened(store, b, at=2)
    with used_for_a_while():
        store.open(a)
    c = build(store, "c")
    assert here(store, a, b, c) == [True, False, True]


def test_one_that_alone_exceeds_the_limit_is_whole_while_it_is_used(tmp_path: Path) -> None:
    store = machine(tmp_path, 0)
    a = build(store, "a")
    with used_for_a_while():
        assert store.open(a).is_whole
        build(store, "b")
        assert store.is_here(a)
    build(store, "c")
    assert not store.is_here(a)


def test_what_a_process_without_the_bucket_has_open_is_not_dropped(tmp_path: Path) -> None:
    a = build(machine(tmp_path, None), "a")
    alone = ArtifactStore(tmp_path / "store")
    with used_for_a_while():
        assert alone.open(a).is_whole
        build(machine(tmp_path, 0), "b")
        assert alone.is_here(a)
    build(machine(tmp_path, 0), "c")
    assert not alone.is_here(a)


def test_what_is_only_here_stays(tmp_path: Path) -> None:
    alone = ArtifactStore(tmp_path / "store", cache_bytes=0)
    a, b = build(alone, "a"), build(alone, "b")
    c = build(machine(tmp_path, 0), "c")
    assert here(alone, a, b, c) == [True, True, True], "c is used while it is committed"
    build(machine(tmp_path, 0), "d")
    assert here(alone, a, b, c) == [True, True, False]


@pytest.mark.parametrize("lost", ["manifest.json", "builds/*", "block", "some of a block"])
def test_what_the_bucket_has_lost_or_has_not_all_of_stays(tmp_path: Path, lost: str) -> None:
    store = machine(tmp_path, None)
    a = build(store, "a")
    bucket = tmp_path / "bucket"
    (block,) = bucket.glob("blocks/*/*")
    if lost == "some of a block":
        block.write_bytes(block.read_bytes()[:-1])
    elif lost == "block":
        block.unlink()
    else:
        for file in (bucket / "versions" / a.data_version).glob(lost):
            file.unlink()
    build(machine(tmp_path, 0), "b")
    assert store.is_here(a)


def test_nothing_is_dropped_where_the_bucket_cannot_be_asked(tmp_path: Path) -> None:
    store = machine(tmp_path, None)
    a, b = build(store, "a"), build(store, "b")
    (tmp_path / "bucket").rename(tmp_path / "gone")
    (tmp_path / "bucket").write_text("no folder")
    with used_for_a_while():
        assert machine(tmp_path, 0).open(a).is_whole
    assert here(store, a, b) == [True, True]


def test_garbage_collection_keeps_the_records_of_what_was_dropped(tmp_path: Path) -> None:
    store = machine(tmp_path, 0)
    a = build(store, "a")
    build(store, "b")
    assert not store.is_here(a)
    store.remove(())
    assert a in {record.version for record in store.builds()}
    ArtifactStore(store.root).remove(())
    assert a not in {record.version for record in store.builds()}


@pytest.mark.parametrize("said", ["many", "-1", "nan", "inf"])
def test_a_limit_that_is_no_size_is_refused(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifacts = Artifacts(paths=Paths.below(tmp_path))
    assert artifacts.store.cache_bytes is None
    monkeypatch.setenv("OUTPOST_ARTIFACTS_CACHE_GB", "0.5")
    assert artifacts.store.cache_bytes == 500_000_000
    monkeypatch.setenv("OUTPOST_ARTIFACTS_CACHE_GB", said)
    with pytest.raises(ArtifactStoreError, match="no number of gigabytes"):
        _ = artifacts.store
    configured = Artifacts(paths=Paths.below(tmp_path), cache_gb=0)
    assert configured.store.cache_bytes == 0


WORKER = """
import random, sys, time
from pathlib import Path
sys.path[:0] = [{tests!r}, {folder!r}]
from test_cache import SIZE, build, machine
from resources.local_artifacts.in_use import used_for_a_while
store = machine(Path(sys.argv[1]), {limit})
versions = [build(store, name) for name in "abc"]
print("ready", flush=True)
ends = time.monotonic() + {seconds}
chance = random.Random(sys.argv[2])
while time.monotonic() < ends:
    version = chance.choice(versions)
    with used_for_a_while():
        folder = store.open(version).path
        time.sleep(chance.random() / 100)
        content = (folder / "data").read_bytes()
        assert content == version.asset[-1:].encode() * SIZE, "it is half there"
"""


def worker(folder: Path, seed: int, limit: int, seconds: float) -> subprocess.Popen[str]:
    tests = Path(__file__).parents[2]
    code = WORKER.format(
        tests=str(tests), folder=str(Path(__file__).parent), limit=limit, seconds=seconds
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, str(folder), str(seed)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tests.parent,
    )


@pytest.mark.slow
def test_processes_drop_nothing_under_each_others_hands(tmp_path: Path) -> None:
    workers = [worker(tmp_path, seed, limit=SIZE + SLACK, seconds=4) for seed in range(3)]
    for one in workers:
        _, said = one.communicate(timeout=240)
        assert one.returncode == 0, said


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")
def test_kills_leave_whole_copies_or_none(tmp_path: Path) -> None:
    chance = random.Random(1)
    for seed in range(8):
        one = worker(tmp_path, seed, limit=0, seconds=30)
        assert one.stdout is not None
        one.stdout.readline()
        time.sleep(chance.random() / 2)
        one.send_signal(signal.SIGKILL)
        one.communicate()
        store = machine(tmp_path, None)
        for home in store.root.glob("*/*/*"):
            if home.name not in ("builds", "staging"):
                assert (home / "files/data").stat().st_size == SIZE
                assert (home / "manifest.json").is_file()
    store = machine(tmp_path, 0)
    versions = {record.version for record in store.builds()}
    assert len(versions) == 3
    for version in versions:
        with used_for_a_while():
            assert store.problems_of(version) == ()
    build(store, "d")
    assert not any(here(store, *versions)), "nobody uses what killed processes had open"

"""What every object store keeps, on a folder and on two real S3 servers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from doubles import localstack, seaweed

from pipeline.progress import Progress
from resources.object_store.base import (
    ObjectListing,
    ObjectMissingError,
    ObjectStore,
    ObjectTooShortError,
)
from resources.object_store.conformance import examine, writes_conditionally
from resources.object_store.opening import open_store

WEED = pytest.param(
    "weed",
    marks=[
        pytest.mark.slow,
        pytest.mark.skipif(not seaweed.is_installed(), reason="no wheel for this machine"),
    ],
)
LOCALSTACK = pytest.param("localstack", marks=pytest.mark.slow)
SERVERS: dict[str, Callable[[Path], Any]] = {
    "weed": seaweed.seaweed,
    "localstack": localstack.localstack,
}
BUCKETS = {"weed": seaweed.BUCKET, "localstack": localstack.BUCKET}
WRITERS = 8


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], dict[str, str]]]:
    """Starts what is asked for, once: the environment in which clients find it."""
    running: dict[str, dict[str, str]] = {}
    open_servers = ExitStack()

    def environment(kind: str) -> dict[str, str]:
        if kind not in running:
            started = SERVERS[kind](tmp_path_factory.mktemp(kind))
            try:
                running[kind] = dict(open_servers.enter_context(started).environment)
            except localstack.NotInstallableError as error:
                pytest.skip(str(error))
        return running[kind]

    with open_servers:
        yield environment


@pytest.fixture(params=["folder", LOCALSTACK, WEED])
def store(
    request: pytest.FixtureRequest,
    servers: Callable[[str], dict[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> ObjectStore:
    if request.param == "folder":
        return open_store(str(tmp_path / "store"))
    for name, value in servers(request.param).items():
        monkeypatch.setenv(name, value)
    return open_store(f"s3://{BUCKETS[request.param]}/{tmp_path.name}/deep")


def test_what_is_written_is_read(store: ObjectStore) -> None:
    assert store.get("a/b.json") is None
    tag = store.put_if_absent("a/b.json", b"one")
    found = store.get("a/b.json")
    assert found is not None
    assert (found.content, found.tag) == (b"one", tag)
    assert store.put_if_absent("a/empty", b"") is not None
    assert store.get("a/empty").content == b""  # type: ignore[union-attr]


def test_some_bytes_of_an_object_are_read(store: ObjectStore) -> None:
    store.put_if_absent("key", b"0123456789")
    assert store.get_range("key", 0, 10) == b"0123456789"
    assert store.get_range("key", 3, 4) == b"3456"
    for first in (8, 10, 20):
        with pytest.raises(ObjectTooShortError, match=r"^key in .* shorter"):
            store.get_range("key", first, 5)
    with pytest.raises(ObjectMissingError):
        store.get_range("none", 0, 1)


def test_an_object_that_is_there_stays(store: ObjectStore, tmp_path: Path) -> None:
    assert store.put_if_absent("key", b"first") is not None
    assert store.put_if_absent("key", b"second") is None
    (tmp_path / "third").write_bytes(b"third")
    assert not store.upload("key", tmp_path / "third")
    assert store.get("key").content == b"first"  # type: ignore[union-attr]


def test_what_nobody_has_changed_is_replaced(store: ObjectStore) -> None:
    assert store.put_if_match("key", b"new", "0-nothing") is None, "there is nothing to replace"
    assert store.get("key") is None
    first = store.put_if_absent("key", b"first")
    second = store.put_if_match("key", b"second", str(first))
    assert second not in (None, first)
    assert store.put_if_match("key", b"late", str(first)) is None
    third = store.put_if_match("key", b"third", str(second))
    assert store.get("key").content == b"third"  # type: ignore[union-attr]
    assert store.get("key").tag == third  # type: ignore[union-attr]
    assert store.put_if_absent("key", b"again") is None


def test_objects_are_listed_by_key(store: ObjectStore) -> None:
    for key in ("v/2/b", "v/10/a", "v/2/a", "w", "v-2/a"):
        store.put_if_absent(key, key.encode())
    tag = store.get("w").tag  # type: ignore[union-attr]
    store.put_if_match("w", b"replaced", tag)
    assert [one.key for one in store.listing()] == ["v-2/a", "v/10/a", "v/2/a", "v/2/b", "w"]
    assert list(store.listing("v/2/")) == [ObjectListing("v/2/a", 5), ObjectListing("v/2/b", 5)]
    assert [one.key for one in store.listing("v/1")] == ["v/10/a"]
    assert list(store.listing("nothing/")) == []


def test_a_listing_looks_at_so_many(store: ObjectStore) -> None:
    for number in range(5):
        store.put_if_absent(f"v/{number}/a", b"content")
    assert len(list(store.listing("v/", most=3))) == 3
    assert store.folders("v/", most=10) == ("0", "1", "2", "3", "4")
    assert len(store.folders("v/", most=2)) == 2
    assert store.folders("nothing/", most=2) == ()


def test_a_tag_in_a_listing_tells_of_a_change(store: ObjectStore) -> None:
    tag = store.put_if_absent("key", b"first")
    (before,) = store.listing()
    (same,) = store.listing()
    store.put_if_match("key", b"other", str(tag))
    (after,) = store.listing()
    assert before.tag == same.tag != after.tag


def test_files_go_there_and_come_back(store: ObjectStore, tmp_path: Path) -> None:
    content = bytes(range(256)) * 12_000
    source, target = tmp_path / "source", tmp_path / "new folder" / "target"
    source.write_bytes(content)
    assert store.upload("models/model.onnx", source)
    readings: list[Progress] = []
    store.download("models/model.onnx", target, readings.append)
    assert target.read_bytes() == content
    assert (readings[-1].done, readings[-1].total) == (2, 2)
    store.put_if_absent("models/bundle.json", b"{}")
    readings.clear()
    store.download("models/bundle.json", target.with_name("small"), readings.append)
    target.with_name("small").unlink()
    assert readings == [], "what has no MiB is not worth a line"
    assert [file.name for file in target.parent.iterdir()] == ["target"]
    with pytest.raises(ObjectMissingError):
        store.download("models/none", target)
    assert target.read_bytes() == content


def test_what_is_deleted_is_gone(store: ObjectStore) -> None:
    tag = store.put_if_absent("key", b"one")
    store.put_if_match("key", b"two", str(tag))
    store.delete("key")
    store.delete("key")
    assert store.get("key") is None
    assert list(store.listing()) == []
    assert store.put_if_absent("key", b"three") is not None


@pytest.mark.parametrize("key", ["", "/a", "a//b", "../a", "a/..", "a\\b", "a b", ".hidden", "ü"])
def test_keys_that_lead_elsewhere_are_refused(store: ObjectStore, key: str) -> None:
    with pytest.raises(ValueError, match="is no key"):
        store.get(key)


def race(write: Callable[[int], object]) -> list[int]:
    """The numbers of the writers who have won."""
    start = threading.Barrier(WRITERS)

    def one(number: int) -> bool:
        start.wait()
        return write(number) is not None

    with ThreadPoolExecutor(WRITERS) as pool:
        return [number for number, won in enumerate(pool.map(one, range(WRITERS))) if won]


def test_of_writers_who_collide_one_wins(store: ObjectStore) -> None:
    for number in range(5):
        key = f"race/{number}"
        winners = race(lambda n, key=key: store.put_if_absent(key, str(n).encode()))
        found = store.get(key)
        assert found is not None
        assert [str(n).encode() for n in winners] == [found.content]
        # Other bytes than before: a tag is that of the bytes, so the same ones would change none.
        winners = race(
            lambda n, key=key, tag=found.tag: store.put_if_match(key, f"then {n}".encode(), tag)
        )
        found = store.get(key)
        assert found is not None
        assert [f"then {n}".encode() for n in winners] == [found.content]


def test_no_increment_is_lost(store: ObjectStore) -> None:
    store.put_if_absent("counter", b"0")

    def increment(_number: int) -> None:
        while True:
            found = store.get("counter")
            assert found is not None
            more = str(int(found.content) + 1).encode()
            if store.put_if_match("counter", more, found.tag) is not None:
                return

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(increment, range(20)))
    assert store.get("counter").content == b"20"  # type: ignore[union-attr]


def test_a_store_that_does_all_of_it_passes_its_examination(store: ObjectStore) -> None:
    assert [finding.what for finding in examine(store) if finding.problem] == []
    assert list(store.listing()) == []
    assert writes_conditionally(store)
    assert writes_conditionally(store)

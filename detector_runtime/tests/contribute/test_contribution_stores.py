"""What every place for contributions keeps: a folder, a real S3 server, a double of the hub."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from doubles import hub
from doubles.s3_server import ENVIRONMENT, s3_server

from detector_runtime.contribute.stores import folder_store
from detector_runtime.contribute.stores.base import ContributionStore, Replacement
from detector_runtime.contribute.stores.opening import open_contribution_store
from detector_runtime.errors import ConfigurationError, ContributionStoreError


@pytest.fixture(scope="module")
def server_url() -> Iterator[str]:
    with s3_server() as server:
        yield server.url


@pytest.fixture(params=["folder", "bucket", "hub"])
def store(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    server_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[ContributionStore]:
    if request.param == "folder":
        yield open_contribution_store(tmp_path / "place")
        return
    if request.param == "hub":
        with hub.hub() as (url, _):
            monkeypatch.setenv("HF_ENDPOINT", url)
            monkeypatch.setenv("HF_TOKEN", hub.TOKEN)
            yield open_contribution_store(f"hf://datasets/{hub.NAME}/deep")
        return
    for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": server_url}.items():
        monkeypatch.setenv(name, value)
    yield open_contribution_store(f"s3://annotations/{tmp_path.name}")


def test_files_are_written_once(store: ContributionStore) -> None:
    assert store.publish({"toy/a/1.png": b"one", "toy/a/2.png": b"two"}, None) == ""
    assert store.publish({"toy/a/1.png": b"other", "toy/a/3.png": b"three"}, None) == ""
    found = store.get("toy/a/1.png")
    assert found is not None
    assert found.content == b"one"
    assert store.get("toy/a/9.png") is None
    assert list(store.keys("toy/a/")) == ["toy/a/1.png", "toy/a/2.png", "toy/a/3.png"]
    assert list(store.keys("toy/b/")) == []


def test_one_file_is_replaced_if_it_is_what_was_known(store: ContributionStore) -> None:
    key = "toy/annotations.jsonl"
    first = store.publish({}, Replacement(key, b"1", None))
    assert first
    assert store.publish({"toy/n.png": b"n"}, Replacement(key, b"late", None)) is None
    second = store.publish({}, Replacement(key, b"2", first))
    assert second
    assert store.publish({}, Replacement(key, b"late", first)) is None
    found = store.get(key)
    assert found is not None
    assert (found.content, found.tag) == (b"2", second)


def test_files_are_deleted(store: ContributionStore) -> None:
    store.publish({f"toy/a/{number}.png": b"x" for number in range(3)}, None)
    store.delete(["toy/a/0.png", "toy/a/2.png", "toy/a/none.png"])
    assert list(store.keys("toy/")) == ["toy/a/1.png"]
    assert store.publish({}, Replacement("toy/a/0.png", b"x", "tag of what is gone")) is None


def test_a_bucket_that_is_not_there_is_explained(
    server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": server_url}.items():
        monkeypatch.setenv(name, value)
    store = open_contribution_store("s3://nothing-here")
    with pytest.raises(ContributionStoreError, match="NoSuchBucket"):
        store.publish({"a": b"x"}, None)


def test_a_server_that_is_away_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("detector_runtime.contribute.stores.s3_store.ATTEMPTS", 1)
    with pytest.raises(ContributionStoreError, match="cannot be used") as caught:
        open_contribution_store("s3://annotations").get("a")
    assert ENVIRONMENT["AWS_SECRET_ACCESS_KEY"] not in str(caught.value)


@pytest.mark.parametrize("location", ["", " ", "ftp://user:secret@host", "s3://UPPER/x"])
def test_other_places_are_refused(location: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_contribution_store(location)
    assert "secret" not in str(caught.value)


def test_what_a_kill_may_leave_in_a_folder_is_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those who receive would count it as a file that has no business there."""
    halves: list[str] = []

    def replace(source: Path, target: Path) -> None:
        halves.append(source.name)
        source.replace(target)

    monkeypatch.setattr(folder_store, "replace", replace)
    store = open_contribution_store(tmp_path)
    assert store.publish({"toy/1.png": b"1"}, Replacement("toy/annotations.jsonl", b"2", None))
    assert [name[0] for name in halves] == [".", "."]


def test_a_folder_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ContributionStoreError, match="cannot be used"):
        open_contribution_store(tmp_path / "file").publish({"a/b": b"x"}, None)

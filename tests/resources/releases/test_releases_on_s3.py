"""Publishing into a real S3 server: rivals, and a server that dies in the middle."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from detector_runtime.policies.policy_model import PolicyModel
from doubles import localstack, seaweed
from doubles.policy_releases import policy_version
from doubles.releases import new_version

from pipeline.release.channels import CHAMPION
from resources.keys.private_keys import PrivateKeys
from resources.object_store import s3
from resources.object_store.base import ObjectStoreError
from resources.object_store.s3 import S3Store
from resources.releases.publisher import Publisher
from resources.releases.release_store import ChannelMovedError, ReleaseError, ReleaseStore

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not seaweed.is_installed(), reason="no wheel for this machine"),
]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[seaweed.Seaweed]:
    monkeypatch.setattr(s3, "FIRST_WAIT_SECONDS", 0.05)
    with seaweed.seaweed(tmp_path / "weed") as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


def publisher_of(tmp_path: Path, store: S3Store) -> Publisher:
    return Publisher(ReleaseStore(store, "demo"), PrivateKeys(tmp_path / "keys"), "tester")


@pytest.fixture(params=["weed", "localstack"])
def either(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """One of two servers that have nothing in common."""
    opened = {"weed": seaweed.seaweed, "localstack": localstack.localstack}[request.param]
    with ExitStack() as stack:
        try:
            running: Any = stack.enter_context(opened(tmp_path / request.param))
        except localstack.NotInstallableError as error:
            pytest.skip(str(error))
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield


@pytest.mark.usefixtures("either")
def test_of_people_who_promote_at_once_one_wins(tmp_path: Path) -> None:
    publisher = publisher_of(tmp_path, S3Store(seaweed.BUCKET, "deep"))
    publisher.init_keys()
    versions = [publisher.publish(new_version(tmp_path / name)) for name in "abcd"]
    start = threading.Barrier(4)

    def promote(number: int) -> bool:
        own = publisher_of(tmp_path, S3Store(seaweed.BUCKET, "deep"))
        start.wait()
        try:
            replace(own, actor=str(number)).move(CHAMPION, versions[number], "mine", 1)
        except ChannelMovedError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        winners = [number for number, won in enumerate(pool.map(promote, range(4))) if won]
    (entry,) = publisher.store.history(CHAMPION)
    assert [str(number) for number in winners] == [entry.actor]
    assert publisher.store.shown(CHAMPION) == entry


@dataclass(frozen=True)
class Doomed(S3Store):
    """Its server dies after so many writes."""

    server: seaweed.Seaweed | None = None
    writes: int = 0

    def _put(self, key: str, body: object, condition: object) -> str | None:
        done = super()._put(key, body, condition)  # type: ignore[arg-type]
        if not key.startswith("doctor/"):
            left = self.__dict__.setdefault("left", [self.writes])
            left[0] -= 1
            if left[0] == 0 and self.server is not None:
                self.server.kill()
        return done


@pytest.mark.parametrize("writes", [1, 5, 6])
def test_a_server_that_dies_leaves_the_old_or_the_new(
    server: seaweed.Seaweed, tmp_path: Path, writes: int
) -> None:
    whole = S3Store(seaweed.BUCKET, "deep")
    publisher = publisher_of(tmp_path, whole)
    publisher.init_keys()
    first = publisher.publish(new_version(tmp_path / "a"))
    publisher.move(CHAMPION, first, "first", 1)
    doomed = publisher_of(tmp_path, Doomed(seaweed.BUCKET, "deep", server, writes))
    second = new_version(tmp_path / "b")
    with pytest.raises(ObjectStoreError):
        doomed.move(CHAMPION, doomed.publish(second), "second", 2)
    server.start()
    shown = publisher.store.shown(CHAMPION)
    assert shown is not None
    assert (shown.sequence, shown.version) == (1, first.id)
    publisher.store.download(publisher.store.version(shown.version), tmp_path / "opened")
    again = publisher.publish(second)
    sequence = publisher.store.next_sequence(CHAMPION)
    assert sequence == (3 if writes == 6 else 2), "the sixth write is the history's"
    publisher.move(CHAMPION, again, "second", sequence)
    shown = publisher.store.shown(CHAMPION)
    assert shown is not None
    assert (shown.sequence, shown.version) == (sequence, again.id)


@pytest.mark.usefixtures("server")
def test_policies_go_through_a_bucket_too(tmp_path: Path) -> None:
    store = ReleaseStore(S3Store(seaweed.BUCKET, "deep"), "blocks-policies")
    publisher = Publisher(store, PrivateKeys(tmp_path / "keys"), "tester")
    publisher.init_keys()
    first, second = (publisher.publish(policy_version(tmp_path / str(key), key)) for key in (1, 2))
    publisher.move(CHAMPION, first, "first", 1)
    publisher.move(CHAMPION, second, "second", 2)
    assert publisher.roll_back(CHAMPION, None, "it stands still").version == first.id
    store.download(first, tmp_path / "opened")
    PolicyModel.load(tmp_path / "opened").close()
    # What somebody has written over is noticed.
    store.objects.delete(f"models/blocks-policies/versions/{second.id}/executor.onnx")
    (tmp_path / "forged").write_bytes(b"forged")
    store.objects.upload(
        f"models/blocks-policies/versions/{second.id}/executor.onnx", tmp_path / "forged"
    )
    with pytest.raises(ReleaseError, match=r"executor\.onnx .* was changed after"):
        store.download(second, tmp_path / "again")

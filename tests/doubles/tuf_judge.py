"""What python-tuf, the reference client of The Update Framework, says to the same attacks.

    uv run --no-project --with tuf==7.0.1 --with cryptography python tests/doubles/tuf_judge.py

Prints by attack, named as in `test_attacks.py`, whether its client refuses it. A target is what a
model is to ours, the timestamp what the channel's document is. It runs in an environment of its
own.
"""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import DownloadError, DownloadHTTPError, RepositoryError
from tuf.api.metadata import (
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.ngclient import Updater
from tuf.ngclient.fetcher import FetcherInterface

BASE = "https://published/"
NAME = "model.onnx"
ONLINE = ("timestamp", "snapshot", "targets")


class Repository(FetcherInterface):
    """A repository in memory; `files` may be changed by an attacker."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.endless: set[str] = set()
        self.root_key = CryptoSigner.generate_ed25519()
        self.key = CryptoSigner.generate_ed25519()
        self.version = 0
        self.targets: dict[str, TargetFile] = {}
        self.expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
        self.root = Root(expires=self.expires, consistent_snapshot=False)
        self.root.add_key(self.root_key.public_key, "root")
        for role in ONLINE:
            self.root.add_key(self.key.public_key, role)
        self._write_root()

    def publish(self, content: bytes, version: int | None = None, name: str = NAME) -> None:
        """Another model, and all documents about it."""
        self.version = version or self.version + 1
        self.targets[name] = TargetFile.from_data(name, content, ["sha256"])
        targets = Targets(self.version, expires=self.expires, targets=dict(self.targets))
        self.files[name] = content
        self._write("targets", targets)
        snapshot = Snapshot(self.version, expires=self.expires)
        snapshot.meta["targets.json"] = MetaFile(self.version)
        self._write("snapshot", snapshot)
        timestamp = Timestamp(self.version, expires=self.expires)
        timestamp.snapshot_meta = MetaFile(self.version)
        self._write("timestamp", timestamp)

    def rotate(self) -> None:
        """Another key for everything but the root."""
        old, self.key = self.key, CryptoSigner.generate_ed25519()
        for role in ONLINE:
            self.root.revoke_key(old.public_key.keyid, role)
            self.root.add_key(self.key.public_key, role)
        self.root.version += 1
        self._write_root()

    def _write_root(self) -> None:
        metadata = Metadata(self.root)
        metadata.sign(self.root_key)
        self.files[f"{self.root.version}.root.json"] = metadata.to_bytes()

    def _write(self, role: str, signed: Any, key: CryptoSigner | None = None) -> None:
        metadata = Metadata(signed)
        metadata.sign(key or self.key)
        self.files[f"{role}.json"] = metadata.to_bytes()

    def _fetch(self, url: str) -> Iterator[bytes]:
        name = url.removeprefix(BASE)
        if name not in self.files:
            raise DownloadHTTPError("there is none", 404)
        more = itertools.repeat(b"\0" * 65_536) if name in self.endless else iter(())
        return itertools.chain([self.files[name]], more)


class Client:
    """A program that was shipped with the first root, and has the second model."""

    def __init__(self, repository: Repository, folder: Path) -> None:
        self._repository = repository
        self._folder = folder
        self._first = repository.files["1.root.json"]

    def update(self) -> bytes:
        """The model that is offered now."""
        updater = Updater(str(self._folder), BASE, fetcher=self._repository, bootstrap=self._first)
        target = updater.get_targetinfo(NAME)
        assert target is not None
        path = updater.download_target(target, str(self._folder / NAME), BASE)
        return Path(path).read_bytes()

    def refuses(self) -> bool:
        """Whether it refuses what is there now."""
        try:
            self.update()
        except (RepositoryError, DownloadError):
            return True
        return False


Attack = Callable[[Repository, Client], None]


def altered_file(repository: Repository, _client: Client) -> None:
    repository.files[NAME] = b"altered"


def altered_pointer(repository: Repository, _client: Client) -> None:
    metadata = Metadata.from_bytes(repository.files["timestamp.json"])
    metadata.signed.version += 1
    repository.files["timestamp.json"] = metadata.to_bytes()


def wrong_key(repository: Repository, _client: Client) -> None:
    timestamp = Metadata.from_bytes(repository.files["timestamp.json"]).signed
    repository._write("timestamp", timestamp, CryptoSigner.generate_ed25519())


def rollback(repository: Repository, _client: Client) -> None:
    repository.publish(b"old", version=1)


def mix_and_match(repository: Repository, _client: Client) -> None:
    old = repository.files["snapshot.json"]
    repository.publish(b"new")
    repository.files["snapshot.json"] = old


def mixed_files(repository: Repository, _client: Client) -> None:
    old = repository.files[NAME]
    repository.publish(b"another one")
    repository.files[NAME] = old


def endless_pointer(repository: Repository, _client: Client) -> None:
    repository.endless.add("timestamp.json")


def endless_file(repository: Repository, _client: Client) -> None:
    repository.endless.add(NAME)


def freeze(repository: Repository, _client: Client) -> None:
    repository.expires -= timedelta(days=60)
    repository.publish(b"new")


def revoked_key(repository: Repository, client: Client) -> None:
    stolen = repository.key
    repository.rotate()
    repository.publish(b"new")
    client.update()
    repository.key = stolen
    repository.publish(b"of the thief")


def fast_forward(repository: Repository, client: Client) -> None:
    honest = repository.version
    repository.publish(b"of the thief", version=99_999_999)
    client.update()
    repository.publish(b"honest", version=honest + 1)


def fast_forward_and_new_keys(repository: Repository, client: Client) -> None:
    """No attack any more: the honest publisher has recovered."""
    fast_forward(repository, client)
    repository.rotate()
    repository.publish(b"honest")


ATTACKS: tuple[Attack, ...] = (
    altered_file,
    altered_pointer,
    wrong_key,
    rollback,
    mix_and_match,
    mixed_files,
    endless_pointer,
    endless_file,
    freeze,
    revoked_key,
    fast_forward,
    fast_forward_and_new_keys,
)


def verdict(attack: Attack) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        repository = Repository()
        client = Client(repository, Path(folder))
        for content in (b"first", b"second"):
            repository.publish(content)
            assert client.update() == content
        repository.publish(b"third")
        attack(repository, client)
        return client.refuses()


if __name__ == "__main__":
    print(json.dumps({attack.__name__: verdict(attack) for attack in ATTACKS}))

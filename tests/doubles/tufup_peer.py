"""What tufup, an updater of programs on top of python-tuf, does in the cases of `test_attacks.py`.

    uv run --no-project --with tufup==0.10.0 --with cryptography python tests/doubles/tufup_peer.py

Prints by case, as `docs/compare_updaters.py` names them, what came of it. A model is what a program
is to tufup: an archive with a version in its name. A function of this file copies it over what is
installed, because tufup has functions for Windows and macOS alone. It runs in an environment of its
own.
"""

from __future__ import annotations

import datetime as moments
import gzip
import io
import json
import os
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, TargetFile
from tuf.ngclient._internal import trusted_metadata_set
from tufup.client import Client

sys.path.insert(0, str(Path(__file__).parents[1]))

from doubles import file_server, tuf_judge

APP, NAME = "blocks", "model.onnx"
METADATA = ("1.root.json", "timestamp.json", "snapshot.json", "targets.json")
YEARS = moments.timedelta(days=5 * 365)


def archive_of(content: bytes) -> bytes:
    """A program that consists of a model."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        entry = tarfile.TarInfo(NAME)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(file.getvalue(), mtime=0)


class Player:
    """A program that was shipped with the first root, and has the second of three versions.

    Attributes:
        installed: the model that the program opens.
    """

    def __init__(self, folder: Path) -> None:
        self.repository = tuf_judge.Repository()
        self._served, self._folder = folder / "served", folder / "client"
        for place in (self._served, *(self._folder / n for n in ("metadata", "targets", "app"))):
            place.mkdir(parents=True)
        first = self.repository.files["1.root.json"]
        (self._folder / "metadata" / "root.json").write_bytes(first)
        self._version, self.installed = "0", self._folder / "app" / NAME
        self._cleanup = ExitStack()
        self.server = self._cleanup.enter_context(file_server.serving(self._served))
        for number, content in enumerate((b"first", b"second"), start=1):
            self.release(f"{number}.0", content)
            self.old = dict(self.repository.files) if number == 1 else self.old
            assert self.update() == content
        self.release("3.0", b"third")

    def release(self, version: str, content: bytes, number: int | None = None) -> None:
        """Publish an archive; `number` is that of its documents."""
        name = f"{APP}-{version}.tar.gz"
        self.repository.publish(archive_of(content), number, name)

    def update(self) -> bytes:
        """The model that the program opens after it has looked for a newer one."""
        for name, content in self.repository.files.items():
            (self._served / name).write_bytes(content)
        address = f"{self.server.address}/"
        unpacked = Path(tempfile.mkdtemp(dir=self._folder))
        client = Client(
            APP,
            self.installed.parent,
            self._version,
            self._folder / "metadata",
            address,
            self._folder / "targets",
            address,
            extract_dir=unpacked,
        )
        found = client.check_for_updates(patch=False)
        if found is not None:
            client.download_and_apply_update(skip_confirmation=True, install=_copy)
            self._version = str(found.version)
        return self.installed.read_bytes()

    def go_offline(self) -> None:
        self._cleanup.close()


def _copy(src_dir: Path, dst_dir: Path, **_options: Any) -> None:
    shutil.copytree(src_dir, dst_dir, dirs_exist_ok=True)


def kept(player: Player) -> str:
    """Whether the model in use is the one before what is tried."""
    try:
        found = player.update()
    except Exception:
        found = player.installed.read_bytes()
    return "refused" if found == b"second" else "accepted"


def altered_file(player: Player) -> str:
    player.repository.files[f"{APP}-3.0.tar.gz"] = archive_of(b"THIRD")
    return kept(player)


def cut_file(player: Player) -> str:
    name = f"{APP}-3.0.tar.gz"
    player.repository.files[name] = player.repository.files[name][:-1]
    return kept(player)


def wrong_key(player: Player) -> str:
    timestamp = Metadata.from_bytes(player.repository.files["timestamp.json"]).signed
    player.repository._write("timestamp", timestamp, CryptoSigner.generate_ed25519())
    return kept(player)


def revoked_key(player: Player) -> str:
    stolen = player.repository.key
    player.repository.rotate()
    player.release("4.0", b"second")
    assert player.update() == b"second"
    player.repository.key = stolen
    player.release("5.0", b"of the thief")
    return kept(player)


def rollback(player: Player) -> str:
    player.repository.files |= {name: player.old[name] for name in METADATA[1:]}
    try:
        player.update()
    except Exception:
        return kept(player)
    return "accepted"


def freeze(player: Player) -> str:
    """The documents that were there, sixty days later."""
    player.repository.expires -= moments.timedelta(days=60)
    player.release("4.0", b"fourth")
    try:
        player.update()
    except Exception:
        return "noticed"
    return "not noticed"


def mix_and_match(player: Player) -> str:
    player.repository.files["snapshot.json"] = player.old["snapshot.json"]
    return kept(player)


def extraneous_file(player: Player) -> str:
    targets = Metadata.from_bytes(player.repository.files["targets.json"])
    more = archive_of(b"more")
    name = f"{APP}-3.1.tar.gz"
    targets.signed.targets[name] = TargetFile.from_data(name, more, ["sha256"])
    player.repository.files |= {"targets.json": targets.to_bytes(), name: more}
    return kept(player)


def endless_document(player: Player) -> str:
    player.server.faults["timestamp.json"] = file_server.endless
    return kept(player)


def endless_file(player: Player) -> str:
    player.server.faults[".tar.gz"] = file_server.endless
    return kept(player)


def fast_forward(player: Player) -> str:
    """Whether honest models come through again, once there are new keys."""
    honest = player.repository.version
    player.release("3.0", b"third", number=99_999_999)
    player.update()
    player.repository.version = honest
    player.repository.rotate()
    player.release("4.0", b"honest")
    return "recovers" if player.update() == b"honest" else "is lost"


def offline(player: Player) -> str:
    player.go_offline()
    _set_clock(moments.timedelta(days=60))
    return "works" if player.update() == b"second" else "does not work"


def clock_ahead(player: Player) -> str:
    _set_clock(YEARS)
    return kept(player)


def clock_behind(player: Player) -> str:
    _set_clock(-YEARS)
    return kept(player)


def cut_update(player: Player) -> str:
    """The connection is lost during an update, and the next start has none."""
    player.server.faults[".tar.gz"] = file_server.cut_at(20)
    kept(player)
    player.go_offline()
    return "works" if player.update() == b"second" else "does not work"


def damaged_here(player: Player) -> str:
    del player.repository.targets[f"{APP}-3.0.tar.gz"]
    player.repository.publish(archive_of(b"second"), name=f"{APP}-2.0.tar.gz")
    player.installed.write_bytes(b"damaged")
    return "not noticed" if player.update() == b"damaged" else "noticed"


def own_model(player: Player) -> str:
    player.installed.write_bytes(b"my own")
    return "stays" if player.update() == b"my own" else "is replaced"


def publisher_goes_back(player: Player) -> str:
    assert player.update() == b"third"
    del player.repository.targets[f"{APP}-3.0.tar.gz"]
    player.repository.publish(archive_of(b"second"), name=f"{APP}-2.0.tar.gz")
    return "works" if player.update() == b"second" else "does not work"


def _set_clock(ahead: moments.timedelta) -> None:
    """What the client of python-tuf takes for now."""

    def now(zone: moments.tzinfo | None = None) -> moments.datetime:
        return moments.datetime.now(zone) + ahead

    trusted_metadata_set.datetime = SimpleNamespace(
        datetime=SimpleNamespace(now=now), timezone=moments.timezone
    )


CASES: tuple[Callable[[Player], str], ...] = (
    *(altered_file, cut_file, wrong_key, revoked_key, rollback, freeze, mix_and_match),
    *(extraneous_file, endless_document, endless_file, fast_forward),
    *(offline, clock_ahead, clock_behind, cut_update, damaged_here, own_model),
    publisher_goes_back,
)


def outcome(case: Callable[[Player], str]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        player = Player(Path(folder))
        try:
            return case(player)
        finally:
            player.go_offline()
            _set_clock(moments.timedelta(0))


if __name__ == "__main__":
    print(json.dumps({case.__name__: outcome(case) for case in CASES}))

"""One program that does all that a release goes through, if it is let live for so long."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection
from pathlib import Path

from detector_runtime.updates import checking
from detector_runtime.updates.installed import ModelFolder
from detector_runtime.updates.updater import ModelUpdater

from pipeline.release.channels import CHAMPION
from pipeline.release.version import NewVersion
from resources.keys.private_keys import PrivateKeys
from resources.object_store.folder import FolderStore
from resources.releases.publisher import Publisher
from resources.releases.release_store import ReleaseStore

STAGES = ("publish", "promote", "download", "try out", "switch", "roll back")
END = "end"


def store_in(home: Path) -> ReleaseStore:
    """Where everything is published."""
    return ReleaseStore(FolderStore(home / "store"), "demo")


def publisher_in(home: Path, actor: str) -> Publisher:
    """Who publishes there."""
    return Publisher(store_in(home), PrivateKeys(home / "keys"), actor)


def client_in(home: Path) -> ModelUpdater:
    """A program's folder of models that follows the store."""
    return ModelUpdater(
        home / "client", home / "store" / "models" / "demo", keys=home / "keys.json"
    )


def tell(home: Path, actor: str, versions: Iterable[NewVersion], said: Connection) -> None:
    """Publish, promote, fetch and use each version, roll it back and follow.

    Args:
        said: gets the name of each stage when it begins.
    """
    publisher, client = publisher_in(home, actor), client_in(home)
    _announce(said.send)
    for new in versions:
        said.send("publish")
        version = publisher.publish(new)
        said.send("promote")
        sequence = publisher.store.next_sequence(CHAMPION)
        publisher.move(CHAMPION, version, "promoted", sequence)
        said.send("download")
        _follow(client, version.id)
        said.send("roll back")
        before = publisher.roll_back(CHAMPION, None, "rolled back")
        _follow(client, before.version)
        said.send(END)


def _announce(say: Callable[[str], None]) -> None:
    """Have a check say when what was fetched is tried out, and when it gets its place."""
    try_version, keep = checking.try_version, ModelFolder.keep

    def tried_out(folder: Path, manifest: checking.Manifest) -> object:
        say("try out")
        return try_version(folder, manifest)

    def kept(self: ModelFolder, incoming: Path) -> None:
        say("switch")
        keep(self, incoming)

    checking.try_version = tried_out  # type: ignore[assignment]
    ModelFolder.keep = kept  # type: ignore[method-assign]


def _follow(client: ModelUpdater, version: str) -> None:
    """What killed trials have left behind is no reason not to use a version in the end."""
    result = client.check(now=True, allow=["refused"])
    assert result.outcome in ("updated", "current"), result
    assert result.model is not None
    assert result.model.version == version

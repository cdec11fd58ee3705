"""What is published here is what the runtime's own client takes: the two meet in a folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from doubles.policy_releases import policy_version
from doubles.releases import new_version

from detector_runtime import ModelUpdater
from pipeline.release.channels import CHAMPION
from pipeline.release.version import Publishable
from resources.keys.private_keys import PrivateKeys
from resources.object_store.folder import FolderStore
from resources.releases.publisher import Publisher
from resources.releases.release_store import ReleaseStore

VERSIONS: dict[str, tuple[str, Callable[[Path], Publishable]]] = {
    "detector": ("demo", new_version),
    "policies": ("blocks-policies", lambda folder: policy_version(folder, ord(folder.name) % 5)),
}


@pytest.fixture(params=["detector", pytest.param("policies", marks=pytest.mark.slow)])
def kind(request: pytest.FixtureRequest) -> str:
    """Of what is published."""
    found: str = request.param
    return found


@pytest.fixture
def publisher(kind: str, tmp_path: Path) -> Publisher:
    store = ReleaseStore(FolderStore(tmp_path / "store"), VERSIONS[kind][0])
    made = Publisher(store, PrivateKeys(tmp_path / "keys"), "tester")
    made.init_keys()
    return made


@pytest.fixture
def published(kind: str, publisher: Publisher, tmp_path: Path) -> Callable[[str], str]:
    """Publish a version that differs by its name, and offer it."""

    def publish(name: str) -> str:
        sequence = publisher.store.next_sequence(CHAMPION)
        version = publisher.publish(VERSIONS[kind][1](tmp_path / name))
        publisher.move(CHAMPION, version, "because", sequence)
        return version.id

    return publish


@pytest.fixture
def update(tmp_path: Path, publisher: Publisher) -> Callable[[], tuple[str, str]]:
    """Check now, as a program with the first keys; the outcome and the version in use."""
    home = tmp_path / "store" / "models" / publisher.store.name
    shipped = shutil.copy(home / "keys.json", tmp_path / "shipped.json")

    def check() -> tuple[str, str]:
        result = ModelUpdater(tmp_path / "client", home, keys=shipped).check(now=True)
        assert result.error is None
        assert result.model is not None
        return result.outcome, result.model.version

    return check


def test_a_client_follows_versions_rollbacks_and_keys(
    publisher: Publisher,
    published: Callable[[str], str],
    update: Callable[[], tuple[str, str]],
) -> None:
    first = published("a")
    assert update() == ("updated", first)
    second = published("b")
    assert update() == ("updated", second)
    assert update() == ("current", second)
    publisher.roll_back(CHAMPION, None, "it misses houses")
    assert update() == ("updated", first)
    publisher.rotate_keys()
    assert update() == ("current", first)
    third = published("c")
    assert update() == ("updated", third)
    publisher.rotate_keys(root=True)
    fourth = published("d")
    assert update() == ("updated", fourth)

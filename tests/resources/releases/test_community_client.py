"""A community model that is published here is what a program takes, and goes on with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from detector_runtime.community import follow_community_model
from doubles.classifiers import COLOURS
from doubles.community_releases import community_version

from detector_runtime import ModelUpdater
from pipeline.release.channels import CHAMPION
from resources.keys.private_keys import PrivateKeys
from resources.object_store.folder import FolderStore
from resources.releases.publisher import Publisher
from resources.releases.release_store import ReleaseStore

RED = np.full((64, 64, 3), (220, 30, 30), np.uint8)
OTHER = {**COLOURS, "Red Gem": (1, 1, 1), "Ruby": (220, 30, 30)}


def test_from_votes_to_an_update_that_reaches_a_program(tmp_path: Path) -> None:
    store = ReleaseStore(FolderStore(tmp_path / "store"), "demo-community")
    publisher = Publisher(store, PrivateKeys(tmp_path / "keys"), "tester")
    publisher.init_keys()

    def publish(name: str, colours: dict[str, tuple[float, float, float]]) -> str:
        sequence = store.next_sequence(CHAMPION)
        version = publisher.publish(community_version(tmp_path / name, colours))
        publisher.move(CHAMPION, version, "because", sequence)
        return version.id

    first = publish("a", dict(COLOURS))
    home = tmp_path / "store" / "models" / "demo-community"
    client = tmp_path / "client"
    community = follow_community_model(client, home, keys=home / "keys.json", watch=False)
    try:
        assert community.match([RED])[0].name == "Red Gem"
        assert community.model.manifest.version == "1.0.0+a"
        publish("b", OTHER)
        result = ModelUpdater(client, home).check(now=True)
        assert result.outcome == "updated"
        community.look_for_another_model()
        assert community.match([RED])[0].name == "Ruby"
        publisher.roll_back(CHAMPION, None, "it misses red ones")
        result = ModelUpdater(client, home).check(now=True)
        assert result.model is not None
        assert (result.outcome, result.model.version) == ("updated", first)
    finally:
        community.close()

"""A toy game whose sprites and backgrounds are in the store already, as their assets left them."""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import dagster as dg
import numpy as np
import pytest
import yaml
from alembic.config import Config
from alembic.script import ScriptDirectory
from dagster._core.storage.defs_state.base import set_defs_state_storage
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage
from doubles.artifacts import recorded, write_stored_batch
from doubles.sprites import write_library
from doubles.toy import CLASSES, SIDE, TOY, toy_sprite
from sqlalchemy import Engine, create_engine, event

from assets.core.building import DATA_VERSION_TAG
from assets.core.keys import GameKeys
from pipeline.games.pack import GamePack, load_pack
from pipeline.labels.batches import Batch, Frame
from pipeline.labels.boxes import Box, LabelledBox
from pipeline.provenance import Recipe
from resources.artifacts import ArtifactStore
from resources.instance import open_instance
from resources.state import StateFolder

ROOT = Path(__file__).parents[2]
MOST_ENGINES = 20
"""Each run has a database of its own."""


@pytest.fixture(scope="session", autouse=True)
def migrations_are_read_once() -> Iterator[None]:
    """Dagster reads its eighty migration scripts again whenever a database is made or opened, which
    takes half of the time of opening an instance; nobody changes them meanwhile."""
    read: dict[str | None, ScriptDirectory] = {}
    plainly = ScriptDirectory.from_config

    def from_config(config: Config) -> ScriptDirectory:
        location = config.get_main_option("script_location")
        if location not in read:
            read[location] = plainly(config)
        return read[location]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptDirectory, "from_config", from_config)
        yield


@pytest.fixture(scope="session", autouse=True)
def databases_are_quick() -> Iterator[None]:
    """For each event Dagster makes an engine, which compiles its statements anew, opens, commits
    and closes a database, and waits for the disk with each: a third of the time of a run. No test
    cuts the power, and these engines keep no connection."""
    made: dict[str, Engine] = {}

    def engine_of(url: str, **options: Any) -> Engine:
        if url not in made:
            if len(made) >= MOST_ENGINES:
                made.clear()
            made[url] = create_engine(url, **options)
            event.listen(made[url], "connect", wait_for_no_disk)
        return made[url]

    def wait_for_no_disk(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA synchronous = OFF")

    with pytest.MonkeyPatch.context() as patch:
        for storage in (sqlite_event_log, sqlite_run_storage, sqlite_schedule_storage):
            patch.setattr(storage, "create_engine", engine_of)
        yield


@pytest.fixture(autouse=True)
def no_instance_is_left() -> Iterator[None]:
    """Dagster remembers which instance was entered last. A context that another test never left
    leaves it when it is collected, and Dagster then goes back to an instance that is gone."""
    with set_defs_state_storage(None):
        yield


@dataclass(frozen=True)
class ToyGame:
    """A state folder with everything that scenes are drawn from."""

    home: Path
    pack_folder: Path

    @property
    def pack(self) -> GamePack:
        return load_pack(self.pack_folder)

    @property
    def store(self) -> ArtifactStore:
        return ArtifactStore(StateFolder(self.home).artifacts)

    @property
    def environment(self) -> dict[str, str]:
        """For processes that are to work on this game."""
        return {
            **os.environ,
            "OUTPOST_HOME": str(self.home),
            "OUTPOST_GAMES": str(self.pack_folder),
            "DAGSTER_HOME": str(StateFolder(self.home).instance),
            "PYTHONPATH": str(ROOT),
        }

    def instance(self) -> dg.DagsterInstance:
        return open_instance(StateFolder(self.home))

    def add(self, name: str, write: Callable[[Path], None], partition: str | None = None) -> None:
        """Put an artifact into the store and tell Dagster that it was materialized."""
        asset = f"toy/{name}"
        recipe = Recipe(asset=asset, partition=partition, code_version="1", config={}, inputs=())
        with self.store.staging(asset, partition) as staged:
            write(staged)
            _, record = self.store.commit(staged, recorded(recipe))
        tags = {DATA_VERSION_TAG: record.data_version}
        with self.instance() as instance:
            key = dg.AssetKey(["toy", name])
            event = dg.AssetMaterialization(key, partition=partition, tags=tags)
            instance.report_runless_asset_event(event)

    def redraw_sprites(self) -> None:
        """Other sprites than before."""
        self.add("sprites", lambda place: write_toy_sprites(place, seed=9))

    def add_batch(self, batch: str) -> None:
        """An export batch of one annotated frame."""
        with self.instance() as instance:
            partitions = GameKeys.of(self.pack).export_batches.name
            instance.add_dynamic_partitions(str(partitions), [batch])
        self.add("cvat_export", write_toy_batch, batch)


@pytest.fixture
def toy_game(drawn_toy_game: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ToyGame:
    """A toy game in a state folder of its own, which this process uses too."""
    home = tmp_path / "home"
    monkeypatch.setenv("OUTPOST_HOME", str(home))
    monkeypatch.setenv("DAGSTER_HOME", str(home / "dagster"))
    for name in ("home", "pack"):
        shutil.copytree(drawn_toy_game / name, tmp_path / name)
    return ToyGame(home, tmp_path / "pack")


@pytest.fixture(scope="session")
def drawn_toy_game(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What each test gets a copy of: making the databases of an instance takes seconds."""
    root = tmp_path_factory.mktemp("toy")
    home, folder = root / "home", root / "pack"
    folder.mkdir()
    pack = GamePack.model_validate(TOY).model_dump(mode="json")
    (folder / "pack.yaml").write_text(yaml.safe_dump(pack), encoding="utf-8")
    game = ToyGame(home, folder)
    game.add("sprites", write_toy_sprites)
    game.add("terrain_backgrounds", lambda place: write_toy_ground(place, "land", (90, 120, 60)))
    game.add("water_backgrounds", lambda place: write_toy_ground(place, "water", (40, 80, 130)))
    return root


def write_toy_batch(folder: Path) -> None:
    box = LabelledBox(0, Box(10, 10, 40, 50))
    frame = Frame("real_01.png", "images/real_01.png", SIDE, SIDE, "0" * 64, "0" * 16, (box,))
    write_stored_batch(folder, Batch(CLASSES, (frame,), (), (), ()))


def write_toy_sprites(folder: Path, seed: int = 3) -> None:
    rng = np.random.default_rng(seed)
    write_library(folder, [toy_sprite(rng, name, n) for name in CLASSES for n in (0, 1)])


def write_toy_ground(folder: Path, kind: str, colour: tuple[int, int, int]) -> None:
    entries = []
    for number in range(2):
        name = f"{kind}_{number:04d}"
        image = np.full((SIDE + 9, SIDE + 9, 3), colour[::-1], np.uint8)
        cv2.imwrite(str(folder / f"{name}.jpg"), image)
        entries.append(
            {"id": name, "kind": kind, "file": f"{name}.jpg", "sources": [kind], "seed": number}
        )
    (folder / "index.json").write_text(json.dumps(entries), encoding="utf-8")

"""The export sensor on a real instance: one batch, one merge, however the files arrive."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from assets.definitions import build_definitions
from assets.keys import GameKeys
from assets.making import DATA_VERSION_TAG
from assets.sensors import SENSOR_TAG
from pipeline.games.demo.captures import write_export_batches
from resources.exports import ExportsFolder

KEYS = GameKeys("demo")


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The built-in game's exports, by batch."""
    folder = tmp_path_factory.mktemp("captures")
    return {path.stem: path for path in write_export_batches(folder)}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as fresh:
        yield fresh


@pytest.fixture
def exports(tmp_path: Path) -> Path:
    folder = tmp_path / "exports"
    folder.mkdir()
    return folder


class Watcher:
    """The sensor, ticked as the daemon ticks it."""

    def __init__(self, instance: dg.DagsterInstance, exports: Path) -> None:
        self.instance = instance
        self.cursor: str | None = None
        resources = {"exports": ExportsFolder(folder=str(exports))}
        self.definitions = build_definitions("demo", resources)
        self.sensor = self.definitions.get_sensor_def("demo_export_sensor")
        self.resources = resources

    def tick(self) -> dg.SensorResult:
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources=self.resources
        )
        data = self.sensor(context)
        assert isinstance(data, dg.SensorResult)
        self.cursor = data.cursor
        for request in data.dynamic_partitions_requests or []:
            self.instance.add_dynamic_partitions(
                request.partitions_def_name, list(request.partition_keys)
            )
        return data

    def asked(self) -> list[tuple[str | None, tuple[str, ...]]]:
        """Partition and assets of every run that one tick requests."""
        return [
            (request.partition_key, tuple(k.path[-1] for k in request.asset_selection or ()))
            for request in self.tick().run_requests or []
        ]

    def export_finished(self, batch: str, data_version: str) -> None:
        """What a run of cvat_export leaves in the instance."""
        self.instance.report_runless_asset_event(
            dg.AssetMaterialization(
                KEYS.cvat_export, partition=batch, tags={DATA_VERSION_TAG: data_version}
            )
        )


AFTER = tuple(key.path[-1] for key in KEYS.after_annotation)


def test_an_empty_or_absent_folder_asks_for_nothing(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    assert Watcher(instance, tmp_path / "no such folder").asked() == []


def test_a_dropped_export_becomes_a_partition_then_one_merge(
    instance: dg.DagsterInstance, exports: Path, captures: dict[str, Path]
) -> None:
    watcher = Watcher(instance, exports)
    shutil.copy(captures["session_harbour"], exports)
    assert watcher.asked() == [("session_harbour", ("cvat_export",))]
    assert instance.get_dynamic_partitions("demo_export_batches") == ["session_harbour"]
    watcher.export_finished("session_harbour", "v1")
    assert watcher.asked() == [(None, AFTER)]
    assert watcher.asked() == [], "the merge is asked for once"


def test_batches_that_come_together_are_merged_once(
    instance: dg.DagsterInstance, exports: Path, captures: dict[str, Path]
) -> None:
    watcher = Watcher(instance, exports)
    for capture in captures.values():
        shutil.copy(capture, exports)
    asked = watcher.asked()
    assert sorted(partition or "" for partition, _ in asked) == sorted(captures)
    for batch in captures:
        watcher.export_finished(batch, "v1")
    assert watcher.asked() == [(None, AFTER)]


def test_a_replaced_export_is_read_again(
    instance: dg.DagsterInstance, exports: Path, captures: dict[str, Path]
) -> None:
    watcher = Watcher(instance, exports)
    target = exports / "batch.zip"
    shutil.copy(captures["session_harbour"], target)
    watcher.asked()
    watcher.export_finished("batch", "v1")
    watcher.asked()
    shutil.copy(captures["session_valley"], target)
    assert watcher.asked() == [("batch", ("cvat_export",))]
    watcher.export_finished("batch", "v2")
    assert watcher.asked() == [(None, AFTER)]


def test_a_replaced_export_with_the_same_content_starts_no_training(
    instance: dg.DagsterInstance, exports: Path, captures: dict[str, Path]
) -> None:
    watcher = Watcher(instance, exports)
    target = exports / "batch.zip"
    for _ in range(2):
        shutil.copyfile(captures["session_harbour"], target)
        assert watcher.asked() == [("batch", ("cvat_export",))]
        watcher.export_finished("batch", "v1")
        last = watcher.asked()
    assert last == []


def test_a_half_copied_archive_is_left_alone_until_it_is_whole(
    instance: dg.DagsterInstance, exports: Path, captures: dict[str, Path]
) -> None:
    watcher = Watcher(instance, exports)
    whole = captures["session_harbour"].read_bytes()
    (exports / "batch.zip").write_bytes(whole[: len(whole) // 2])
    assert watcher.asked() == []
    (exports / "batch.zip").write_bytes(whole)
    assert watcher.asked() == [("batch", ("cvat_export",))]


def test_the_merge_waits_for_runs_that_still_read_batches(
    instance: dg.DagsterInstance, exports: Path, captures: dict[str, Path]
) -> None:
    watcher = Watcher(instance, exports)
    shutil.copy(captures["session_harbour"], exports)
    watcher.asked()
    watcher.export_finished("session_harbour", "v1")
    run = instance.create_run_for_job(
        build_definitions("demo").resolve_implicit_global_asset_job_def(),
        status=dg.DagsterRunStatus.STARTED,
        tags={SENSOR_TAG: "demo"},
    )
    assert watcher.asked() == []
    instance.delete_run(run.run_id)
    assert watcher.asked() == [(None, AFTER)]

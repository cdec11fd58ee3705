"""Weeks of the export sensor: exports good, bad, half copied, replaced and retired, in three
sources that fail, over restarts, lost ticks and clocks that are set.

The sensor's body and the instance are real, and so are folder, copies and retiring. What runs do is
told to the instance by the world, which knows what should have come of it.
"""

from __future__ import annotations

import io
import json
import os
import random
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.test_utils import freeze_time
from dagster_shared.error import SerializableErrorInfo
from doubles.sensors import evaluated

from assets.automation.export_sensor import MERGE_TAG, REQUEST_TAG, export_sensor
from assets.core.building import DATA_VERSION_TAG, latest_version
from assets.core.keys import GameKeys
from assets.definitions import build_definitions
from assets.graph.annotations import forget_batch
from pipeline.errors import OutpostError
from pipeline.games.pack import RetrainRules, load_pack
from pipeline.labels.formats.cvat_export import ExportError
from pipeline.progress import Report
from resources.exports import Exports
from resources.exports.base import Export, ExportSource, ExportSourceError, NotRestoredError
from resources.exports.cvat_source import CompletedTasks
from resources.exports.fetched import FetchedExports, RemoteExport, not_retired
from resources.exports.folder import ExportsFolder
from resources.paths import Paths

PACK = load_pack("demo")
KEYS = GameKeys.of(PACK)
PARTITIONS = "demo_export_batches"
MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
TICK = timedelta(minutes=10)
GAP_HOURS = 5
NAMES = ("match", "valley", "harbour", "heldout_x")
SOURCES = ("folder", "bucket", "CVAT")


class ServerError(OutpostError):
    """What the client of a server that is down raises."""


@dataclass
class Bucket:
    """A bucket in memory, as a source."""

    copies: FetchedExports
    objects: dict[str, bytes] = field(default_factory=dict)
    is_down: bool = False
    name: str = "bucket"
    place: str = "s3://annotations/demo/"

    def found(self) -> list[RemoteExport]:
        return not_retired(self._listed(), self.copies.retired())

    def retired(self) -> list[RemoteExport]:
        listed = {(one.name, one.stamp): one for one in self._listed()}
        keys = ((one.name, one.stamp) for one in self.copies.retired())
        return [listed[key] for key in keys if key in listed]

    def retire(self, batch: str) -> None:
        self.copies.retire(one for one in self.found() if one.batch == batch)

    def restore(self, batch: str) -> None:
        self.copies.restore(batch)

    def _listed(self) -> Iterator[RemoteExport]:
        if self.is_down:
            raise ExportSourceError("The bucket is down.", "Wait.")
        for name, content in sorted(self.objects.items()):
            yield RemoteExport(
                name, name, content_of(content)["id"], True, self.copies, self._download(content)
            )

    def _download(self, content: bytes) -> Any:
        def download(target: Path, _report: Report) -> None:
            if self.is_down:
                raise ExportSourceError("The bucket is down.", "Wait.")
            target.write_bytes(content)

        return download


@dataclass(frozen=True)
class Task:
    id: int
    name: str
    updated: datetime

    @property
    def export_name(self) -> str:
        return f"task_{self.id}_{self.name}-{self.updated:%Y_%m_%d_%H_%M_%S}-coco_1.0.zip"


@dataclass
class TaskServer:
    """CVAT, as far as a source knows it."""

    tasks: dict[int, Task] = field(default_factory=dict)
    contents: dict[int, bytes] = field(default_factory=dict)
    is_down: bool = False

    def completed_tasks(self, game: str) -> Sequence[Task]:
        self._ask()
        return tuple(self.tasks.values())

    def download_export(self, task_id: int, target: Path, report: Report) -> None:
        self._ask()
        target.write_bytes(self.contents[task_id])

    def _ask(self) -> None:
        if self.is_down:
            raise ServerError("CVAT is down.", "Wait.")


SOURCES_OF: dict[str, tuple[ExportSource, ...]] = {}
"""By the root of a world: Dagster copies a resource before a tick gets it."""


class WorldExports(Exports):
    """The resource, with the sources of a world."""

    def sources(self, game: str) -> tuple[ExportSource, ...]:
        return SOURCES_OF[self.paths.root]


@cache
def job() -> dg.JobDefinition:
    return build_definitions(PACK).resolve_implicit_global_asset_job_def()


def archive(number: int, bad: bool) -> bytes:
    """A small export that is unlike every other one."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        told = {"id": f"{number:06d}", "bad": bad}
        target.writestr("annotations/instances_default.json", json.dumps(told))
    return buffer.getvalue()


def content_of(packed: bytes) -> dict[str, Any]:
    with zipfile.ZipFile(io.BytesIO(packed)) as opened:
        told: dict[str, Any] = json.loads(opened.read("annotations/instances_default.json"))
    return told


class World:
    """Sources, an instance and a daemon that ticks; and what should come of it."""

    def __init__(self, folder: Path, rules: RetrainRules) -> None:
        self.instance = dg.DagsterInstance.ephemeral()
        self.pack = PACK.model_copy(update={"retrain": rules})
        self.dropped = folder / "exports"
        self.dropped.mkdir()
        self.bucket = Bucket(FetchedExports(folder / "copies" / "bucket"))
        self.server = TaskServer()
        tasks = CompletedTasks(self.server, "demo", FetchedExports(folder / "copies" / "cvat"))
        sources = (ExportsFolder(self.dropped, required=True), self.bucket, tasks)
        self.exports = WorldExports(paths=Paths.below(folder))
        SOURCES_OF[self.exports.paths.root] = sources
        self.away = folder / "away"
        self.now = MONDAY
        self.cursor: str | None = None
        self.made = 0
        self.launched: set[str] = set()
        self.waiting: list[dg.DagsterRun] = []
        self.reads: Counter[tuple[str, str]] = Counter()
        self.bad_runs: list[str] = []
        self.told: list[str] = []
        self.merges: list[dict[str, str]] = []
        self.asked_to_merge: list[str] = []
        self.down_told: set[str] = set()
        self.expected_outages: Counter[str] = Counter()
        self.restart()
        with self.time():
            self._materialized(KEYS.synthetic_set, None, "s1")

    @contextmanager
    def time(self) -> Iterator[None]:
        with freeze_time(self.now):
            yield

    # What people and machines do.

    def drop(self, name: str, bad: bool = False, half: bool = False) -> None:
        if self.away.exists():
            return
        content = self._new(bad)
        file = self.dropped / f"{name}.zip"
        file.write_bytes(content[: len(content) // 2] if half else content)
        self._touch(file)

    def upload(self, name: str, bad: bool = False) -> None:
        self.bucket.objects[f"{name}.zip"] = self._new(bad)

    def complete(self, number: int, bad: bool = False) -> None:
        self.server.contents[number] = self._new(bad)
        # Of CVAT's own clock, which nobody sets.
        updated = MONDAY + timedelta(minutes=self.made)
        self.server.tasks[number] = Task(number, "forest", updated)

    def put_back(self, name: str) -> None:
        """Copy a file over itself: equal content, another time."""
        file = self.dropped / f"{name}.zip"
        if not self.away.exists() and file.is_file():
            self.made += 1
            self._touch(file)

    def remove(self, name: str) -> None:
        self.bucket.objects.pop(f"{name}.zip", None)

    def retire(self, batch: str) -> None:
        with self.time():
            if any(export.batch == batch for export in self.exports.exports("demo")):
                with suppress(ExportSourceError):
                    self.exports.retire("demo", batch)
                    forget_batch(self.instance, self.pack, batch)

    def restore(self, batch: str) -> None:
        with self.time():
            try:
                self.exports.restore("demo", batch)
            except NotRestoredError:
                return
            if latest_version(self.instance, KEYS.cvat_export, batch) is not None:
                self.instance.add_dynamic_partitions(PARTITIONS, [batch])

    def fail(self, source: str) -> None:
        if source == "folder" and not self.away.exists():
            self.dropped.rename(self.away)
        self.bucket.is_down |= source == "bucket"
        self.server.is_down |= source == "CVAT"

    def heal(self, source: str) -> None:
        if source == "folder" and self.away.exists():
            self.away.rename(self.dropped)
        if source == "bucket":
            self.bucket.is_down = False
        if source == "CVAT":
            self.server.is_down = False

    def restart(self) -> None:
        """A new process of the daemon: of the sensor nothing is left but its cursor."""
        self.sensor = export_sensor(self.pack, lambda: self.now)

    # What the daemon does.

    def tick(self, is_lost: bool = False) -> bool:
        """Evaluate the sensor and do what it says; whether it asked for runs.

        Args:
            is_lost: the daemon dies before it has kept the cursor; runs were launched.
        """
        self.now += TICK
        with self.time():
            down = self._down()
            data = evaluated(self.sensor, self.instance, self.exports, self.cursor)
            for request in data.run_requests or []:
                self._launch(request)
        if not is_lost:
            self.cursor = data.cursor
            self.told.append(str(data.skip_reason.skip_message) if data.skip_reason else "")
            for name in down - self.down_told:
                self.expected_outages[name] += 1
            self.down_told = down
        return bool(data.run_requests)

    def finish_runs(self) -> None:
        with self.time():
            waiting, self.waiting = self.waiting, []
            for run in waiting:
                if MERGE_TAG in run.tags:
                    self._merge(run)
                else:
                    self._read(run)

    def _launch(self, request: dg.RunRequest) -> None:
        assert request.run_key is not None
        if request.run_key in self.launched:
            return  # As Dagster does.
        self.launched.add(request.run_key)
        if MERGE_TAG in request.tags:
            self.asked_to_merge.append(request.tags[MERGE_TAG])
        tags = dict(request.tags)
        if request.partition_key:
            tags["dagster/partition"] = request.partition_key
        run = self.instance.create_run_for_job(
            job(),
            status=dg.DagsterRunStatus.STARTED,
            tags=tags,
            asset_selection=frozenset(request.asset_selection or ()),
        )
        self.waiting.append(run)

    def _read(self, run: dg.DagsterRun) -> None:
        batch = run.tags["dagster/partition"]
        try:
            export = self.exports.export("demo", batch)
            content = read(export)
        except OutpostError as error:
            if isinstance(error, ExportError):
                self.bad_runs.append(run.run_id)
            self._failed(run, error)
            return
        self.reads[run.tags[REQUEST_TAG]] += 1
        assert self.reads[run.tags[REQUEST_TAG]] == 1
        self._materialized(KEYS.cvat_export, batch, content["id"])
        self._ended(run, dg.DagsterEventType.RUN_SUCCESS)

    def _merge(self, run: dg.DagsterRun) -> None:
        self.merges.append(self.known())
        for key in (KEYS.cvat_merge, KEYS.trained_weights):
            self._materialized(key, None, f"m{len(self.merges)}")
        self._ended(run, dg.DagsterEventType.RUN_SUCCESS)

    def _failed(self, run: dg.DagsterRun, error: OutpostError) -> None:
        kind = type(error)
        deeper = SerializableErrorInfo("OSError: no\n", [], "OSError")
        cause = SerializableErrorInfo(
            f"{kind.__module__}.{kind.__name__}: {error}\n", [], kind.__name__, deeper
        )
        told = SerializableErrorInfo("DagsterExecutionStepExecutionError: no\n", [], "X", cause)
        event = dg.DagsterEvent(
            dg.DagsterEventType.STEP_FAILURE.value,
            run.job_name,
            step_key="demo__cvat_export",
            event_specific_data=step_failure(told),
        )
        self.instance.report_dagster_event(event, run.run_id)
        self._ended(run, dg.DagsterEventType.RUN_FAILURE)

    def _ended(self, run: dg.DagsterRun, how: dg.DagsterEventType) -> None:
        event = dg.DagsterEvent(how.value, run.job_name)
        self.instance.report_dagster_event(event, run.run_id)

    def _materialized(self, key: dg.AssetKey, partition: str | None, version: str) -> None:
        tags = {DATA_VERSION_TAG: version}
        event = dg.AssetMaterialization(key, partition=partition, tags=tags, metadata={"boxes": 9})
        self.instance.report_runless_asset_event(event)

    def _new(self, bad: bool) -> bytes:
        self.made += 1
        return archive(self.made, bad)

    def _touch(self, file: Path) -> None:
        """Give a file a time that no other has, as a real clock would."""
        os.utime(file, (1e9 + self.made, 1e9 + self.made))

    def _down(self) -> set[str]:
        down = {"folder": self.away.exists(), "bucket": self.bucket.is_down}
        return {name for name, is_down in (down | {"CVAT": self.server.is_down}).items() if is_down}

    # What should have come of it.

    def known(self) -> dict[str, str]:
        """The batches that a merge takes, with the content that was read of each."""
        found = {}
        for batch in self.instance.get_dynamic_partitions(PARTITIONS):
            version = latest_version(self.instance, KEYS.cvat_export, batch)
            if version is not None:
                found[batch] = version.data_version
        return found

    def settle(self) -> None:
        """Everything is well again; and all that has arrived is taken, read and merged."""
        for source in SOURCES:
            self.heal(source)
        quiet = 0
        for _ in range(60):
            quiet = 0 if self.tick() or self.waiting else quiet + 1
            self.finish_runs()
            self.now += timedelta(hours=GAP_HOURS)
        assert quiet > 30, "it comes to rest"

    def check(self) -> None:
        contents = {
            export.batch: content_of(export.fetch().read_bytes())
            for export in self.exports.exports("demo")
            if export.has_arrived
        }
        good = {batch: told["id"] for batch, told in contents.items() if not told["bad"]}
        merged = self.merges[-1] if self.merges else {}
        lost = {batch: known for batch, known in good.items() if merged.get(batch) != known}
        assert lost == {}, "lost"
        named = [run for run in self.bad_runs if sum(run in told for told in self.told) != 1]
        assert named == [], "every bad export is named once"
        bad = {batch for batch, told in contents.items() if told["bad"]}
        told_of = {b for b in bad if any(f"batch '{b}' could not be read" in t for t in self.told)}
        assert told_of == bad, "no bad export goes unnamed"
        for one, next_one in pairwise(self.asked_to_merge):
            assert one != next_one, "merged twice"
        problems = {"folder": "no exports folder", "bucket": "bucket is down", "CVAT": "CVAT is d"}
        for source, problem in problems.items():
            times = sum(problem in told.split("The export of the batch")[0] for told in self.told)
            assert times == self.expected_outages[source], f"outages of the {source}"


def read(export: Export) -> dict[str, Any]:
    """What a run finds in an export; somebody may copy another one over it meanwhile."""
    try:
        content = content_of(export.fetch().read_bytes())
    except zipfile.BadZipFile as error:
        raise ExportError(f"{export.name} is cut off.", "Copy it again.") from error
    if content["bad"]:
        raise ExportError(f"{export.name} holds nonsense.", "Export it again.")
    return content


def step_failure(error: SerializableErrorInfo) -> Any:
    from dagster._core.execution.plan.objects import StepFailureData

    return StepFailureData(error=error, user_failure_data=None)


def live(world: World, seed: int, ticks: int) -> None:
    """So many ticks, between which everything happens that can."""
    chance = random.Random(seed)
    batches = [*NAMES, "task_1_forest-2026_11_02_00_01_00-coco_1.0"]
    happenings = [
        lambda: world.drop(chance.choice(NAMES)),
        lambda: world.drop(chance.choice(NAMES), half=True),
        lambda: world.drop(chance.choice(NAMES), bad=True),
        lambda: world.put_back(chance.choice(NAMES)),
        lambda: world.upload(f"cloud_{chance.choice(NAMES)}", bad=chance.random() < 0.3),
        lambda: world.upload(chance.choice(NAMES)),
        lambda: world.remove(chance.choice(NAMES)),
        lambda: world.complete(chance.randint(1, 3), bad=chance.random() < 0.2),
        lambda: world.retire(chance.choice(batches)),
        lambda: world.restore(chance.choice(batches)),
        lambda: world.fail(chance.choice(SOURCES)),
        lambda: world.heal(chance.choice(SOURCES)),
        lambda: world.heal(chance.choice(SOURCES)),
        world.restart,
        lambda: world.tick(is_lost=True),
        lambda: setattr(world, "now", world.now + timedelta(hours=chance.randint(-30, 30))),
    ]
    for _ in range(ticks):
        if chance.random() < 0.3:
            chance.choice(happenings)()
        if chance.random() < 0.5:
            world.finish_runs()
        world.tick()


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_day(tmp_path: Path, seed: int) -> None:
    world = World(tmp_path, RetrainRules())
    live(world, seed, 60)
    world.settle()
    world.check()


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_week(tmp_path: Path, seed: int) -> None:
    world = World(tmp_path, RetrainRules(min_hours_between=GAP_HOURS))
    live(world, seed, 7 * 24 * 6)
    assert len(world.merges) > 5
    world.settle()
    world.check()

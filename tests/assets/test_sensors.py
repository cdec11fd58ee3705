"""The export sensor on a real instance: one batch, one merge, however the files arrive."""

import io
import json
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import dagster as dg
import pytest
from doubles.exports import write_export
from doubles.sensors import evaluated
from PIL import Image

from assets.automation.export_sensor import MERGE_TAG, SENSOR_TAG, export_sensor, remembered
from assets.core.building import DATA_VERSION_TAG
from assets.core.keys import GameKeys
from assets.definitions import build_definitions
from assets.graph.annotations import forget_batch
from pipeline.games.pack import RetrainRules, load_pack
from resources.artifacts import Artifacts
from resources.exports import Exports
from resources.paths import Paths

KEYS = GameKeys("demo")


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Small exports of the built-in game's labels, by batch; each of its own bytes."""
    folder = tmp_path_factory.mktemp("captures")
    names = ("session_harbour", "session_valley", "heldout_session")
    return {name: write_small_export(folder / f"{name}.zip") for name in names}


def write_small_export(file: Path, frames: int = 4) -> Path:
    """An export of frames without a box."""
    names = [f"{file.stem}_{number:02d}.png" for number in range(frames)]
    colours = {name: (zlib.crc32(name.encode()) % 256, 90, 60) for name in names}
    images = {name: Image.new("RGB", (64, 48), colour) for name, colour in colours.items()}
    return write_export(file, images, load_pack("demo").class_names)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as fresh:
        yield fresh


@pytest.fixture
def fresh_watcher(
    instance: dg.DagsterInstance, tmp_path: Path, captures: dict[str, Path]
) -> "Watcher":
    """The sensor of a game of which nothing is made."""
    folder = tmp_path / "exports"
    folder.mkdir()
    return Watcher(instance, folder, captures)


@pytest.fixture
def watcher(fresh_watcher: "Watcher") -> "Watcher":
    """The sensor of a game whose synthetic set is made."""
    fresh_watcher.synthetic_set_finished()
    return fresh_watcher


@cache
def definitions() -> dg.Definitions:
    """The built-in game's; building them takes a second."""
    return build_definitions("demo")


class Watcher:
    """The sensor, ticked as the daemon ticks it."""

    def __init__(
        self, instance: dg.DagsterInstance, exports: Path, captures: dict[str, Path]
    ) -> None:
        self.instance = instance
        self.exports = exports
        self.captures = captures
        self.cursor: str | None = None
        self.source = Exports(paths=Paths.below(exports.parent), folder=str(exports))
        self.sensor = definitions().resolve_sensor_def("demo_export_sensor")

    def tick(self) -> dg.SensorResult:
        data = evaluated(self.sensor, self.instance, self.source, self.cursor)
        self.cursor = data.cursor
        return data

    def reason(self) -> str:
        """Why a tick requests nothing."""
        data = self.tick()
        assert not data.run_requests
        assert data.skip_reason is not None
        return str(data.skip_reason.skip_message)

    def settle(self) -> None:
        """The tick that sees a newly copied export for the first time, and leaves it alone."""
        assert "same for one tick" in self.reason()

    def drop(self, capture: str = "session_harbour", name: str = "batch.zip") -> None:
        shutil.copy(self.captures[capture], self.exports / name)

    def read(self, data_version: str = "v1") -> None:
        """The ticks that see an export and ask for a run that reads it, and what that leaves."""
        self.settle()
        assert self.asked() == [("batch", READ)]
        self.export_finished("batch", data_version)

    def asked(self) -> list[tuple[str | None, tuple[str, ...]]]:
        """Partition and assets of every run that one tick requests."""
        return [
            (request.partition_key, tuple(k.path[-1] for k in request.asset_selection or ()))
            for request in self.tick().run_requests or []
        ]

    def export_finished(self, batch: str, data_version: str, boxes: int = 0) -> None:
        """What a run of cvat_export leaves in the instance."""
        tags, told = {DATA_VERSION_TAG: data_version}, {"boxes": boxes}
        made = dg.AssetMaterialization(KEYS.cvat_export, partition=batch, tags=tags, metadata=told)
        self.instance.report_runless_asset_event(made)

    def synthetic_set_finished(self) -> None:
        """What a run of synthetic_set leaves in the instance."""
        self.instance.report_runless_asset_event(
            dg.AssetMaterialization(KEYS.synthetic_set, tags={DATA_VERSION_TAG: "s1"})
        )

    def merge_requested(self) -> dg.RunRequest:
        """The one run that a tick requests, which has to be the merge."""
        (request,) = self.tick().run_requests or []
        assert tuple(request.asset_selection or ()) == KEYS.after_annotation
        return request

    def run_ended(self, request: dg.RunRequest, status: dg.DagsterRunStatus) -> dg.DagsterRun:
        """What the daemon makes of a request, ended."""
        job = definitions().resolve_implicit_global_asset_job_def()
        return self.instance.create_run_for_job(job, status=status, tags=dict(request.tags))


READ = ("cvat_export", "label_corrections")
AFTER = tuple(key.path[-1] for key in KEYS.after_annotation)


def test_an_absent_folder_asks_for_nothing(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    assert Watcher(instance, tmp_path / "no such folder", {}).asked() == []


@pytest.mark.parametrize("cursor", ["{", "[]", '{"seen": {"a": {"stamp": "x"}}, "later": 1}'])
def test_a_cursor_that_cannot_be_read_is_begun_anew(cursor: str) -> None:
    told: list[str] = []
    memory = remembered(cursor, datetime(2026, 1, 1, tzinfo=UTC), told.append)
    assert (memory.seen, memory.taken, len(told)) == ({}, {}, 1)
    assert memory.requests == 1_767_225_600


@pytest.mark.parametrize("cursor", [None, ""])
def test_a_cursor_that_was_cleared_repeats_no_key_of_a_request(cursor: str | None) -> None:
    told: list[str] = []
    memory = remembered(cursor, datetime(2026, 1, 1, tzinfo=UTC), told.append)
    assert (memory.requests, told) == (1_767_225_600, [])


def test_a_dropped_export_becomes_a_partition_then_one_merge(watcher: Watcher) -> None:
    watcher.drop()
    watcher.read()
    assert watcher.instance.get_dynamic_partitions("demo_export_batches") == ["batch"]
    assert watcher.asked() == [(None, AFTER)]
    assert watcher.asked() == [], "the merge is asked for once"


def test_batches_that_come_together_are_merged_once(watcher: Watcher) -> None:
    for batch in watcher.captures:
        watcher.drop(batch, f"{batch}.zip")
    watcher.settle()
    asked = watcher.asked()
    assert sorted(partition or "" for partition, _ in asked) == sorted(watcher.captures)
    for batch in watcher.captures:
        watcher.export_finished(batch, "v1")
    assert watcher.asked() == [(None, AFTER)]


def test_a_replaced_export_is_read_again(watcher: Watcher) -> None:
    for capture in ("session_harbour", "session_valley"):
        watcher.drop(capture)
        watcher.read(capture)
        assert watcher.asked() == [(None, AFTER)]


def test_an_export_that_is_put_back_as_it_was_is_read_and_merged_again(watcher: Watcher) -> None:
    keys = []
    for capture in ("session_harbour", "session_valley", "session_harbour"):
        shutil.copy2(watcher.captures[capture], watcher.exports / "batch.zip")
        watcher.settle()
        keys += [request.run_key for request in watcher.tick().run_requests or []]
        watcher.export_finished("batch", capture)
        keys.append(watcher.merge_requested().run_key)
    assert len(keys) == 6
    assert len(set(keys)) == 6, "Dagster starts one run per key"


def test_a_replaced_export_with_the_same_content_starts_no_training(watcher: Watcher) -> None:
    for _ in range(2):
        watcher.drop()
        watcher.read()
        last = watcher.asked()
    assert last == []


def test_a_half_copied_archive_is_left_alone_until_it_is_whole(watcher: Watcher) -> None:
    whole = watcher.captures["session_harbour"].read_bytes()
    (watcher.exports / "batch.zip").write_bytes(whole[: len(whole) // 2])
    assert watcher.asked() == []
    assert watcher.asked() == []
    watcher.drop()
    watcher.read()


def test_a_folder_is_left_alone_while_images_are_copied_into_it(watcher: Watcher) -> None:
    exports = watcher.exports
    unpacked = unpack(watcher.captures["session_harbour"], exports.parent / "unpacked")
    images = unpacked / "images/default"
    shutil.copytree(unpacked / "annotations", exports / "batch/annotations")
    (exports / "batch/images/default").mkdir(parents=True)
    for image in sorted(images.iterdir())[:3]:
        shutil.copy(image, exports / "batch/images/default")
        watcher.settle()
    assert watcher.asked() == [("batch", READ)]


def test_an_export_that_was_unpacked_one_folder_deeper_is_read(watcher: Watcher) -> None:
    unpack(watcher.captures["session_harbour"], watcher.exports / "batch" / "batch")
    watcher.read()
    assert watcher.asked() == [(None, AFTER)]


def test_what_is_no_whole_export_is_named_with_the_reason_while_it_lies_there(
    watcher: Watcher,
) -> None:
    whole = watcher.captures["session_harbour"].read_bytes()
    (watcher.exports / "cut.zip").write_bytes(whole[: len(whole) // 2])
    (watcher.exports / "images only").mkdir()
    assert watcher.reason() == "No export has arrived yet.", "they may still be copied"
    for _ in range(2):
        told = watcher.reason()
        assert "cut.zip is no whole export" in told
        assert "images only is no whole export" in told
    watcher.drop()
    watcher.read()
    assert watcher.asked() == [(None, AFTER)], "it holds up nothing else"
    shutil.copy(watcher.captures["session_valley"], watcher.exports / "cut.zip")
    (watcher.exports / "images only").rmdir()
    assert "no whole export" not in watcher.reason()
    assert watcher.asked() == [("cut", READ)]


def test_annotations_replaced_inside_a_folder_are_read_again(watcher: Watcher) -> None:
    folder = unpack(watcher.captures["session_harbour"], watcher.exports / "batch")
    watcher.read()
    watcher.asked()
    (annotations,) = (folder / "annotations").glob("instances_*.json")
    annotations.write_text(annotations.read_text("utf-8") + "\n", "utf-8")
    watcher.read()


def test_an_archive_and_its_unpacked_self_are_one_batch_that_is_merged(watcher: Watcher) -> None:
    watcher.drop()
    unpack(watcher.captures["session_harbour"], watcher.exports / "batch")
    assert "batch is passed over, because batch.zip" in watcher.reason()
    assert watcher.asked() == [("batch", READ)]
    watcher.export_finished("batch", "v1")
    assert watcher.asked() == [(None, AFTER)]
    assert "batch is passed over" in watcher.reason()


def test_the_merge_waits_for_runs_that_still_read_batches(watcher: Watcher) -> None:
    watcher.drop()
    watcher.read()
    run = watcher.instance.create_run_for_job(
        definitions().resolve_implicit_global_asset_job_def(),
        status=dg.DagsterRunStatus.STARTED,
        tags={SENSOR_TAG: "demo"},
    )
    assert watcher.asked() == []
    watcher.instance.delete_run(run.run_id)
    assert watcher.asked() == [(None, AFTER)]


def test_the_merge_waits_for_a_synthetic_set_and_then_starts_by_itself(
    fresh_watcher: Watcher,
) -> None:
    fresh_watcher.drop()
    fresh_watcher.read()
    assert "demo/synthetic_set has not been materialized" in fresh_watcher.reason()
    fresh_watcher.synthetic_set_finished()
    assert fresh_watcher.asked() == [(None, AFTER)]


def test_the_tick_says_why_no_training_begins_until_the_rules_allow_one(watcher: Watcher) -> None:
    rules = RetrainRules(min_new_boxes=10)
    watcher.sensor = export_sensor(load_pack("demo").model_copy(update={"retrain": rules}))
    watcher.drop()
    watcher.read()
    for _ in range(2):
        told = watcher.reason()
        assert "1 batch with 0 new or changed boxes since the last training: batch." in told
        assert "a training is worth it from 10 (min_new_boxes)" in told
    watcher.export_finished("batch", "v2", boxes=10)
    assert watcher.asked() == [(None, AFTER)]


def test_a_merge_that_failed_is_named_and_not_tried_again(watcher: Watcher) -> None:
    watcher.drop()
    watcher.read()
    request = watcher.merge_requested()
    failed = watcher.run_ended(request, dg.DagsterRunStatus.FAILURE)
    assert failed.run_id in watcher.reason()
    assert "re-execute" in watcher.reason()
    again = watcher.run_ended(request, dg.DagsterRunStatus.SUCCESS)
    assert again.tags[MERGE_TAG] == failed.tags[MERGE_TAG]
    assert watcher.reason() == "No export has arrived since the last merge."


def test_an_export_that_arrives_after_a_failed_merge_is_merged(watcher: Watcher) -> None:
    for capture in ("session_harbour", "session_valley"):
        watcher.drop(capture)
        watcher.read(capture)
        watcher.run_ended(watcher.merge_requested(), dg.DagsterRunStatus.FAILURE)


def unpack(archive: Path, folder: Path) -> Path:
    """What a double-click on an archive leaves beside it."""
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)
    return folder


def test_a_retired_batch_is_merged_without(watcher: Watcher) -> None:
    watcher.drop("session_harbour", "match.zip")
    watcher.drop("session_valley", "other.zip")
    watcher.settle()
    watcher.tick()
    for batch in ("match", "other"):
        watcher.export_finished(batch, f"{batch}1")
    first = watcher.merge_requested()
    assert "since the last merge" in watcher.reason()

    forget_batch(watcher.instance, load_pack("demo"), "match")

    assert watcher.merge_requested().tags[MERGE_TAG] != first.tags[MERGE_TAG]
    assert "since the last merge" in watcher.reason()


def test_a_batch_that_was_retired_unread_is_read_once_it_is_put_back(watcher: Watcher) -> None:
    exports = watcher.source
    watcher.drop()
    watcher.settle()
    watcher.tick()
    exports.retire("demo", "batch")
    forget_batch(watcher.instance, load_pack("demo"), "batch")
    assert watcher.asked() == []
    exports.restore("demo", "batch")
    watcher.read()
    assert watcher.asked() == [(None, AFTER)]


def test_a_batch_whose_partition_was_deleted_stays_out(watcher: Watcher) -> None:
    watcher.drop()
    watcher.read()
    watcher.merge_requested()
    forget_batch(watcher.instance, load_pack("demo"), "batch")
    for _ in range(3):
        assert watcher.asked() == []


def test_a_batch_whose_partition_was_deleted_stays_out_of_a_sensor_that_remembers_nothing(
    watcher: Watcher,
) -> None:
    """By real runs: whether a batch was taken out is seen in the store."""
    frame = Image.new("RGB", (64, 48))
    for name, side in (("out", 20), ("used", 25)):
        box = (f"{name}.png", "sheep", (9, 9, side, 20))
        write_export(watcher.exports / f"{name}.zip", {f"{name}.png": frame}, ["sheep"], [box])
    watcher.settle()
    for request in watcher.tick().run_requests or []:
        run_for_real(watcher, request)
    forget_batch(watcher.instance, load_pack("demo"), "out")
    watcher.cursor = None
    watcher.settle()
    assert [partition for partition, _ in watcher.asked()] == ["used"]


def test_a_cursor_of_an_earlier_version_is_read(watcher: Watcher) -> None:
    watcher.drop()
    watcher.read()
    watcher.merge_requested()
    known = json.loads(watcher.cursor or "")
    earlier = {name: known[name] for name in ("seen", "taken", "merged", "requests")}
    watcher.cursor = json.dumps(earlier)
    assert watcher.reason() == "No export has arrived since the last merge."


def test_an_export_that_could_not_be_read_is_named_once_with_its_reason(watcher: Watcher) -> None:
    """By a real run of the asset."""
    (watcher.exports / "bad.zip").write_bytes(broken_export())
    frame, box = Image.new("RGB", (64, 48)), ("a.png", "sheep", (9, 9, 20, 20))
    write_export(watcher.exports / "batch.zip", {"a.png": frame}, ["sheep"], [box])
    watcher.settle()
    requests = watcher.tick().run_requests or []
    assert len(requests) == 2
    for request in requests:
        run_for_real(watcher, request)
    told = watcher.reason()
    assert "The export of the batch 'bad' could not be read, in run" in told
    assert "bad.zip" in told
    assert "What to do" in told
    assert "outpost batches retire bad --game demo" in told
    assert watcher.asked() == [(None, AFTER)], "the other one is merged without it"
    assert "could not be read" not in watcher.reason()


def broken_export() -> bytes:
    """An archive that is whole, with annotations that are not."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("annotations/instances_default.json", '{"images": [')
    return buffer.getvalue()


def run_for_real(watcher: Watcher, request: dg.RunRequest) -> None:
    store = Artifacts(paths=Paths.below(watcher.exports.parent))
    own = build_definitions("demo", {"exports": watcher.source, "artifacts": store})
    own.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=watcher.instance,
        asset_selection=list(request.asset_selection or ()),
        partition_key=request.partition_key,
        tags=dict(request.tags),
        raise_on_error=False,
    )

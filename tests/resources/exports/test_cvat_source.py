"""Completed tasks as exports, against a server whose tasks and faults a test decides."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import OutpostError
from pipeline.labels.comparing.corrections import CvatDownload
from pipeline.manifests import sha256_of
from pipeline.progress import Report
from resources.cvat.tasks import CompletedTask
from resources.exports.base import Export, ExportSourceError, Listing, batch_name
from resources.exports.cvat_source import CompletedTasks
from resources.exports.fetched import FetchedExports
from resources.exports.folder import ExportsFolder

MORNING = datetime(2026, 11, 2, 8, 30, tzinfo=UTC)
FIRST = "task_7_forest-2026_11_02_08_30_00-coco_1.0"


class ServerError(OutpostError):
    """What a server's client raises."""


@dataclass
class Server:
    tasks: list[CompletedTask] = field(
        default_factory=lambda: [CompletedTask(7, "forest", MORNING)]
    )
    downloads: list[int] = field(default_factory=list)
    is_down: bool = False

    def completed_tasks(self, game: str) -> Sequence[CompletedTask]:
        if self.is_down:
            raise ServerError("CVAT did not answer.", "Start it.")
        return self.tasks

    def download_export(self, task_id: int, target: Path, report: Report) -> None:
        self.downloads.append(task_id)
        if self.is_down:
            target.write_bytes(b"half")
            raise ServerError("CVAT did not answer.", "Start it.")
        target.write_bytes(b"archive %d" % len(self.downloads))


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def source(server: Server, tmp_path: Path) -> CompletedTasks:
    return CompletedTasks(server, "demo", FetchedExports(tmp_path / "copies"))


def batches(found: Sequence[Export]) -> list[str]:
    return [export.batch for export in found]


def test_a_completed_task_is_an_export_named_as_cvat_does(source: CompletedTasks) -> None:
    (export,) = source.found()
    assert export.batch == FIRST
    told = CvatDownload.named(export.batch)
    assert told == CvatDownload("task_7_forest", MORNING.replace(tzinfo=None))
    assert export.place == "task 7 'forest' in CVAT"


def test_it_is_exported_once_and_only_when_it_is_read(
    source: CompletedTasks, server: Server
) -> None:
    (export,) = source.found()
    assert server.downloads == []
    copy = export.fetch()
    assert source.found()[0].fetch() == copy
    assert server.downloads == [7]
    assert not source.found()[0].differs_from(sha256_of(copy))


def test_a_task_that_was_changed_is_another_batch_and_the_older_stays(
    source: CompletedTasks, server: Server
) -> None:
    source.found()[0].fetch()
    server.tasks = [replace(server.tasks[0], updated=MORNING + timedelta(days=1))]
    second = "task_7_forest-2026_11_03_08_30_00-coco_1.0"
    assert batches(source.found()) == [second, FIRST]
    assert source.found()[1].fetch().read_bytes() == b"archive 1"
    assert server.downloads == [7]


def test_a_task_that_was_never_fetched_is_gone_with_its_server(
    source: CompletedTasks, server: Server
) -> None:
    server.tasks = []
    assert source.found() == []


def test_a_failed_export_leaves_nothing_and_says_what_cvat_said(
    source: CompletedTasks, server: Server, tmp_path: Path
) -> None:
    (export,) = source.found()
    server.is_down = True
    with pytest.raises(ExportSourceError, match="task 7 'forest' in CVAT could not be fetched"):
        export.fetch()
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []
    with pytest.raises(ExportSourceError, match="did not answer"):
        source.found()


def test_a_copy_whose_record_is_not_whole_is_fetched_again(
    source: CompletedTasks, server: Server
) -> None:
    """So it is after a crash between the two."""
    (export,) = source.found()
    copy = export.fetch()
    copy.with_name(f"{copy.name}.fetched.json").write_text("{")
    assert source.found()[0].fetch().read_bytes() == b"archive 2"


@pytest.mark.parametrize("fetched", [True, False])
def test_a_retired_task_is_passed_over_until_it_comes_back(
    source: CompletedTasks, server: Server, fetched: bool
) -> None:
    if fetched:
        source.found()[0].fetch()
    source.retire(FIRST)
    assert source.found() == []
    assert batches(source.retired()) == [FIRST]
    source.restore(FIRST)
    assert batches(source.found()) == [FIRST]
    assert source.retired() == []


@pytest.mark.parametrize("is_unpacked", [False, True])
def test_a_pulled_task_is_the_same_export_and_what_was_fetched_stays_chosen(
    source: CompletedTasks, tmp_path: Path, is_unpacked: bool
) -> None:
    folder = ExportsFolder(tmp_path / "exports")
    pulled = folder.path / (FIRST if is_unpacked else f"{FIRST}.zip")
    (pulled if is_unpacked else pulled.parent).mkdir(parents=True)
    if not is_unpacked:
        pulled.write_bytes(b"archive")
    listing = Listing.of((folder, source))
    assert listing.chosen[FIRST].source == "folder"
    (passed,) = listing.passed_over
    assert str(passed) == f"task 7 'forest' in CVAT is the same export as {pulled}, which is read."
    source.found()[0].fetch()
    listing = Listing.of((folder, source))
    assert listing.chosen[FIRST].source == "CVAT server"
    (passed,) = listing.passed_over
    assert (passed.is_same, passed.name) == (True, str(pulled))


@given(
    st.text(),
    st.integers(1, 10**9),
    st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC)),
)
def test_every_task_has_a_name_that_files_take_and_the_merge_reads(
    name: str, number: int, updated: datetime
) -> None:
    file = CompletedTask(number, name, updated).export_name
    assert "/" not in file
    assert file.endswith(".zip")
    told = CvatDownload.named(batch_name(file))
    assert told is not None
    assert told.source.startswith(f"task_{number}_")
    assert told.time == updated.replace(tzinfo=None, microsecond=0)

"""Completed tasks are found and fetched whole, whatever happens on the way."""

import errno
import io
import threading
import time
import traceback
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cvat_sdk.api_client import Configuration
from doubles.cvat import CvatDouble
from doubles.servers import drop, hang, status, text

from pipeline.annotation.tasks.task_plan import BLIND_SUBSET
from pipeline.labels.comparing.corrections import CvatDownload
from pipeline.labels.formats.coco import read_export
from pipeline.progress import silent
from resources.cvat import CompletedTask, Cvat, connection, download, requests
from resources.cvat.connection import HURRIED_TRIES, TimedRestClient, TimeLimits
from resources.cvat.errors import (
    CvatBusyError,
    CvatDownloadError,
    CvatError,
    CvatMissingError,
    CvatRequestError,
    CvatTokenError,
    CvatUnreachableError,
)

from .conftest import LABELS, add_task, quick


def test_only_tasks_whose_jobs_are_completed_are_told(cvat: CvatDouble, resource: Cvat) -> None:
    tasks = [add_task(cvat, f"task {number}") for number in range(12)]
    add_task(cvat, "of another game", game="other")
    half = add_task(cvat, "half (being pushed)")
    for task in (tasks[3], tasks[11], half):
        cvat.finish(task)

    told = resource.completed_tasks("toy")

    assert [(one.id, one.name) for one in told] == [
        (tasks[3].id, "task 3"),
        (tasks[11].id, "task 11"),
    ]
    assert told[0].updated == tasks[3].updated
    assert resource.completed_tasks("a game without a project") == ()


def test_the_name_of_an_export_tells_task_and_time() -> None:
    updated = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    name = CompletedTask(7, "first: hundred/ü", updated).export_name
    assert name == "task_7_first__hundred_ü-2026_03_04_05_06_07-coco_1.0.zip"
    told = CvatDownload.named(Path(name).stem)
    assert told == CvatDownload("task_7_first__hundred_ü", datetime(2026, 3, 4, 5, 6, 7))


def test_a_task_comes_whole(cvat: CvatDouble, resource: Cvat, tmp_path: Path) -> None:
    task, target = add_task(cvat), tmp_path / "exports" / "task.zip"
    readings = []

    resource.download_export(task.id, target, readings.append)

    batch = read_export(target, LABELS)
    assert [frame.name for frame in batch.frames] == task.names
    assert [tuple(box.box) for frame in batch.frames for box in frame.boxes] == [
        (10.25, 20.5, 40.75, 50.0)
    ] * 2
    assert readings[-1].done == target.stat().st_size
    assert list(target.parent.iterdir()) == [target]


def test_a_blind_task_comes_back_for_validation(
    cvat: CvatDouble, resource: Cvat, tmp_path: Path
) -> None:
    task, target = add_task(cvat), tmp_path / "task.zip"
    task.subset = BLIND_SUBSET
    resource.download_export(task.id, target)
    batch = read_export(target, LABELS)
    assert {frame.purpose for frame in batch.frames} == {"validation"}


def test_a_repeated_download_replaces_the_file(
    cvat: CvatDouble, resource: Cvat, tmp_path: Path
) -> None:
    """The SDK alone raises FileExistsError."""
    task, target = add_task(cvat), tmp_path / "task.zip"
    resource.download_export(task.id, target)
    cvat.edit(task, task.shapes[:1])
    resource.download_export(task.id, target)
    batch = read_export(target, LABELS)
    assert len(batch.frames) == 1


@pytest.mark.parametrize("part", [0, 1, 500])
def test_half_a_download_is_fetched_again(
    cvat: CvatDouble, resource: Cvat, tmp_path: Path, part: int
) -> None:
    task, target = add_task(cvat), tmp_path / "task.zip"
    cvat.cut = [part]
    resource.download_export(task.id, target)
    assert zipfile.is_zipfile(target)


def fails(cvat: CvatDouble, resource: Cvat, folder: Path, kind: type[CvatError]) -> CvatError:
    """The error of a download, which leaves what was there and nothing else."""
    task = add_task(cvat)
    target = folder / "task.zip"
    target.write_bytes(b"before")
    with pytest.raises(kind) as caught:
        resource.download_export(task.id, target)
    assert target.read_bytes() == b"before"
    assert list(folder.iterdir()) == [target]
    return caught.value


def test_a_download_that_always_breaks_off(
    cvat: CvatDouble, resource: Cvat, tmp_path: Path
) -> None:
    cvat.cut = [300] * 9
    assert "broke off" in fails(cvat, resource, tmp_path, CvatDownloadError).problem


def test_a_cut_archive_of_a_server_that_tells_no_length(
    cvat: CvatDouble, resource: Cvat, tmp_path: Path
) -> None:
    cvat.archive = lambda whole: whole[: len(whole) // 2]
    assert "no whole zip" in fails(cvat, resource, tmp_path, CvatDownloadError).problem


def test_a_request_that_fails(cvat: CvatDouble, resource: Cvat, tmp_path: Path) -> None:
    cvat.failures["export"] = "Traceback:\n  line 1\nValueError: no such image\n"
    error = fails(cvat, resource, tmp_path, CvatRequestError)
    assert error.problem.endswith("ValueError: no such image.")


def test_a_request_that_expires(cvat: CvatDouble, resource: Cvat, tmp_path: Path) -> None:
    cvat.meanwhile("request", cvat.forget_requests)
    assert "no longer knows" in fails(cvat, resource, tmp_path, CvatRequestError).problem


def test_an_export_that_is_gone_when_it_is_fetched(
    cvat: CvatDouble, resource: Cvat, tmp_path: Path
) -> None:
    cvat.script("download", status(404))
    resource.download_export(add_task(cvat).id, tmp_path / "task.zip")
    assert cvat.count("export") == 2


def test_exports_that_are_always_gone(cvat: CvatDouble, resource: Cvat, tmp_path: Path) -> None:
    cvat.always("download", status(404))
    fails(cvat, resource, tmp_path, CvatMissingError)


def test_a_server_that_never_finishes(cvat: CvatDouble, tmp_path: Path) -> None:
    cvat.never_finishes.add("export")
    error = fails(cvat, quick(work_seconds=0.2), tmp_path, CvatRequestError)
    assert "not done" in error.problem


def test_a_server_that_says_nothing(cvat: CvatDouble, tmp_path: Path) -> None:
    cvat.always("export", hang(60))
    began = time.monotonic()
    fails(cvat, quick(answer_seconds=0.3), tmp_path, CvatUnreachableError)
    assert time.monotonic() - began < 50


def test_a_download_that_trickles(cvat: CvatDouble, tmp_path: Path) -> None:
    """Each piece comes in time, the whole never would."""
    cvat.drip = 0.2
    resource = quick(download_seconds=0.3)
    assert " bytes after" in fails(cvat, resource, tmp_path, CvatUnreachableError).problem


def test_a_slow_server_is_waited_for(cvat: CvatDouble, resource: Cvat, tmp_path: Path) -> None:
    cvat.polls = 20
    resource.download_export(add_task(cvat).id, tmp_path / "task.zip")
    assert cvat.count("request") == 20


def test_a_server_that_restarts_in_the_middle(
    cvat: CvatDouble, resource: Cvat, tmp_path: Path
) -> None:
    cvat.polls = 5
    cvat.script("request", drop(), status(502), status(503), text(500, "starting"))
    restart = threading.Timer(0.05, cvat.restart)
    restart.start()
    resource.download_export(add_task(cvat).id, tmp_path / "task.zip")
    restart.join()
    assert zipfile.is_zipfile(tmp_path / "task.zip")


def test_a_server_that_goes_and_stays_away(cvat: CvatDouble, tmp_path: Path) -> None:
    cvat.always("request", drop())
    fails(cvat, quick(outage_seconds=0.1), tmp_path, CvatUnreachableError)


def test_somebody_else_exports_the_same(cvat: CvatDouble, resource: Cvat, tmp_path: Path) -> None:
    cvat.script("export", status(409), status(409))
    resource.download_export(add_task(cvat).id, tmp_path / "task.zip")
    cvat.always("export", status(409))
    with pytest.raises(CvatBusyError):
        quick(work_seconds=0.1).download_export(1, tmp_path / "task.zip")


class Clock:
    """What `time` is for those who wait: each pause is over at once, and counted."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(
    ("limit", "fault"),
    [("work_seconds", None), ("work_seconds", status(409)), ("outage_seconds", drop())],
    ids=["never done", "always busy", "away"],
)
def test_what_waits_too_long_ends_at_its_limit_and_not_after_it(
    cvat: CvatDouble,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    fault: Any,
) -> None:
    clock = Clock()
    monkeypatch.setattr(requests, "time", clock)
    if fault is None:
        cvat.never_finishes.add("export")
    else:
        cvat.always("export" if limit == "work_seconds" else "request", fault)
    with pytest.raises(CvatError):
        quick(**{limit: 0.05}).download_export(add_task(cvat).id, tmp_path / "task.zip")
    assert 0.05 < clock.now < 0.05 + 3 * 0.01


def test_a_download_ends_at_its_limit_and_not_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, received = Clock(), io.BytesIO()
    monkeypatch.setattr(download, "time", clock)

    def one_byte_a_second(_most: int, **_options: Any) -> bytes:
        clock.sleep(1)
        return b"."

    reply = SimpleNamespace(headers={}, read1=one_byte_a_second)
    with pytest.raises(CvatUnreachableError, match="at 4 of unknown bytes after 3 s"):
        download._copy(reply, received, TimeLimits(download=3.0), silent)


def test_all_tries_of_a_look_fit_into_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(connection, "time", clock)
    client = TimedRestClient(Configuration("http://127.0.0.1:9"), TimeLimits(total=6.0))
    for now in (0.0, 3.0, 5.9):
        clock.now = now
        for seconds in client._time_left():
            assert 0 < seconds * HURRIED_TRIES <= 6 - now + 1e-9
    clock.now = 6.0
    with pytest.raises(CvatUnreachableError, match="within 6 s"):
        client._time_left()


def test_a_full_disk(
    cvat: CvatDouble, resource: Cvat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("resources.cvat.download._copy", full)
    error = fails(cvat, resource, tmp_path, CvatDownloadError)
    assert "No space left" in error.problem
    assert "Free space" in error.fix


def test_a_task_that_is_not_there(cvat: CvatDouble, resource: Cvat, tmp_path: Path) -> None:
    with pytest.raises(CvatMissingError):
        resource.download_export(99, tmp_path / "task.zip")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("code", [401, 403])
def test_a_token_that_is_refused(cvat: CvatDouble, resource: Cvat, code: int) -> None:
    cvat.script("self", status(code, "Invalid token."))
    with pytest.raises(CvatTokenError) as caught:
        resource.completed_tasks("toy")
    assert "CVAT_ACCESS_TOKEN" in caught.value.fix
    assert cvat.token not in str(caught.value)


def test_a_token_that_is_refused_in_the_middle(
    cvat: CvatDouble, resource: Cvat, tmp_path: Path
) -> None:
    cvat.script("request", status(401, "expired"))
    fails(cvat, resource, tmp_path, CvatTokenError)


def test_no_token(monkeypatch: pytest.MonkeyPatch, resource: Cvat) -> None:
    for name in ("CVAT_ACCESS_TOKEN", "CVAT_USER", "CVAT_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(CvatTokenError):
        resource.completed_tasks("toy")


def test_a_user_and_a_password(
    cvat: CvatDouble, resource: Cvat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CVAT_ACCESS_TOKEN")
    monkeypatch.setenv("CVAT_USER", "user")
    monkeypatch.setenv("CVAT_PASSWORD", cvat.password)
    assert resource.completed_tasks("toy") == ()


def test_nobody_listens(cvat: CvatDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CVAT_HOST", "http://127.0.0.1:1")
    with pytest.raises(CvatUnreachableError):
        quick().completed_tasks("toy")


@pytest.mark.parametrize("host", ["ftp://example.org", "http://", "https://", "not a host", "h:"])
def test_an_address_that_is_none(
    cvat: CvatDouble, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("CVAT_HOST", host)
    with pytest.raises(CvatUnreachableError, match="is no address of a CVAT server"):
        quick().completed_tasks("toy")


def test_an_address_with_a_password_is_refused_and_not_told(
    cvat: CvatDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CVAT_HOST", cvat.origin.replace("://", "://somebody:secret@"))
    with pytest.raises(CvatUnreachableError, match="password") as caught:
        quick().completed_tasks("toy")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("token", ["marked\nsecret", "marked secret\u20ac"])
def test_a_token_that_no_header_may_hold_is_not_told(
    cvat: CvatDouble, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("CVAT_ACCESS_TOKEN", token)
    with pytest.raises(CvatTokenError, match="holds no access token") as caught:
        quick().completed_tasks("toy")
    assert "marked" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("name", ["two\nlines", "\u20ac"])
def test_an_organization_that_none_can_be(
    cvat: CvatDouble, resource: Cvat, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("CVAT_ORGANIZATION", name)
    with pytest.raises(CvatError, match="is no short name of an organization"):
        resource.completed_tasks("toy")


def test_a_server_that_repeats_the_token_is_quoted_without(
    cvat: CvatDouble, resource: Cvat
) -> None:
    cvat.script("self", status(400, f"{cvat.token} is no token"))
    with pytest.raises(CvatError, match=r"\(CVAT_ACCESS_TOKEN\) is no token") as caught:
        resource.completed_tasks("toy")
    assert cvat.token not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("page", ["<html>Hello</html>", "[]", '{"detail": 1'])
def test_a_server_that_is_not_cvat(cvat: CvatDouble, resource: Cvat, page: str) -> None:
    cvat.always("projects", text(200, page, "text/html"))
    with pytest.raises(CvatUnreachableError):
        resource.completed_tasks("toy")


@pytest.mark.parametrize("page", ["self", "projects", "tasks", "jobs"])
def test_a_look_has_a_limit_of_its_own(cvat: CvatDouble, page: str) -> None:
    add_task(cvat, "task")
    cvat.always(page, hang(30))
    with pytest.raises(CvatUnreachableError):
        Cvat(poll_seconds=0.01, look_seconds=0.6).completed_tasks("toy")


def test_a_look_that_is_answered_too_slowly_ends(cvat: CvatDouble) -> None:
    with pytest.raises(CvatUnreachableError, match="has not told everything within"):
        Cvat(poll_seconds=0.01, look_seconds=1e-6).completed_tasks("toy")


def test_a_broken_tls_connection(cvat: CvatDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CVAT_HOST", cvat.origin.replace("http:", "https:"))
    with pytest.raises(CvatUnreachableError):
        quick().completed_tasks("toy")

"""Exports of tasks: asked for, waited for, fetched and put in place, whole or not at all."""

from __future__ import annotations

import time
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

import urllib3
from cvat_sdk.core.client import Client
from cvat_sdk.core.helpers import make_request_headers

from pipeline.files import replacing
from pipeline.progress import Progress, Report, silent
from resources.cvat.connection import TimeLimits
from resources.cvat.errors import (
    CvatDownloadError,
    CvatMissingError,
    CvatRequestError,
    CvatUnreachableError,
)
from resources.cvat.requests import wait_for_request, when_free

FORMAT = "COCO 1.0"
ATTEMPTS = 3
"""Of a download that breaks off, or of an export that is gone when it is fetched."""
PIECE = 1 << 20


def download_export(
    client: Client, task_id: int, target: Path, limits: TimeLimits, report: Report = silent
) -> None:
    """Export a task with its images as COCO 1.0, and put the archive where it is wanted.

    It is written beside the target and takes its place at the end, so the target is the old file or
    the new one, whole.

    Raises:
        CvatDownloadError: it does not arrive whole, or cannot be written.
        CvatRequestError: CVAT fails to export, or does not finish.
        CvatError: see `connection`.
    """
    try:
        with replacing(target) as neighbour:
            _fetch_whole(client, task_id, neighbour, limits, report)
    except OSError as error:
        raise CvatDownloadError(
            f"{target} cannot be written: {error.strerror or error}.",
            "Free space on that disk or correct who may write there, then run the command again.",
        ) from error


def _fetch_whole(
    client: Client, task_id: int, file: Path, limits: TimeLimits, report: Report
) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _fetch(client, _exported(client, task_id, limits, report), file, limits, report)
            _check_archive(file, task_id)
            return
        except (CvatDownloadError, CvatMissingError):
            if attempt == ATTEMPTS:
                raise


def _exported(client: Client, task_id: int, limits: TimeLimits, report: Report) -> str:
    """Where the finished export lies."""
    api = client.api_client.tasks_api

    def ask() -> Any:
        # Without a location CVAT sends it to the cloud storage of a task that has one.
        answer, _ = api.create_dataset_export(FORMAT, task_id, save_images=True, location="local")
        return answer

    what = f"exporting task {task_id}"
    done = wait_for_request(client, when_free(ask, limits).rq_id, what, limits, report)
    url = getattr(done, "result_url", None)
    if not url:
        raise CvatRequestError(
            f"CVAT has exported task {task_id} and does not say where the file is.",
            "Run the command again; if it stays so, export the task by hand in CVAT.",
        )
    return str(url)


def _fetch(client: Client, url: str, file: Path, limits: TimeLimits, report: Report) -> None:
    reply = client.api_client.rest_client.GET(
        url, headers=make_request_headers(client.api_client), _parse_response=False
    )
    with closing(reply), file.open("wb") as stream:
        try:
            _copy(reply, stream, limits, report)
        except urllib3.exceptions.HTTPError as error:
            raise CvatDownloadError(
                f"The download broke off before its end: {error}.", "Run the command again."
            ) from error


def _copy(reply: Any, stream: BinaryIO, limits: TimeLimits, report: Report) -> None:
    total, done, began = int(reply.headers.get("Content-Length") or 0), 0, time.monotonic()
    # Not `read`: it waits for all that was asked for, however slowly it comes.
    while piece := reply.read1(PIECE, decode_content=False):
        stream.write(piece)
        done += len(piece)
        seconds = time.monotonic() - began
        report(Progress("download (bytes)", done, max(total, done), seconds))
        if seconds > limits.download:
            raise CvatUnreachableError(
                f"The download is at {done} of {total or 'unknown'} bytes after "
                f"{limits.download:.0f} s.",
                "Try again on a faster connection, or split the task in CVAT.",
            )


def _check_archive(file: Path, task_id: int) -> None:
    """An archive has its directory at its end: what has one is not cut off."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise CvatDownloadError(
            f"What came of task {task_id} is no whole zip archive.", "Run the command again."
        ) from error
    if not any(name.startswith("annotations/instances_") for name in names):
        raise CvatDownloadError(
            f"The export of task {task_id} has no annotations in it.",
            "Run the command again; if it stays so, export the task by hand in CVAT.",
        )

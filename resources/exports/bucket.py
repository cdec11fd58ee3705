"""CVAT exports below a prefix of an S3 bucket, or of anything that speaks S3.

Credentials and all else that describes the account are read from the environment by the client
(obstore), and nowhere else: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN,
AWS_REGION, and AWS_ENDPOINT_URL for another provider than Amazon.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pipeline.manifests import digest_of
from pipeline.progress import Progress, Report
from resources.exports.base import ExportSourceError
from resources.exports.fetched import FetchedExports, RemoteExport, not_retired

if TYPE_CHECKING:
    from obstore.store import S3Store

LOCATION = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>[^?]*))?")
CREDENTIALS = re.compile(r".*@|\?.*", re.DOTALL)
"""Where people put them into an address: before the host, and after what an address asks for."""
LOOK_SECONDS = 8.0
"""For a page of the bucket's list, with its repetition: a tick of the sensor has a minute."""
PART_BYTES = 16 << 20
PART_SECONDS = 300.0
"""For one part of a file: slow lines carry half a megabit a second."""
QUOTED_CHARACTERS = 300
IN_HEADERS = ("AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN")
ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT")


@dataclass(frozen=True)
class ExportsBucket:
    """One game's folder below a place in a bucket as a source of exports: the archives in it.

    Attributes:
        location: s3://bucket or s3://bucket/prefix; the game's name follows.
        copies: where archives are brought to before they are read.
    """

    location: str
    game: str
    copies: FetchedExports
    name: str = "bucket"

    @property
    def bucket(self) -> str:
        """Its name.

        Raises:
            ExportSourceError: the location is written otherwise than it should be.
        """
        return self._parts[0]

    @property
    def prefix(self) -> str:
        """What the names of the game's exports begin with, without a slash at its ends.

        Raises:
            ExportSourceError: as `bucket`.
        """
        return "/".join((*self._parts[1:], self.game))

    @property
    def _parts(self) -> tuple[str, ...]:
        match = LOCATION.fullmatch(self.location)
        if match is None:
            raise ExportSourceError(
                f"{CREDENTIALS.sub('***', self.location)!r} is no place in a bucket.",
                "Write it as s3://bucket or s3://bucket/prefix, without credentials: those are "
                "read from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
            )
        folders = (part for part in (match["prefix"] or "").split("/") if part)
        return (match["bucket"], *folders)

    @property
    def place(self) -> str:
        """See `ExportSource.place`."""
        return f"s3://{self.bucket}/{self.prefix}/"

    def found(self) -> list[RemoteExport]:
        """Every archive, by name; those of size 0 have not arrived.

        Raises:
            ExportSourceError: the bucket cannot be listed.
        """
        return not_retired(self._listed(), self.copies.retired())

    def retired(self) -> list[RemoteExport]:
        """See `ExportSource.retired`: those that are still there as they were."""
        keys = [(one.name, one.stamp) for one in self.copies.retired()]
        # Nobody is asked of nothing.
        listed = {(one.name, one.stamp): one for one in (self._listed() if keys else ())}
        return [listed[key] for key in keys if key in listed]

    def retire(self, batch: str) -> None:
        """See `ExportSource.retire`: the bucket stays as it is."""
        self.copies.retire(one for one in self.found() if one.batch == batch)

    def restore(self, batch: str) -> None:
        """See `ExportSource.restore`."""
        self.copies.restore(batch)

    def _listed(self) -> Iterator[RemoteExport]:
        store = self._store
        with self._explained(self.place):
            objects = store.list_with_delimiter(self.prefix)["objects"]
        for one in sorted(objects, key=lambda one: one["path"]):
            name = PurePosixPath(one["path"]).name
            if not name.lower().endswith(".zip") or name.startswith("."):
                continue
            # An S3 server gives each content its tag; the time is for those that do not.
            tag = one["e_tag"] or one["last_modified"].isoformat()
            yield RemoteExport(
                name,
                f"s3://{self.bucket}/{one['path']}",
                digest_of([name, one["size"], tag])[:16],
                one["size"] > 0,
                self.copies,
                partial(self._download, one["path"], one["size"], one["e_tag"]),
            )

    def _download(
        self, path: str, size: int, tag: str | None, target: Path, report: Report
    ) -> None:
        """Bring an object here as it was listed.

        In parts, so that one that stalls is asked for again alone. Every file in the archive has a
        checksum of its own, by which it is read; a tag is not always the digest of the bytes.
        """
        stage, began = f"MiB of {PurePosixPath(path).name}", time.monotonic()
        store = self._patient_store
        with self._explained(f"s3://{self.bucket}/{path}"), target.open("wb") as file:
            for start in range(0, size, PART_BYTES):
                end = min(size, start + PART_BYTES)
                part = store.get(path, options={"if_match": tag, "range": (start, end)})
                file.write(part.bytes())
                report(Progress(stage, end >> 20, size >> 20, time.monotonic() - began))
            if file.tell() != size:
                raise ExportSourceError(
                    f"s3://{self.bucket}/{path} ended after {file.tell()} of {size} bytes.",
                    "Try again; if it happens again, upload the file again.",
                )

    @cached_property
    def _store(self) -> S3Store:
        return self._connected(LOOK_SECONDS)

    @cached_property
    def _patient_store(self) -> S3Store:
        return self._connected(PART_SECONDS)

    def _connected(self, seconds: float) -> S3Store:
        try:
            from obstore.store import S3Store
        except ImportError as error:
            raise ExportSourceError(
                f"{self.place} cannot be read: the package obstore is not installed.",
                "Install it: `uv sync --extra s3` in a checkout, else `pip install 'outpost[s3]'`.",
            ) from error
        limit = timedelta(seconds=seconds)
        for name in IN_HEADERS:
            if not os.environ.get(name, "").isprintable():
                # obstore (0.12) panics at it, and a panic is no Exception.
                raise ExportSourceError(
                    f"{name} has a character in it that no key has, such as the end of a line.",
                    "Set it to the key alone; a file of variables may have lines that end in \\r.",
                )
        plain = any(os.environ.get(name, "").startswith("http://") for name in ENDPOINTS)
        with self._explained(self.place):
            return S3Store(
                self.bucket,
                client_options={
                    "allow_http": plain,
                    "connect_timeout": timedelta(seconds=4),
                    "timeout": limit,
                },
                retry_config={"max_retries": 1, "retry_timeout": limit},
            )

    @contextmanager
    def _explained(self, place: str) -> Iterator[None]:
        from obstore.exceptions import BaseError, PreconditionError

        try:
            yield
        except PreconditionError as error:
            raise ExportSourceError(
                f"{place} was replaced while it was fetched.",
                "Run it again; the sensor does so by itself.",
            ) from error
        except FileNotFoundError as error:
            raise ExportSourceError(
                f"{place} is no longer there.", "Upload it again, or retire its batch."
            ) from error
        except (BaseError, ValueError) as error:
            said = f"{place} cannot be read: {_quoted(error)}"
            raise ExportSourceError(said, _fix(str(error))) from error


def _quoted(error: Exception) -> str:
    """What a server or the client said, without what is for programmers."""
    line = " ".join(str(error).partition("\n\n")[0].split())
    return line.partition(": <?xml")[0][:QUOTED_CHARACTERS]


def _fix(said: str) -> str:
    if "NoSuchBucket" in said:
        return "Make the bucket, or correct its name and AWS_ENDPOINT_URL."
    if any(code in said for code in ("403", "401", "Forbidden", "AccessDenied")):
        return (
            "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to a key that may list the bucket and "
            "read its objects."
        )
    return (
        "Check the network, and AWS_ENDPOINT_URL where the bucket is not Amazon's; it is tried "
        "again by itself."
    )

"""A bucket as an object store: Amazon S3, or any server that keeps to its conditional writes.

Credentials and all else that describes the account are found by boto3 in its usual places, and
nowhere else: the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL), the
files in ~/.aws, the machine's role. boto3 alone does not read AWS_REGION, which other clients do.
"""

from __future__ import annotations

import base64
import hashlib
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import IO, Any, TypeVar

from pipeline.files import replacing
from pipeline.progress import Progress, Report, silent
from resources.object_store.base import (
    ObjectListing,
    ObjectMissingError,
    ObjectStoreError,
    StoredObject,
    checked_key,
    missing,
    too_short,
)

ATTEMPTS = 4
FIRST_WAIT_SECONDS = 0.3
CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0
"""Without a byte; a server may take its time to store a large object."""
CHUNK = 1 << 20
QUOTED_CHARACTERS = 300
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
LOST_RACE = (412, 409)
"""Not as it was any more; and, at AWS and R2, another is writing it now."""
ABSENT = ("NoSuchKey", "404", "NotFound")

T = TypeVar("T")


@dataclass(frozen=True)
class S3Store:
    """See the module, and `ObjectStore`.

    Attributes:
        bucket: exists.
        prefix: what all keys begin with, without a slash at its ends; may be empty.
    """

    bucket: str
    prefix: str = ""

    @property
    def place(self) -> str:
        """See `ObjectStore`."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def get(self, key: str) -> StoredObject | None:
        """See `ObjectStore`."""
        named = self._named(key)

        def read() -> StoredObject:
            answer = self._client.get_object(**named)
            with closing(answer["Body"]) as body:
                return StoredObject(body.read(), answer["ETag"])

        try:
            return self._asked(key, read)
        except ObjectMissingError:
            return None

    def put_if_absent(self, key: str, content: bytes) -> str | None:
        """See `ObjectStore`."""
        return self._put(key, content, {"IfNoneMatch": "*"})

    def put_if_match(self, key: str, content: bytes, tag: str) -> str | None:
        """See `ObjectStore`."""
        return self._put(key, content, {"IfMatch": tag})

    def upload(self, key: str, file: Path) -> bool:
        """See `ObjectStore`."""
        with file.open("rb") as stream:
            return self._put(key, stream, {"IfNoneMatch": "*"}) is not None

    def download(self, key: str, file: Path, report: Report = silent) -> None:
        """See `ObjectStore`. What breaks off is resumed where it did."""
        named, began, state = self._named(key), time.monotonic(), _Download()

        def fetch() -> None:
            condition = (
                {"IfMatch": state.tag, "Range": f"bytes={state.done}-"} if state.done else {}
            )
            answer = self._client.get_object(**named, **condition)
            state.tag, whole = answer["ETag"], state.done + answer["ContentLength"]
            with closing(answer["Body"]) as body:
                for chunk in body.iter_chunks(CHUNK):
                    stream.write(chunk)
                    state.done += len(chunk)
                    seconds = time.monotonic() - began
                    if mib := whole >> 20:
                        report(Progress(f"MiB of {file.name}", state.done >> 20, mib, seconds))

        try:
            with replacing(file) as neighbour, neighbour.open("wb") as stream:
                self._asked(key, fetch)
        except OSError as error:
            raise ObjectStoreError(
                f"{file} cannot be written: {error.strerror or error}.",
                "Make room on the disk, and check that you may write there.",
            ) from error

    def get_range(self, key: str, first: int, size: int) -> bytes:
        """See `ObjectStore`."""
        named = {**self._named(key), "Range": f"bytes={first}-{first + size - 1}"}

        def read() -> bytes:
            with closing(self._client.get_object(**named)["Body"]) as body:
                content: bytes = body.read()
                return content

        content = self._asked(key, read)
        if len(content) < size:
            raise too_short(key, self.place)
        return content

    def listing(self, prefix: str = "", most: int | None = None) -> Iterator[ObjectListing]:
        """See `ObjectStore`."""
        if prefix:
            checked_key(prefix.removesuffix("/"))

        def ask() -> list[ObjectListing]:
            return [
                ObjectListing(
                    self._key_of(one["Key"]),
                    one["Size"],
                    one["ETag"],
                    one["LastModified"].timestamp(),
                )
                for one in islice(self._listed(prefix, ["Contents"]), most)
            ]

        # Servers list in the order of bytes, as Amazon does, or in one of their own.
        yield from sorted(self._asked(prefix, ask), key=lambda one: one.key)

    def folders(self, prefix: str, most: int) -> tuple[str, ...]:
        """See `ObjectStore`."""
        checked_key(prefix.removesuffix("/"))

        def ask() -> set[str]:
            found = self._listed(prefix, ["CommonPrefixes", "Contents"], Delimiter="/")
            return {
                self._key_of(one["Prefix"]).removeprefix(prefix).removesuffix("/")
                for one in islice(found, most)
                if "Prefix" in one
            }

        return tuple(sorted(self._asked(prefix, ask)))

    def _listed(self, prefix: str, parts: Sequence[str], **options: str) -> Iterator[Any]:
        """Entries of a listing, asked for a thousand at a time as they are taken.

        Not with boto3's MaxItems: it counts objects alone, and no folders.
        """
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=self._path(prefix), **options
        )
        return (one for page in pages for part in parts for one in page.get(part, ()))

    def delete(self, key: str) -> None:
        """See `ObjectStore`."""
        named = self._named(key)
        self._asked(key, lambda: self._client.delete_object(**named))

    def _put(self, key: str, body: bytes | IO[bytes], condition: Mapping[str, str]) -> str | None:
        """Write under a condition; None where it does not hold.

        After a request whose answer was lost, a refusal may be due to that very request: then the
        object is compared with what was to be written.
        """
        arguments = {**self._named(key), **condition, "ContentMD5": _md5(body)}
        answer_lost = False
        for wait in _waits():
            if not isinstance(body, bytes):
                body.seek(0)
            with self._explained(key):
                try:
                    tag: str = self._client.put_object(**arguments, Body=body)["ETag"]
                    return tag
                except _client_error() as error:
                    status = _status(error)
                    if status == 409 and wait is not None:
                        time.sleep(wait)
                        continue
                    if status in LOST_RACE:
                        return self._written_before(key, body) if answer_lost else None
                    if _code(error) in ABSENT and "IfMatch" in condition:
                        return None
                    if not _may_pass(error) or wait is None:
                        raise
                except _connection_errors():
                    if wait is None:
                        raise
                answer_lost = True
                time.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _written_before(self, key: str, body: bytes | IO[bytes]) -> str | None:
        """The tag of an object that has these very bytes."""
        with self._explained(key):
            answer = self._client.get_object(**self._named(key))
            digest = hashlib.sha256()
            with closing(answer["Body"]) as found:
                for chunk in found.iter_chunks(CHUNK):
                    digest.update(chunk)
        tag: str = answer["ETag"]
        return tag if digest.digest() == _digest(body, "sha256") else None

    def _asked(self, key: str, call: Callable[[], T]) -> T:
        """Ask again where the network or the server fails for a moment."""
        with self._explained(key):
            for wait in _waits():
                try:
                    return call()
                except _client_error() as error:
                    if wait is None or not _may_pass(error):
                        raise
                except _connection_errors():
                    if wait is None:
                        raise
                time.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    @cached_property
    def _client(self) -> Any:
        with self._explained(""):
            return self._connected()

    def _connected(self) -> Any:
        import boto3
        from botocore.config import Config

        own_endpoint = any(os.environ.get(name) for name in ENDPOINTS)
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            # A repetition that this module does not see would be refused for its own sake.
            retries={"total_max_attempts": 1},
            # Checksums of boto3's own kind are refused by R2, B2 and others; Content-MD5 is not.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path"} if own_endpoint else {},
        )
        session = boto3.session.Session(region_name=os.environ.get("AWS_REGION"))
        for name in ENDPOINTS:
            _require_no_password(os.environ.get(name, ""))
        client = session.client("s3", config=config)
        _require_no_password(client.meta.endpoint_url)
        return client

    def _named(self, key: str) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": self._path(checked_key(key))}

    def _path(self, key: str) -> str:
        """In the bucket."""
        return f"{self.prefix}/{key}" if self.prefix else key

    def _key_of(self, path: str) -> str:
        return path.removeprefix(f"{self.prefix}/") if self.prefix else path

    @contextmanager
    def _explained(self, key: str) -> Iterator[None]:
        try:
            import boto3  # noqa: F401
            import botocore.exceptions
        except ImportError as error:
            raise ObjectStoreError(
                f"{self.place} cannot be reached: the package boto3 is not installed.",
                "Install it: `uv sync --extra s3` in a checkout, else `pip install 'outpost[s3]'`.",
            ) from error
        try:
            yield
        except botocore.exceptions.ClientError as error:
            if _code(error) in ABSENT and key:
                raise missing(key, self.place) from error
            if _code(error) == "InvalidRange" and key:
                raise too_short(key, self.place) from error
            raise self._refused(error) from error
        except (botocore.exceptions.BotoCoreError, ValueError) as error:
            raise ObjectStoreError(
                f"{self.place} cannot be used: {_quoted(error)}", _fix_of(error)
            ) from error

    def _refused(self, error: Any) -> ObjectStoreError:
        code = _code(error)
        problem = f"{self.place} refuses: {code}: {_quoted(error.response['Error'].get('Message'))}"
        if code == "NoSuchBucket":
            return ObjectStoreError(
                problem, "Make the bucket, or correct its name and AWS_ENDPOINT_URL."
            )
        if _status(error) in (401, 403):
            return ObjectStoreError(
                problem,
                "Use a key that may list the bucket, read and write below the prefix, and check "
                "the clock of this computer.",
            )
        if _status(error) == 501:
            return ObjectStoreError(
                problem,
                "This server cannot do what is asked, probably writes under a condition: use one "
                "that can, such as Amazon S3, Cloudflare R2 or SeaweedFS.",
            )
        return ObjectStoreError(problem, "Try again; if it stays so, look at the server's log.")


def _require_no_password(endpoint: str) -> None:
    """boto3 would not sign in with it, and quotes the whole address in its errors."""
    if "@" in endpoint:
        raise ObjectStoreError(
            "The address of the S3 server has a user or a password in it.",
            "Take it out of AWS_ENDPOINT_URL, or of ~/.aws/config, and set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY.",
        )


@dataclass
class _Download:
    """How far one is."""

    done: int = 0
    tag: str = ""


def _waits() -> Iterator[float | None]:
    """Seconds to wait before each further attempt; None says that there is none."""
    for attempt in range(ATTEMPTS - 1):
        yield FIRST_WAIT_SECONDS * 3**attempt * random.uniform(0.5, 1.5)
    yield None


def _client_error() -> type[Exception]:
    from botocore.exceptions import ClientError

    return ClientError  # type: ignore[no-any-return]


def _connection_errors() -> tuple[type[Exception], ...]:
    """What ends otherwise when it is tried again."""
    from botocore import exceptions

    return (exceptions.HTTPClientError, exceptions.IncompleteReadError)


def _may_pass(error: Any) -> bool:
    status = _status(error)
    return status == 429 or (status >= 500 and status != 501)


def _status(error: Any) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _md5(body: bytes | IO[bytes]) -> str:
    """For the way there alone: what counts is digested otherwise."""
    return base64.b64encode(_digest(body, "md5")).decode()


def _digest(body: bytes | IO[bytes], algorithm: str) -> bytes:
    if isinstance(body, bytes):
        return hashlib.new(algorithm, body, usedforsecurity=False).digest()
    body.seek(0)
    digest = hashlib.new(algorithm, usedforsecurity=False)
    while chunk := body.read(CHUNK):
        digest.update(chunk)
    return digest.digest()


def _quoted(said: object) -> str:
    return " ".join(str(said).split())[:QUOTED_CHARACTERS]


def _fix_of(error: Exception) -> str:
    if "redentials" in type(error).__name__:
        return (
            "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or whatever else boto3 finds them in."
        )
    if "Region" in type(error).__name__:
        return "Set AWS_REGION, for example to auto or us-east-1 where the server has no regions."
    return "Check the network, and AWS_ENDPOINT_URL where the bucket is not Amazon's; try again."

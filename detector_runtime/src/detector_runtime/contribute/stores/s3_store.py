"""A bucket as a place for contributions: Amazon S3, or a server with its conditional writes.

Credentials are found by boto3 where it looks for them, and nowhere else: the environment
(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL), ~/.aws, the machine's role.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cached_property
from typing import Any

from detector_runtime.contribute.stores.base import Replacement, StoredFile
from detector_runtime.errors import ContributionStoreError, MissingDependencyError

ATTEMPTS = 4
CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
LOST_RACE = (412, 409)
"""Not as it was any more; and, at AWS and R2, another is writing it now."""
ABSENT = ("NoSuchKey", "404", "NotFound")
QUOTED_CHARACTERS = 300


class ContributionBucket:
    """See `ContributionStore`.

    Args:
        bucket: exists.
        prefix: what all keys begin with, without a slash at its ends; may be empty.
    """

    def __init__(self, bucket: str, prefix: str = "") -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""

    @property
    def place(self) -> str:
        """See `ContributionStore`."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def get(self, key: str) -> StoredFile | None:
        """See `ContributionStore`."""
        with self._explained():
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
            except self._client.exceptions.ClientError as error:
                if _code(error) in ABSENT:
                    return None
                raise
            with closing(answer["Body"]) as body:
                return StoredFile(body.read(), answer["ETag"])

    def publish(self, new: Mapping[str, bytes], replaced: Replacement | None) -> str | None:
        """See `ContributionStore`."""
        with self._explained():
            for key, content in new.items():
                self._put(key, content, {"IfNoneMatch": "*"})
            if replaced is None:
                return ""
            known = {"IfMatch": replaced.tag} if replaced.tag else {"IfNoneMatch": "*"}
            return self._put(replaced.key, replaced.content, known)

    def keys(self, prefix: str) -> Sequence[str]:
        """See `ContributionStore`."""
        with self._explained():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix
            )
            found = (one["Key"] for page in pages for one in page.get("Contents", ()))
            return sorted(key.removeprefix(self._prefix) for key in found)

    def delete(self, keys: Sequence[str]) -> None:
        """See `ContributionStore`."""
        with self._explained():
            # One by one: not every server knows the request for many, which wants a checksum.
            for key in keys:
                self._client.delete_object(Bucket=self._bucket, Key=self._prefix + key)

    def _put(self, key: str, content: bytes, condition: Mapping[str, str]) -> str | None:
        """The tag of what was written; None where the condition does not hold."""
        try:
            answer = self._client.put_object(
                Bucket=self._bucket, Key=self._prefix + key, Body=content, **condition
            )
        except self._client.exceptions.ClientError as error:
            if _status(error) in LOST_RACE or _code(error) in ABSENT:
                return None
            raise
        tag: str = answer["ETag"]
        return tag

    @cached_property
    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        own_server = any(os.environ.get(n) for n in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"))
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            # A request that was done though its answer was lost is refused when it is repeated,
            # which is right here: a name says what the content is.
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            # Checksums of boto3's own kind are refused by R2, B2 and others.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path"} if own_server else {},
        )
        session = boto3.session.Session(region_name=os.environ.get("AWS_REGION"))
        return session.client("s3", config=config)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            import botocore.exceptions
        except ImportError as error:
            raise MissingDependencyError(
                "the package boto3 is not installed",
                "Install it: pip install 'detector-runtime[s3]'",
            ) from error
        try:
            yield
        except botocore.exceptions.ClientError as error:
            message = error.response.get("Error", {}).get("Message")
            raise ContributionStoreError(
                f"{self.place} refuses: {_code(error)}: {_quoted(message)}",
                "Check the name of the bucket, the key that is used, and what it may do.",
            ) from error
        except (botocore.exceptions.BotoCoreError, ValueError) as error:
            raise ContributionStoreError(
                f"{self.place} cannot be used: {_quoted(error)}",
                "Check the network, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL.",
            ) from error


def _status(error: Any) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _quoted(said: object) -> str:
    return " ".join(str(said).split())[:QUOTED_CHARACTERS]

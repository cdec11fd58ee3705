"""Which object store a location names."""

from __future__ import annotations

import re
from pathlib import Path

from resources.object_store.base import ObjectStore, ObjectStoreError
from resources.object_store.folder import FolderStore
from resources.object_store.s3 import S3Store

BUCKET = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>[^?@]*))?")
CREDENTIALS = re.compile(r".*@|\?.*", re.DOTALL)
"""Where people put them into an address: before the host, and after what an address asks for."""


def open_store(location: str) -> ObjectStore:
    """The store at s3://bucket, s3://bucket/prefix or in a folder; nobody is asked yet.

    Raises:
        ObjectStoreError: it is written otherwise.
    """
    bucket = BUCKET.fullmatch(location)
    if bucket is not None:
        parts = (part for part in (bucket["prefix"] or "").split("/") if part)
        return S3Store(bucket["bucket"], "/".join(parts))
    if "://" in location or not location.strip():
        raise ObjectStoreError(
            f"{CREDENTIALS.sub('***', location)!r} names no folder and no place in a bucket.",
            "Write s3://bucket, s3://bucket/prefix or the path of a folder, without credentials: "
            "boto3 reads those from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or ~/.aws.",
        )
    return FolderStore(Path(location).expanduser().absolute())

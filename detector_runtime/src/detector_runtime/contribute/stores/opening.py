"""Which place for contributions a location names."""

from __future__ import annotations

import re
from pathlib import Path

from detector_runtime.contribute.stores.base import ContributionStore
from detector_runtime.contribute.stores.folder_store import ContributionFolder
from detector_runtime.contribute.stores.hugging_face import ContributionRepository
from detector_runtime.contribute.stores.s3_store import ContributionBucket
from detector_runtime.errors import ConfigurationError

BUCKET = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>[^?@]*))?")
REPOSITORY = re.compile(r"hf://datasets/(?P<name>[\w.-]+/[\w.-]+)(?:/(?P<prefix>[^?@]*))?")
CREDENTIALS = re.compile(r".*@|\?.*", re.DOTALL)
"""Where people put them into an address: before the host, and after what an address asks for."""


def open_contribution_store(location: str | Path) -> ContributionStore:
    """A folder, s3://bucket/prefix or hf://datasets/owner/name as a store; nobody is asked yet.

    Raises:
        ConfigurationError: it is written otherwise.
    """
    text = str(location)
    if bucket := BUCKET.fullmatch(text):
        return ContributionBucket(bucket["bucket"], _plain(bucket["prefix"]))
    if repository := REPOSITORY.fullmatch(text):
        return ContributionRepository(repository["name"], _plain(repository["prefix"]))
    if "://" in text or not text.strip():
        raise ConfigurationError(
            f"{CREDENTIALS.sub('***', text)!r} is no place for contributions",
            "Name a folder, s3://bucket/prefix or hf://datasets/owner/name, without credentials: "
            "those are read from the environment.",
        )
    return ContributionFolder(Path(text).expanduser().absolute())


def _plain(prefix: str | None) -> str:
    return "/".join(part for part in (prefix or "").split("/") if part)

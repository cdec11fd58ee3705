"""A data set repository of the Hugging Face hub as a place for contributions.

What is sent at once becomes one commit, because the hub limits commits, not files. A commit names
the one that it follows: where another player's came between, the hub refuses it, and it is sent
again after a look at what is there now.

The token is read from HF_TOKEN and from nowhere else; what huggingface_hub keeps of a login of this
user is not used.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from detector_runtime.contribute.stores.base import Replacement, StoredFile
from detector_runtime.errors import ContributionStoreError, MissingDependencyError

TOKEN_VARIABLE = "HF_TOKEN"
KIND = "dataset"
ATTEMPTS = 5
"""To commit, while others do."""
CHANGED_MEANWHILE = 412
LONGEST_SILENCE = 120.0
"""Seconds to connect in, and between two parts of an answer. The hub itself gives up after less."""
QUOTED_CHARACTERS = 300


class ContributionRepository:
    """See `ContributionStore`.

    Args:
        name: owner and name; the repository exists.
        prefix: a folder in it, without a slash at its ends; may be empty.
    """

    def __init__(self, name: str, prefix: str = "") -> None:
        self._name = name
        self._prefix = f"{prefix}/" if prefix else ""

    @property
    def place(self) -> str:
        """See `ContributionStore`."""
        return f"hf://datasets/{self._name}/{self._prefix}".rstrip("/")

    def get(self, key: str) -> StoredFile | None:
        """See `ContributionStore`."""
        with self._explained(), tempfile.TemporaryDirectory() as folder:
            if not self._found([key], "main"):
                return None
            file = self._api.hf_hub_download(
                self._name, self._prefix + key, repo_type=KIND, local_dir=folder
            )
            content = Path(file).read_bytes()
        return StoredFile(content, _tag(content))

    def publish(self, new: Mapping[str, bytes], replaced: Replacement | None) -> str | None:
        """See `ContributionStore`."""
        keys = [*new, *([replaced.key] if replaced else [])]
        with self._explained():
            for left in reversed(range(ATTEMPTS)):
                head = self._head()
                found = self._found(keys, head)
                if replaced is not None and not _is(found.get(replaced.key), replaced.tag):
                    return None
                files = {key: new[key] for key in new.keys() - found.keys()}
                if replaced is not None:
                    files[replaced.key] = replaced.content
                if self._committed(files, [], head, may_be_late=left > 0):
                    return _tag(replaced.content) if replaced else ""
        raise AssertionError("the last attempt returns or raises")

    def keys(self, prefix: str) -> Sequence[str]:
        """See `ContributionStore`."""
        folder = (self._prefix + prefix).rpartition("/")[0]
        with self._explained():
            from huggingface_hub.errors import RemoteEntryNotFoundError

            try:
                tree = self._api.list_repo_tree(
                    self._name, folder or None, recursive=True, repo_type=KIND
                )
                paths = [entry.path for entry in tree if hasattr(entry, "blob_id")]
            except RemoteEntryNotFoundError:
                return []
        keys = (path.removeprefix(self._prefix) for path in paths)
        return sorted(key for key in keys if key.startswith(prefix))

    def delete(self, keys: Sequence[str]) -> None:
        """See `ContributionStore`. The history of the repository still has them, until its owner
        squashes it."""
        with self._explained():
            for left in reversed(range(ATTEMPTS)):
                head = self._head()
                there = sorted(self._found(list(keys), head))
                if self._committed({}, there, head, may_be_late=left > 0):
                    return

    def _committed(
        self, files: Mapping[str, bytes], removed: Sequence[str], head: str, *, may_be_late: bool
    ) -> bool:
        """Whether a commit that follows `head` is there; False where another one was first."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete
        from huggingface_hub.errors import HfHubHTTPError

        operations: list[Any] = [
            *(CommitOperationAdd(self._prefix + key, files[key]) for key in sorted(files)),
            *(CommitOperationDelete(self._prefix + key) for key in removed),
        ]
        if not operations:
            return True
        try:
            self._api.create_commit(
                self._name,
                operations,
                commit_message="Contributions",
                repo_type=KIND,
                parent_commit=head,
            )
        except HfHubHTTPError as error:
            if error.response.status_code == CHANGED_MEANWHILE and may_be_late:
                return False
            raise
        return True

    def _head(self) -> str:
        head: str = self._api.dataset_info(self._name).sha
        return head

    def _found(self, keys: Sequence[str], revision: str) -> dict[str, Any]:
        """What the repository says of files that are there, by key."""
        if not keys:
            return {}
        paths = [self._prefix + key for key in keys]
        found = self._api.get_paths_info(self._name, paths, revision=revision, repo_type=KIND)
        return {one.path.removeprefix(self._prefix): one for one in found}

    @property
    def _api(self) -> Any:
        """What asks the hub, and does not wait for an answer for ever."""
        from huggingface_hub import get_session

        # One client has all of a program's requests, and is made anew after some errors. Those of
        # the program itself are limited too, but only where nothing was said.
        hooks = get_session().event_hooks["request"]
        if _limit_silence not in hooks:
            hooks.append(_limit_silence)
        return self._hub

    @cached_property
    def _hub(self) -> Any:
        from huggingface_hub import HfApi

        token = os.environ.get(TOKEN_VARIABLE)
        if not token:
            raise ContributionStoreError(
                f"there is no token for {self.place}",
                f"Set {TOKEN_VARIABLE} to a token that may write to this repository alone.",
            )
        # Read now, and not when huggingface_hub was imported.
        return HfApi(endpoint=os.environ.get("HF_ENDPOINT"), token=token)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            import httpx2
            from huggingface_hub.errors import HfHubHTTPError
        except ImportError as error:
            raise MissingDependencyError(
                "the package huggingface_hub is not installed",
                "Install it: pip install 'detector-runtime[hugging-face]'",
            ) from error
        try:
            yield
        except HfHubHTTPError as error:
            status = error.response.status_code
            raise ContributionStoreError(
                f"{self.place} refuses ({status}): {_quoted(error.server_message or error)}",
                "Wait: the hub limits how often may be written."
                if status == 429
                else f"Check the name of the repository, and what the token in {TOKEN_VARIABLE} "
                "may do.",
                seconds_to_wait(error.response.headers),
            ) from error
        except (httpx2.HTTPError, OSError, ValueError) as error:
            raise ContributionStoreError(
                f"{self.place} cannot be reached: {_quoted(error)}",
                "Check the network, and HF_ENDPOINT where it is not the usual hub.",
            ) from error


def _limit_silence(request: Any) -> None:
    """Limit how long a request waits where nobody did: huggingface_hub waits for ever."""
    said = request.extensions.get("timeout", {})
    limits = dict.fromkeys(("connect", "read", "write"), LONGEST_SILENCE)
    known = {name: seconds for name, seconds in said.items() if seconds is not None}
    request.extensions = {**request.extensions, "timeout": {**said, **limits, **known}}


def _tag(content: bytes) -> str:
    """Both digests by which the hub may know a file: git's, and that of large files."""
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
    return f"{blob.hexdigest()} {hashlib.sha256(content).hexdigest()}"


def _is(found: Any, tag: str | None) -> bool:
    """Whether a file is the one that has this tag; both may be None for nothing."""
    if found is None or tag is None:
        return found is None and tag is None
    blob, large = tag.split()
    is_large = found.lfs is not None
    return bool((found.lfs.sha256 == large) if is_large else (found.blob_id == blob))


def seconds_to_wait(headers: Mapping[str, str]) -> float:
    """How long the hub asks to be left alone, by `RateLimit` or else by `Retry-After`; 0 where it
    does not say.

    Source: https://huggingface.co/docs/hub/rate-limits
    """
    from huggingface_hub.utils import parse_ratelimit_headers

    limit = parse_ratelimit_headers(headers)
    if limit is not None and limit.remaining == 0:
        return float(limit.reset_in_seconds)
    asked = headers.get("Retry-After", "")
    return float(asked) if asked.isdecimal() else 0.0


def _quoted(said: object) -> str:
    return " ".join(str(said).split())[:QUOTED_CHARACTERS]

"""A data set repository of the Hugging Face hub, as a place that contributions are read from.

Players' programs write into it (`detector_runtime.contribute.stores.hugging_face`). All that one
object of this class reads is of one commit, the newest of the main branch when it is first asked:
what players send meanwhile is there for the next one.

Requests are made here, and not by `HfApi`, which waits for an answer without an end, and for as
long as the hub asks for: here an answer has a time and a size, and whoever lists is told how long
the hub wants to be left alone.

The token is read from HF_TOKEN and from nowhere else; a public repository needs none. What
huggingface_hub keeps of a login of this user is not used.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any
from urllib.parse import quote

from detector_runtime.contribute.stores.hugging_face import (
    TOKEN_VARIABLE,
    seconds_to_wait,
)
from pydantic import BaseModel, Field, TypeAdapter

from resources.object_store.base import (
    ObjectListing,
    ObjectMissingError,
    ObjectStoreBusyError,
    ObjectStoreError,
    missing,
    too_short,
)

USUAL_ENDPOINT = "https://huggingface.co"
READ_SECONDS = 15.0
"""Without a byte."""
FILE_SECONDS = 120.0
LISTING_SECONDS = 20.0
"""For all pages: a tick of the sensor that takes a minute is broken off, and forgets its place."""
PAGE_BYTES = 16 << 20
"""Of a page of a listing, which has 1000 entries."""
CHUNK = 1 << 16
MOST_PATIENCE = 330.0
"""Seconds that reading a file waits, where the hub asks for it; it counts requests of 5 minutes."""
TIMES_WAITED = 3
USUAL_WAIT = 60.0
"""Where the hub does not say how long."""
ENTRIES_PER_FILE = 2
"""Folders are listed as well, and whoever writes chooses how many."""
PARTIAL, BAD_REQUEST, PAST_ITS_END, TOO_MANY_REQUESTS = 206, 400, 416, 429
QUOTED_CHARACTERS = 300


class _LargeFile(BaseModel):
    oid: str
    """Its SHA-256."""


class _Entry(BaseModel):
    """A file or a folder, as the hub lists it."""

    type: str
    path: str
    size: int = Field(default=0, ge=0)
    oid: str
    lfs: _LargeFile | None = None

    @property
    def tag(self) -> str:
        """Of this content; the `oid` of a large file is that of a pointer to it."""
        return self.lfs.oid if self.lfs else self.oid


class _Revision(BaseModel):
    sha: str = Field(pattern="^[0-9a-f]{40}$")


_PAGE = TypeAdapter(list[_Entry])


@dataclass(frozen=True)
class _HubAnswer:
    status: int
    content: bytes
    next_page: str


@dataclass(frozen=True)
class DatasetRepository:
    """See the module, and `ReadableStore`.

    Attributes:
        name: owner and name.
        prefix: a folder in it, without a slash at its ends; may be empty.
    """

    name: str
    prefix: str = ""

    @property
    def place(self) -> str:
        """See `ReadableStore`."""
        return f"hf://datasets/{self.name}/{self.prefix}".rstrip("/")

    def get_range(self, key: str, first: int, size: int) -> bytes:
        """See `ReadableStore`. It waits where the hub asks for it: what was fetched before it, by
        whoever reads many files, would be lost otherwise.
        """
        for _ in range(TIMES_WAITED):
            try:
                return self._range(key, first, size)
            except ObjectStoreBusyError as busy:
                if busy.seconds > MOST_PATIENCE:
                    raise
                time.sleep(busy.seconds)
        return self._range(key, first, size)

    def listing(self, prefix: str = "", most: int | None = None) -> Iterator[ObjectListing]:
        """See `ReadableStore`."""
        files = (
            ObjectListing(self._key_of(one.path), one.size, one.tag)
            for one in self._tree(prefix.rpartition("/")[0], most, recursive=True)
            if one.type == "file" and one.path.startswith(self._path(prefix))
        )
        yield from sorted(islice(files, most), key=lambda one: one.key)

    def folders(self, prefix: str, most: int) -> tuple[str, ...]:
        """See `ReadableStore`."""
        found = self._tree(prefix.removesuffix("/"), most, recursive=False)
        names = (one.path.rpartition("/")[2] for one in found if one.type == "directory")
        return tuple(sorted(islice(names, most)))

    def _range(self, key: str, first: int, size: int) -> bytes:
        path = quote(self._path(key), safe="/")
        url = f"{self._endpoint}/datasets/{self.name}/resolve/{self._revision}/{path}"
        wanted = {"Range": f"bytes={first}-{first + size - 1}"}
        with self._explained():
            answer = self._get(key, url, first + size, _after(FILE_SECONDS), wanted)
        # Who ignores ranges sends the file from its beginning, however long it is.
        skipped = 0 if answer.status == PARTIAL else first
        if len(answer.content) < skipped + size:
            raise too_short(key, self.place)
        return answer.content[skipped : skipped + size]

    def _tree(self, folder: str, most: int | None, *, recursive: bool) -> Iterator[_Entry]:
        """Files and folders below a folder, fetched page by page; nothing where there is none."""
        path = quote(self._path(folder).strip("/"), safe="")
        url: str | None = (
            f"{self._api}/tree/{self._revision}{path and f'/{path}'}?recursive={recursive}"
        )
        left = None if most is None else most * ENTRIES_PER_FILE
        ends = _after(LISTING_SECONDS)
        while url and left != 0:
            page, url = self._page(folder, url, ends)
            if left is not None:
                page = page[:left]
                left -= len(page)
            yield from page

    def _page(self, folder: str, url: str, ends: float) -> tuple[list[_Entry], str | None]:
        """A page, and the address of the next one."""
        with self._explained():
            try:
                answer = self._get(folder, url, PAGE_BYTES, ends)
            except ObjectMissingError:
                return [], None
            page = _PAGE.validate_json(answer.content)
            if not answer.next_page or not page:
                return page, None
            # A mirror passes on what the hub itself says.
            following = answer.next_page.replace(USUAL_ENDPOINT, self._endpoint, 1)
            if not following.startswith(f"{self._api}/tree/"):
                raise ValueError("the next page of a listing lies elsewhere")
            return page, following

    @cached_property
    def _revision(self) -> str:
        """Of the main branch, when it was first asked for."""
        with self._explained():
            url = f"{self._api}/revision/main"
            answer = self._get("main", url, PAGE_BYTES, _after(LISTING_SECONDS))
            return _Revision.model_validate_json(answer.content).sha

    def _get(
        self, name: str, url: str, most: int, ends: float, headers: Mapping[str, str] | None = None
    ) -> _HubAnswer:
        """What the hub answers, to its end or until there are so many bytes.

        Args:
            name: of what is asked for, for people.
            ends: when it has taken too long, by the monotonic clock.
        """
        from huggingface_hub import get_session

        asked = {"Accept-Encoding": "identity", **(headers or {})}
        if token := os.environ.get(TOKEN_VARIABLE):
            # It does not follow to another host: httpx2 sees to that.
            asked["Authorization"] = f"Bearer {token}"
        found = bytearray()
        with get_session().stream("GET", url, headers=asked, timeout=READ_SECONDS) as answer:
            if answer.status_code >= BAD_REQUEST:
                raise self._refused(name, answer)
            for chunk in answer.iter_bytes(CHUNK):
                found += chunk
                if len(found) >= most:
                    break
                if time.monotonic() > ends:
                    raise TimeoutError(f"to answer about {name} takes too long")
        following = answer.links.get("next", {}).get("url", "")
        return _HubAnswer(answer.status_code, bytes(found), following)

    def _path(self, key: str) -> str:
        """In the repository."""
        return f"{self.prefix}/{key}" if self.prefix else key

    def _key_of(self, path: str) -> str:
        return path.removeprefix(f"{self.prefix}/") if self.prefix else path

    @property
    def _api(self) -> str:
        return f"{self._endpoint}/api/datasets/{self.name}"

    @cached_property
    def _endpoint(self) -> str:
        """Read now, and not when huggingface_hub was imported."""
        return (os.environ.get("HF_ENDPOINT") or USUAL_ENDPOINT).rstrip("/")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            import httpx2
            import huggingface_hub  # noqa: F401
        except ImportError as error:
            raise ObjectStoreError(
                f"{self.place} cannot be read: the package huggingface_hub is not installed.",
                "Install it: `uv sync --extra hugging-face` in a checkout, else "
                "`pip install 'outpost[hugging-face]'`.",
            ) from error
        try:
            yield
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise ObjectStoreError(
                f"{self.place} cannot be reached: {_quoted(error)}",
                "Check the network, and HF_ENDPOINT where it is not the usual hub.",
            ) from error
        except ValueError as error:
            raise ObjectStoreError(
                f"{self.place} is not answered for as the hub does: {_quoted(error)}",
                "Check HF_ENDPOINT, and proxies between here and there.",
            ) from error

    def _refused(self, name: str, answer: Any) -> ObjectStoreError:
        """It does not tell the address: where the hub has sent on to, that is signed."""
        status, headers = answer.status_code, answer.headers
        if headers.get("X-Error-Code") == "EntryNotFound":
            return missing(name, self.place)
        if status == PAST_ITS_END:
            return too_short(name, self.place)
        said = _quoted(headers.get("X-Error-Message") or answer.reason_phrase)
        problem = f"{self.place} refuses ({status}): {said}"
        if status == TOO_MANY_REQUESTS:
            return ObjectStoreBusyError(
                problem,
                "Wait: the hub limits how often it may be asked.",
                (seconds_to_wait(headers) or USUAL_WAIT) + 1,
            )
        return ObjectStoreError(
            problem,
            "Check the name of the repository. A private one is read with a token in "
            f"{TOKEN_VARIABLE}.",
        )


def _after(seconds: float) -> float:
    return time.monotonic() + seconds


def _quoted(said: object) -> str:
    return re.sub(r"\s+", " ", str(said)).strip()[:QUOTED_CHARACTERS]

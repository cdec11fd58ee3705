"""What a store really does: servers that speak S3 differ in writes under a condition.

Some ignore the condition and overwrite, which loses what another writer has just written.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from resources.object_store.base import ObjectStore, ObjectStoreError

WRITERS = 8
FOLDER = "doctor"
"""Where objects are written to find that out."""


@dataclass(frozen=True)
class Finding:
    """What one question to the store has shown.

    Attributes:
        what: what a store must do.
        problem: what it does instead; empty where it does so.
        needed_for: "reading", or "several writers" where one alone could do without.
    """

    what: str
    problem: str
    needed_for: str


def examine(store: ObjectStore) -> tuple[Finding, ...]:
    """Ask a store for everything that is needed of it; what was written is removed if allowed.

    Raises:
        ObjectStoreError: it cannot be written at all.
    """
    key = f"{FOLDER}/{uuid.uuid4().hex}"
    keys = [f"{key}-{name}" for name in ("plain", "absent", "race", "swap")]
    try:
        return tuple(_findings(store, *keys))
    finally:
        # Who may write need not have the right to remove.
        with suppress(ObjectStoreError):
            for one in keys:
                store.delete(one)


def writes_conditionally(store: ObjectStore) -> bool:
    """Whether a second writer is refused, asked with two writes; see `examine` for the whole.

    The object stays: not everybody who may write may remove, and it is good for the next time.
    """
    return not _second_writes(store, f"{FOLDER}/written-once")


def _findings(
    store: ObjectStore, plain: str, absent: str, race: str, swap: str
) -> Iterator[Finding]:
    tag = store.put_if_absent(plain, b"first")
    found = store.get(plain)
    yield _finding(
        "gives back what was written, at once",
        found is not None and found.content == b"first" and tag is not None,
        "it gives something else",
        "reading",
    )
    yield _finding(
        "lists what was written, at once",
        any(one.key == plain for one in store.listing(f"{FOLDER}/")),
        "it is not listed",
        "reading",
    )
    yield _finding(
        "refuses to write a new object where there is one",
        not _second_writes(store, absent),
        "the second writer overwrites the first one's (If-None-Match is ignored)",
    )
    yield _finding(
        "refuses to replace what was changed meanwhile",
        not _stale_replaces(store, plain),
        "the second writer overwrites the first one's (If-Match is ignored)",
    )
    winners = _race(lambda content: store.put_if_absent(race, content))
    yield _finding(
        f"lets one of {WRITERS} simultaneous writers of a new object win",
        winners == 1,
        f"{winners} have won",
    )
    before = store.put_if_absent(swap, b"before") or ""
    winners = _race(lambda content: store.put_if_match(swap, content, before))
    yield _finding(
        f"lets one of {WRITERS} simultaneous writers of a replacement win",
        winners == 1,
        f"{winners} have won",
    )


def _finding(
    what: str, holds: bool, otherwise: str, needed_for: str = "several writers"
) -> Finding:
    return Finding(what, "" if holds else otherwise, needed_for)


def _second_writes(store: ObjectStore, key: str) -> bool:
    store.put_if_absent(key, b"first")
    return store.put_if_absent(key, b"second") is not None


def _stale_replaces(store: ObjectStore, key: str) -> bool:
    """Whether a tag of before is good for anything; the object exists."""
    first = store.get(key)
    tag = first.tag if first else ""
    changed = store.put_if_match(key, b"changed", tag)
    return changed is None or store.put_if_match(key, b"late", tag) is not None


def _race(write: Callable[[bytes], str | None]) -> int:
    """How many of all writers believe that they have won."""
    start = threading.Barrier(WRITERS)

    def one(number: int) -> bool:
        start.wait()
        try:
            return write(f"writer {number}".encode()) is not None
        except ObjectStoreError:
            return False  # refused with an error: it knows that it has not won

    with ThreadPoolExecutor(WRITERS) as pool:
        return sum(pool.map(one, range(WRITERS)))

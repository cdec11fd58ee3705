"""What writers and the garbage collection of a store tell each other before they act.

    uploads/<id>               an upload goes on: it relies on blocks that no manifest names yet
    uses/<data version>/<id>   a run has found a version and is about to report it
    collections/<id>           a collection is about to remove these versions and blocks

Each writes its own object first and reads those of the other kind then, so that of two that begin
at once one sees the other at least (Dekker's algorithm; it takes a store that shows what is written
at once, as Amazon S3, R2 and SeaweedFS do). The collection waits for uploads that were there before
it. Uploads that come later go on, without what it is about to remove: where they need that, they
wait for its end and write it anew.

Who was killed leaves an object that counts no more after some hours. No two clocks have to agree:
ages are differences of times that the store has noted, or of times of one process. Between the
last moment in which a process trusts its own announcement and the first in which others do not,
there is more than the quarter of an hour after which S3 refuses a request that was held up.
"""

from __future__ import annotations

import platform
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from pydantic import Field, ValidationError

from pipeline.manifests import Record
from pipeline.progress import Progress, Report
from resources.object_store.base import ObjectListing, ObjectStore, ObjectStoreError

FORGOTTEN_AFTER_SECONDS = 24 * 3600.0
"""What a writer that was killed has announced counts until then, and so does a version that a run
has just found or made."""
UPLOAD_TRUSTED_SECONDS = FORGOTTEN_AFTER_SECONDS / 2
COLLECTION_FORGOTTEN_AFTER_SECONDS = 3600.0
COLLECTION_TRUSTED_SECONDS = COLLECTION_FORGOTTEN_AFTER_SECONDS / 2
POLL_SECONDS = 1.0
OVER = "-over"
"""What is added to the name of an upload that is over, by whoever may not remove objects."""


class Announced(Record):
    """Who does something, for people."""

    what: str
    host: str
    since: str = Field(description="UTC by the clock of that computer, ISO 8601.")


class AnnouncedCollection(Record):
    """What a collection is about to remove."""

    versions: frozenset[str]
    blocks: frozenset[str]


class Stopwatch:
    """Seconds of this process, those too for which the computer slept."""

    def __init__(self) -> None:
        self._monotonic, self._wall = time.monotonic(), time.time()

    @property
    def seconds(self) -> float:
        return max(time.monotonic() - self._monotonic, time.time() - self._wall)


@dataclass(frozen=True)
class Collections:
    """Those that were going on at a moment: what they are about to remove nobody relies on.

    Attributes:
        planned: by key.
        ages: seconds at least since each was announced, at that moment.
        report: told how long somebody waits for one.
    """

    objects: ObjectStore
    planned: Mapping[str, AnnouncedCollection]
    ages: Mapping[str, float]
    report: Report
    seen: Stopwatch = field(default_factory=Stopwatch)

    @classmethod
    def going_on(cls, objects: ObjectStore, own_key: str, report: Report) -> Collections:
        """As they are announced now.

        Args:
            own_key: of what the caller has announced just before.
            report: told how long somebody waits for one.
        """
        listed = tuple(objects.listing("collections/"))
        planned = {}
        for one in listed:
            found = objects.get(one.key)
            with suppress(ValidationError):  # damaged, and so no program's that goes on
                if found is not None:
                    planned[one.key] = AnnouncedCollection.model_validate_json(found.content)
        own = next(objects.listing(own_key), None) if planned else None
        ages = {one.key: own.modified - one.modified if own else 0.0 for one in listed}
        return cls(objects, planned, ages, report)

    @cached_property
    def blocks(self) -> frozenset[str]:
        """Digests of blocks that one of them is about to remove."""
        return frozenset(digest for plan in self.planned.values() for digest in plan.blocks)

    def wait_for_version(self, data_version: str) -> None:
        """Where one of them is about to remove it, until that one is over."""
        self._wait({key for key, plan in self.planned.items() if data_version in plan.versions})

    def wait_for_block(self, digest: str) -> None:
        """Where one of them is about to remove it, until that one is over."""
        self._wait({key for key, plan in self.planned.items() if digest in plan.blocks})

    def _wait(self, keys: set[str]) -> None:
        while keys := {key for key in keys if not self._is_forgotten(key)}:
            keys &= {listed.key for listed in self.objects.listing("collections/")}
            if keys:
                waited, most = self.seen.seconds, int(COLLECTION_FORGOTTEN_AFTER_SECONDS)
                stage = f"seconds waited for a collection of {self.objects.place}"
                self.report(Progress(stage, min(int(waited), most), most, waited))
                time.sleep(POLL_SECONDS)

    def _is_forgotten(self, key: str) -> bool:
        return self.ages[key] + self.seen.seconds > COLLECTION_FORGOTTEN_AFTER_SECONDS


@dataclass(frozen=True)
class AnnouncedUpload:
    """An upload that a collection waits for.

    Attributes:
        collections: that were going on when it began.
        age: since before it was announced.
    """

    collections: Collections
    age: Stopwatch

    @property
    def is_trusted(self) -> bool:
        """Whether no collection has forgotten it yet."""
        return self.age.seconds < UPLOAD_TRUSTED_SECONDS


@contextmanager
def announced_upload(objects: ObjectStore, what: str, report: Report) -> Iterator[AnnouncedUpload]:
    """Announce an upload for the time of the block."""
    key, age = f"uploads/{uuid.uuid4().hex}", Stopwatch()
    objects.put_if_absent(key, _announced(what))
    try:
        yield AnnouncedUpload(Collections.going_on(objects, key, report), age)
    finally:
        try:
            objects.delete(key)
        except ObjectStoreError:  # not everybody who may write may remove
            with suppress(ObjectStoreError):
                objects.put_if_absent(f"{key}{OVER}", b"")


def announce_use(objects: ObjectStore, data_version: str, report: Report) -> None:
    """Keep a version from being removed for a day; wait for whoever is removing it already.

    Who may not write the store goes unseen.
    """
    folder = f"uses/{data_version}/"
    key = f"{folder}{uuid.uuid4().hex}"
    with suppress(ObjectStoreError):
        objects.put_if_absent(key, b"")
        now = next((found.modified for found in objects.listing(key)), 0.0)
        remove_forgotten(objects, folder, now)
    Collections.going_on(objects, key, report).wait_for_version(data_version)


def remove_forgotten(objects: ObjectStore, folder: str, now: float) -> None:
    """What killed processes, or earlier runs, have announced in a folder of the store.

    Args:
        now: by the store's clock.
    """
    for found in objects.listing(folder):
        if is_forgotten(found, now):
            objects.delete(found.key)


def uploads_at(objects: ObjectStore, now: float) -> dict[str, Announced]:
    """Those that go on, by key.

    Args:
        now: by the store's clock.
    """
    listed = {found.key: found for found in objects.listing("uploads/")}
    found = {}
    for key, one in listed.items():
        if not key.endswith(OVER) and f"{key}{OVER}" not in listed and not is_forgotten(one, now):
            said = objects.get(key)
            if said is not None:
                found[key] = _parsed(said.content)
    return found


def is_forgotten(listed: ObjectListing, now: float) -> bool:
    """Whether an object is too old to keep anything from being removed, by the store's clock."""
    return now - listed.modified > FORGOTTEN_AFTER_SECONDS


def _announced(what: str) -> bytes:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    said = Announced(what=what, host=platform.node(), since=since)
    return said.model_dump_json().encode("utf-8")


def _parsed(content: bytes) -> Announced:
    try:
        return Announced.model_validate_json(content)
    except ValidationError:
        return Announced(what="something", host="another computer", since="some time ago")

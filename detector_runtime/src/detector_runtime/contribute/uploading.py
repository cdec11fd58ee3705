"""One upload: what is sent now, in an order in which a crash at any point does no harm.

Images are counted for the day, then sent, then the file of records is replaced, then all of that is
noted. Whoever is killed in between sends the same again, under names that are taken: nothing is
there twice. What was counted is not counted again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import ValidationError

from detector_runtime.contribute.queue import SCREEN, Confirmed, ContributionQueue
from detector_runtime.contribute.records import (
    STAGING_FOLDER,
    ContributionRecord,
    annotations_key,
    crop_key,
    screen_key,
)
from detector_runtime.contribute.stores.base import ContributionStore, Replacement
from detector_runtime.errors import ContributionStoreError

AT_ONCE = 50
"""Images in one upload."""
ATTEMPTS = 3
"""To replace the file of records, where another copy of this install does so too."""

Outcome = Literal["sent", "nothing to send", "paused", "no consent", "not due", "busy", "forgotten"]


@dataclass(frozen=True)
class Destination:
    """Where the contributions of an install to a game lie.

    Attributes:
        install: its random id.
    """

    store: ContributionStore
    game: str
    install: UUID

    def __str__(self) -> str:
        """For people; it holds neither credentials nor the install."""
        return f"{self.store.place}, game {self.game}"

    @property
    def folder(self) -> str:
        """What all its keys begin with."""
        return f"{self.game}/{STAGING_FOLDER}/{self.install}/"

    @property
    def records_key(self) -> str:
        """Of the file of records."""
        return f"{self.game}/{annotations_key(self.install)}"

    def key_of(self, item: Confirmed) -> str:
        """Of an image."""
        if item.kind == SCREEN:
            return f"{self.game}/{screen_key(self.install, item.name, item.digest)}"
        return f"{self.game}/{crop_key(self.install, item.digest)}"


def upload(
    queue: ContributionQueue, destination: Destination, today: date, most_a_day: int
) -> None:
    """Send what may be sent today. Nobody else does so for this folder at the same time.

    Raises:
        ContributionStoreError: the place refuses; what was not sent is sent later.
        ContributionError: the queue cannot be used.
    """
    items, removed = queue.reserve(today, most_a_day, AT_ONCE), queue.removals()
    if removed:
        destination.store.delete(
            [
                f"{destination.game}/{screen_key(destination.install, name, digest)}"
                for name, digest in removed
            ]
        )
    tag, records = _publish(queue, destination, items)
    queue.note_sent(items, removed, records, tag)


def _publish(
    queue: ContributionQueue, destination: Destination, items: Sequence[Confirmed]
) -> tuple[str, tuple[ContributionRecord, ...]]:
    """Send images and records; gives the tag of the latter's file and what it holds."""
    new = {destination.key_of(item): item.image for item in items}
    is_changed = queue.has_unrecorded() or any(item.kind != SCREEN for item in items)
    for _ in range(ATTEMPTS):
        records, replaced = queue.records(), None
        if is_changed:
            lines = "".join(f"{record.model_dump_json()}\n" for record in records)
            tag = queue.noted("tag") or None
            replaced = Replacement(destination.records_key, lines.encode(), tag)
        written = destination.store.publish(new, replaced)
        if written is not None:
            return written, records if is_changed else ()
        found = destination.store.get(destination.records_key)
        known = _records_in(found.content) if found else ()
        if not queue.adopt(known, found.tag if found else ""):
            return "", ()
    raise ContributionStoreError(
        f"somebody else changes {destination.records_key} in {destination.store.place} meanwhile",
        "Use each folder of contributions on one computer alone.",
    )


def _records_in(content: bytes) -> list[ContributionRecord]:
    """Records of an earlier upload; what is none is left out."""
    found = []
    for line in content.splitlines():
        try:
            found.append(ContributionRecord.model_validate_json(line))
        except ValidationError:
            continue
    return found

"""What waits to be sent and what was sent: a database of one file, which survives every crash.

SQLite writes each change whole or not at all, whatever a process is killed in, and lets several
processes change the file one after the other.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal
from uuid import UUID

from detector_runtime.contribute.records import ContributionRecord
from detector_runtime.errors import ContributionError

QUEUE_FILE = "contributions.sqlite"
MOST_WAITING = 5000
MOST_WAITING_BYTES = 256 << 20
"""Images that wait, and their files together; what is confirmed beyond is not kept."""
PATIENCE = 10.0
"""Seconds to wait for another process that changes the file."""
TABLES = """
create table if not exists items (
    digest text primary key, kind text not null, slot text not null, name text not null,
    ml_name text not null, day text, uploaded integer not null default 0,
    recorded integer not null default 0, image blob
);
create table if not exists days (day text primary key, count integer not null);
create table if not exists removals (name text not null, digest text not null);
create table if not exists notes (name text primary key, value text not null);
"""
SCREEN = "screen"
PAUSED, FORGETTING, FULL, SENT_TO = "paused", "forgetting", "full", "sent to"
"""Notes: whether the player wants nothing sent, the install that is being deleted, whether
something was not kept since the last upload, and the place of the last one."""

Kept = Literal["new", "known", "full"]


@dataclass(frozen=True)
class Confirmed:
    """An image with the label that a player confirmed.

    Attributes:
        digest: SHA-256 of the image's file, in hexadecimal digits.
        kind: "icon", "text" or "screen".
        slot: empty for a screen.
        name: the label; of a screen its type.
        day: by UTC, on which it was counted as sent; None before.
        image: the file; empty once it was sent.
    """

    digest: str
    kind: str
    slot: str
    name: str
    ml_name: str = ""
    day: date | None = None
    image: bytes = b""

    @property
    def record(self) -> ContributionRecord:
        """Its line; it has a day."""
        assert self.day is not None
        return ContributionRecord(
            crop_sha256=self.digest,
            name=self.name,
            slot=self.slot,
            ml_name=self.ml_name,
            date=self.day,
        )


@dataclass(frozen=True)
class Counts:
    """How many images wait, were sent in all, and were sent on one day."""

    waiting: int
    sent: int
    sent_that_day: int


class ContributionQueue:
    """Confirmed images of one folder, in the order in which they were confirmed.

    Every method raises ContributionError where the file cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / QUEUE_FILE

    def add(self, item: Confirmed) -> Kept:
        """Keep an image; another label for one that is known replaces the one before.

        Returns:
            "new": something is to be sent that was not before; "known": nothing is; "full": it is
            not kept, because too much waits.
        """
        with self._changing() as database:
            known = database.execute(
                "select name, slot, uploaded from items where digest = ?", (item.digest,)
            ).fetchone()
            if known is None:
                return self._insert(database, item)
            name, slot, uploaded = known
            if (name, slot) == (item.name, item.slot):
                return "known"
            if item.kind == SCREEN and uploaded:
                # It lies under the name of its type, and is to lie under another one.
                _remove_later(database, name, item.digest)
                uploaded = 0
            database.execute(
                "update items set kind = ?, slot = ?, name = ?, ml_name = ?, recorded = 0, "
                "uploaded = ?, image = ? where digest = ?",
                (
                    *(item.kind, item.slot, item.name, item.ml_name, uploaded),
                    None if uploaded else item.image,
                    item.digest,
                ),
            )
        return "new"

    def reserve(self, today: date, most_a_day: int, most: int) -> tuple[Confirmed, ...]:
        """Images to send now. They are counted before they are sent: a crash never sends more.

        Args:
            today: by UTC.
            most_a_day: images that may be counted for one day.
            most: images at once.
        """
        day = today.isoformat()
        with self._changing() as database:
            # What was counted and not sent, because the program ended, goes first and is free.
            counted = _digests(
                database, "uploaded = 0 and day is not null order by rowid limit ?", most
            )
            used = _count_of(database, day)
            left = max(0, min(most - len(counted), most_a_day - used))
            new = _digests(database, "uploaded = 0 and day is null order by rowid limit ?", left)
            database.executemany(
                "update items set day = ? where digest = ?", [(day, digest) for digest in new]
            )
            database.execute(
                "insert into days values (?, ?) on conflict (day) do update set count = count + ?",
                (day, len(new), len(new)),
            )
            return tuple(_item(database, digest) for digest in (*counted, *new))

    def records(self) -> tuple[ContributionRecord, ...]:
        """Of every crop that was counted, the oldest first: what the file of records is to hold."""
        with self._reading() as database:
            found = _digests(
                database, "kind != 'screen' and day is not null order by rowid limit ?", -1
            )
            return tuple(_item(database, digest).record for digest in found)

    def has_work(self, today: date, most_a_day: int) -> bool:
        """Whether anything can be sent today."""
        with self._reading() as database:
            is_left = _count_of(database, today.isoformat()) < most_a_day
            wanted = "uploaded = 0 and (day is not null or ?)"
            return bool(
                database.execute(
                    f"select exists (select 1 from items where {wanted}) "
                    "or exists (select 1 from removals) or exists (select 1 from items "
                    "where kind != 'screen' and uploaded = 1 and recorded = 0)",
                    (is_left,),
                ).fetchone()[0]
            )

    def has_unrecorded(self) -> bool:
        """Whether the record of an image that was sent is missing or changed where they lie."""
        with self._reading() as database:
            wanted = "kind != 'screen' and uploaded = 1 and recorded = 0 limit ?"
            return bool(_digests(database, wanted, 1))

    def adopt(self, records: Iterable[ContributionRecord], tag: str) -> bool:
        """Take over records of this install that lie where they are sent to and are not known here.

        So it is where this folder was lost, or copied: nothing of that is sent again.

        Args:
            tag: of the file that they lie in; empty where there is none.

        Returns:
            Whether to go on: False where the player has this install forgotten.
        """
        rows = [
            (one.crop_sha256, one.slot, one.name, one.ml_name, one.date.isoformat())
            for one in records
        ]
        with self._changing() as database:
            if _noted(database, FORGETTING):
                return False
            database.executemany(
                "insert or ignore into items (digest, kind, slot, name, ml_name, day, uploaded, "
                "recorded) values (?, 'icon', ?, ?, ?, ?, 1, 1)",
                rows,
            )
            _note(database, "tag", tag)
        return True

    def note_sent(
        self,
        items: Sequence[Confirmed],
        removed: Iterable[tuple[str, str]],
        records: Iterable[ContributionRecord],
        tag: str,
    ) -> None:
        """Note what has arrived. Labels that were corrected meanwhile are still to be sent.

        Args:
            removed: as `removals` gave them.
            records: all that the file of records holds now; none where it was not written.
            tag: of that file; empty where it was not written.
        """
        with self._changing() as database:
            if _noted(database, FORGETTING):
                return
            database.executemany("delete from removals where name = ? and digest = ?", removed)
            for item in items:
                done = database.execute(
                    "update items set uploaded = 1, image = null "
                    "where digest = ? and (kind != 'screen' or name = ?)",
                    (item.digest, item.name),
                )
                if item.kind == SCREEN and not done.rowcount:
                    _remove_later(database, item.name, item.digest)
            database.executemany(
                "update items set recorded = 1 where digest = ? and name = ? and slot = ? "
                "and uploaded = 1",
                [(one.crop_sha256, one.name, one.slot) for one in records],
            )
            _note(database, FULL, "")
            if tag:
                _note(database, "tag", tag)

    def removals(self) -> tuple[tuple[str, str], ...]:
        """Type and digest of screens that were sent under a type that was corrected."""
        with self._reading() as database:
            return tuple(database.execute("select name, digest from removals"))

    def counts(self, day: date) -> Counts:
        """How many images wait and were sent."""
        with self._reading() as database:
            waiting, sent = database.execute(
                "select coalesce(sum(uploaded = 0), 0), coalesce(sum(uploaded), 0) from items"
            ).fetchone()
            return Counts(waiting, sent, _count_of(database, day.isoformat()))

    def note(self, name: str, value: str) -> None:
        """Remember a text under a name; the empty one forgets it."""
        with self._changing() as database:
            _note(database, name, value)

    def noted(self, name: str) -> str:
        """What is remembered under a name; empty for nothing."""
        with self._reading() as database:
            return _noted(database, name)

    def forget(self, install: UUID) -> None:
        """Forget all images at once, and note whose are still to be deleted where they were sent.

        What was counted for days stays, and so do a pause and the place. An upload that is under
        way notes nothing more here.
        """
        with self._changing() as database:
            for table in ("items", "removals"):
                database.execute(f"delete from {table}")
            database.execute("delete from notes where name not in (?, ?)", (PAUSED, SENT_TO))
            _note(database, FORGETTING, str(install))

    def _insert(self, database: sqlite3.Connection, item: Confirmed) -> Kept:
        waiting, size = database.execute(
            "select count(*), coalesce(sum(length(image)), 0) from items where uploaded = 0"
        ).fetchone()
        if waiting >= MOST_WAITING or size + len(item.image) > MOST_WAITING_BYTES:
            _note(database, FULL, "yes")
            return "full"
        database.execute(
            "insert into items (digest, kind, slot, name, ml_name, image) "
            "values (?, ?, ?, ?, ?, ?)",
            (item.digest, item.kind, item.slot, item.name, item.ml_name, item.image),
        )
        return "new"

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._file, timeout=PATIENCE)) as database:
                database.isolation_level = None
                database.execute("pragma synchronous = full")
                database.executescript(TABLES)
                yield database
        except (sqlite3.Error, OSError) as error:
            raise ContributionError(
                f"{self._file} cannot be used: {error}",
                "Make room on the disk and check that it can be written. If the file is damaged, "
                "delete it: what waits in it is lost, what was sent is not.",
            ) from error

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with self._reading() as database:
            # At once: two that read and then both want to write would wait for each other.
            database.execute("begin immediate")
            try:
                yield database
            except BaseException:
                database.execute("rollback")
                raise
            database.execute("commit")


def _remove_later(database: sqlite3.Connection, screen_type: str, digest: str) -> None:
    database.execute("insert into removals values (?, ?)", (screen_type, digest))


def _digests(database: sqlite3.Connection, wanted: str, most: int) -> list[str]:
    found = database.execute(f"select digest from items where {wanted}", (most,))
    return [digest for (digest,) in found]


def _item(database: sqlite3.Connection, digest: str) -> Confirmed:
    kind, slot, name, ml_name, day, image = database.execute(
        "select kind, slot, name, ml_name, day, image from items where digest = ?", (digest,)
    ).fetchone()
    counted = date.fromisoformat(day) if day else None
    return Confirmed(digest, kind, slot, name, ml_name, counted, image or b"")


def _count_of(database: sqlite3.Connection, day: str) -> int:
    found = database.execute("select count from days where day = ?", (day,)).fetchone()
    return int(found[0]) if found else 0


def _noted(database: sqlite3.Connection, name: str) -> str:
    found = database.execute("select value from notes where name = ?", (name,)).fetchone()
    return str(found[0]) if found else ""


def _note(database: sqlite3.Connection, name: str, value: str) -> None:
    if value:
        database.execute("insert or replace into notes values (?, ?)", (name, value))
    else:
        database.execute("delete from notes where name = ?", (name,))

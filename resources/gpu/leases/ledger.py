"""The ledger of leases: what was rented, what it may cost, and whether it has ended for certain.

One SQLite file in the state folder. A row is committed before the request that it announces, so
whatever dies whenever, there is a row for each pod that may be billed:

    INTENT        a pod is about to be asked for; it may exist
    CREATED       it exists, its id is known
    READY         it was reached, and a job may run on it
    DRAINING      its end is about to be asked for
    TERMINATED    its end was verified
    NOT_CREATED   it never came to be

Reading neither makes nor changes the file: a missing one has no leases, and one of an older version
is read from an upgraded copy in memory. The first write upgrades it; see `migrations`.
"""

from __future__ import annotations

import datetime
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from pipeline.errors import OutpostError
from resources.gpu.clouds.base import Offer
from resources.gpu.leases.migrations import VERSION, upgrade, version_of
from resources.gpu.pod_names import PodName, owner_token

Clock = Callable[[], float]

MIN_USEFUL_SECONDS = 600.0
"""A lease that could be paid for less than this would end before its host is ready."""
BUSY_SECONDS = 30.0


class LedgerError(OutpostError):
    """The ledger says otherwise than whoever writes into it believes."""


class LedgerFileError(LedgerError):
    """The ledger's file cannot be read or written."""


class LedgerVersionError(LedgerError):
    """The ledger was written by a newer Outpost than this one."""


class LeaseLimitError(OutpostError):
    """As many leases as are allowed at once exist already."""


class BudgetError(OutpostError):
    """What may be spent has been spent."""


class LeaseState(StrEnum):
    """How far a lease has come; see the module."""

    INTENT = "INTENT"
    CREATED = "CREATED"
    READY = "READY"
    DRAINING = "DRAINING"
    TERMINATED = "TERMINATED"
    NOT_CREATED = "NOT_CREATED"

    @property
    def is_end(self) -> bool:
        """Whether nothing can be billed any more."""
        return self in (LeaseState.TERMINATED, LeaseState.NOT_CREATED)


@dataclass(frozen=True)
class Limits:
    """What leases may cost, in US dollars, and how many there may be.

    Attributes:
        per_hour: more expensive hosts are not taken.
        per_lease: a lease ends before it costs more.
        per_month: of one calendar month (UTC), all leases together.
        leases: at once.
        ttl_seconds: a lease ends after this long at the latest.
    """

    per_hour: float
    per_lease: float
    per_month: float
    leases: int
    ttl_seconds: int


@dataclass(frozen=True)
class LeaseRow:
    """One lease as the ledger knows it; times in seconds since 1970.

    Attributes:
        max_usd: what it may cost.
        expires_at: when the pod ends itself, where its cloud lets it.
        pod_id: None until the cloud has told it.
        host_key: fingerprint of the SSH host key that was trusted, or None.
        seen: whether the cloud has ever shown the pod.
        absent_since: first time that a complete list had no such pod, or None.
        ended_at: when its end was verified.
        note: why it ended, for people.
        billed_usd: what its cloud says that it has charged, or None where that is not known.
        billed_at: when the cloud said so.
    """

    id: str
    provider: str
    name: str
    gpu: str
    place: str
    tier: str
    usd_per_hour: float
    max_usd: float
    created_at: float
    expires_at: float
    state: LeaseState
    pod_id: str | None
    host_key: str | None
    seen: bool
    absent_since: float | None
    ended_at: float | None
    note: str
    billed_usd: float | None = None
    billed_at: float | None = None

    def seconds(self, now: float) -> float:
        """How long it has been, or was, paid for."""
        if self.state is LeaseState.NOT_CREATED:
            return 0.0
        return max(0.0, (now if self.ended_at is None else self.ended_at) - self.created_at)

    def usd(self, now: float) -> float:
        """What it has cost: what was billed where that is known, else never less than that.

        The estimate counts from the request to the verified end, and so more than is billed.
        """
        if self.is_billed:
            assert self.billed_usd is not None
            return self.billed_usd
        return self.usd_per_hour * self.seconds(now) / 3600

    @property
    def is_billed(self) -> bool:
        """Whether its cloud has said what it cost, after it had ended."""
        if self.billed_at is None or self.ended_at is None:
            return False
        return self.billed_at >= self.ended_at

    @property
    def usd_is(self) -> Literal["billed", "estimated"]:
        """How its cost is known."""
        return "billed" if self.is_billed else "estimated"

    @property
    def must_end_at(self) -> float:
        """When its time or its budget is used up, whatever comes first."""
        return min(self.expires_at, self.created_at + 3600 * self.max_usd / self.usd_per_hour)


class Ledger:
    """The leases of one state folder. Every method that writes is one committed transaction.

    Every method but `owner` and `lock_file` opens the file, and may raise LedgerFileError or
    LedgerVersionError.
    """

    def __init__(self, folder: Path, clock: Clock = time.time) -> None:
        """The ledger in a folder; made by the first write."""
        self.folder = folder
        self.file = folder / "ledger.sqlite3"
        self.clock = clock

    def exists(self) -> bool:
        """Whether anything was ever written into it.

        Raises:
            LedgerFileError: that cannot be told. A file out of sight is not taken for none, as then
                the pods of its open leases would be taken for abandoned ones.
        """
        try:
            self.file.stat()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self._unusable(error) from error
        return True

    def owner(self) -> str:
        """The token in the names of this ledger's pods; made on first use."""
        return owner_token(self.folder)

    def lock_file(self, lease: str) -> Path:
        """Locked by the process that holds the lease, for as long as it lives."""
        return self.folder / "leases" / f"{lease}.lock"

    def intend(self, provider: str, offer: Offer, limits: Limits, lease: str) -> LeaseRow:
        """Announce that a pod will be asked for.

        The lease gets what is left of the month, its own maximum at most, and the time that this
        pays for. Leases that go on count with all that they may cost.

        Args:
            lease: its id, from `new_lease_id`; whoever announces it has locked it beforehand.

        Raises:
            LeaseLimitError: there are as many leases as allowed.
            BudgetError: too little of the month is left.
        """
        now = self.clock()
        with self._transaction() as connection:
            usd = min(limits.per_lease, limits.per_month - self._committed(connection, now))
            ttl = int(min(limits.ttl_seconds, 3600 * usd / offer.usd_per_hour))
            if ttl < min(MIN_USEFUL_SECONDS, limits.ttl_seconds):
                raise BudgetError(
                    f"Of ${limits.per_month:.2f} a month, ${max(usd, 0.0):.2f} are left: too "
                    f"little for a host at ${offer.usd_per_hour:.2f} an hour.",
                    "Raise max_usd_per_month, or wait for the next month. `outpost gpu list` shows "
                    "what was spent.",
                )
            name = PodName(self.owner(), lease, int(now), ttl)
            values: dict[str, Any] = {
                "id": name.lease,
                "provider": provider,
                "name": str(name),
                "gpu": offer.gpu,
                "place": offer.region,
                "tier": offer.tier,
                "usd_per_hour": offer.usd_per_hour,
                "max_usd": usd,
                "created_at": now,
                "expires_at": now + ttl,
                "state": LeaseState.INTENT.value,
                "slot": self._free_slot(connection, limits.leases),
            }
            marks = ", ".join(f":{key}" for key in values)
            connection.execute(f"INSERT INTO lease ({', '.join(values)}) VALUES ({marks})", values)
            self._record(connection, name.lease, LeaseState.INTENT, now)
        return self.row(name.lease)

    def created(self, lease: str, pod_id: str, usd_per_hour: float | None) -> LeaseRow:
        """The pod exists; its own price, where the cloud tells it, replaces that of the offer."""
        return self._move(
            lease,
            LeaseState.CREATED,
            (LeaseState.INTENT,),
            "pod_id = ?, usd_per_hour = coalesce(?, usd_per_hour)",
            (pod_id, usd_per_hour),
        )

    def ready(self, lease: str) -> LeaseRow:
        """The host was reached and may be given work."""
        return self._move(lease, LeaseState.READY, (LeaseState.CREATED,))

    def draining(self, lease: str, note: str) -> LeaseRow:
        """The end of the pod is about to be asked for; again, where it could not be verified."""
        return self._move(
            lease, LeaseState.DRAINING, _OPEN, "note = iif(note = '', ?, note)", (note,)
        )

    def terminated(self, lease: str) -> LeaseRow:
        """The pod's end is verified."""
        return self._move(lease, LeaseState.TERMINATED, _OPEN, "ended_at = ?", (self.clock(),))

    def not_created(self, lease: str, note: str) -> LeaseRow:
        """There never was such a pod."""
        return self._move(
            lease,
            LeaseState.NOT_CREATED,
            (LeaseState.INTENT, LeaseState.DRAINING),
            "ended_at = ?, note = iif(note = '', ?, note)",
            (self.clock(), note),
        )

    def outlived(self, lease: str, pod_id: str) -> None:
        """A pod was there although its lease had ended, and has been ended now: it cost more."""
        note = "its pod was found after it had ended"
        self._set(
            lease,
            "state = ?, ended_at = ?, pod_id = coalesce(pod_id, ?), note = ?",
            (LeaseState.TERMINATED.value, self.clock(), pod_id, note),
        )

    def trust(self, lease: str, fingerprint: str) -> None:
        """Remember the host key that every later connection must show."""
        self._set(lease, "host_key = coalesce(host_key, ?)", (fingerprint,))

    def charged(self, lease: str, usd: float) -> None:
        """The cloud says that so much was charged for a lease that has ended."""
        with self._transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO charge (lease, billed_usd, billed_at) VALUES (?, ?, ?)",
                (lease, usd, self.clock()),
            )

    def working_seconds(self, lease: str) -> float:
        """How long a pod was certainly there: from its being ready to the request for its end."""
        with self._snapshot() as connection:
            found = connection.execute(
                "SELECT state, min(at) FROM transition WHERE lease = ? GROUP BY state", (lease,)
            )
            began: dict[str, float] = dict(found.fetchall())
        ready, draining = began.get(LeaseState.READY), began.get(LeaseState.DRAINING)
        return 0.0 if ready is None or draining is None else max(0.0, draining - ready)

    def mark_seen(self, lease: str) -> None:
        """The cloud has shown the pod."""
        self._set(lease, "seen = 1, absent_since = NULL", ())

    def mark_absent(self, lease: str) -> None:
        """A complete list had no such pod; the first such time is kept, unless it is to come."""
        now = self.clock()
        self._set(lease, "absent_since = min(coalesce(absent_since, ?), ?)", (now, now))

    def priced(self, lease: str, usd_per_hour: float) -> None:
        """The cloud tells another price than before: from now on it is the one that counts."""
        self._set(lease, "usd_per_hour = ?", (usd_per_hour,))

    def row(self, lease: str) -> LeaseRow:
        """One lease.

        Raises:
            LedgerError: there is none of this id.
        """
        for row in self._select("WHERE id = ?", (lease,)):
            return row
        raise LedgerError(f"The ledger has no lease {lease}.", "Run `outpost gpu list`.")

    def rows(self) -> tuple[LeaseRow, ...]:
        """Every lease, the newest first."""
        return self._select("ORDER BY created_at DESC, lease.rowid DESC", ())

    def open_rows(self, provider: str | None = None) -> tuple[LeaseRow, ...]:
        """Leases whose end is not verified."""
        return tuple(
            row for row in self.rows() if not row.state.is_end and provider in (None, row.provider)
        )

    def usd_this_month(self) -> float:
        """What was spent since the first of this month (UTC)."""
        now = self.clock()
        return sum(_usd_since(row, _start_of_month(now), now) for row in self.rows())

    def _committed(self, connection: sqlite3.Connection, now: float) -> float:
        """Spent this month, and what the leases that go on may still cost."""
        start = _start_of_month(now)
        rows = self._read(connection, "", ())
        return sum(
            _usd_since(row, start, now) if row.state.is_end else max(row.max_usd, row.usd(now))
            for row in rows
        )

    def _free_slot(self, connection: sqlite3.Connection, leases: int) -> int:
        taken = {
            slot
            for (slot,) in connection.execute(
                "SELECT slot FROM lease WHERE state NOT IN ('TERMINATED', 'NOT_CREATED')"
            )
        }
        for slot in range(leases):
            if slot not in taken:
                return slot
        raise LeaseLimitError(
            f"There are {len(taken)} leases already, and {leases} are allowed at once.",
            "Wait for them to end; `outpost gpu list` shows them, and `outpost gpu reap` ends what "
            "was left behind.",
        )

    def _move(
        self,
        lease: str,
        to: LeaseState,
        origins: tuple[LeaseState, ...],
        change: str = "",
        values: tuple[object, ...] = (),
    ) -> LeaseRow:
        """Go to a state; being there already is fine, coming from a wrong one is an error."""
        marks = ", ".join("?" for _ in origins)
        assignments = ", ".join(filter(None, ("state = ?", change)))
        with self._transaction() as connection:
            moved = connection.execute(
                f"UPDATE lease SET {assignments} WHERE id = ? AND state IN ({marks})",
                (to.value, *values, lease, *(origin.value for origin in origins)),
            ).rowcount
            if moved:
                self._record(connection, lease, to, self.clock())
        row = self.row(lease)
        if row.state is not to:
            raise LedgerError(
                f"Lease {lease} is {row.state} and cannot become {to}.",
                "It was ended in the meantime; run `outpost gpu list`.",
            )
        return row

    def _record(
        self, connection: sqlite3.Connection, lease: str, state: LeaseState, at: float
    ) -> None:
        connection.execute(
            "INSERT INTO transition (lease, state, at) VALUES (?, ?, ?)", (lease, state.value, at)
        )

    def _set(self, lease: str, change: str, values: tuple[object, ...]) -> None:
        with self._transaction() as connection:
            connection.execute(f"UPDATE lease SET {change} WHERE id = ?", (*values, lease))

    def _select(self, rest: str, values: tuple[object, ...]) -> tuple[LeaseRow, ...]:
        with self._snapshot() as connection:
            return self._read(connection, rest, values)

    def _read(
        self, connection: sqlite3.Connection, rest: str, values: tuple[object, ...]
    ) -> tuple[LeaseRow, ...]:
        found = connection.execute(
            f"SELECT {', '.join(_COLUMNS)} FROM lease "
            f"LEFT JOIN charge ON charge.lease = lease.id {rest}",
            values,
        )
        return tuple(_row_of(dict(zip(_COLUMNS, values, strict=True))) for values in found)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """A connection whose changes are on the disk when the block has ended well.

        Raises:
            LedgerFileError: the file is damaged, full, locked or not ours.
            LedgerVersionError: it is too new; not a byte of it was changed.
        """
        with self._explained():
            if self.exists():
                # Closing a connection that may write moves what its log holds into the file.
                with closing(self._open_to_read()) as connection:
                    self._refuse_newer(connection)
            self.folder.mkdir(parents=True, exist_ok=True)
            with closing(
                sqlite3.connect(self.file, timeout=BUSY_SECONDS, isolation_level=None)
            ) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                upgrade(connection)
                connection.execute("BEGIN IMMEDIATE")
                with connection:
                    self._refuse_newer(connection)
                    yield connection

    @contextmanager
    def _snapshot(self) -> Iterator[sqlite3.Connection]:
        """A connection to read from: the file as it is now, in the newest version.

        It waits for nobody who writes.

        Raises:
            LedgerFileError: the file is damaged or not ours.
            LedgerVersionError: it is too new.
        """
        with self._explained(), closing(sqlite3.connect(":memory:", isolation_level=None)) as copy:
            if not self.exists():
                upgrade(copy)
                yield copy
                return
            with closing(self._open_to_read()) as connection:
                connection.execute("BEGIN")
                self._refuse_newer(connection)
                if version_of(connection) == VERSION:
                    yield connection
                    return
                connection.backup(copy)
            upgrade(copy)
            yield copy

    def _open_to_read(self) -> sqlite3.Connection:
        uri = f"{self.file.absolute().as_uri()}?mode=ro"
        return sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)

    def _refuse_newer(self, connection: sqlite3.Connection) -> None:
        version = version_of(connection)
        if version > VERSION:
            raise LedgerVersionError(
                f"The ledger of leases, {self.file}, has version {version}, and this Outpost knows "
                f"versions up to {VERSION} only: a newer Outpost has written it.",
                "Use that newer Outpost, or update this one. Leave the file where it is: it may "
                "hold open leases, and it was not changed.",
            )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError:
            raise
        except (sqlite3.Error, OSError) as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> LedgerFileError:
        return LedgerFileError(
            f"The ledger of leases, {self.file}, cannot be used: {error}.",
            "Free its disk, or give yourself write access to its folder. If the file itself "
            "is damaged, move it and its -wal and -shm away, and run `outpost gpu reap`: that "
            "ends every pod of ours, as none is in a ledger then.",
        )


_OPEN = tuple(state for state in LeaseState if not state.is_end)
_COLUMNS = tuple(LeaseRow.__dataclass_fields__)


def _row_of(values: dict[str, Any]) -> LeaseRow:
    return LeaseRow(
        **{**values, "state": LeaseState(values["state"]), "seen": bool(values["seen"])}
    )


def _usd_since(row: LeaseRow, start: float, now: float) -> float:
    """The part of a lease's cost that fell after a time."""
    seconds = row.seconds(now)
    if seconds == 0.0:
        return 0.0
    before = min(max(0.0, start - row.created_at), seconds)
    return row.usd(now) * (seconds - before) / seconds


def _start_of_month(now: float) -> float:
    today = datetime.datetime.fromtimestamp(now, datetime.UTC)
    return datetime.datetime(today.year, today.month, 1, tzinfo=datetime.UTC).timestamp()

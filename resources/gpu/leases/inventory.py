"""What the accounts at the clouds are billed for, and which of it is ours.

A pod that nobody remembers costs as much as one that works, and so do disks of stopped pods and
volumes, which no list of pods shows. So everything is listed, whoever made it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from resources.gpu.clouds.base import Billed, Cloud
from resources.gpu.leases.file_lock import is_held
from resources.gpu.leases.ledger import LeaseRow, Ledger, LedgerError
from resources.gpu.pod_names import parse_name


class Ownership(StrEnum):
    """Who made something that is billed."""

    OURS = "ours"
    """Rented from this state folder, and in use by a run."""
    LEFT_BEHIND = "ours, left behind"
    """Rented from this state folder; no run uses it."""
    OTHER = "another state folder's"
    FOREIGN = "not ours"


@dataclass(frozen=True)
class Entry:
    """One thing that is billed.

    Attributes:
        provider: the cloud.
        lease: its id in the ledger; "" where it has none.
        age_seconds: None where it is not known.
    """

    provider: str
    item: Billed
    ownership: Ownership
    lease: str
    age_seconds: float | None


@dataclass(frozen=True)
class Account:
    """What one account is billed for, the most expensive first.

    Attributes:
        unknown: what could not be looked at.
    """

    provider: str
    entries: tuple[Entry, ...]
    unknown: tuple[str, ...]

    @property
    def usd_per_hour(self) -> float:
        """All of it, as far as prices are known."""
        return sum(entry.item.usd_per_hour or 0.0 for entry in self.entries)


def account_of(cloud: Cloud, ledger: Ledger) -> Account:
    """List what the account at a cloud is billed for. Writes nothing.

    What costs money is listed even where the ledger cannot tell which of it is ours.
    """
    found = cloud.billed()
    rows: tuple[LeaseRow, ...] = ()
    owner, unknown = "", found.unknown
    try:
        rows = tuple(row for row in ledger.rows() if row.provider == cloud.name)
        owner = ledger.owner() if ledger.exists() else ""
    except LedgerError as error:
        unknown = (*unknown, f"which of it is ours: {error.problem}")
    now = ledger.clock()
    held = {row.id for row in rows if not row.state.is_end and is_held(ledger.lock_file(row.id))}
    entries = [_entry(cloud.name, item, rows, owner, held, now) for item in found.items]
    entries.sort(key=lambda entry: (-(entry.item.usd_per_hour or 0.0), entry.item.name))
    return Account(cloud.name, tuple(entries), unknown)


def _entry(
    provider: str, item: Billed, rows: Sequence[LeaseRow], owner: str, held: set[str], now: float
) -> Entry:
    name = parse_name(item.name)
    row = next((row for row in rows if row.pod_id == item.id or row.name == item.name), None)
    ownership = Ownership.FOREIGN
    if row is not None or (name is not None and name.owner == owner):
        ownership = Ownership.OURS if row is not None and row.id in held else Ownership.LEFT_BEHIND
    elif name is not None:
        ownership = Ownership.OTHER
    created = item.created_at
    if created is None and row is not None:
        created = row.created_at
    elif created is None and name is not None:
        created = name.created
    age = None if created is None else max(0.0, now - created)
    return Entry(provider, item, ownership, row.id if row else "", age)

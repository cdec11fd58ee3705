"""Versions of the ledger's file, and the way from each one to the next.

The version is SQLite's `user_version` (https://www.sqlite.org/pragma.html#pragma_user_version),
which is part of the file and so of the transaction. To change a table, append a migration; those
that are there stay as they are, for the files that they have still to upgrade.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

Migration = Sequence[str]
"""Statements that lead from one version to the next. No BEGIN, COMMIT or PRAGMA among them."""

# Version 0 is an empty file, or one from before there were versions: with all of these tables, or,
# older still, without `charge`.
_FIRST: Migration = (
    """
CREATE TABLE IF NOT EXISTS lease (
    id TEXT PRIMARY KEY,
    provider TEXT NOT NULL,
    name TEXT NOT NULL UNIQUE,
    gpu TEXT NOT NULL,
    place TEXT NOT NULL,
    tier TEXT NOT NULL,
    usd_per_hour REAL NOT NULL,
    max_usd REAL NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    state TEXT NOT NULL,
    slot INTEGER NOT NULL,
    pod_id TEXT,
    host_key TEXT,
    seen INTEGER NOT NULL DEFAULT 0,
    absent_since REAL,
    ended_at REAL,
    note TEXT NOT NULL DEFAULT ''
) STRICT
""",
    """
CREATE UNIQUE INDEX IF NOT EXISTS one_lease_a_slot ON lease (slot)
    WHERE state NOT IN ('TERMINATED', 'NOT_CREATED')
""",
    """
CREATE TABLE IF NOT EXISTS charge (
    lease TEXT PRIMARY KEY REFERENCES lease (id),
    billed_usd REAL NOT NULL,
    billed_at REAL NOT NULL
) STRICT
""",
    """
CREATE TABLE IF NOT EXISTS transition (
    lease TEXT NOT NULL REFERENCES lease (id),
    state TEXT NOT NULL,
    at REAL NOT NULL
) STRICT
""",
)

MIGRATIONS: tuple[Migration, ...] = (_FIRST,)
"""The one at index n leads from version n to n + 1."""
VERSION = len(MIGRATIONS)
"""The version that this code reads and writes."""


def version_of(connection: sqlite3.Connection) -> int:
    """The version of the open file; 0 where it is empty."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def upgrade(connection: sqlite3.Connection, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Bring a file to the newest version in one transaction, or leave it whole as it is.

    A newer one is left alone. Of several processes the first one upgrades; the others wait, and
    find it done.

    Args:
        connection: in autocommit mode (`isolation_level=None`), outside a transaction.
    """
    if version_of(connection) >= len(migrations):
        return
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        version = version_of(connection)
        for migration in migrations[version:]:
            for statement in migration:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {max(version, len(migrations))}")

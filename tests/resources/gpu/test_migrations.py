"""Old ledgers go on with their open leases, newer ones are left alone, reading changes nothing."""

import multiprocessing
import os
import signal
import sqlite3
from contextlib import closing
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import pytest
from doubles.renting import transitions

from resources.gpu.clouds.base import Offer
from resources.gpu.leases import migrations
from resources.gpu.leases.ledger import (
    LeaseLimitError,
    LeaseState,
    Ledger,
    LedgerError,
    LedgerVersionError,
    Limits,
)
from resources.gpu.leases.migrations import MIGRATIONS, VERSION, Migration, upgrade
from resources.gpu.pod_names import new_lease_id

OLD = sorted((Path(__file__).parent / "ledgers").glob("*.sql"))
"""Dumps of files that the code of earlier commits has written."""
OFFER = Offer("RTX 4090", "US-1", "secure", 0.60)
LIMITS = Limits(per_hour=0.8, per_lease=1.2, per_month=100.0, leases=3, ttl_seconds=3 * 3600)
SPAWN = multiprocessing.get_context("spawn")
NOW = 1795340400.0
"""After the last entry of every dump."""
LATER: Migration = ("ALTER TABLE lease ADD COLUMN region TEXT NOT NULL DEFAULT 'anywhere'",)
each_old = pytest.mark.parametrize("dump", OLD, ids=lambda dump: dump.stem)


def old_ledger(folder: Path, dump: Path, version: int = 0) -> Ledger:
    """A file of a dump, in the journal mode that its writer had set."""
    ledger = Ledger(folder, lambda: NOW)
    folder.mkdir()
    with closing(sqlite3.connect(ledger.file)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(dump.read_text(encoding="utf-8"))
        connection.execute(f"PRAGMA user_version = {version}")
    return ledger


def table(ledger: Ledger, name: str) -> list[Any]:
    with closing(sqlite3.connect(ledger.file)) as connection:
        return connection.execute(f"SELECT * FROM {name} ORDER BY rowid").fetchall()


def version(ledger: Ledger) -> int:
    with closing(sqlite3.connect(ledger.file)) as connection:
        return migrations.version_of(connection)


@each_old
def test_reading_an_old_ledger_shows_its_leases_and_leaves_the_file(
    tmp_path: Path, dump: Path
) -> None:
    ledger = old_ledger(tmp_path / "gpu", dump)
    before = ledger.file.read_bytes()

    rows = {row.id[-1]: row for row in ledger.rows()}

    assert [(key, row.state.value) for key, row in rows.items()] == [
        ("5", "INTENT"),
        ("4", "DRAINING"),
        ("3", "READY"),
        ("2", "NOT_CREATED"),
        ("1", "TERMINATED"),
    ]
    assert (rows["3"].pod_id, rows["3"].host_key, rows["3"].seen) == ("pod3", "SHA256:three", True)
    assert rows["1"].usd(NOW) == (0.34 if rows["1"].is_billed else pytest.approx(0.353, abs=1e-3))
    assert rows["1"].is_billed == ('INTO "charge"' in dump.read_text(encoding="utf-8"))
    assert transitions(ledger, rows["4"].id) == ["INTENT", "CREATED", "DRAINING"]
    assert ledger.working_seconds(rows["1"].id) == 1800
    assert ledger.file.read_bytes() == before
    assert version(ledger) == 0


@each_old
def test_an_old_ledger_goes_on_with_its_open_leases(tmp_path: Path, dump: Path) -> None:
    ledger = old_ledger(tmp_path / "gpu", dump)
    rows, leases = ledger.rows(), table(ledger, "lease")

    with pytest.raises(LeaseLimitError, match="3 leases already"):
        ledger.intend("runpod", OFFER, LIMITS, new_lease_id())

    assert version(ledger) == VERSION
    assert ledger.rows() == rows
    assert table(ledger, "lease") == leases
    ledger.draining("00000003", "the job is over")
    assert ledger.terminated("00000003").ended_at == NOW
    ledger.charged("00000003", 0.05)
    assert ledger.row("00000003").billed_usd == 0.05
    ledger.terminated("00000004")
    ledger.not_created("00000005", "it never appeared")
    assert ledger.open_rows() == ()
    assert ledger.intend("runpod", OFFER, LIMITS, new_lease_id()).state is LeaseState.INTENT


def test_reading_makes_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "gpu")

    assert ledger.rows() == ()
    assert ledger.open_rows() == ()
    assert ledger.usd_this_month() == 0.0
    assert ledger.working_seconds("00000000") == 0.0
    with pytest.raises(LedgerError, match="no lease 00000000"):
        ledger.row("00000000")
    assert not ledger.folder.exists()


def test_reading_does_not_wait_for_a_writer_nor_see_what_is_not_committed(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "a folder with ? and # and %20")
    row = ledger.intend("runpod", OFFER, LIMITS, new_lease_id())

    with closing(sqlite3.connect(ledger.file, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE lease SET note = 'not yet'")
        assert ledger.row(row.id) == row


def test_a_connection_to_read_from_cannot_write(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "gpu")
    ledger.intend("runpod", OFFER, LIMITS, new_lease_id())

    with (
        ledger._snapshot() as connection,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        connection.execute("DELETE FROM lease")


@each_old
def test_a_newer_ledger_is_refused_and_not_touched(tmp_path: Path, dump: Path) -> None:
    ledger = old_ledger(tmp_path / "gpu", dump, version=VERSION + 1)
    before = ledger.file.read_bytes()

    for act in (
        ledger.rows,
        lambda: ledger.row("00000003"),
        lambda: ledger.terminated("00000003"),
        lambda: ledger.intend("runpod", OFFER, LIMITS, new_lease_id()),
    ):
        with pytest.raises(LedgerVersionError, match=f"version {VERSION + 1}") as caught:
            act()
        assert "Leave the file where it is" in caught.value.fix

    assert ledger.file.read_bytes() == before


def test_what_a_killed_writer_left_in_the_log_of_a_newer_ledger_stays_there(tmp_path: Path) -> None:
    ledger = old_ledger(tmp_path / "gpu", OLD[0], version=VERSION + 1)
    run_and_wait(write_and_die, ledger.file, exitcode=-signal.SIGKILL)
    files = [ledger.file, ledger.file.with_name(ledger.file.name + "-wal")]
    before = [file.read_bytes() for file in files]

    with pytest.raises(LedgerVersionError):
        ledger.terminated("00000003")

    assert [file.read_bytes() for file in files] == before
    assert before[1]


def test_a_newer_ledger_is_not_taken_back(tmp_path: Path) -> None:
    ledger = old_ledger(tmp_path / "gpu", OLD[0], version=VERSION + 1)

    with closing(sqlite3.connect(ledger.file, isolation_level=None)) as connection:
        upgrade(connection)

    assert version(ledger) == VERSION + 1


@pytest.mark.parametrize(
    "dump",
    [OLD[0], *(pytest.param(dump, marks=pytest.mark.slow) for dump in OLD[1:])],
    ids=lambda dump: dump.stem,
)
def test_two_processes_that_upgrade_at_once_both_write(tmp_path: Path, dump: Path) -> None:
    ledger = old_ledger(tmp_path / "gpu", dump)
    waiting = [SPAWN.Event() for _ in range(2)]
    notes = ["one", "other"]
    with closing(sqlite3.connect(ledger.file, isolation_level=None)) as lock:
        # Nobody can begin to upgrade before both have seen that the file is old.
        lock.execute("BEGIN IMMEDIATE")
        writers = [
            SPAWN.Process(target=end_a_lease, args=(ledger.folder, f"0000000{lease}", note, event))
            for lease, note, event in zip((3, 5), notes, waiting, strict=True)
        ]
        for writer in writers:
            writer.start()
        assert all(event.wait(120) for event in waiting)
        lock.execute("ROLLBACK")
    for writer in writers:
        writer.join(120)

    assert [writer.exitcode for writer in writers] == [0, 0]
    assert version(ledger) == VERSION
    assert [ledger.row(f"0000000{lease}").note for lease in (3, 5)] == notes


@pytest.mark.slow
def test_of_two_processes_that_upgrade_at_once_one_does(tmp_path: Path) -> None:
    ledger = old_ledger(tmp_path / "gpu", OLD[0])
    waiting = [SPAWN.Event() for _ in range(2)]
    with closing(sqlite3.connect(ledger.file, isolation_level=None)) as lock:
        lock.execute("BEGIN IMMEDIATE")
        writers = [SPAWN.Process(target=add_a_column, args=(ledger.file, it)) for it in waiting]
        for writer in writers:
            writer.start()
        assert all(event.wait(120) for event in waiting)
        lock.execute("ROLLBACK")
    for writer in writers:
        writer.join(120)

    # Adding a column a second time would fail.
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert version(ledger) == VERSION + 1


def test_a_crash_in_a_migration_leaves_the_old_version_whole(tmp_path: Path) -> None:
    ledger = old_ledger(tmp_path / "gpu", OLD[0])
    rows, leases = ledger.rows(), table(ledger, "lease")

    run_and_wait(upgrade_and_die, ledger.file, exitcode=-signal.SIGKILL)

    assert version(ledger) == 0
    assert table(ledger, "lease") == leases
    assert ledger.rows() == rows
    ledger.mark_seen("00000004")
    assert version(ledger) == VERSION


def test_a_migration_that_fails_leaves_the_old_version_whole(tmp_path: Path) -> None:
    ledger = old_ledger(tmp_path / "gpu", OLD[0])
    leases = table(ledger, "lease")

    with closing(sqlite3.connect(ledger.file, isolation_level=None)) as connection:
        with pytest.raises(sqlite3.OperationalError):
            upgrade(connection, (*MIGRATIONS, ("UPDATE lease SET note = 'x'", "no statement")))
        assert not connection.in_transaction

    assert (version(ledger), table(ledger, "lease")) == (0, leases)


def test_a_file_of_this_version_takes_the_migrations_that_it_lacks_only(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "gpu")
    ledger.intend("runpod", OFFER, LIMITS, new_lease_id())

    with closing(sqlite3.connect(ledger.file, isolation_level=None)) as connection:
        upgrade(connection, (*MIGRATIONS, LATER))
        upgrade(connection, (*MIGRATIONS, LATER))

    assert version(ledger) == VERSION + 1
    assert [row[-1] for row in table(ledger, "lease")] == ["anywhere"]


def run_and_wait(target: Any, file: Path, exitcode: int) -> None:
    process = SPAWN.Process(target=target, args=(file,))
    process.start()
    process.join(120)
    assert process.exitcode == exitcode


def end_a_lease(folder: Path, lease: str, note: str, waiting: Event) -> None:
    """A process that writes into an old ledger."""
    tell_when_seen_old(waiting)
    Ledger(folder, lambda: NOW).draining(lease, note)


def add_a_column(file: Path, waiting: Event) -> None:
    """A process that upgrades to a version of which another upgrade would fail."""
    tell_when_seen_old(waiting)
    with closing(sqlite3.connect(file, timeout=120, isolation_level=None)) as connection:
        upgrade(connection, (*MIGRATIONS, LATER))


def tell_when_seen_old(waiting: Event) -> None:
    """In a process of its own: say when `upgrade` has seen that a file is old."""
    look = migrations.version_of

    def version_of(connection: sqlite3.Connection) -> int:
        found = look(connection)
        if found < VERSION:
            waiting.set()
        return found

    migrations.version_of = version_of


def upgrade_and_die(file: Path) -> None:
    """A process that is killed in a migration, with all but the commit written."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size = 1")  # what does not fit is in the log by then
        connection.create_function("die", 0, lambda: os.kill(os.getpid(), signal.SIGKILL))
        upgrade(
            connection,
            (
                *MIGRATIONS,
                (
                    "UPDATE lease SET note = hex(zeroblob(100000)), state = 'TERMINATED'",
                    "DROP TABLE charge",
                    "SELECT die()",
                ),
            ),
        )


def write_and_die(file: Path) -> None:
    """A process of a newer Outpost that is killed after it has written."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("UPDATE lease SET note = 'newer'")
    os.kill(os.getpid(), signal.SIGKILL)

"""The ledger: a row before each pod, and never more leases or money than allowed."""

import contextlib
import datetime
import multiprocessing
import re
import sqlite3
import threading
from pathlib import Path

import pytest
from doubles.clocks import MORNING, Clock
from doubles.renting import transitions
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.gpu.clouds.base import Offer
from resources.gpu.leases.file_lock import HeldError, hold_lock, is_held
from resources.gpu.leases.ledger import (
    BudgetError,
    LeaseLimitError,
    LeaseState,
    Ledger,
    LedgerError,
    Limits,
)
from resources.gpu.pod_names import PodName, new_lease_id, owner_token, parse_name

OFFER = Offer("RTX 4090", "US-1", "secure", 0.60)
LIMITS = Limits(per_hour=0.8, per_lease=1.2, per_month=10.0, leases=1, ttl_seconds=3 * 3600)


def limits(**changes: float) -> Limits:
    return Limits(**{**LIMITS.__dict__, **changes})


def test_a_lease_goes_from_intent_to_a_verified_end(ledger: Ledger, clock: Clock) -> None:
    row = ledger.intend("runpod", OFFER, LIMITS, new_lease_id())
    assert row.state is LeaseState.INTENT
    assert parse_name(row.name) == PodName(ledger.owner(), row.id, int(MORNING), 2 * 3600)

    ledger.created(row.id, "pod1", 0.66)
    ledger.ready(row.id)
    clock.now += 1800
    ledger.draining(row.id, "the job is done")
    row = ledger.terminated(row.id)

    assert row.pod_id == "pod1"
    assert row.usd(clock.now + 999) == pytest.approx(0.33)
    assert ledger.usd_this_month() == pytest.approx(0.33)
    assert ledger.open_rows() == ()
    states = ["INTENT", "CREATED", "READY", "DRAINING", "TERMINATED"]
    assert transitions(ledger, row.id) == states


def test_time_and_money_of_a_lease_are_what_pays_for_it(ledger: Ledger) -> None:
    row = ledger.intend("runpod", OFFER, LIMITS, new_lease_id())

    assert row.max_usd == 1.2
    assert row.expires_at == MORNING + 2 * 3600
    assert ledger.created(row.id, "pod1", 1.2).must_end_at == MORNING + 3600


def test_no_more_leases_at_once_than_allowed(ledger: Ledger) -> None:
    first = ledger.intend("runpod", OFFER, LIMITS, new_lease_id())
    with pytest.raises(LeaseLimitError, match="1 are allowed"):
        ledger.intend("lambda", OFFER, LIMITS, new_lease_id())
    ledger.intend("runpod", OFFER, limits(leases=2), new_lease_id())
    ledger.not_created(first.id, "no capacity")

    ledger.intend("runpod", OFFER, limits(leases=2), new_lease_id())


def test_the_database_itself_refuses_a_second_lease_in_a_slot(ledger: Ledger) -> None:
    row = ledger.intend("runpod", OFFER, LIMITS, new_lease_id())

    with sqlite3.connect(ledger.file) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute(
            "INSERT INTO lease SELECT 'other', provider, 'other', gpu, place, tier, usd_per_hour, "
            "max_usd, created_at, expires_at, state, slot, NULL, NULL, 0, NULL, NULL, '' "
            "FROM lease WHERE id = ?",
            (row.id,),
        )


def test_the_month_is_not_overspent_not_even_by_what_goes_on(ledger: Ledger, clock: Clock) -> None:
    tight = limits(per_month=2.0, leases=9)
    ledger.intend("runpod", OFFER, tight, new_lease_id())
    second = ledger.intend("runpod", OFFER, tight, new_lease_id())
    assert second.max_usd == pytest.approx(0.8)

    with pytest.raises(BudgetError, match="a month"):
        ledger.intend("runpod", OFFER, tight, new_lease_id())


def test_a_new_month_has_a_budget_of_its_own(ledger: Ledger, clock: Clock) -> None:
    clock.now = datetime.datetime(2026, 11, 30, 23, tzinfo=datetime.UTC).timestamp()
    row = ledger.intend("runpod", OFFER, LIMITS, new_lease_id())
    ledger.created(row.id, "pod1", None)
    clock.now += 2 * 3600
    ledger.terminated(row.id)

    assert ledger.usd_this_month() == pytest.approx(0.60)
    clock.now += 31 * 24 * 3600
    assert ledger.usd_this_month() == 0.0


def test_what_never_was_costs_nothing(ledger: Ledger, clock: Clock) -> None:
    row = ledger.intend("runpod", OFFER, LIMITS, new_lease_id())
    clock.now += 600

    assert ledger.not_created(row.id, "no capacity").usd(clock.now) == 0.0


def test_an_ended_lease_stays_ended(ledger: Ledger) -> None:
    row = ledger.intend("runpod", OFFER, LIMITS, new_lease_id())
    ledger.created(row.id, "pod1", None)
    ledger.terminated(row.id)

    ledger.terminated(row.id)
    with pytest.raises(LedgerError, match="TERMINATED"):
        ledger.ready(row.id)
    with pytest.raises(LedgerError, match="TERMINATED"):
        ledger.not_created(row.id, "")


def test_a_pod_that_is_known_cannot_be_declared_never_created(ledger: Ledger) -> None:
    row = ledger.intend("runpod", OFFER, LIMITS, new_lease_id())
    ledger.created(row.id, "pod1", None)

    with pytest.raises(LedgerError, match="CREATED"):
        ledger.not_created(row.id, "")


def test_the_first_host_key_is_kept(ledger: Ledger) -> None:
    row = ledger.intend("runpod", OFFER, LIMITS, new_lease_id())
    ledger.trust(row.id, "SHA256:one")
    ledger.trust(row.id, "SHA256:two")

    assert ledger.row(row.id).host_key == "SHA256:one"


def test_the_first_absence_is_kept_until_the_pod_is_seen(ledger: Ledger, clock: Clock) -> None:
    row = ledger.intend("runpod", OFFER, LIMITS, new_lease_id())
    ledger.mark_absent(row.id)
    clock.now += 60
    ledger.mark_absent(row.id)
    assert ledger.row(row.id).absent_since == MORNING

    ledger.mark_seen(row.id)
    assert ledger.row(row.id).absent_since is None


@settings(deadline=None, max_examples=50)
@given(
    st.from_regex(r"[0-9a-f]{8}", fullmatch=True),
    st.integers(0, 10**11),
    st.integers(0, 10**7),
)
def test_a_name_says_what_it_was_made_of(owner: str, created: int, ttl: int) -> None:
    name = PodName(owner, new_lease_id(), created, ttl)

    assert parse_name(str(name)) == name
    assert re.fullmatch("[a-z0-9-]{1,60}", str(name)), "a cloud may not take it as it is"


@pytest.mark.parametrize(
    "foreign", ["", "outpost", "my-pod", "outpost-zz-1-e1-t1", "aoe2-12345678-e1-t1"]
)
def test_foreign_names_are_none_of_ours(foreign: str) -> None:
    assert parse_name(foreign) is None


def test_the_owner_is_made_once(tmp_path: Path) -> None:
    assert owner_token(tmp_path / "gpu") == owner_token(tmp_path / "gpu")
    assert owner_token(tmp_path / "gpu") != owner_token(tmp_path / "other")
    assert [file.name for file in (tmp_path / "gpu").iterdir()] == ["owner"]


def hold(file: Path, held: "multiprocessing.synchronize.Event") -> None:
    with hold_lock(file):
        held.set()
        multiprocessing.Event().wait()


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    file = tmp_path / "lease.lock"
    assert not is_held(file)
    context = multiprocessing.get_context("fork")
    held = context.Event()
    process = context.Process(target=hold, args=(file, held))
    process.start()
    assert held.wait(60)

    assert is_held(file)
    with pytest.raises(HeldError), hold_lock(file):
        pass
    process.kill()
    process.join()
    assert not is_held(file)


def test_however_many_ask_at_once_only_as_many_leases_as_allowed_begin(tmp_path: Path) -> None:
    began: list[str] = []
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait()
        with contextlib.suppress(LeaseLimitError):
            ledger = Ledger(tmp_path / "gpu")
            began.append(
                ledger.intend("runpod", OFFER, limits(leases=3, per_month=100.0), new_lease_id()).id
            )

    askers = [threading.Thread(target=ask) for _ in range(8)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()

    assert len(began) == 3
    assert len(Ledger(tmp_path / "gpu").open_rows()) == 3

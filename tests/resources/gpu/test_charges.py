"""What a cloud has charged replaces the estimate, once it is the whole bill."""

import datetime
from collections.abc import Callable

import pytest
from doubles.clocks import MORNING, Clock
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.gpu.clouds.base import CloudError, Offer
from resources.gpu.clouds.lambda_cloud import LambdaCloud, LambdaSettings
from resources.gpu.leases.charges import ASKED_SECONDS, MOST_ASKED, SETTLED_SECONDS, reconcile
from resources.gpu.leases.ledger import LeaseRow, Ledger, Limits
from resources.gpu.pod_names import new_lease_id

OFFER = Offer("RTX 4090", "US-1", "secure", 0.60)
LIMITS = Limits(per_hour=0.8, per_lease=1.2, per_month=90.0, leases=1, ttl_seconds=2 * 3600)


class Tells(LambdaCloud):
    """A cloud that tells some bill, and counts how often it is asked."""

    name = "runpod"

    def __init__(self, usd: float | Exception | None) -> None:
        self.usd = usd
        self.asked: list[str] = []

    def billed_usd(self, pod_id: str, since: float) -> float | None:
        assert since <= MORNING + 1e6
        self.asked.append(pod_id)
        if isinstance(self.usd, Exception):
            raise self.usd
        return self.usd


def lease(ledger: Ledger, clock: Clock, hours: float = 1.0, ready: bool = True) -> LeaseRow:
    """One that was ready after a minute, and ended within another."""
    row = ledger.intend("runpod", OFFER, LIMITS, new_lease_id())
    clock.now += 60
    ledger.created(row.id, f"pod-{row.id}", None)
    if ready:
        ledger.ready(row.id)
    clock.now += hours * 3600
    ledger.draining(row.id, "the job is done")
    clock.now += 60
    return ledger.terminated(row.id)


def test_a_whole_bill_replaces_the_estimate(ledger: Ledger, clock: Clock) -> None:
    row = lease(ledger, clock)
    assert (row.usd(clock.now), row.usd_is) == (pytest.approx(0.62), "estimated")

    reconcile(Tells(0.61), ledger, [row])

    row = ledger.row(row.id)
    assert (row.usd(clock.now), row.usd_is) == (0.61, "billed")
    assert ledger.usd_this_month() == 0.61


@pytest.mark.parametrize("told", [None, 0.0, 0.3])
def test_a_bill_that_does_not_cover_the_work_is_late(
    ledger: Ledger, clock: Clock, told: float | None
) -> None:
    row = lease(ledger, clock)

    reconcile(Tells(told), ledger, [row])

    assert ledger.row(row.id).usd_is == "estimated"
    assert ledger.row(row.id).usd(clock.now) == pytest.approx(0.62)


def test_a_day_later_a_bill_is_what_it_says(ledger: Ledger, clock: Clock) -> None:
    row = lease(ledger, clock)
    clock.now += SETTLED_SECONDS

    reconcile(Tells(0.3), ledger, [row])

    assert ledger.row(row.id).usd(clock.now) == 0.3


def test_of_a_pod_that_was_never_ready_only_a_settled_bill_counts(
    ledger: Ledger, clock: Clock
) -> None:
    row = lease(ledger, clock, ready=False)
    reconcile(Tells(0.62), ledger, [row])
    assert ledger.row(row.id).usd_is == "estimated"

    clock.now += SETTLED_SECONDS
    reconcile(Tells(0.4), ledger, [row])

    assert ledger.row(row.id).usd(clock.now) == 0.4


def test_a_bill_is_asked_for_once_more_when_it_has_settled_and_then_never_again(
    ledger: Ledger, clock: Clock
) -> None:
    row = lease(ledger, clock)
    cloud = Tells(0.61)
    for _ in range(3):
        reconcile(cloud, ledger, ledger.rows())
    assert len(cloud.asked) == 1

    clock.now += SETTLED_SECONDS
    cloud.usd = 0.615
    for _ in range(3):
        reconcile(cloud, ledger, ledger.rows())

    assert len(cloud.asked) == 2
    assert ledger.row(row.id).usd(clock.now) == 0.615


@pytest.mark.parametrize(
    "change",
    [
        lambda ledger, clock, row: setattr(clock, "now", clock.now + ASKED_SECONDS + 1),
        lambda ledger, clock, row: ledger.intend("runpod", OFFER, LIMITS, new_lease_id()),
    ],
    ids=["long ago", "one goes on"],
)
def test_some_leases_are_not_asked_for(
    ledger: Ledger, clock: Clock, change: Callable[[Ledger, Clock, LeaseRow], object]
) -> None:
    row = lease(ledger, clock)
    ledger.charged(row.id, 0.61)
    change(ledger, clock, row)
    cloud = Tells(0.61)

    reconcile(cloud, ledger, ledger.rows())

    assert cloud.asked == []


def test_other_clouds_are_not_asked_and_never_too_many_at_a_time(
    ledger: Ledger, clock: Clock
) -> None:
    rows = [lease(ledger, clock, hours=0.1) for _ in range(MOST_ASKED + 2)]
    other, cloud = LambdaCloud(LambdaSettings()), Tells(None)

    reconcile(other, ledger, ledger.rows())
    reconcile(cloud, ledger, ledger.rows())

    assert cloud.asked == [f"pod-{row.id}" for row in reversed(rows)][:MOST_ASKED]


def test_what_a_pod_costs_that_outlived_its_bill_is_estimated_again(
    ledger: Ledger, clock: Clock
) -> None:
    row = lease(ledger, clock)
    reconcile(Tells(0.61), ledger, [row])
    clock.now += 3600

    ledger.outlived(row.id, "pod1")

    assert ledger.row(row.id).usd_is == "estimated"
    assert ledger.row(row.id).usd(clock.now) == pytest.approx(1.22)


def test_a_failure_keeps_what_is_known(ledger: Ledger, clock: Clock) -> None:
    row = lease(ledger, clock)

    with pytest.raises(CloudError):
        reconcile(Tells(CloudError("no", "try")), ledger, [row])

    assert ledger.row(row.id).usd_is == "estimated"


def test_a_bill_is_shared_between_the_months_that_the_lease_was_in(
    ledger: Ledger, clock: Clock
) -> None:
    clock.now = datetime.datetime(2026, 10, 31, 23, 29, tzinfo=datetime.UTC).timestamp()
    row = lease(ledger, clock, hours=58 / 60)

    reconcile(Tells(0.8), ledger, [row])

    assert row.seconds(clock.now) == 3600
    assert ledger.usd_this_month() == pytest.approx(0.8 * 29 / 60)


@settings(deadline=None, max_examples=15)
@given(told=st.floats(0, 5), hours=st.floats(0.01, 1.5))
def test_a_cost_is_never_below_what_the_pod_was_certainly_worked_for(
    tmp_path_factory: pytest.TempPathFactory, told: float, hours: float
) -> None:
    clock = Clock()
    ledger = Ledger(tmp_path_factory.mktemp("gpu"), clock)
    row = lease(ledger, clock, hours)

    reconcile(Tells(told), ledger, [row])

    assert ledger.row(row.id).usd(clock.now) >= 0.95 * 0.60 * hours - 1e-9

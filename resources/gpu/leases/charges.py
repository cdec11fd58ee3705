"""What leases were really charged for, asked of the clouds that tell it, and a job's bill of them.

The ledger's own estimate holds until then. A cloud charges in portions, and late: an answer counts
once it covers the time in which the pod certainly ran, or a day after its end, whatever it says.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from pipeline.jobs.bill import Bill, LeaseCost
from resources.gpu.clouds.base import Cloud, CloudError
from resources.gpu.lease import Host
from resources.gpu.leases.ledger import LeaseRow, LeaseState, Ledger

SETTLED_SECONDS = 24 * 3600.0
"""After its end, until a pod's bill changes no more."""
ASKED_SECONDS = 30 * 24 * 3600.0
"""After its end, for how long a pod's bill is asked for."""
MOST_ASKED = 10
"""At a time, the newest first: requests are limited."""
COVERED = 0.95
"""Part of the certain cost that a bill must cover; the last minute may be charged later."""


def reconcile(cloud: Cloud, ledger: Ledger, rows: Sequence[LeaseRow]) -> None:
    """Ask what these leases were charged for, where that is not known for good.

    Args:
        cloud: only its own leases are asked for.
        rows: the newest first.

    Raises:
        CloudError: it does not tell now; what was told before that is kept.
    """
    open_questions = [row for row in rows if row.provider == cloud.name and _asks(row, ledger)]
    for row in open_questions[:MOST_ASKED]:
        assert row.pod_id is not None
        usd = cloud.billed_usd(row.pod_id, row.created_at)
        if usd is not None and (_is_settled(row, ledger.clock()) or _covers(usd, row, ledger)):
            ledger.charged(row.id, usd)


def reconcile_everywhere(clouds: Sequence[Cloud], ledger: Ledger) -> None:
    """Ask every cloud; one that does not tell keeps no other from it."""
    for cloud in clouds:
        with suppress(CloudError):
            reconcile(cloud, ledger, ledger.rows())


def bill_of(rows: Sequence[LeaseRow], gpu: str | None, now: float) -> Bill:
    """The bill of a job that took these leases, the newest last."""
    costs = tuple(
        LeaseCost(
            lease=row.id,
            gpu=row.gpu,
            place=row.place,
            usd_per_hour=row.usd_per_hour,
            seconds=round(row.seconds(now), 1),
            usd=round(row.usd(now), 4),
            usd_is=row.usd_is,
            ended_because=row.note,
        )
        for row in rows
    )
    last = rows[-1]
    return Bill(
        provider=last.provider,
        host=last.pod_id or last.name,
        gpu=gpu,
        usd_per_hour=last.usd_per_hour,
        seconds=round(sum(row.seconds(now) for row in rows), 1),
        usd=round(sum(row.usd(now) for row in rows), 4),
        usd_is="billed" if all(row.is_billed for row in rows) else "estimated",
        leases=costs,
    )


def own_machine_bill(host: Host, gpu: str | None, seconds: float) -> Bill:
    """The bill of a job on a machine that is rented from nobody."""
    return Bill(
        provider=host.provider,
        host=host.name,
        gpu=gpu,
        usd_per_hour=host.usd_per_hour,
        seconds=round(seconds, 1),
        usd=round(host.usd_per_hour * seconds / 3600, 4),
    )


def _asks(row: LeaseRow, ledger: Ledger) -> bool:
    now = ledger.clock()
    if row.state is not LeaseState.TERMINATED or row.pod_id is None or row.ended_at is None:
        return False
    if now - row.ended_at > ASKED_SECONDS:
        return False
    if not row.is_billed:
        return True
    assert row.billed_at is not None
    return _is_settled(row, now) and not _is_settled(row, row.billed_at)


def _is_settled(row: LeaseRow, now: float) -> bool:
    assert row.ended_at is not None
    return now - row.ended_at >= SETTLED_SECONDS


def _covers(usd: float, row: LeaseRow, ledger: Ledger) -> bool:
    """Whether a bill may be the whole one; of a pod that was never ready nobody knows."""
    certain = row.usd_per_hour * ledger.working_seconds(row.id) / 3600
    return certain > 0.0 and usd >= COVERED * certain

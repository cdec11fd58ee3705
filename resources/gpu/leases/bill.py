"""The bill of a job that took leases."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.jobs.bill import Bill, LeaseCost
from resources.gpu.leases.ledger import LeaseRow


def bill_of(rows: Sequence[LeaseRow], gpu: str | None, now: float) -> Bill:
    """The bill of a training that took these leases, the newest last."""
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

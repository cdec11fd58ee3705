"""Leases as people read them, on the page of the ledger and on the terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from resources.gpu.leases.ledger import LeaseRow
from resources.gpu.pod_names import parse_name

if TYPE_CHECKING:
    from resources.gpu.clouds.base import Pod

LEASE_COLUMNS = (
    "lease",
    "begun (UTC)",
    "provider",
    "host",
    "state",
    "minutes",
    "USD",
    "USD is",
    "USD at most",
    "pod",
    "why it ended",
)


def lease_cells(row: LeaseRow, now: float) -> tuple[str, ...]:
    """A lease as people read it: the cells of `LEASE_COLUMNS`."""
    begun = datetime.fromtimestamp(row.created_at, UTC)
    return (
        row.id,
        f"{begun:%Y-%m-%d %H:%M}",
        row.provider,
        " ".join(filter(None, (row.gpu, row.tier, row.place))),
        row.state.value,
        f"{row.seconds(now) / 60:.1f}",
        f"{row.usd(now):.3f}",
        row.usd_is,
        f"{row.max_usd:.2f}",
        row.pod_id or "",
        row.note,
    )


def other_pod(pod: Pod, now: float) -> str:
    """What to tell of a pod that another state folder has rented."""
    name = parse_name(pod.name)
    assert name is not None
    hours = (now - name.expires) / 3600
    if hours <= 0:
        return f"{pod.name} ({pod.id}), of another state folder"
    return (
        f"{pod.name} ({pod.id}), of another state folder, whose time was over {hours:.1f} hours "
        f"ago: it is billed. If that folder is lost: outpost gpu reap --lost {name.owner}"
    )

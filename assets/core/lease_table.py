"""Leases as people read them, on the page of the ledger and on the terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from resources.gpu.leases.ledger import LeaseRow
from resources.gpu.pod_names import parse_name

if TYPE_CHECKING:
    from resources.gpu.clouds.base import Pod


def lease_cells(row: LeaseRow, now: float) -> dict[str, str]:
    """A lease as people read it: cells by column."""
    begun = datetime.fromtimestamp(row.created_at, UTC)
    return {
        "lease": row.id,
        "begun (UTC)": f"{begun:%Y-%m-%d %H:%M}",
        "provider": row.provider,
        "host": " ".join(filter(None, (row.gpu, row.tier, row.place))),
        "state": row.state.value,
        "minutes": f"{row.seconds(now) / 60:.1f}",
        "USD": f"{row.usd(now):.3f}",
        "USD is": row.usd_is,
        "USD at most": f"{row.max_usd:.2f}",
        "pod": row.pod_id or "",
        "why it ended": row.note,
    }


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

"""What a training has cost, and where: `lease.json` among its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pipeline.files import write_json
from resources.gpu.lease import BILL_FILE
from resources.gpu.leases.ledger import LeaseRow

CostIs = Literal["billed", "estimated"]


@dataclass(frozen=True)
class LeaseCost:
    """One of the leases that a training took.

    Attributes:
        usd_is: see `Bill`.
        ended_because: for people.
    """

    lease: str
    gpu: str
    place: str
    usd_per_hour: float
    seconds: float
    usd: float
    usd_is: CostIs
    ended_because: str


@dataclass(frozen=True)
class Bill:
    """What a training has cost.

    Attributes:
        host: the last one: a pod's id, or the name of a machine.
        gpu: as torch names it; None for a training on the CPU.
        usd_per_hour: of the last host.
        seconds: paid for, of all hosts.
        usd: what they cost.
        usd_is: 'billed' when their cloud has said so; 'estimated' from price and time, never less
            than what is billed.
        leases: what was rented, in order; none where the machine is one's own.
    """

    provider: str
    host: str
    gpu: str | None
    usd_per_hour: float
    seconds: float
    usd: float
    usd_is: CostIs = "estimated"
    leases: tuple[LeaseCost, ...] = ()

    def write(self, folder: Path) -> None:
        """Lay it among the outputs of the job."""
        write_json(folder / BILL_FILE, asdict(self))


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

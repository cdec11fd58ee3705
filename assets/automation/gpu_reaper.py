"""The reaper as a sensor, and the ledger of leases as an asset that it keeps up to date.

It works without any run: whatever killed a run, the daemon goes on and ends what that run has
rented. A tick that could not look fails, visibly, and the next one tries again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from assets.core.metadata import table
from pipeline.errors import OutpostError
from pipeline.manifests import digest_of
from resources.gpu.leases.ledger import LeaseRow, Ledger
from resources.gpu.timeouts import Pace
from resources.state import StateFolder

if TYPE_CHECKING:
    from resources.gpu.clouds.base import Cloud, Pod
    from resources.gpu.leases.reaper import Reaping

LEASES = dg.AssetKey(["gpu_leases"])
REAPER_SECONDS = 120
REAPER_PACE = Pace(end=15.0, settle=90.0, poll=2.0)
"""A tick has a minute; what it cannot verify by then is verified by the next one."""
SHOWN_LEASES = 20


def gpu_definitions() -> dg.Definitions:
    """What belongs to no game: the reaper. The leases show as an asset once there are any."""
    return dg.Definitions(sensors=[gpu_reaper()])


def gpu_reaper() -> dg.SensorDefinition:
    """Ends rented hosts that nobody uses any more; on unless somebody turns it off."""

    @dg.sensor(
        name="gpu_reaper",
        minimum_interval_seconds=REAPER_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Ends rented GPUs that no living run has leased. Pods of others are untouched.",
    )
    def sense(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        ledger = Ledger(StateFolder.from_environment().gpu)
        said = _reap(ledger, context.log.warning)
        return _told(ledger, said, context.cursor or "")

    return sense


def reap_everywhere(
    clouds: Sequence[Cloud], ledger: Ledger, look: Callable[[Cloud], Sequence[Reaping]]
) -> tuple[Reaping, ...]:
    """Look at every cloud whose key is at hand; what goes wrong with one keeps no other from it.

    Raises:
        ReapError: a cloud could not be looked at, or leases are open at one without a key.
    """
    from resources.gpu.leases.reaper import ReapError
    from resources.gpu.settings import API_KEYS

    looks: list[Reaping] = []
    failures = []
    for cloud in clouds:
        try:
            looks += look(cloud)
        except OutpostError as error:
            failures.append(f"{cloud.name}: {error.problem}")
    known = {cloud.name for cloud in clouds}
    for row in ledger.open_rows():
        if row.provider not in known:
            variable = {str(name): key for name, key in API_KEYS.items()}.get(row.provider, "a key")
            failures.append(f"{row.name} on {row.provider} cannot be looked after: no {variable}")
    if failures:
        raise ReapError(
            f"Pods may be running on. {'; '.join(failures)}",
            "Correct that now, then run `outpost gpu reap`; see also the provider's own console.",
        )
    return tuple(looks)


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


def other_pod(pod: Pod, now: float) -> str:
    """What to tell of a pod that another state folder has rented."""
    from resources.gpu.pod_names import parse_name

    name = parse_name(pod.name)
    assert name is not None
    hours = (now - name.expires) / 3600
    if hours <= 0:
        return f"{pod.name} ({pod.id}), of another state folder"
    return (
        f"{pod.name} ({pod.id}), of another state folder, whose time was over {hours:.1f} hours "
        f"ago: it is billed. If that folder is lost: outpost gpu reap --lost {name.owner}"
    )


def _reap(ledger: Ledger, warn: Callable[[str], None]) -> str:
    """Look once at every cloud; what to tell of it."""
    # Imported here: Dagster loads definitions often, and HTTP and SSH take their time.
    from resources.gpu.factory import clouds_at_hand
    from resources.gpu.leases.reaper import is_overdue, reap

    clouds = clouds_at_hand()
    if not clouds and not ledger.exists():
        return "No cloud's API key is set, and nothing was ever rented."
    looks = reap_everywhere(clouds, ledger, lambda cloud: [reap(cloud, ledger, REAPER_PACE)])
    verdicts = [
        f"{verdict.action.value} {verdict.name}: {verdict.reason}"
        for look in looks
        for verdict in look.verdicts
    ]
    for line in verdicts:
        warn(line)
    for look in looks:
        for pod in look.others:
            if is_overdue(pod, ledger.clock()):
                warn(other_pod(pod, ledger.clock()))
    counted = ", ".join(f"{look.pods} pods of ours on {look.provider}" for look in looks)
    return "; ".join([counted or "No cloud's API key is set", *verdicts])


def _told(ledger: Ledger, said: str, seen: str) -> dg.SensorResult:
    """Report the leases as an asset, when anything about them has changed."""
    rows = ledger.rows()
    digest = digest_of([[row.id, row.state, row.note, row.pod_id, row.billed_usd] for row in rows])
    if not rows or digest == seen:
        return dg.SensorResult(skip_reason=said, cursor=seen)
    now = ledger.clock()
    event = dg.AssetMaterialization(
        LEASES,
        description=said,
        metadata={
            "usd_this_month": round(ledger.usd_this_month(), 3),
            "open_leases": len(ledger.open_rows()),
            "leases": table(LEASE_COLUMNS, [lease_cells(row, now) for row in rows[:SHOWN_LEASES]]),
        },
    )
    return dg.SensorResult(asset_events=[event], cursor=digest)

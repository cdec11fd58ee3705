"""The reaper as a sensor, and the ledger of leases as an asset that it keeps up to date.

It works without any run: whatever killed a run, the daemon goes on and ends what that run has
rented. A tick that could not look fails, visibly, and the next one tries again.
"""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg

from assets.core.lease_table import lease_cells, other_pod
from assets.core.metadata import table
from pipeline.manifests import digest_of
from resources.gpu.leases.ledger import Ledger
from resources.gpu.timeouts import Timeouts
from resources.paths import Paths

LEASES = dg.AssetKey(["gpu_leases"])
REAPER_TIMEOUTS = Timeouts(termination=15.0, list_lag=90.0, poll_interval=2.0)
"""A tick has a minute; what it cannot verify by then is verified by the next one."""
SHOWN_LEASES = 20


def gpu_reaper() -> dg.SensorDefinition:
    """Ends rented hosts that nobody uses any more; on unless somebody turns it off.

    The leases show as an asset once there are any.
    """

    @dg.sensor(
        name="gpu_reaper",
        minimum_interval_seconds=120,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Ends rented GPUs that no living run has leased. Pods of others are untouched.",
    )
    def sense(context: dg.SensorEvaluationContext, paths: Paths) -> dg.SensorResult:
        ledger = Ledger(paths.state.gpu)
        return _told(ledger, _reap(ledger, context.log.warning), context.cursor or "")

    return sense


def _reap(ledger: Ledger, warn: Callable[[str], None]) -> str:
    """Look once at every cloud; what to tell of it."""
    # Imported here: Dagster loads definitions often, and HTTP and SSH take their time.
    from resources.gpu.factory import clouds_at_hand
    from resources.gpu.leases.reaper import is_overdue, reap
    from resources.gpu.maintenance import reap_everywhere

    clouds = clouds_at_hand()
    if not clouds and not ledger.exists():
        return "No cloud's API key is set, and nothing was ever rented."
    looks = reap_everywhere(clouds, ledger, lambda cloud: [reap(cloud, ledger, REAPER_TIMEOUTS)])
    actions = [f"{a.kind.value} {a.name}: {a.reason}" for look in looks for a in look.actions]
    now = ledger.clock()
    others = (pod for look in looks for pod in look.others)
    for line in (*actions, *(other_pod(pod, now) for pod in others if is_overdue(pod, now))):
        warn(line)
    counted = ", ".join(f"{look.pods} pods of ours on {look.provider}" for look in looks)
    return "; ".join([counted or "No cloud's API key is set", *actions])


def _told(ledger: Ledger, said: str, seen: str) -> dg.SensorResult:
    """Report the leases as an asset, when anything about them has changed."""
    rows = ledger.rows()
    digest = digest_of([[row.id, row.state, row.note, row.pod_id, row.billed_usd] for row in rows])
    if not rows or digest == seen:
        return dg.SensorResult(skip_reason=said, cursor=seen)
    now = ledger.clock()
    shown = [lease_cells(row, now) for row in rows[:SHOWN_LEASES]]
    event = dg.AssetMaterialization(
        LEASES,
        description=said,
        metadata={
            "usd_this_month": round(ledger.usd_this_month(), 3),
            "open_leases": len(ledger.open_rows()),
            "leases": table(shown[0], (cells.values() for cells in shown)),
        },
    )
    return dg.SensorResult(asset_events=[event], cursor=digest)

"""What is done to leases from outside of the runs that use them: by the reaper and by people."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.errors import OutpostError
from resources.gpu.clouds.base import Cloud
from resources.gpu.leases.file_lock import is_held
from resources.gpu.leases.ledger import LeaseRow, Ledger
from resources.gpu.leases.reaper import ReapError, Reaping
from resources.gpu.settings import API_KEYS


class LeaseInUseError(OutpostError):
    """A lease that a living run holds."""


def reap_everywhere(
    clouds: Sequence[Cloud], ledger: Ledger, look: Callable[[Cloud], Sequence[Reaping]]
) -> tuple[Reaping, ...]:
    """Look at every cloud whose key is at hand; what goes wrong with one keeps no other from it.

    Raises:
        ReapError: a cloud could not be looked at, or leases are open at one without a key.
    """
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
            failures.append(f"{row.name} on {row.provider} cannot be checked without {variable}")
    if failures:
        raise ReapError(
            f"Pods may still be running. {'; '.join(failures)}",
            "Correct that now and run `outpost gpu reap`; see also the provider's own console.",
        )
    return tuple(looks)


def lease_to_close(ledger: Ledger, lease: str) -> LeaseRow:
    """A lease that somebody wants to close by hand; it may have ended already.

    Raises:
        LeaseInUseError: a run uses it.
        LedgerError: there is no such lease.
    """
    row = ledger.row(lease)
    if not row.state.is_end and is_held(ledger.lock_file(lease)):
        raise LeaseInUseError(
            f"A run uses lease {lease}.", "Cancel the run: that ends its host in order."
        )
    return row


def close_by_hand(ledger: Ledger, lease: str) -> None:
    """Close a lease on somebody's word that its host has ended: nothing is asked, nothing ended.

    Raises:
        LeaseInUseError: a run uses it.
        LedgerError: there is no such lease.
    """
    if not lease_to_close(ledger, lease).state.is_end:
        ledger.draining(lease, "closed by hand, not verified")
        ledger.terminated(lease)

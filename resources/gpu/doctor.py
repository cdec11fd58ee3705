"""Whether renting would work, found out without renting anything."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from pipeline.errors import OutpostError
from resources.gpu.clouds.base import Cloud, Diagnosis
from resources.gpu.factory import cloud_of, ssh_settings
from resources.gpu.hosts.keys import SshKeyError, own_key, public_line
from resources.gpu.hosts.ssh import RemoteHost
from resources.gpu.hosts.workspace import RemoteWorkspace
from resources.gpu.leases.ledger import MIN_USEFUL_SECONDS, Ledger
from resources.gpu.pod_names import new_lease_id, owner_token
from resources.gpu.settings import VARIABLE, GpuSettings, Provider

PATIENCE_SECONDS = 10.0


def diagnose(gpu: GpuSettings, folder: Path) -> tuple[Diagnosis, ...]:
    """Look at everything that a training on this provider needs.

    Args:
        gpu: as it is configured.
        folder: the state folder's part for GPUs.
    """
    if gpu.provider is Provider.LOCAL:
        detail = (
            f"Training runs on this machine; nothing is rented. {VARIABLE} chooses another host."
        )
        return (Diagnosis("provider", True, detail),)
    if gpu.provider is Provider.SSH:
        return _diagnose_host(gpu, folder)
    cloud = cloud_of(gpu)
    return (
        _diagnose_key(folder),
        _diagnose_budget(gpu, Ledger(folder)),
        _last_resort(gpu, cloud),
        *cloud.diagnose(gpu.gpu_request),
    )


def _last_resort(gpu: GpuSettings, cloud: Cloud) -> Diagnosis:
    """What ends a host if Outpost never comes back."""
    detail = f"A host ends itself after {gpu.ttl_hours:g} hours."
    if not cloud.arms_deadman:
        detail = (
            f"None: a host of {cloud.name} does not end itself. Only runs and the reaper end it, "
            "so keep `outpost dev` running, or call `outpost gpu reap` from a timer."
        )
    return Diagnosis("last resort", True, detail)


def _diagnose_key(folder: Path) -> Diagnosis:
    try:
        line = public_line(own_key(folder / "id_ed25519"))
    except SshKeyError as error:
        return Diagnosis("SSH key", False, error.problem, error.fix)
    except (OutpostError, OSError) as error:
        return Diagnosis(
            "SSH key", False, str(error), f"Remove {folder / 'id_ed25519'}; a new one is made."
        )
    return Diagnosis("SSH key", True, f"{line[:40]}... is sent with each request for a host.")


def _diagnose_budget(gpu: GpuSettings, ledger: Ledger) -> Diagnosis:
    try:
        # Reading the token makes it: what cannot be written is better known before a pod is named.
        limits, _, spent = gpu.limits, ledger.owner(), ledger.usd_this_month()
        leases = ledger.open_rows()
    except OutpostError as error:
        return Diagnosis("ledger", False, error.problem, error.fix)
    detail = (
        f"${spent:.2f} of ${limits.per_month:.2f} spent this month (UTC); a lease costs at most "
        f"${limits.per_lease:.2f}, at most ${limits.per_hour:.2f} an hour; {len(leases)} open."
    )
    fix = ""
    if len(leases) >= limits.leases:
        fix = "Wait until the lease ends, or run `outpost gpu reap`."
    elif limits.per_month - spent < limits.per_hour * MIN_USEFUL_SECONDS / 3600:
        fix = "Raise max_usd_per_month."
    return Diagnosis("budget", not fix, detail, fix)


def _diagnose_host(gpu: GpuSettings, folder: Path) -> tuple[Diagnosis, ...]:
    try:
        settings = ssh_settings(gpu)
        with closing(RemoteHost(settings.login(), PATIENCE_SECONDS)) as host:
            name = f"outpost-{owner_token(folder)}-{new_lease_id()}"
            environment = RemoteWorkspace(host, name, {}).probe()
    except OutpostError as error:
        return (Diagnosis("SSH host", False, error.problem, error.fix),)
    detail = f"torch {environment.torch} on {environment.gpu or 'the CPU: there is no GPU'}"
    return (
        Diagnosis("SSH host", True, f"{settings.address.host} lets us in."),
        Diagnosis("training", True, detail),
    )

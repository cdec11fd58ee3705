"""Whether renting would work, found out without renting anything."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import OutpostError
from resources.gpu.clouds.base import Cloud, Finding
from resources.gpu.factory import cloud_of, ssh_settings
from resources.gpu.hosts.host_keys import known_host
from resources.gpu.hosts.keys import SshKeyError, own_key, public_line, read_key
from resources.gpu.hosts.ssh import Login, RemoteHost
from resources.gpu.hosts.workspace import Workplace
from resources.gpu.leases.ledger import MIN_USEFUL_SECONDS, Ledger
from resources.gpu.pod_names import new_lease_id, owner_token
from resources.gpu.settings import VARIABLE, GpuSettings, Provider

PATIENCE_SECONDS = 10.0


def examine(gpu: GpuSettings, folder: Path) -> tuple[Finding, ...]:
    """Look at everything that a training on this provider needs.

    Args:
        gpu: as it is configured.
        folder: the state folder's part for GPUs.
    """
    if gpu.provider is Provider.LOCAL:
        said = f"Training runs on this machine; nothing is rented. {VARIABLE} chooses another host."
        return (Finding("provider", True, said),)
    if gpu.provider is Provider.SSH:
        return _examine_host(gpu, folder)
    cloud = cloud_of(gpu)
    return (
        _examine_key(folder),
        _examine_budget(gpu, Ledger(folder)),
        _last_resort(gpu, cloud),
        *cloud.examine(gpu.wish),
    )


def _last_resort(gpu: GpuSettings, cloud: Cloud) -> Finding:
    """What ends a host if Outpost never comes back."""
    if cloud.arms_deadman:
        return Finding("last resort", True, f"A host ends itself after {gpu.ttl_hours:g} hours.")
    return Finding(
        "last resort",
        True,
        f"None: a host of {cloud.name} does not end itself. Only runs and the reaper end it, so "
        "keep `outpost dev` running, or call `outpost gpu reap` from a timer.",
    )


def _examine_key(folder: Path) -> Finding:
    try:
        line = public_line(own_key(folder / "id_ed25519"))
    except SshKeyError as error:
        return Finding("SSH key", False, error.problem, error.fix)
    except (OutpostError, OSError) as error:
        return Finding(
            "SSH key", False, str(error), f"Remove {folder / 'id_ed25519'}; a new one is made."
        )
    return Finding("SSH key", True, f"{line[:40]}... is sent with each request for a host.")


def _examine_budget(gpu: GpuSettings, ledger: Ledger) -> Finding:
    try:
        # Reading the token makes it: what cannot be written is better known before a pod is named.
        limits, _, spent = gpu.limits, ledger.owner(), ledger.usd_this_month()
        leases = ledger.open_rows()
    except OutpostError as error:
        return Finding("ledger", False, error.problem, error.fix)
    said = (
        f"${spent:.2f} of ${limits.per_month:.2f} spent this month (UTC); a lease costs at most "
        f"${limits.per_lease:.2f}, at most ${limits.per_hour:.2f} an hour; {len(leases)} open."
    )
    if len(leases) >= limits.leases:
        return Finding(
            "budget", False, said, "Wait until the lease ends, or run `outpost gpu reap`."
        )
    useful = limits.per_hour * MIN_USEFUL_SECONDS / 3600
    if limits.per_month - spent < useful:
        return Finding("budget", False, said, "Raise max_usd_per_month.")
    return Finding("budget", True, said)


def _examine_host(gpu: GpuSettings, folder: Path) -> tuple[Finding, ...]:
    try:
        settings = ssh_settings(gpu)
        trust = known_host(settings.known_hosts, settings.address)
        host = RemoteHost(Login(settings.address, read_key(settings.key), trust), PATIENCE_SECONDS)
    except OutpostError as error:
        return (Finding("SSH host", False, error.problem, error.fix),)
    try:
        workplace = Workplace(host, f"outpost-{owner_token(folder)}-{new_lease_id()}", {})
        environment = workplace.examine()
    except OutpostError as error:
        return (Finding("SSH host", False, error.problem, error.fix),)
    finally:
        host.close()
    said = f"torch {environment.torch} on {environment.gpu or 'the CPU: there is no GPU'}"
    return (
        Finding("SSH host", True, f"{settings.address.host} lets us in."),
        Finding("training", True, said),
    )

"""The providers that settings describe."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from resources.gpu.clouds import lambda_cloud, runpod
from resources.gpu.clouds.base import Cloud
from resources.gpu.clouds.lambda_cloud import LambdaCloud, LambdaSettings
from resources.gpu.clouds.runpod import RunPod, RunPodSettings, Tier
from resources.gpu.hosts.keys import own_key
from resources.gpu.lease import GpuProvider
from resources.gpu.leases.ledger import Ledger
from resources.gpu.leases.local import LocalProvider
from resources.gpu.leases.pod import PodTerms
from resources.gpu.leases.rented import RentedProvider
from resources.gpu.leases.ssh_host import SshHostProvider, SshHostSettings, parse_address
from resources.gpu.settings import API_KEYS, VARIABLE, GpuSettings, GpuSettingsError, Provider
from resources.gpu.timeouts import Timeouts

RUNPOD_URL_VARIABLE = "OUTPOST_RUNPOD_URL"
LAMBDA_URL_VARIABLE = "OUTPOST_LAMBDA_URL"
"""Where the APIs answer, for those who reach them by another way."""


def provider_of(settings: GpuSettings, folder: Path) -> GpuProvider:
    """The source of hosts that settings describe.

    Args:
        settings: which, and their limits.
        folder: the state folder's part for GPUs: ledger, locks, our key.

    Raises:
        GpuSettingsError, SshHostError: something that it needs is not told.
    """
    if settings.provider is Provider.LOCAL:
        return LocalProvider()
    if settings.provider is Provider.SSH:
        return SshHostProvider(ssh_settings(settings), folder, Timeouts())
    terms = PodTerms(
        cloud=cloud_of(settings),
        ledger=Ledger(folder),
        limits=settings.limits,
        key=own_key(folder / "id_ed25519"),
        timeouts=Timeouts(),
        disk_gb=settings.disk_gb,
        min_cuda=settings.min_cuda,
    )
    return RentedProvider(terms, settings.gpu_request)


def cloud_of(settings: GpuSettings) -> Cloud:
    """The client of a provider's API.

    Raises:
        GpuSettingsError: nothing is rented from this provider.
    """
    if settings.provider not in CLOUDS:
        raise GpuSettingsError(
            f"Nothing is rented from '{settings.provider.value}'.",
            f"Set {VARIABLE} to one of {', '.join(CLOUDS)}.",
        )
    return CLOUDS[settings.provider](settings)


def clouds_at_hand() -> tuple[Cloud, ...]:
    """Every cloud whose API key is in the environment, whatever is configured."""
    return tuple(
        cloud_of(GpuSettings(provider=provider))
        for provider, variable in API_KEYS.items()
        if os.environ.get(variable, "").strip()
    )


def ssh_settings(settings: GpuSettings) -> SshHostSettings:
    """The machine that is to be used by SSH.

    Raises:
        GpuSettingsError: none is named.
    """
    if not settings.ssh_host:
        raise GpuSettingsError(
            "No SSH host is named.", f"Set {VARIABLE}_SSH_HOST to user@host or user@host:port."
        )
    return SshHostSettings(
        parse_address(settings.ssh_host),
        Path(settings.ssh_key).expanduser(),
        Path(settings.ssh_known_hosts).expanduser(),
        settings.ssh_usd_per_hour,
    )


def _runpod(settings: GpuSettings) -> Cloud:
    url = os.environ.get(RUNPOD_URL_VARIABLE) or runpod.BASE_URL
    tiers: tuple[Tier, ...] = ("secure", "community")
    if settings.tier != "any":
        tiers = (settings.tier,)
    return RunPod(RunPodSettings(url, tiers))


def _lambda(_settings: GpuSettings) -> Cloud:
    return LambdaCloud(LambdaSettings(os.environ.get(LAMBDA_URL_VARIABLE) or lambda_cloud.BASE_URL))


CLOUDS: dict[Provider, Callable[[GpuSettings], Cloud]] = {
    Provider.RUNPOD: _runpod,
    Provider.LAMBDA: _lambda,
}

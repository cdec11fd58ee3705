"""The providers as the resource describes them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from resources.gpu.clouds.base import Cloud
from resources.gpu.clouds.lambda_cloud import LambdaCloud, LambdaSettings
from resources.gpu.clouds.runpod import RunPod, RunPodSettings
from resources.gpu.hosts.keys import own_key
from resources.gpu.lease import GpuProvider
from resources.gpu.leases.ledger import Ledger
from resources.gpu.leases.local import LocalProvider
from resources.gpu.leases.pod import Terms
from resources.gpu.leases.rented import RentedProvider
from resources.gpu.leases.ssh_host import SshHostProvider, SshHostSettings, parse_address
from resources.gpu.resource import (
    API_KEYS,
    DEFAULT_TIER,
    VARIABLE,
    Gpu,
    GpuSettingsError,
    Provider,
)
from resources.gpu.timeouts import Pace

Tiers = tuple[Literal["secure", "community"], ...]

TIERS: dict[str, Tiers] = {
    "secure": ("secure",),
    "community": ("community",),
    "any": ("secure", "community"),
}
RUNPOD_URL_VARIABLE = "OUTPOST_RUNPOD_URL"
LAMBDA_URL_VARIABLE = "OUTPOST_LAMBDA_URL"
"""Where the APIs answer, for those who reach them by another way."""


def provider_of(gpu: Gpu) -> GpuProvider:
    """The source of hosts that a resource describes.

    Raises:
        GpuSettingsError, SshHostError: something that it needs is not told.
    """
    if gpu.provider is Provider.LOCAL:
        return LocalProvider()
    folder = gpu.paths.state.gpu
    if gpu.provider is Provider.SSH:
        return SshHostProvider(ssh_settings(gpu), folder, Pace())
    terms = Terms(
        cloud=cloud_of(gpu),
        ledger=Ledger(folder),
        limits=gpu.limits,
        key=own_key(folder / "id_ed25519"),
        pace=Pace(),
        disk_gb=gpu.disk_gb,
        min_cuda=gpu.min_cuda,
    )
    return RentedProvider(terms, gpu.wish)


def cloud_of(gpu: Gpu) -> Cloud:
    """The client of a provider's API.

    Raises:
        GpuSettingsError: nothing is rented from this provider.
    """
    if gpu.provider not in CLOUDS:
        raise GpuSettingsError(
            f"Nothing is rented from '{gpu.provider.value}'.",
            f"Set {VARIABLE} to one of {', '.join(CLOUDS)}.",
        )
    return CLOUDS[gpu.provider](TIERS[gpu.tier])


def clouds_at_hand() -> tuple[Cloud, ...]:
    """Every cloud whose API key is in the environment, whatever is configured."""
    return tuple(
        CLOUDS[provider](TIERS[DEFAULT_TIER])
        for provider, variable in API_KEYS.items()
        if os.environ.get(variable, "").strip()
    )


def ssh_settings(gpu: Gpu) -> SshHostSettings:
    """The machine that is to be used by SSH.

    Raises:
        GpuSettingsError: none is named.
    """
    if not gpu.ssh_host:
        raise GpuSettingsError(
            "No SSH host is named.", f"Set {VARIABLE}_SSH_HOST to user@host or user@host:port."
        )
    return SshHostSettings(
        parse_address(gpu.ssh_host),
        Path(gpu.ssh_key).expanduser(),
        Path(gpu.ssh_known_hosts).expanduser(),
        gpu.ssh_usd_per_hour,
    )


def _runpod(tiers: Tiers) -> Cloud:
    settings = RunPodSettings(tiers=tiers)
    url = os.environ.get(RUNPOD_URL_VARIABLE)
    return RunPod(replace(settings, base_url=url) if url else settings)


def _lambda(_tiers: Tiers) -> Cloud:
    url = os.environ.get(LAMBDA_URL_VARIABLE)
    return LambdaCloud(LambdaSettings(base_url=url) if url else LambdaSettings())


CLOUDS: dict[Provider, Callable[[Tiers], Cloud]] = {
    Provider.RUNPOD: _runpod,
    Provider.LAMBDA: _lambda,
}

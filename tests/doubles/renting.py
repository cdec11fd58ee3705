"""Renting from the doubles of the clouds: quick, and with all that a real lease goes through."""

from __future__ import annotations

import getpass
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from doubles.clouds import CloudDouble
from doubles.gpu_jobs import QUICK, gpu_python
from doubles.lambda_cloud import LambdaCloudDouble, running_lambda_cloud
from doubles.runpod import RunPodDouble, running_runpod

from resources.gpu.clouds.base import Cloud, GpuRequest
from resources.gpu.clouds.http import RetryPolicy
from resources.gpu.clouds.lambda_cloud import LambdaCloud, LambdaSettings
from resources.gpu.clouds.runpod import RunPod, RunPodSettings
from resources.gpu.hosts.keys import own_key
from resources.gpu.leases.ledger import Ledger, Limits
from resources.gpu.leases.pod import PodTerms
from resources.gpu.leases.reaper import Reaping, reap_until_done
from resources.gpu.leases.rented import RentedProvider
from resources.gpu.timeouts import Timeouts

A10, A100 = "gpu_1x_a10", "gpu_1x_a100_sxm4"
RTX_4090, A5000, L40S = "NVIDIA GeForce RTX 4090", "NVIDIA RTX A5000", "NVIDIA L40S"
IMPATIENT = RetryPolicy(attempts=3, backoff_seconds=0.02, timeout_seconds=3.0, longest_wait=2.0)
LIMITS = Limits(per_hour=1.0, per_lease=1.0, per_month=20.0, leases=1, ttl_seconds=3600)


@dataclass(frozen=True)
class Renting:
    """An account at a cloud, and the state folder of somebody who rents from it."""

    runpod: RunPodDouble
    ledger: Ledger

    @property
    def double(self) -> RunPodDouble:
        return self.runpod

    @property
    def cloud(self) -> RunPod:
        return cloud_at(self.runpod.url)

    def provider(
        self,
        gpus: tuple[str, ...] = (RTX_4090, A5000),
        timeouts: Timeouts = QUICK,
        **limits: float,
    ) -> RentedProvider:
        return renting_from(self.runpod.url, self.ledger, gpus, timeouts, **limits)

    def reap(self, timeouts: Timeouts = QUICK) -> tuple[Reaping, ...]:
        """What `outpost gpu reap` does."""
        return reap_until_done(self.cloud, self.ledger, timeouts)

    def assert_all_is_over(self) -> None:
        """No pod is billed, every lease has ended, and the ledger knows of at least every cent."""
        assert_all_is_over(self.runpod, self.ledger)


@dataclass(frozen=True)
class RentingFromLambda:
    """As `Renting`, from Lambda Cloud."""

    double: LambdaCloudDouble
    ledger: Ledger

    @property
    def cloud(self) -> LambdaCloud:
        return LambdaCloud(
            LambdaSettings(
                base_url=self.double.url,
                ssh_user=getpass.getuser(),
                ssh_port=self.double.ssh_port,
                seconds_apart=0.0,
                launch_seconds_apart=0.0,
                retries=IMPATIENT,
            )
        )

    def provider(self) -> RentedProvider:
        return provider_for(self.cloud, self.ledger, (A10, A100), per_hour=2.5)

    def reap(self, timeouts: Timeouts = QUICK) -> tuple[Reaping, ...]:
        """What `outpost gpu reap` does."""
        return reap_until_done(self.cloud, self.ledger, timeouts)

    def assert_all_is_over(self) -> None:
        """No pod is billed, every lease has ended, and the ledger knows of at least every cent."""
        assert_all_is_over(self.double, self.ledger)


def assert_all_is_over(cloud: CloudDouble, ledger: Ledger) -> None:
    """No pod is billed, every lease has ended, and the ledger knows of at least every cent."""
    assert cloud.owned == []
    assert [row.state for row in ledger.open_rows()] == []
    now = ledger.clock()
    assert sum(row.usd(now) for row in ledger.rows()) >= cloud.usd * 0.99
    assert cloud.violations == []


def transitions(ledger: Ledger, lease: str) -> list[str]:
    """The states through which a lease has gone, in order."""
    with closing(sqlite3.connect(ledger.file)) as connection:
        told = "SELECT state FROM transition WHERE lease = ? ORDER BY rowid"
        return [state for (state,) in connection.execute(told, (lease,))]


def renting_from(
    url: str,
    ledger: Ledger,
    gpus: tuple[str, ...] = (RTX_4090, A5000),
    timeouts: Timeouts = QUICK,
    **limits: float,
) -> RentedProvider:
    """A provider that rents from RunPod at an address."""
    return provider_for(cloud_at(url), ledger, gpus, timeouts, **limits)


def provider_for(
    cloud: Cloud, ledger: Ledger, gpus: tuple[str, ...], timeouts: Timeouts = QUICK, **limits: float
) -> RentedProvider:
    """A provider that rents from a cloud."""
    terms = PodTerms(
        cloud=cloud,
        ledger=ledger,
        limits=replace(LIMITS, **limits),
        key=own_key(ledger.folder / "id_ed25519"),
        timeouts=timeouts,
        disk_gb=40,
        min_cuda="12.8",
    )
    return RentedProvider(terms, GpuRequest(gpus, terms.limits.per_hour))


def cloud_at(url: str) -> RunPod:
    """RunPod at an address, asked by somebody impatient."""
    return RunPod(RunPodSettings(base_url=url, retries=IMPATIENT))


@contextmanager
def renting(folder: Path) -> Iterator[Renting]:
    """A fresh account and a fresh state folder. Its key has to be in RUNPOD_API_KEY."""
    with running_runpod(folder / "runpod") as runpod:
        runpod.programs = {"python3": gpu_python(), "python": gpu_python()}
        yield Renting(runpod, Ledger(folder / "state"))


@contextmanager
def renting_from_lambda(folder: Path) -> Iterator[RentingFromLambda]:
    """A fresh account and a fresh state folder. Its key has to be in LAMBDA_API_KEY."""
    with running_lambda_cloud(folder / "lambda") as double:
        double.programs = {"python3": gpu_python()}
        yield RentingFromLambda(double, Ledger(folder / "state"))

"""The Dagster resource that assets ask for a host to train on."""

from contextlib import AbstractContextManager
from enum import StrEnum

import dagster as dg
from pydantic import Field

from pipeline.training.job import JobSpec
from resources.gpu.lease import GpuProvider, Lease
from resources.gpu.local import LocalProvider


class Provider(StrEnum):
    """Where hosts come from."""

    LOCAL = "local"


class Gpu(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Rents a host for a training job, within one asset's body.

    Not through the resource's own set-up and tear-down: Dagster runs those once a process, and an
    error in them does not fail the run.
    """

    provider: Provider = Field(
        default=Provider.LOCAL,
        description="'local' trains on this machine, on its GPU if it has one.",
    )

    def rent(self, spec: JobSpec) -> AbstractContextManager[Lease]:
        """A lease for the time of a `with` block."""
        return self._provider().rent(spec)

    def _provider(self) -> GpuProvider:
        providers: dict[Provider, GpuProvider] = {Provider.LOCAL: LocalProvider()}
        return providers[self.provider]

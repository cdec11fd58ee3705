"""What somebody may choose about GPUs: who rents them, which, and what they may cost."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import OutpostError
from resources.gpu.clouds.base import GpuRequest
from resources.gpu.leases.ledger import Limits

VARIABLE = "OUTPOST_GPU"
"""The provider; `OUTPOST_GPU_MAX_USD_PER_HOUR` and so on set the other fields."""


class GpuSettingsError(OutpostError):
    """A setting of the GPU that does not exist or cannot have that value."""


class Provider(StrEnum):
    """Where hosts come from."""

    LOCAL = "local"
    RUNPOD = "runpod"
    LAMBDA = "lambda"
    SSH = "ssh"


API_KEYS = {Provider.RUNPOD: "RUNPOD_API_KEY", Provider.LAMBDA: "LAMBDA_API_KEY"}
"""Variables of the environment that hold the keys; no job gets to see them."""
GPUS: dict[Provider, tuple[str, ...]] = {
    Provider.RUNPOD: (
        "NVIDIA GeForce RTX 4090",
        "NVIDIA RTX 4000 Ada Generation",
        "NVIDIA RTX A5000",
        "NVIDIA L4",
        "NVIDIA A40",
        "NVIDIA L40S",
    ),
    Provider.LAMBDA: ("gpu_1x_a10", "gpu_1x_rtx6000", "gpu_1x_a6000", "gpu_1x_a100"),
}
"""What is asked for where nothing else is named, best first: a detector of this size gains little
from a bigger GPU."""


class GpuSettings(BaseModel):
    """Where hosts come from, and their limits.

    API keys are none of it: they are read from the environment when they are needed.
    """

    model_config = ConfigDict(frozen=True)

    provider: Provider = Field(
        default=Provider.LOCAL,
        description="'local' trains on this machine, on its GPU if it has one; 'runpod' and "
        "'lambda' rent a host; 'ssh' uses a machine of your own.",
    )
    gpus: list[str] = Field(
        default=[],
        description="GPUs to rent, best first, as the provider names them; a list of its own for "
        "each provider if empty. On Lambda these are types of instances.",
    )
    tier: Literal["secure", "community", "any"] = Field(
        default="secure",
        description="RunPod: data centres ('secure'), other people's machines, which cost less and "
        "fail more often ('community'), or both.",
    )
    max_usd_per_hour: float = Field(
        default=0.80,
        gt=0,
        description="More expensive hosts are never rented, whatever was offered.",
    )
    max_usd_per_lease: float = Field(
        default=3.0, gt=0, description="A job ends in order before a lease costs more."
    )
    max_usd_per_month: float = Field(
        default=30.0,
        gt=0,
        description="All leases of a calendar month (UTC), as the ledger has it.",
    )
    max_leases: int = Field(default=1, ge=1, description="At once.")
    ttl_hours: float = Field(
        default=3.0, ge=0.25, le=24, description="Longest lease; then the pod ends itself."
    )
    disk_gb: int = Field(default=40, ge=10, description="Of a rented host.")
    min_cuda: str = Field(default="12.8", description="Oldest CUDA version of a host's driver.")
    ssh_host: str = Field(default="", description="For 'ssh': user@host or user@host:port.")
    ssh_key: str = Field(
        default="~/.ssh/id_ed25519",
        description="For 'ssh': private key. One with a passphrase is used through the SSH agent, "
        "or opened with OUTPOST_GPU_SSH_PASSPHRASE; one in hardware through the agent.",
    )
    ssh_known_hosts: str = Field(
        default="~/.ssh/known_hosts", description="For 'ssh': file that knows the host's key."
    )
    ssh_usd_per_hour: float = Field(
        default=0.0, ge=0, description="For 'ssh': what an hour costs you, for the bill."
    )

    @property
    def gpu_request(self) -> GpuRequest:
        """What hosts would do."""
        gpus = tuple(self.gpus) or GPUS.get(self.provider, ())
        return GpuRequest(gpus, self.max_usd_per_hour, self.min_cuda)

    @property
    def limits(self) -> Limits:
        """What leases may cost."""
        return Limits(
            per_hour=self.max_usd_per_hour,
            per_lease=self.max_usd_per_lease,
            per_month=self.max_usd_per_month,
            leases=self.max_leases,
            ttl_seconds=int(3600 * self.ttl_hours),
        )


def variable_of(field: str) -> str:
    """The environment variable that sets a field of the resource."""
    return VARIABLE if field == "provider" else f"{VARIABLE}_{field.upper()}"

"""What a GPU cloud must be able to do, in the few words that all of them share.

A client only translates: it sends one request, reads one reply and names what it means. What to do
next (another offer, another try, giving up) is decided by whoever holds the lease.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

from pipeline.errors import OutpostError

DEADMAN_FILE = "$HOME/.outpost_deadman.pid"
"""On the pod, as its shell writes it (never in single quotes): process id of the dead-man switch.

Written before sshd starts; the switch is armed while `kill -0` finds that process.
"""

IDLE_FILE = "$HOME/.outpost_idle"
"""On the pod, as its shell writes it: touched when a job has ended, and by the lease ever after.

A pod whose dead-man switch finds this file older than `IDLE_MINUTES` has been left alone with its
work done, and ends itself before its time. While the file does not exist, only the time counts.
"""

IDLE_MINUTES = 30
"""Long enough to fetch what a training has made over a slow line."""

HOURS_A_MONTH = 730.0
"""A price for a month, by this, is one for an hour: 365 days of 24 hours in 12 months."""


class CloudError(OutpostError):
    """A cloud that refused or could not be understood; trying again changes nothing."""


class CloudKeyError(CloudError):
    """The API key is missing, wrong or without the right to do this."""


class CloudBalanceError(CloudError):
    """The account has too little credit."""


class CloudUnavailableError(CloudError):
    """No reply, or a reply that says nothing about the request; it may be sent again.

    Not for creation: see `AmbiguousCreateError`.
    """


class CloudBusyError(CloudUnavailableError):
    """Turned away before the request was looked at, for too many of them; nothing has happened."""


class NoCapacityError(CloudError):
    """This offer cannot be had at present; another one may."""


class AmbiguousCreateError(CloudError):
    """The pod may exist although creating it got no good answer: look for its name first."""


@dataclass(frozen=True)
class GpuRequest:
    """What hosts would do.

    Attributes:
        gpus: names as the cloud writes them, best first.
        max_usd_per_hour: more expensive offers are left out.
        min_cuda: oldest CUDA version of the driver, as "12.8".
    """

    gpus: tuple[str, ...]
    max_usd_per_hour: float
    min_cuda: str = "12.8"


@dataclass(frozen=True)
class Offer:
    """A kind of host that could be rented now.

    Attributes:
        gpu: name as the cloud writes it.
        region: data centre or region, or "" where the cloud chooses.
        tier: "secure" or "community" on RunPod, else "".
        availability: the cloud's own word for how likely it is to be had, or "".
    """

    gpu: str
    region: str
    tier: str
    usd_per_hour: float
    availability: str = ""


@dataclass(frozen=True)
class PodRequest:
    """What to create.

    Attributes:
        name: unique among all that were ever asked for; the only way to find a pod whose creation
            got no answer.
        public_key: one line in OpenSSH's format, the only key that may log in.
        ttl_seconds: after which the pod ends itself, where the cloud lets it.
    """

    name: str
    offer: Offer
    public_key: str
    ttl_seconds: int
    disk_gb: int = 40
    min_cuda: str = "12.8"


class PodStatus(StrEnum):
    """Where a pod is in its life."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPED = "stopped"
    """Not computing, but billed for its disk."""
    FAILED = "failed"
    ENDED = "ended"
    """Gone, or on its way without return; nothing is billed any more."""


@dataclass(frozen=True)
class SshAddress:
    """Where SSH answers, with commands and files allowed."""

    host: str
    port: int
    user: str


@dataclass(frozen=True)
class Pod:
    """A rented machine as its cloud describes it.

    Attributes:
        usd_per_hour: None where the cloud does not say.
        ssh: None until it can be reached directly.
    """

    id: str
    name: str
    status: PodStatus
    usd_per_hour: float | None
    ssh: SshAddress | None


@dataclass(frozen=True)
class Billed:
    """Something in an account that costs money, whoever made it.

    Attributes:
        kind: "pod", "disk of a stopped pod", "network volume" and so on.
        status: the cloud's own word, or "".
        created_at: seconds since 1970, or None where it is not told.
        usd_per_hour: None where it is not known.
        price_is: "told" by the cloud, or "estimated" from a size and a list price.
    """

    kind: str
    id: str
    name: str
    status: str
    created_at: float | None
    usd_per_hour: float | None
    price_is: Literal["told", "estimated", "unknown"]


@dataclass(frozen=True)
class Inventory:
    """What an account is billed for.

    Attributes:
        unknown: what could not be looked at, and why: there may be more of it.
    """

    items: tuple[Billed, ...]
    unknown: tuple[str, ...] = ()

    @classmethod
    def collected(cls, looks: Mapping[str, Callable[[], Iterable[Billed]]]) -> Inventory:
        """What several looks find; one that fails keeps what it had found, and is told of.

        Args:
            looks: by the name of what is looked for.
        """
        items: list[Billed] = []
        unknown = []
        for what, look in looks.items():
            try:
                for item in look():
                    items.append(item)
            except CloudError as error:
                unknown.append(f"{what}: {error.problem}")
        return cls(tuple(items), tuple(unknown))


@dataclass(frozen=True)
class Diagnosis:
    """One thing that `outpost gpu doctor` looked at; `fix` is empty where all is well."""

    check: str
    ok: bool
    detail: str
    fix: str = ""


class Cloud(Protocol):
    """A GPU cloud. No method costs anything except `create`, and none waits for a pod."""

    @property
    def name(self) -> str:
        """As configuration names it."""

    @property
    def arms_deadman(self) -> bool:
        """Whether a pod ends itself after its time, `DEADMAN_FILE` telling that it will."""

    def offers(self, gpu_request: GpuRequest) -> Sequence[Offer]:
        """What could be rented: in the order of the request, the cheapest region first.

        Raises:
            CloudError: see its kinds.
        """

    def create(self, request: PodRequest) -> Pod:
        """Ask for a pod, once; billing begins.

        Raises:
            NoCapacityError: not to be had; nothing was created.
            AmbiguousCreateError: it may have been created.
            CloudError: refused; nothing was created.
        """

    def get(self, pod_id: str) -> Pod | None:
        """A pod by its id; None when the cloud does not know it, as also just after creation."""

    def pods(self) -> Sequence[Pod]:
        """All pods of the account, foreign ones among them.

        Raises:
            CloudError: also when the list may be incomplete; never a part of it.
        """

    def terminate(self, pod_id: str) -> None:
        """Ask for a pod's end; one that is gone already is fine. Does not prove that it ended."""

    def clean_up(self, name: str) -> None:
        """Remove what `create` left in the account beside the pod of this name, once it has ended.

        Also for a creation that failed; nothing left is fine.

        Raises:
            CloudError: what is left may still be there; it costs nothing.
        """

    def host_key_fingerprints(self, pod_id: str) -> Sequence[str]:
        """SHA256 fingerprints ("SHA256:...") of the pod's SSH host keys, by another way than SSH.

        Empty where the cloud has no such way, or does not know yet.
        """

    def billed_usd(self, pod_id: str, since: float) -> float | None:
        """What a pod was charged for so far; None where the cloud does not tell it, or not yet.

        Args:
            since: when the pod was asked for, in seconds since 1970.

        Raises:
            CloudError: it cannot be told now.
        """

    def billed(self) -> Inventory:
        """All that the account is billed for, ours or not; never raises `CloudError`."""

    def diagnose(self, gpu_request: GpuRequest) -> Sequence[Diagnosis]:
        """Key, balance, capacity and price, without renting anything; never raises `CloudError`."""

"""Lambda Cloud, through its API v1.

An instance cannot be told to end itself: nothing on it holds a key to the account. It takes only
SSH keys that are registered in the account, so each instance's key is registered under the
instance's own, unique name and removed with it. The API tells neither when an instance was launched
nor its host keys, and wants one request a second.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from pydantic import Field

from resources.gpu.clouds.base import (
    HOURS_A_MONTH,
    AmbiguousCreateError,
    Billed,
    CloudBalanceError,
    CloudError,
    CloudKeyError,
    CloudUnavailableError,
    Diagnosis,
    GpuRequest,
    Inventory,
    NoCapacityError,
    Offer,
    Pod,
    PodRequest,
    PodStatus,
    SshAddress,
)
from resources.gpu.clouds.http import (
    ApiClient,
    ApiKey,
    ApiResponse,
    Lenient,
    Meaning,
    ResponseBody,
    RetryPolicy,
    Service,
    checked_id,
    incomplete_list,
    wait_for_turn,
)
from resources.gpu.clouds.offers import diagnose_offers, suitable
from resources.services.rate_limits import shared_limiter

BASE_URL = "https://cloud.lambda.ai/api/v1"
KEY = ApiKey("LAMBDA_API_KEY", "https://cloud.lambda.ai/api-keys")

FILE_SYSTEM_USD = 0.20
"""For a GB and month that is used. Lambda's documentation of file systems, 2026."""

_STATUS = {
    "booting": PodStatus.STARTING,
    "active": PodStatus.RUNNING,
    "unhealthy": PodStatus.FAILED,
    "terminating": PodStatus.ENDED,
    "terminated": PodStatus.ENDED,
    "preempted": PodStatus.ENDED,
}
_CODES: Mapping[str, Meaning] = {
    "instance-operations/launch/insufficient-capacity": (
        NoCapacityError,
        "Another type of instance or region may be available; or try again later.",
    ),
    "global/account-inactive": (
        CloudBalanceError,
        "Set up billing for the account, then run again.",
    ),
    "global/invalid-address": (
        CloudBalanceError,
        "Correct the billing address of the account, then run again.",
    ),
    "global/invalid-api-key": (CloudKeyError, "Make a new API key and set it."),
    "global/quota-exceeded": (
        CloudError,
        "End other instances of the account, or ask for a higher quota.",
    ),
}
"""What codes mean, whatever the status beside them."""
_UNKNOWN = "global/object-does-not-exist"
_PAGING = re.compile("page|pagina|next|cursor|more|continu")
_log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class LambdaSettings:
    """Which account, and how its instances are reached.

    Attributes:
        seconds_apart: between two requests of this process.
        launch_seconds_apart: between two launches of this process.
    """

    base_url: str = BASE_URL
    ssh_user: str = "ubuntu"
    ssh_port: int = 22
    seconds_apart: float = 1.0
    launch_seconds_apart: float = 12.0
    retries: RetryPolicy = field(default_factory=RetryPolicy)


class LambdaCloud:
    """See `resources.gpu.clouds.base.Cloud`. A GPU's name is that of a type of instance."""

    name = "lambda"
    arms_deadman = False

    def __init__(self, settings: LambdaSettings) -> None:
        """Nothing is asked yet; raises as `ApiClient` does."""
        self.settings = settings
        service = Service("Lambda Cloud", settings.base_url, KEY, settings.seconds_apart, _CODES)
        self._api = ApiClient(service, settings.retries)
        launches = f"{self._api.base_url} launches"
        self._launches = shared_limiter(launches, settings.launch_seconds_apart)

    def offers(self, gpu_request: GpuRequest) -> Sequence[Offer]:
        """What could be rented, region by region; the CUDA version is Lambda's, a recent one."""
        return suitable(list(_offers(self._types())), gpu_request)

    def create(self, request: PodRequest) -> Pod:
        """Register the key under the instance's name, then launch.

        A launch that is refused takes the key back; a launch that may have happened does not, as
        the instance needs it: see `_try_clean_up`.
        """
        name = request.name
        launch = {
            "region_name": request.offer.region,
            "instance_type_name": request.offer.gpu,
            "ssh_key_names": [self._register(name, request.public_key)],
            "file_system_names": [],
            "name": name,
        }
        try:
            instance_id = self._launch(launch)
        except AmbiguousCreateError:
            raise
        except CloudError:
            self._try_clean_up(name)
            raise
        return Pod(instance_id, name, PodStatus.STARTING, request.offer.usd_per_hour, ssh=None)

    def get(self, pod_id: str) -> Pod | None:
        instance = self._instance(pod_id)
        return None if instance is None else self._pod(instance)

    def pods(self) -> Sequence[Pod]:
        """All instances of the account."""
        listed = self._api.ask("GET", "/instances").read(_WholeList[_Instance])
        listed.require_all("instances")
        return [self._pod(instance) for instance in listed.data]

    def terminate(self, pod_id: str) -> None:
        """Ask for an instance's end, and remove its key if it has one of its own."""
        name = self._own_key(pod_id)
        body = {"instance_ids": [checked_id(pod_id)]}
        reply = self._api.ask("POST", "/instance-operations/terminate", body=body)
        if not _is_unknown(reply):
            reply.raise_for_error()
        if name:
            self._try_clean_up(name)

    def clean_up(self, name: str) -> None:
        """Remove the SSH key that `create` registered under a name."""
        for key in self._api.ask("GET", "/ssh-keys").read(_Answer[list[_Key]]).data:
            if key.name == name:
                reply = self._api.ask("DELETE", f"/ssh-keys/{checked_id(key.id)}")
                if not _is_unknown(reply):
                    reply.raise_for_error()

    def host_key_fingerprints(self, pod_id: str) -> Sequence[str]:  # noqa: ARG002
        """None: Lambda does not tell host keys."""
        return ()

    def billed_usd(self, pod_id: str, since: float) -> float | None:  # noqa: ARG002
        """Unknown: Lambda's API has no bills."""
        return None

    def billed(self) -> Inventory:
        """Instances and file systems."""
        return Inventory.collected(
            {"instances": self._billed_instances, "file systems": self._billed_file_systems}
        )

    def _billed_instances(self) -> Iterator[Billed]:
        listed = self._api.ask("GET", "/instances").read(_WholeList[_Instance])
        for instance in listed.data:
            pod = self._pod(instance)
            if pod.status is not PodStatus.ENDED:
                what = ("instance", pod.id, pod.name, instance.status, None)
                yield Billed(*what, pod.usd_per_hour, "told" if pod.usd_per_hour else "unknown")
        listed.require_all("instances")

    def _billed_file_systems(self) -> Iterator[Billed]:
        listed = self._api.ask("GET", "/file-systems").read(_WholeList[_FileSystem])
        yield from (system.billed() for system in listed.data)
        listed.require_all("file systems")

    def diagnose(self, gpu_request: GpuRequest) -> Sequence[Diagnosis]:
        """Key, instances, capacity and price; Lambda tells no balance."""
        key = self._api.diagnose_key("Lambda API key", "instances", self.pods)
        diagnoses = [*self._api.diagnose_clock(), key]
        return [*diagnoses, self._diagnose_capacity(gpu_request)] if key.ok else diagnoses

    def _diagnose_capacity(self, gpu_request: GpuRequest) -> Diagnosis:
        try:
            types = self._types()
        except CloudError as error:
            return Diagnosis("Lambda Cloud", False, error.problem, error.fix)
        return diagnose_offers(list(_offers(types)), types.keys(), gpu_request)

    def _types(self) -> dict[str, _Type]:
        return self._api.ask("GET", "/instance-types").read(_Answer[dict[str, _Type]]).data

    def _register(self, name: str, public_key: str) -> str:
        """Register a key, and return the name that it has.

        What is refused may be there already: under this name, where the reply to an earlier try was
        lost, or under that of an earlier instance whose end was not seen.
        """
        reply = self._api.ask("POST", "/ssh-keys", body={"name": name, "public_key": public_key})
        error = reply.error()
        if error is None:
            return name
        for key in self._api.ask("GET", "/ssh-keys").read(_Answer[list[_Key]]).data:
            # Whatever they are called, which is the third part.
            if key.public_key.split()[:2] == public_key.split()[:2]:
                return key.name
        raise error

    def _launch(self, launch: Mapping[str, object]) -> str:
        wait_for_turn(self._launches, self.settings.retries.longest_wait)
        reply = self._api.create("/instance-operations/launch", launch)
        reply.raise_for_error()
        try:
            (instance_id,) = reply.read(_Answer[_Launched]).data.instance_ids
        except (CloudUnavailableError, ValueError) as error:
            raise self._api.ambiguous(f"its reply names no instance ({error})") from None
        return instance_id

    def _instance(self, pod_id: str) -> _Instance | None:
        reply = self._api.ask("GET", f"/instances/{checked_id(pod_id)}")
        return None if _is_unknown(reply) else reply.read(_Answer[_Instance]).data

    def _own_key(self, pod_id: str) -> str:
        """The name of the key that was registered for this instance alone; "" if there is none."""
        try:
            instance = self._instance(pod_id)
        except CloudError as error:
            # Its end is what matters.
            _log.warning("The SSH key of instance %s is not known: %s", pod_id, error.problem)
            return ""
        if instance is None or instance.name not in (instance.ssh_key_names or ()):
            return ""
        return instance.name or ""

    def _try_clean_up(self, name: str) -> None:
        try:
            self.clean_up(name)
        except CloudError as error:
            _log.warning("The SSH key %s stays in the Lambda account: %s", name, error.problem)

    def _pod(self, instance: _Instance) -> Pod:
        # A status that is not known yet: such an instance is there and billed, but not of use.
        status = _STATUS.get(instance.status, PodStatus.STARTING)
        address = None
        if instance.ip and status is PodStatus.RUNNING:
            address = SshAddress(instance.ip, self.settings.ssh_port, self.settings.ssh_user)
        cents = instance.instance_type.price_cents_per_hour if instance.instance_type else None
        price = cents / 100 if cents else None
        return Pod(instance.id, instance.name or "", status, price, address)


class _Answer(ResponseBody, Generic[T]):
    data: T


class _InstanceType(ResponseBody):
    price_cents_per_hour: int | None = None


class _Instance(ResponseBody):
    id: str = Field(min_length=1)
    name: str | None = None
    ip: Lenient[str] = None
    status: str
    ssh_key_names: Lenient[list[str]] = None
    instance_type: Lenient[_InstanceType] = None


class _WholeList(_Answer[list[T]]):
    def require_all(self, what: str) -> None:
        """Raise where there may be more. Pages are not documented, so any sign of them counts."""
        beside = self.model_extra or {}
        if any(value for word, value in beside.items() if _PAGING.search(word.lower())):
            raise incomplete_list("Lambda Cloud", what)


class _FileSystem(ResponseBody):
    id: str
    name: str = ""
    created: Lenient[datetime] = None
    bytes_used: Lenient[float] = None

    def billed(self) -> Billed:
        created = self.created.timestamp() if self.created else None
        what = ("file system", self.id, self.name)
        if self.bytes_used is None:
            return Billed(*what, "", created, None, "unknown")
        gigabytes = self.bytes_used / 1e9
        price = gigabytes * FILE_SYSTEM_USD / HOURS_A_MONTH
        return Billed(*what, f"{gigabytes:.1f} GB used", created, price, "estimated")


class _Region(ResponseBody):
    name: str


class _Type(ResponseBody):
    instance_type: _InstanceType
    regions_with_capacity_available: list[_Region]


class _Key(ResponseBody):
    id: str
    name: str
    public_key: str = ""


class _Launched(ResponseBody):
    instance_ids: list[str]


def _offers(types: dict[str, _Type]) -> Iterator[Offer]:
    """What can be had at present, at any price."""
    for name, kind in types.items():
        for region in kind.regions_with_capacity_available:
            price = (kind.instance_type.price_cents_per_hour or 0) / 100
            yield Offer(name, region.name, tier="", usd_per_hour=price)


def _is_unknown(reply: ApiResponse) -> bool:
    return reply.status == 404 or reply.code == _UNKNOWN

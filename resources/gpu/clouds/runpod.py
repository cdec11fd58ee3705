"""RunPod, through its REST API v2.

The API places one kind of GPU per request, has no time limit for pods, no idempotency keys and no
machine-readable reason for a refusal; see `resources.gpu.clouds.base` for who deals with what.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import AliasPath, Field

from resources.gpu.clouds.base import (
    DEADMAN_FILE,
    HOURS_A_MONTH,
    IDLE_FILE,
    IDLE_MINUTES,
    Billed,
    CloudError,
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
    Lenient,
    Query,
    ResponseBody,
    RetryPolicy,
    Service,
    checked_id,
    checked_url,
    incomplete_list,
)
from resources.gpu.clouds.offers import diagnose_offers, suitable
from resources.gpu.pod_names import parse_name

BASE_URL = "https://api.runpod.io/v2"
IMAGE = "runpod/pytorch:1.0.2-cu1281-torch280-ubuntu2404"
"""Its /start.sh starts sshd for PUBLIC_KEY."""
KEY = ApiKey("RUNPOD_API_KEY", "https://console.runpod.io/user/settings")
LOG_LINES = 1000
LOG_SECONDS = 3.0
DEADMAN_LOOK_SECONDS = 5
DEADMAN_RETRY_SECONDS = 60
RESTART_SLACK_SECONDS = 3600
"""Beyond the time in its name a pod ends itself even if its container began anew meanwhile; so much
may the clocks here and there differ."""
STOP_AFTER_TRIES = 15
"""Removals in vain, a minute apart, after which a pod stops itself: then only a disk is billed."""

STOPPED_DISK_USD = 0.20
"""For a GB and month of a stopped pod's own disk, twice that of a running one's. The disk of its
container is free then. RunPod's documentation of pod pricing, 2026."""
VOLUME_USD = 0.07
"""For a GB and month of a network volume of the standard kind, the first terabyte. As above."""

_STATUS = {
    "PROVISIONING": PodStatus.STARTING,
    "STARTING": PodStatus.STARTING,
    "RUNNING": PodStatus.RUNNING,
    "EXITED": PodStatus.STOPPED,
    "ERROR": PodStatus.FAILED,
    "TERMINATED": PodStatus.ENDED,
}
_FINGERPRINT = re.compile(r"^\d+ (SHA256:[A-Za-z0-9+/]{43}) .*\([A-Z0-9-]+\)\s*$")
"""As `ssh-keygen -l` prints it."""

Tier = Literal["secure", "community"]


@dataclass(frozen=True)
class RunPodSettings:
    """Which account and what to rent from it.

    Attributes:
        tiers: secure: data centres; community: other people's machines, cheaper and less sure.
    """

    base_url: str = BASE_URL
    tiers: tuple[Tier, ...] = ("secure",)
    retries: RetryPolicy = field(default_factory=RetryPolicy)


class RunPod:
    """See `resources.gpu.clouds.base.Cloud`."""

    name = "runpod"
    arms_deadman = True

    def __init__(self, settings: RunPodSettings) -> None:
        """Nothing is asked yet; raises as `ApiClient` does."""
        self.settings = settings
        self._api = ApiClient(Service("RunPod", settings.base_url, KEY), settings.retries)

    def offers(self, gpu_request: GpuRequest) -> Sequence[Offer]:
        """What could be rented, data centre by data centre where they are told."""
        return suitable(list(_offers(self._catalogues(gpu_request))), gpu_request)

    def create(self, request: PodRequest) -> Pod:
        """Ask for a pod whose dead-man switch is armed before anything else runs on it.

        A pool that this account may not use (403) counts as having no capacity. RunPod has no
        code for that either (400), so a wrong request may show as `NoCapacityError`, too; its
        text quotes RunPod.
        """
        reply = self._api.create("/pods", self._body(request))
        if reply.status in (400, 403) and not reply.turned_away:
            raise NoCapacityError(
                f"RunPod has no {request.offer.gpu} in {request.offer.region or 'any region'} "
                f"({request.offer.tier}) for this account: {reply.message}",
                "Another GPU or region may be available. If none is, read what RunPod says; pods "
                "that count against the account's spending limit look like this, too.",
            )
        reply.raise_for_error()
        try:
            return reply.read(_Pod).pod()
        except CloudUnavailableError as error:
            raise self._api.ambiguous(error.problem) from None

    def get(self, pod_id: str) -> Pod | None:
        reply = self._api.ask("GET", f"/pods/{checked_id(pod_id)}")
        return None if reply.status == 404 else reply.read(_Pod).pod()

    def pods(self) -> Sequence[Pod]:
        """All pods of the account but those of clusters, which Outpost never makes."""
        listed = self._api.ask("GET", "/pods").read(_Pods)
        listed.require_all("pods")
        return [pod.pod() for pod in listed.pods]

    def terminate(self, pod_id: str) -> None:
        reply = self._api.ask("DELETE", f"/pods/{checked_id(pod_id)}")
        if reply.status != 404:
            reply.raise_for_error()

    def clean_up(self, name: str) -> None:
        """A pod brings its key along; nothing else is left in the account."""

    def host_key_fingerprints(self, pod_id: str) -> Sequence[str]:
        """What the container printed when it made its host keys.

        Raises:
            CloudError: the log cannot be read.
        """
        query: Query = {"source": "container", "tail": LOG_LINES}
        found: dict[str, None] = {}
        for line in self._api.lines(f"/pods/{checked_id(pod_id)}/logs", query, LOG_SECONDS):
            if match := _FINGERPRINT.match(_log_line(line)):
                found[match[1]] = None
            elif found and line.startswith(":"):
                # A comment keeps the connection alive: for now there is no more to come.
                break
        return tuple(found)

    def billed_usd(self, pod_id: str, since: float) -> float | None:
        """The sum of the pod's records; there are none before it was first charged."""
        query: Query = {
            "podId": checked_id(pod_id),
            "bucketSize": "hour",
            "startTime": datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        bill = self._api.ask("GET", "/billing/pods", query).read(_Billing)
        charged = [record.total for record in bill.records if record.pod_id == pod_id]
        return sum(charged) if charged else None

    def billed(self) -> Inventory:
        """Pods, those of clusters and stopped ones with disks among them, volumes, endpoints."""
        return Inventory.collected(
            {
                "pods": self._billed_pods,
                "network volumes": self._billed_volumes,
                "serverless endpoints": self._billed_endpoints,
            }
        )

    def _billed_pods(self) -> Iterator[Billed]:
        listed = self._api.ask("GET", "/pods", {"includeClusterPods": "true"}).read(_Pods)
        for pod in listed.pods:
            if _STATUS.get(pod.status) is not PodStatus.ENDED:
                yield pod.billed()
        listed.require_all("pods")

    def _billed_volumes(self) -> Iterator[Billed]:
        listed = self._api.ask("GET", "/network-volumes").read(_Volumes)
        yield from (volume.billed() for volume in listed.networkVolumes)
        listed.require_all("network volumes")

    def _billed_endpoints(self) -> Iterator[Billed]:
        listed = self._api.ask("GET", "/serverless").read(_Endpoints)
        yield from (endpoint.billed() for endpoint in listed.endpoints if endpoint.workers.min)
        listed.require_all("serverless endpoints")

    def diagnose(self, gpu_request: GpuRequest) -> Sequence[Diagnosis]:
        """Key, pods, spending, capacity and price."""
        key = self._api.diagnose_key("RunPod API key", "pods", self.pods)
        if not key.ok:
            return [key]
        spending, capacity = self._diagnose_spending(), self._diagnose_capacity(gpu_request)
        return [key, spending, *self._api.diagnose_clock(), capacity]

    def _diagnose_spending(self) -> Diagnosis:
        try:
            reply = self._api.ask("GET", "/billing/pods", {"bucketSize": "day", "lastN": 30})
            detail = (
                f"not told by the API; USD {reply.read(_Billing).total:.2f} for pods in the last "
                "30 days. With less than an hour of credit, a pod is refused."
            )
        except CloudError as error:
            # A key that may create pods need not be one that may see bills.
            detail = f"not told: {error.problem}"
        return Diagnosis("RunPod balance", True, detail)

    def _diagnose_capacity(self, gpu_request: GpuRequest) -> Diagnosis:
        try:
            catalogues = self._catalogues(gpu_request)
        except CloudError as error:
            return Diagnosis("RunPod catalogue", False, error.problem, error.fix)
        known = {gpu.id for _, gpus in catalogues for gpu in gpus}
        return diagnose_offers(list(_offers(catalogues)), known, gpu_request)

    def _catalogues(self, gpu_request: GpuRequest) -> list[tuple[Tier, list[_Gpu]]]:
        found = []
        for tier in self.settings.tiers:
            query: Query = {
                "include": "AVAILABILITY",
                "product": "POD",
                "cloud": tier.upper(),
                "count": 1,
                "minCudaVersion": gpu_request.min_cuda,
            }
            found.append((tier, self._api.ask("GET", "/catalog/gpus", query).read(_Gpus).gpus))
        return found

    def _body(self, request: PodRequest) -> dict[str, Any]:
        place, name = request.offer.region, parse_name(request.name)
        latest = name.expires + RESTART_SLACK_SECONDS if name else None
        return {
            "name": request.name,
            "image": IMAGE,
            # Without a count RunPod finds no instance, whatever its documentation says.
            "gpu": {"id": request.offer.gpu, "count": 1, "minCudaVersion": request.min_cuda},
            "cloud": "COMMUNITY" if request.offer.tier == "community" else "SECURE",
            "disk": request.disk_gb,
            "ports": ["22/tcp"],
            "env": {"PUBLIC_KEY": request.public_key},
            "args": deadman_args(request.ttl_seconds, self.settings.base_url, latest),
            **({"dataCenterIds": [place]} if place else {}),
        }


def deadman_args(ttl_seconds: int, base_url: str, latest: int | None = None) -> str:
    """The container's command: arm the switch, then become the image's own start script.

    When the time is up, or the pod has been left alone with its work done (`IDLE_FILE`), it removes
    itself by the API and by `runpodctl`, whose older and newer commands differ, in turn, until it
    is gone. Stopping, which leaves a disk to be billed, is the last resort. Whatever parses this
    string sees one single-quoted word; the key is handed over on standard input, as command lines
    can be read by everybody.

    Args:
        ttl_seconds: from the start of the container.
        base_url: of the API.
        latest: seconds since 1970 after which it ends whenever its container began; a container
            that is restarted counts `ttl_seconds` anew.
    """
    if ttl_seconds <= 0:
        raise CloudError(
            f"A pod cannot end itself after {ttl_seconds} s.", "Give it a time above zero."
        )
    look = min(DEADMAN_LOOK_SECONDS, ttl_seconds)
    too_late = "" if latest is None else f"[ $(date +%s) -gt {latest} ] && break; "
    pod = f"{checked_url(base_url)}/pods/$RUNPOD_POD_ID"
    script = (
        f"( sleep {ttl_seconds} & clock=$!; "
        "while kill -0 $clock 2>/dev/null; do "
        f"sleep {look}; "
        f'[ -n "$(find {IDLE_FILE} -mmin +{IDLE_MINUTES} 2>/dev/null)" ] && break; '
        f"{too_late}"
        "done; "
        "tries=0; "
        "while :; do "
        'echo "Authorization: Bearer $RUNPOD_API_KEY" | '
        f"curl -sS -m 30 -X DELETE -H @- -A outpost/1 {pod}; "
        "timeout 60 runpodctl remove pod $RUNPOD_POD_ID; "
        "timeout 60 runpodctl pod delete $RUNPOD_POD_ID; "
        "tries=$((tries + 1)); "
        f"[ $tries -gt {STOP_AFTER_TRIES} ] && timeout 60 runpodctl stop pod $RUNPOD_POD_ID; "
        f"sleep {DEADMAN_RETRY_SECONDS}; "
        f"done ) & echo $! > {DEADMAN_FILE}; exec /start.sh"
    )
    return f"bash -c '{script}'"


class _Endpoint(ResponseBody):
    host: str
    port: int
    username: str


class _Pod(ResponseBody):
    id: str = Field(min_length=1)
    name: str
    status: str
    cost: Lenient[float] = None
    ssh: Lenient[_Endpoint] = Field(None, validation_alias=AliasPath("ssh", "direct"))
    disk_gb: Lenient[float] = Field(
        None, validation_alias=AliasPath("mounts", "persistent", "size")
    )
    cluster: Lenient[dict[str, object]] = None
    created: Lenient[datetime] = Field(None, validation_alias="createdAt")

    def billed(self) -> Billed:
        """A stopped pod costs nothing an hour, as RunPod tells it, but its disk does."""
        what = (self.id, self.name, self.status)
        created = self.created.timestamp() if self.created else None
        kind = "pod of a cluster" if self.cluster else "pod"
        if _STATUS.get(self.status) is PodStatus.STOPPED:
            price = (self.disk_gb or 0.0) * STOPPED_DISK_USD / HOURS_A_MONTH
            return Billed(f"disk of a stopped {kind}", *what, created, price, "estimated")
        return Billed(kind, *what, created, self.cost or None, "told" if self.cost else "unknown")

    def pod(self) -> Pod:
        # A status that is not known yet: such a pod is there and billed, but not of use.
        status = _STATUS.get(self.status, PodStatus.STARTING)
        ssh = self.ssh if status is PodStatus.RUNNING else None
        address = SshAddress(ssh.host, ssh.port, ssh.username) if ssh else None
        # A cost of nothing is what RunPod says while it has none to say.
        return Pod(self.id, self.name, status, self.cost or None, address)


class _Pagination(ResponseBody):
    nextCursor: str | None = None  # noqa: N815
    hasNextPage: bool | None = None  # noqa: N815


class _Page(ResponseBody):
    pagination: _Pagination | None = None

    def require_all(self, what: str) -> None:
        """Raise where there is another page; the published API has none, nor tells how to ask."""
        pages = self.pagination
        if pages and pages.hasNextPage is not False and (pages.nextCursor or pages.hasNextPage):
            raise incomplete_list("RunPod", what)


class _Pods(_Page):
    pods: list[_Pod]


class _Volume(ResponseBody):
    id: str
    name: str = ""
    size: Lenient[float] = None
    type: str = ""

    def billed(self) -> Billed:
        size = "" if self.size is None else f"{self.size:g} GB"
        what = ("network volume", self.id, self.name, size, None)
        if self.size is None or self.type != "STANDARD":
            return Billed(*what, None, "unknown")
        return Billed(*what, self.size * VOLUME_USD / HOURS_A_MONTH, "estimated")


class _Volumes(_Page):
    networkVolumes: list[_Volume]  # noqa: N815


class _Workers(ResponseBody):
    min: int = 0


class _ServerlessEndpoint(ResponseBody):
    id: str
    name: str = ""
    workers: _Workers = Field(default_factory=_Workers)
    created: Lenient[datetime] = Field(None, validation_alias="createdAt")

    def billed(self) -> Billed:
        status = f"{self.workers.min} workers always"
        created = self.created.timestamp() if self.created else None
        what = ("serverless endpoint", self.id, self.name)
        return Billed(*what, status, created, None, "unknown")


class _Endpoints(_Page):
    endpoints: list[_ServerlessEndpoint]


class _Place(ResponseBody):
    id: str
    availability: str


class _Gpu(ResponseBody):
    id: str
    price: dict[str, float]
    availability: str = "NONE"
    dataCenters: list[_Place] = Field(default_factory=list)  # noqa: N815


class _Gpus(ResponseBody):
    gpus: list[_Gpu]


class _Charge(ResponseBody):
    pod_id: str = Field(alias="podId")
    total: float = Field(alias="totalAmount")


class _Billing(ResponseBody):
    records: list[_Charge]
    total: float = Field(validation_alias=AliasPath("metadata", "totals", "totalAmount"))


def _offers(catalogues: list[tuple[Tier, list[_Gpu]]]) -> Iterator[Offer]:
    """What can be had at present, at any price."""
    for tier, gpus in catalogues:
        for gpu in gpus:
            if gpu.availability == "NONE":
                continue
            places = [(place.id, place.availability) for place in gpu.dataCenters]
            for place, availability in places or [("", gpu.availability)]:
                if availability != "NONE":
                    yield Offer(gpu.id, place, tier, gpu.price.get(tier, 0.0), availability)


def _log_line(line: str) -> str:
    """A line of the container's log, out of a line of the stream of events; "" for any other."""
    if not line.startswith("data:"):
        return ""
    try:
        event = json.loads(line.removeprefix("data:"))
    except ValueError:
        return ""
    return str(event.get("line", "")) if isinstance(event, dict) else ""

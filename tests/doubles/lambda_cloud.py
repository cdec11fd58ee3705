"""A double of Lambda Cloud's API: real HTTP, real instances with a real sshd, scripted faults.

    with running_lambda_cloud(folder) as lambda_cloud:
        # and lambda_cloud.key in LAMBDA_API_KEY
        cloud = LambdaCloud(
            LambdaSettings(
                base_url=lambda_cloud.url,
                ssh_user=getpass.getuser(),
                ssh_port=lambda_cloud.ssh_port,
                seconds_apart=0,
                launch_seconds_apart=0,
            )
        )
        lambda_cloud.script("launch", drop(after=True))

Operations for scripts: launch, list, get, terminate, types, keys, add_key, delete_key.
Every request and every reply is checked against the published document; see `violations`.

All instances listen at one port, each at an address of its own, as the API tells no port.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from doubles.clouds import CloudDouble
from doubles.lambda_shapes import DOCUMENT, brought_up_to_date
from doubles.pods import FakePod, Phase
from doubles.servers import Reply, Request, Route
from doubles.shapes import Shapes, published
from doubles.sshd import free_port

DOCUMENT_NAME = "lambda-openapi.yml"
STATUS = {
    Phase.PROVISIONING: "booting",
    Phase.STARTING: "booting",
    Phase.RUNNING: "active",
    Phase.EXITED: "unhealthy",
    Phase.ERROR: "unhealthy",
    Phase.TERMINATED: "terminating",
}
CODES = {
    "capacity": "instance-operations/launch/insufficient-capacity",
    "unknown": "global/object-does-not-exist",
    "invalid": "global/invalid-parameters",
    "duplicate": "global/duplicate",
    "key": "global/invalid-api-key",
}


@dataclass(frozen=True)
class InstanceStock:
    """One type of instance."""

    name: str
    cents: int
    regions: tuple[str, ...] = ()


STOCK = (
    InstanceStock("gpu_1x_a10", 129, ("us-west-1", "us-east-1")),
    InstanceStock("gpu_1x_a100_sxm4", 199, ("us-tx-3",)),
    InstanceStock("gpu_1x_h100_pcie", 329),
)


class LambdaCloudDouble(CloudDouble):
    """Lambda Cloud, on the loopback.

    Attributes:
        ssh_port: of all instances.
        keys: registered SSH keys, by name.
        stock: what the list of types shows.
        launched: bodies of the accepted requests for instances, in their order.
        arrivals: operation and monotonic second of each request.
        keys_differ: a key is refused that is registered already, under whatever name.
        beside: words of the lists of instances and file systems beside their data.
        file_systems: of the account.
    """

    mount = "/api/v1"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, published_shapes())
        self.ssh_port = free_port()
        self.keys: dict[str, dict[str, str]] = {}
        self.stock: Sequence[InstanceStock] = STOCK
        self.launched: list[dict[str, Any]] = []
        self.arrivals: list[tuple[str, float]] = []
        self.keys_differ = False
        self.beside: dict[str, object] = {}
        self.file_systems: list[dict[str, object]] = []

    def add_foreign(self, name: str = "my-notebook") -> FakePod:
        """An instance that somebody else launched, active; nobody can log in."""
        body = {"name": name, "instance_type_name": self.stock[0].name, "region_name": "us-east-1"}
        pod = self._new_pod(body, "", foreign=True)
        pod.boot()
        return pod

    def routes(self) -> list[Route]:
        return [
            Route("list", "GET", "/instances", self._list),
            Route("get", "GET", "/instances/{id}", self._get),
            Route("launch", "POST", "/instance-operations/launch", self._launch),
            Route("terminate", "POST", "/instance-operations/terminate", self._terminate),
            Route("types", "GET", "/instance-types", self._types),
            Route("file_systems", "GET", "/file-systems", self._file_systems),
            Route("keys", "GET", "/ssh-keys", self._keys),
            Route("add_key", "POST", "/ssh-keys", self._add_key),
            Route("delete_key", "DELETE", "/ssh-keys/{id}", self._delete_key),
        ]

    def admit(self, request: Request, route: Route, values: Mapping[str, str]) -> Reply | None:
        self.arrivals.append((route.operation, time.monotonic()))
        if request.headers.get("authorization") == f"Bearer {self.key}":
            return None
        return _error(401, "key", "API key was invalid, expired, or deleted.")

    def refuse(self, code: int, title: str, problems: list[str]) -> Reply:
        return _error(400 if code == 422 else code, "invalid", "; ".join(problems))

    def _launch(self, request: Request, _: Mapping[str, str]) -> Reply:
        body = request.body
        (key_name,) = body["ssh_key_names"]
        if key_name not in self.keys:
            return _error(400, "unknown", f"SSH key {key_name} does not exist.")
        if body["instance_type_name"] not in {kind.name for kind in self.stock}:
            return _error(400, "unknown", "The instance type does not exist.")
        if self.full([body["instance_type_name"], body["region_name"]]):
            return _error(400, "capacity", "Not enough capacity to fulfill launch request.")
        with self.lock:
            self.launched.append(body)
            pod = self._new_pod(body, self.keys[key_name]["public_key"])
        pod.boot()
        return Reply(200, {"data": {"instance_ids": [pod.id]}})

    def _new_pod(self, body: Mapping[str, Any], public_key: str, foreign: bool = False) -> FakePod:
        pod_id = secrets.token_hex(16)
        kind = next(kind for kind in self.stock if kind.name == body["instance_type_name"])
        pod = FakePod(
            id=pod_id,
            name=body.get("name", ""),
            folder=self.folder / pod_id,
            public_key=public_key,
            usd_per_hour=self.cost_factor * kind.cents / 100,
            programs=self.programs,
            pace=self.pace,
            fails=self.pods_fail,
            foreign=foreign,
            address=(f"127.0.0.{len(self.pods) + 2}", self.ssh_port),
            details=dict(body),
        )
        self.keep(pod)
        return pod

    def _list(self, _: Request, __: Mapping[str, str]) -> Reply:
        return Reply(200, {"data": [self._shown(pod) for pod in self.listed()], **self.beside})

    def _get(self, _: Request, values: Mapping[str, str]) -> Reply:
        pod = self.found(values["id"], "get")
        if pod is None:
            return _error(404, "unknown", "Specified instance does not exist.")
        return Reply(200, {"data": self._shown(pod)})

    def _terminate(self, request: Request, _: Mapping[str, str]) -> Reply:
        found = [self.found(pod_id, "delete") for pod_id in request.body["instance_ids"]]
        pods = [pod for pod in found if pod is not None and pod.alive]
        if len(pods) < len(found):
            return _error(404, "unknown", "Specified instance does not exist.")
        if not self.delete_does_nothing:
            for pod in pods:
                self.end(pod)
        return Reply(200, {"data": {"terminated_instances": [self._shown(pod) for pod in pods]}})

    def _types(self, _: Request, __: Mapping[str, str]) -> Reply:
        return Reply(200, {"data": {kind.name: _typed(kind) for kind in self.stock}})

    def _file_systems(self, _: Request, __: Mapping[str, str]) -> Reply:
        return Reply(200, {"data": self.file_systems, **self.beside})

    def _keys(self, _: Request, __: Mapping[str, str]) -> Reply:
        return Reply(200, {"data": list(self.keys.values())})

    def _add_key(self, request: Request, _: Mapping[str, str]) -> Reply:
        name = request.body["name"]
        with self.lock:
            if name in self.keys:
                return _error(400, "duplicate", f"SSH key {name} already exists.")
            known = {key["public_key"] for key in self.keys.values()}
            if self.keys_differ and request.body["public_key"] in known:
                return _error(400, "invalid", "This SSH key is registered already.")
            self.keys[name] = {"id": secrets.token_hex(16), **request.body}
        return Reply(200, {"data": self.keys[name]})

    def _delete_key(self, _: Request, values: Mapping[str, str]) -> Reply:
        with self.lock:
            for name, key in self.keys.items():
                if key["id"] == values["id"]:
                    del self.keys[name]
                    return Reply(200, {"data": {}})
        return _error(404, "unknown", "SSH key does not exist.")

    def _shown(self, pod: FakePod) -> dict[str, Any]:
        kind = str(pod.details["instance_type_name"])
        shown = {
            "id": pod.id,
            "name": pod.name,
            "status": STATUS[pod.phase],
            "ssh_key_names": pod.details.get("ssh_key_names", []),
            "file_system_names": [],
            "region": {"name": pod.details["region_name"], "description": "Somewhere"},
            "instance_type": {
                "name": kind,
                "description": kind,
                "price_cents_per_hour": round(pod.usd_per_hour * 100),
            },
        }
        if pod.phase is Phase.RUNNING and pod.address is not None:
            shown["ip"] = pod.address[0]
        return shown


@contextmanager
def running_lambda_cloud(folder: Path) -> Iterator[LambdaCloudDouble]:
    """Lambda Cloud for the time of a block; afterwards nothing runs any more."""
    folder.mkdir(parents=True, exist_ok=True)
    double = LambdaCloudDouble(folder)
    try:
        yield double
    finally:
        double.close()


@cache
def published_shapes() -> Shapes:
    """Lambda's own, or ours where those are absent."""
    return Shapes(brought_up_to_date(published(DOCUMENT_NAME) or DOCUMENT))


def _error(status: int, code: str, message: str) -> Reply:
    suggestion = "Look at the documentation."
    error = {"code": CODES[code], "message": message, "suggestion": suggestion}
    return Reply(status, {"error": error})


def _typed(kind: InstanceStock) -> dict[str, Any]:
    return {
        "instance_type": {
            "name": kind.name,
            "description": kind.name,
            "price_cents_per_hour": kind.cents,
            "specs": {"vcpus": 30, "memory_gib": 200, "storage_gib": 1400},
        },
        "regions_with_capacity_available": [
            {"name": region, "description": region} for region in kind.regions
        ],
    }

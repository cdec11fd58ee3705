"""A double of RunPod's REST API v2: real HTTP, real pods with a real sshd, scripted faults.

    with running_runpod(folder) as runpod:
        cloud = RunPod(base_url=runpod.url)          # and runpod.key in RUNPOD_API_KEY
        runpod.script("create", status(500, after=True))

Operations for scripts: create, list, get, delete, action, logs, catalog, billing, runpodctl, stop.
Every request and every reply is checked against the published document; see `violations`.
"""

from __future__ import annotations

import copy
import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from doubles.clouds import CloudDouble
from doubles.pods import FakePod, Phase
from doubles.runpod_shapes import DOCUMENT
from doubles.servers import Reply, Request, Route
from doubles.shapes import Shapes, published

DOCUMENT_NAME = "runpod-openapi-v2.json"
PROBLEM = "application/problem+json"
NO_CAPACITY = "There are no longer any instances available with the requested specifications."
ACTIONS = {
    Phase.RUNNING: ["stop", "restart", "terminate"],
    Phase.EXITED: ["start", "terminate"],
    Phase.ERROR: ["start", "terminate"],
    Phase.PROVISIONING: ["stop", "terminate"],
    Phase.STARTING: ["stop", "terminate"],
    Phase.TERMINATED: [],
}
_NOT_PRICED = (Phase.EXITED, Phase.TERMINATED)
RUNPODCTL = """\
#!/usr/bin/env bash
case "$1 $2" in
    "{removes}") exec curl -sS -f -m 10 -X POST "{origin}/runpodctl/$3" ;;
    "stop pod") exec curl -sS -f -m 10 -X POST "{origin}/runpodctl/$3/stop" ;;
esac
exit 2
"""


@dataclass(frozen=True)
class GpuStock:
    """One kind of GPU in the catalogue.

    Attributes:
        places: data centre -> availability of the secure cloud.
        community: availability of the community cloud.
    """

    id: str
    secure_usd: float
    community_usd: float
    places: Mapping[str, str] = field(default_factory=dict)
    community: str = "NONE"


STOCK = (
    GpuStock("NVIDIA GeForce RTX 4090", 0.69, 0.34, {"US-KS-2": "LOW", "EU-RO-1": "HIGH"}, "HIGH"),
    GpuStock("NVIDIA RTX A5000", 0.27, 0.16, {"EU-SE-1": "MEDIUM"}, "LOW"),
    GpuStock("NVIDIA L40S", 0.86, 0.79, {"US-TX-3": "HIGH"}),
    GpuStock("NVIDIA H100 80GB HBM3", 2.99, 2.69, {"US-TX-3": "HIGH"}),
    GpuStock("NVIDIA A40", 0.40, 0.35),
)


class RunPodDouble(CloudDouble):
    """RunPod, on the loopback.

    Attributes:
        created: bodies of the accepted requests for pods, in their order.
        stock: what the catalogue shows. Whether a pod can be had is told by `without_capacity`
            and `refusals` only, as the real catalogue's promise is not kept either.
        shows_terminated: ended pods answer as TERMINATED instead of by 404.
        direct_ssh: whether pods can be reached directly at all.
        ignores_args: new pods run the image's command instead of the one that was asked for.
        runpodctl_works: whether pods can remove themselves by `runpodctl`.
        runpodctl_removes: in which words; releases differ.
        pods_may_delete: whether pods can remove themselves by the API.
        page_size: lists are cut into pages of so many, of which only the first can be asked for.
        prices_late: a pod's cost is told as nothing until it runs.
        volumes: network volumes of the account.
        endpoints: serverless endpoints of the account.
        billed_share: part of each pod's cost that has come to its bill; a pod without is in none.
    """

    suffix = "/v2"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, published_shapes())
        self.created: list[dict[str, Any]] = []
        self.stock: Sequence[GpuStock] = STOCK
        self.shows_terminated = False
        self.direct_ssh = True
        self.ignores_args = False
        self.runpodctl_works = True
        self.runpodctl_removes = "remove pod"
        self.pods_may_delete = True
        self.page_size: int | None = None
        self.prices_late = False
        self.billed_share = 1.0
        self.volumes: list[dict[str, Any]] = []
        self.endpoints: list[dict[str, Any]] = []

    def add_foreign(self, name: str = "my-notebook", age_seconds: float = 0.0) -> FakePod:
        """A pod that somebody else created, running; nobody can log in."""
        body = {"name": name, "image": "x", "gpu": {"id": self.stock[0].id, "count": 1}}
        pod = self._new_pod(body, foreign=True)
        pod.created -= age_seconds
        pod.boot()
        return pod

    def routes(self) -> list[Route]:
        return [
            Route("create", "POST", "/v2/pods", self._create),
            Route("volumes", "GET", "/v2/network-volumes", self._volumes),
            Route("serverless", "GET", "/v2/serverless", self._serverless),
            Route("list", "GET", "/v2/pods", self._list),
            Route("get", "GET", "/v2/pods/{id}", self._get),
            Route("delete", "DELETE", "/v2/pods/{id}", self._delete),
            Route("action", "POST", "/v2/pods/{id}/action", self._action),
            Route("logs", "GET", "/v2/pods/{id}/logs", self._logs),
            Route("catalog", "GET", "/v2/catalog/gpus", self._catalog),
            Route("billing", "GET", "/v2/billing/pods", self._billing),
            Route("runpodctl", "POST", "/runpodctl/{id}", self._runpodctl, published=False),
            Route("stop", "POST", "/runpodctl/{id}/stop", self._stopped, published=False),
        ]

    def admit(self, request: Request, route: Route, values: Mapping[str, str]) -> Reply | None:
        agent = request.headers.get("user-agent", "")
        if not agent or agent.startswith("Python-urllib"):
            return Reply(403, "error code: 1010", "text/plain")
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        pod = self.pods.get(values.get("id", ""))
        own = pod is not None and given == pod.environment.get("RUNPOD_API_KEY")
        if given == self.key or not route.published:
            return None
        if own and route.operation == "delete" and self.pods_may_delete:
            return None
        if own:
            return self.refuse(403, "Forbidden", ["This key may not do that."])
        return self.refuse(401, "Unauthorized", ["The API key is not valid."])

    def refuse(self, code: int, title: str, problems: list[str]) -> Reply:
        body: dict[str, Any] = {"title": title, "status": code, "detail": "; ".join(problems)}
        if code == 422:
            body["errors"] = problems
        return Reply(code, body, PROBLEM)

    def headers(self) -> Mapping[str, str]:
        return {
            "RateLimit-Policy": '"minute";q=60;w=60, "hour";q=3000;w=3600, "day";q=50000;w=86400',
            "RateLimit": '"minute";r=59;t=12, "hour";r=2800;t=1812, "day";r=49500;t=45012',
        }

    def _create(self, request: Request, _: Mapping[str, str]) -> Reply:
        body = request.body
        # The real API's default for the count does not work.
        if (refusal := self._refusal(body)) or "count" not in body.get("gpu", {}):
            return self.refuse(400, "Bad Request", [refusal or NO_CAPACITY])
        with self.lock:
            pod = self._new_pod(body)
            self.created.append(body)
            reply = self._shown(pod)
        pod.boot()
        return Reply(201, reply)

    def _refusal(self, body: Mapping[str, Any]) -> str:
        gpu = body.get("gpu", {}).get("id", "")
        if gpu not in {kind.id for kind in self.stock}:
            return f"Unknown GPU type {gpu}"
        return NO_CAPACITY if self.full([gpu, *body.get("dataCenterIds", [])]) else ""

    def _new_pod(self, body: Mapping[str, Any], foreign: bool = False) -> FakePod:
        pod_id = secrets.token_hex(5)
        kind = next(kind for kind in self.stock if kind.id == body["gpu"]["id"])
        secure = body.get("cloud", "SECURE") == "SECURE"
        environment = {
            "RUNPOD_POD_ID": pod_id,
            "RUNPOD_API_KEY": f"rps_{secrets.token_hex(16)}",
            **body.get("env", {}),
        }
        runpodctl = RUNPODCTL.format(origin=self.origin, removes=self.runpodctl_removes)
        pod = FakePod(
            id=pod_id,
            name=body["name"],
            folder=self.folder / pod_id,
            public_key=environment.get("PUBLIC_KEY", ""),
            usd_per_hour=self.cost_factor * (kind.secure_usd if secure else kind.community_usd),
            args="" if self.ignores_args else body.get("args", ""),
            environment=environment,
            programs={"runpodctl": runpodctl, **self.programs},
            pace=self.pace,
            fails=self.pods_fail,
            foreign=foreign,
            details=copy.deepcopy(dict(body)),
        )
        self.keep(pod)
        return pod

    def _list(self, request: Request, _: Mapping[str, str]) -> Reply:
        return self._paged("pods", [self._shown(pod) for pod in self.listed()])

    def _volumes(self, _request: Request, _: Mapping[str, str]) -> Reply:
        return self._paged("networkVolumes", self.volumes)

    def _serverless(self, _request: Request, _: Mapping[str, str]) -> Reply:
        return self._paged("endpoints", self.endpoints)

    def _paged(self, name: str, items: list[dict[str, Any]]) -> Reply:
        if self.page_size is None:
            return Reply(200, {name: items})
        more = self.page_size < len(items)
        pages = {"nextCursor": str(self.page_size) if more else None, "hasNextPage": more}
        return Reply(200, {name: items[: self.page_size], "pagination": pages})

    def _get(self, _: Request, values: Mapping[str, str]) -> Reply:
        pod = self.found(values["id"], "get")
        if pod is None and self.shows_terminated:
            ended = self.pods.get(values["id"])
            pod = ended if ended is not None and not ended.alive else None
        return self._unknown() if pod is None else Reply(200, self._shown(pod))

    def _delete(self, _: Request, values: Mapping[str, str]) -> Reply:
        pod = self.found(values["id"], "delete")
        if pod is None or not pod.alive:
            return self._unknown()
        if not self.delete_does_nothing:
            self.end(pod)
        return Reply(204)

    def _action(self, request: Request, values: Mapping[str, str]) -> Reply:
        pod, action = self.pods.get(values["id"]), request.body["action"]
        if pod is None or not pod.alive:
            return self._unknown()
        if action not in ACTIONS[pod.phase]:
            return self.refuse(409, "Conflict", [f"{action} is not valid now"])
        if action == "terminate":
            self.end(pod)
            return Reply(204)
        if action != "stop":
            return self.refuse(409, "Conflict", ["this double does not start pods again"])
        pod.stop()
        return Reply(200, self._shown(pod))

    def _runpodctl(self, _: Request, values: Mapping[str, str]) -> Reply:
        pod = self.pods.get(values["id"])
        if pod is None or not self.runpodctl_works:
            return Reply(500, {"error": "not available"})
        self.end(pod)
        return Reply(200, {})

    def _stopped(self, _: Request, values: Mapping[str, str]) -> Reply:
        self.pods[values["id"]].stop()
        return Reply(200, {})

    def _logs(self, request: Request, values: Mapping[str, str]) -> Reply:
        pod = self.pods.get(values["id"])
        if pod is None or not pod.alive:
            return self._unknown()
        if request.query.get("source") == "system":
            return Reply(200, stream=lambda write: None, media="text/event-stream")
        tail = int(request.query.get("tail", "100"))

        def follow(write: Callable[[bytes], None]) -> None:
            """As the real one: what is there, then whatever comes, until the client leaves."""
            told, seen = 0, False
            while not self.closing.is_set():
                text = pod.log.read_text(encoding="utf-8") if pod.log.is_file() else ""
                lines = text.splitlines() if text.endswith("\n") else text.splitlines()[:-1]
                told = max(told, len(lines) - tail) if not seen else told
                for number in range(told, len(lines)):
                    write(_event(number, lines[number]))
                told, seen = len(lines), True
                if not pod.alive:
                    return
                self.closing.wait(0.05)
                write(b": keep-alive\n\n")

        return Reply(200, stream=follow, media="text/event-stream")

    def _catalog(self, request: Request, _: Mapping[str, str]) -> Reply:
        query = request.query
        if ("include" in query) != ("product" in query):
            return self.refuse(400, "Bad Request", ["include=AVAILABILITY needs product"])
        secure = query.get("cloud", "SECURE") == "SECURE"
        return Reply(200, {"gpus": [_catalogued(kind, secure) for kind in self.stock]})

    def _billing(self, request: Request, _: Mapping[str, str]) -> Reply:
        pods = list(self.pods.values()) if self.billed_share else []
        if "podId" in request.query:
            pods = [pod for pod in pods if pod.id == request.query["podId"]]
        window = {"startTime": "2026-11-01T00:00:00Z", "endTime": "2026-12-01T00:00:00Z"}
        share = self.billed_share
        records = [{**window, "podId": pod.id, **_amounts(share * pod.usd)} for pod in pods]
        size = request.query.get("bucketSize", "day")
        metadata = {
            "query": {**window, "bucketSize": size, "podId": request.query.get("podId")},
            "recordCount": len(records),
            "uniquePodCount": len(records),
            "totals": _amounts(share * sum(pod.usd for pod in pods)),
        }
        return Reply(200, {"records": records, "metadata": metadata})

    def _unknown(self) -> Reply:
        return self.refuse(404, "Not Found", ["pod not found"])

    def _shown(self, pod: FakePod) -> dict[str, Any]:
        body, phase = pod.details, pod.phase
        direct = self._direct(pod) if phase is Phase.RUNNING else None
        started = datetime.fromtimestamp(pod.created, UTC).isoformat()
        proxy = _endpoint("ssh.runpod.io", 22, f"{pod.id}-64411eb2")
        places = body.get("dataCenterIds")
        unpriced = self.prices_late and phase is not Phase.RUNNING
        return {
            "id": pod.id,
            "name": pod.name,
            "status": phase.value,
            "actions": ACTIONS[phase],
            "image": body["image"],
            "args": body.get("args", ""),
            "disk": body.get("disk", 20),
            "mounts": body.get("mounts", {}),
            "ports": body.get("ports", []),
            "env": body.get("env", {}),
            "registry": None,
            "gpu": {"id": body["gpu"]["id"], "count": 1},
            "cloud": body.get("cloud", "SECURE"),
            "dataCenterId": places[0] if isinstance(places, list) and places else "US-KS-2",
            "cudaVersion": "12.8",
            "ssh": {"proxy": proxy, "direct": direct},
            "template": None,
            "cost": 0.0 if unpriced or phase in _NOT_PRICED else pod.usd_per_hour,
            "locked": False,
            "globalNetworking": {"enabled": False},
            "runtime": {"uptime": int(pod.billed_seconds)} if phase is Phase.RUNNING else None,
            "createdAt": started,
            "startedAt": started if phase is Phase.RUNNING else None,
        }

    def _direct(self, pod: FakePod) -> dict[str, Any] | None:
        if pod.foreign or not self.direct_ssh or "22/tcp" not in pod.details.get("ports", []):
            return None
        machine = pod.machine
        return None if machine is None else _endpoint(machine.host, machine.port, machine.user)


@contextmanager
def running_runpod(folder: Path) -> Iterator[RunPodDouble]:
    """RunPod for the time of a block; afterwards nothing runs any more."""
    folder.mkdir(parents=True, exist_ok=True)
    double = RunPodDouble(folder)
    try:
        yield double
    finally:
        double.close()


@cache
def published_shapes() -> Shapes:
    """RunPod's own, or ours where those are absent."""
    return Shapes(published(DOCUMENT_NAME) or DOCUMENT)


def _event(number: int, line: str) -> bytes:
    stamp = datetime.fromtimestamp(number, UTC).isoformat()
    data = json.dumps({"ts": stamp, "source": "container", "line": line})
    return f"id: {stamp}\ndata: {data}\n\n".encode()


def _endpoint(host: str, port: int, user: str) -> dict[str, Any]:
    command = f"ssh {user}@{host} -p {port}"
    return {"host": host, "port": port, "username": user, "command": command}


def _catalogued(kind: GpuStock, secure: bool) -> dict[str, Any]:
    places = kind.places if secure else {}
    order = ("NONE", "LOW", "MEDIUM", "HIGH")
    best = max(places.values(), key=order.index, default="NONE") if secure else kind.community
    shown: dict[str, Any] = {
        "id": kind.id,
        "name": kind.id.removeprefix("NVIDIA "),
        "pool": None,
        "manufacturer": "NVIDIA",
        "memory": 24,
        "secure": bool(kind.places),
        "community": kind.community != "NONE",
        "price": {"secure": kind.secure_usd, "community": kind.community_usd},
        "maxCount": {"secure": 8, "community": 4},
        "availability": best,
    }
    if places:
        shown["dataCenters"] = [
            {"id": place, "name": place, "availability": level} for place, level in places.items()
        ]
    return shown


def _amounts(usd: float) -> dict[str, float]:
    return {"totalAmount": usd, "gpuAmount": usd, "cpuAmount": 0.0, "diskAmount": 0.0}

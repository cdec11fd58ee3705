"""The part of RunPod's REST v2 that Outpost uses, in our own short words.

For where the published document is absent; a test holds both against the same messages.
"""

from __future__ import annotations

from typing import Any


def _object(required: str, **properties: Any) -> dict[str, Any]:
    """An object of which nothing is optional but what is named with a question mark."""
    return {
        "type": "object",
        "required": [name for name in required.split() if not name.endswith("?")],
        "properties": {
            name.rstrip("?"): properties.get(name.rstrip("?"), {}) for name in required.split()
        },
        "additionalProperties": False,
    }


def _content(schema: dict[str, Any], media: str = "application/json") -> dict[str, Any]:
    return {"description": "", "content": {media: {"schema": schema}}}


def _null_or(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


TEXT = {"type": "string"}
WHOLE = {"type": "integer"}
NUMBER = {"type": "number"}
LEVEL = {"enum": ["NONE", "LOW", "MEDIUM", "HIGH"]}
CLOUD = {"enum": ["SECURE", "COMMUNITY"]}
CUDA = {"type": "string", "pattern": r"^\d+\.\d+$"}
STATUS = {"enum": ["PROVISIONING", "STARTING", "RUNNING", "EXITED", "ERROR", "TERMINATED"]}
ACTION = {"enum": ["start", "stop", "restart", "terminate"]}
ENVIRONMENT = {"type": "object", "additionalProperties": TEXT}
STRINGS = {"type": "array", "items": TEXT}
COUNT = {"type": "integer", "minimum": 1}
FLAG = {"type": "boolean"}

CREATE = _object(
    "name image args? disk? env? ports? gpu cloud? dataCenterIds? startSsh?",
    name={"type": "string", "minLength": 1},
    image=TEXT,
    args=TEXT,
    disk=COUNT,
    env=ENVIRONMENT,
    ports=STRINGS,
    gpu=_object("id count? minCudaVersion?", id=TEXT, count=COUNT, minCudaVersion=CUDA),
    cloud=CLOUD,
    dataCenterIds=STRINGS,
    startSsh=FLAG,
)
ENDPOINT = _object("host port username command", host=TEXT, port=WHOLE, username=TEXT, command=TEXT)
POD = _object(
    "id name status actions image args disk mounts ports env registry gpu? cloud dataCenterId "
    "cudaVersion ssh template cost locked globalNetworking runtime createdAt startedAt",
    id=TEXT,
    name=TEXT,
    status=STATUS,
    actions={"type": "array", "items": ACTION},
    image=TEXT,
    args=TEXT,
    disk=COUNT,
    mounts={"type": "object"},
    ports=STRINGS,
    env=ENVIRONMENT,
    gpu=_object("id count", id=TEXT, count=COUNT),
    cloud=CLOUD,
    dataCenterId=_null_or(TEXT),
    cudaVersion=_null_or(TEXT),
    ssh=_object("proxy direct", proxy=_null_or(ENDPOINT), direct=_null_or(ENDPOINT)),
    cost=NUMBER,
    locked=FLAG,
    globalNetworking=_object("enabled", enabled=FLAG),
    runtime=_null_or({"type": "object"}),
    createdAt=TEXT,
    startedAt=_null_or(TEXT),
)
GPU = _object(
    "id name pool manufacturer memory secure community price maxCount availability? dataCenters?",
    id=TEXT,
    name=TEXT,
    manufacturer={"enum": ["NVIDIA", "AMD", "UNKNOWN"]},
    memory=WHOLE,
    secure=FLAG,
    community=FLAG,
    price=_object("secure community", secure=NUMBER, community=NUMBER),
    maxCount=_object("secure community", secure=WHOLE, community=WHOLE),
    availability=LEVEL,
    dataCenters={
        "type": "array",
        "items": _object("id name availability", id=TEXT, name=TEXT, availability=LEVEL),
    },
)
PROBLEM = _content(
    _object("title status detail errors?", title=TEXT, status=WHOLE, detail=TEXT, errors=STRINGS),
    "application/problem+json",
)
AMOUNTS: dict[str, Any] = dict.fromkeys(
    ("totalAmount", "gpuAmount", "cpuAmount", "diskAmount"), NUMBER
)
CHARGE = _object(
    " ".join(("startTime endTime podId", *AMOUNTS)),
    startTime=TEXT,
    endTime=TEXT,
    podId=TEXT,
    **AMOUNTS,
)
BILL = _object("records metadata", records={"type": "array", "items": CHARGE})
PAGED = _object("pods pagination?", pods={"type": "array", "items": POD})
VOLUME = _object(
    "id name size dataCenter type",
    id=TEXT,
    name=TEXT,
    size=WHOLE,
    dataCenter=TEXT,
    type={"enum": ["STANDARD", "HIGH_PERFORMANCE"]},
)
VOLUMES = _object("networkVolumes pagination?", networkVolumes={"type": "array", "items": VOLUME})
ENDPOINTS = _object(
    "endpoints pagination?", endpoints={"type": "array", "items": {"type": "object"}}
)


def _operation(
    reply: dict[str, Any], body: dict[str, Any] | None = None, **query: dict[str, Any]
) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "parameters": [
            {"name": name, "in": "query", "schema": schema} for name, schema in query.items()
        ],
        "responses": {**reply, "default": PROBLEM},
    }
    return operation if body is None else {**operation, "requestBody": _content(body)}


DOCUMENT: dict[str, Any] = {
    "paths": {
        "/v2/pods": {
            "get": _operation({"200": _content(PAGED)}, includeClusterPods=FLAG),
            "post": _operation({"201": _content(POD)}, CREATE),
        },
        "/v2/network-volumes": {"get": _operation({"200": _content(VOLUMES)})},
        "/v2/serverless": {"get": _operation({"200": _content(ENDPOINTS)})},
        "/v2/pods/{id}": {
            "get": _operation({"200": _content(POD)}),
            "delete": _operation({"204": {"description": "Deleted"}}),
        },
        "/v2/pods/{id}/action": {
            "post": _operation({"200": _content(POD)}, _object("action", action=ACTION)),
        },
        "/v2/pods/{id}/logs": {
            "get": _operation(
                {"200": _content(TEXT, "text/event-stream")},
                source={"enum": ["container", "system"]},
                tail={"type": "integer", "minimum": 0, "maximum": 5000},
            ),
        },
        "/v2/catalog/gpus": {
            "get": _operation(
                {"200": _content(_object("gpus", gpus={"type": "array", "items": GPU}))},
                include={"type": "array", "items": {"enum": ["AVAILABILITY"]}},
                product={"type": "array", "items": {"enum": ["POD", "CLUSTER", "SERVERLESS"]}},
                count=COUNT,
                cloud=CLOUD,
                minCudaVersion={"type": "string", "pattern": r"^\d+(\.\d+)?$"},
            ),
        },
        "/v2/billing/pods": {
            "get": _operation(
                {"200": _content(BILL)},
                podId=TEXT,
                startTime={"type": "string", "format": "date-time"},
                lastN=COUNT,
                bucketSize=TEXT,
            ),
        },
    }
}

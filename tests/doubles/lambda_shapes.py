"""The part of Lambda Cloud's API that Outpost uses, in our own short words, and what has changed.

For where the published document is absent; a test holds both against the same messages.
"""

from __future__ import annotations

import copy
from typing import Any

TEXT = {"type": "string"}
STRINGS = {"type": "array", "items": TEXT}
STATUSES = ["booting", "active", "unhealthy", "terminating", "terminated", "preempted"]
"""The published document knows fewer."""

REGION = {"type": "object", "properties": {"name": TEXT, "description": TEXT}}
INSTANCE = {
    "type": "object",
    "properties": {
        "id": TEXT,
        "name": TEXT,
        "ip": TEXT,
        "status": {"type": "string", "enum": STATUSES},
        "ssh_key_names": STRINGS,
        "file_system_names": STRINGS,
        "region": REGION,
        "instance_type": {"type": "object"},
        "hostname": TEXT,
    },
}
SSH_KEY = {"type": "object", "properties": {"id": TEXT, "name": TEXT, "public_key": TEXT}}
FILE_SYSTEM = {"type": "object", "properties": {"id": TEXT, "name": TEXT, "created": TEXT}}
LAUNCH = {
    "type": "object",
    "required": ["region_name", "instance_type_name", "ssh_key_names"],
    "properties": {
        "region_name": TEXT,
        "instance_type_name": TEXT,
        "ssh_key_names": STRINGS,
        "file_system_names": STRINGS,
        "quantity": {"type": "integer", "minimum": 1, "maximum": 1},
        "name": TEXT,
    },
}
TERMINATE = {
    "type": "object",
    "required": ["instance_ids"],
    "properties": {"instance_ids": STRINGS},
}
ADD_KEY = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": TEXT, "public_key": TEXT},
}


def _operation(
    data: dict[str, Any] | None, body: dict[str, Any] | None = None, errors: str = ""
) -> dict[str, Any]:
    reply: dict[str, Any] = {"description": "OK"}
    if data is not None:
        schema = {"type": "object", "properties": {"data": data}}
        reply["content"] = {"application/json": {"schema": schema}}
    codes = ["401", "500", *errors.split()]
    operation = {"responses": {"200": reply, **{code: {"description": ""} for code in codes}}}
    if body is not None:
        operation["requestBody"] = {"content": {"application/json": {"schema": body}}}
    return operation


def _several(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


DOCUMENT: dict[str, Any] = {
    "paths": {
        "/instances": {"get": _operation(_several(INSTANCE), errors="403")},
        "/instances/{id}": {"get": _operation(INSTANCE, errors="404")},
        "/instance-operations/launch": {
            "post": _operation(
                {"type": "object", "properties": {"instance_ids": STRINGS}}, LAUNCH, "400 403"
            )
        },
        "/instance-operations/terminate": {
            "post": _operation({"type": "object"}, TERMINATE, "400 404")
        },
        "/instance-types": {"get": _operation({"type": "object"})},
        "/file-systems": {"get": _operation(_several(FILE_SYSTEM))},
        "/ssh-keys": {
            "get": _operation(_several(SSH_KEY)),
            "post": _operation(SSH_KEY, ADD_KEY, "400"),
        },
        "/ssh-keys/{id}": {"delete": _operation(None, errors="404")},
    }
}


def brought_up_to_date(document: dict[str, Any]) -> dict[str, Any]:
    """The published document with the statuses of today, and strict about what is sent."""
    document = copy.deepcopy(document)
    if "components" in document:
        instance = document["components"]["schemas"]["Instance"]
        instance["properties"]["status"]["enum"] = STATUSES
        document["components"]["schemas"]["LaunchInstanceRequest"]["additionalProperties"] = False
    for path in document["paths"].values():
        for operation in path.values():
            _make_strict(operation)
    return document


def _make_strict(operation: dict[str, Any]) -> None:
    if "requestBody" in operation:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        if "$ref" not in schema:
            schema["additionalProperties"] = False

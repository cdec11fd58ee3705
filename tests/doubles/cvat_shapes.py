"""CVAT's published OpenAPI document, as far as the official SDK carries it.

The SDK is generated from that document: its endpoints have every operation's path, method and
parameters, its models every field with type, limits and allowed values. Here they become JSON
Schema again. Two things differ: formats of strings (times, addresses) are not checked, and a field
that a model does not have is refused, where CVAT passes over it.
"""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any

from cvat_sdk.api_client import ApiClient, Configuration
from cvat_sdk.api_client.api_client import Endpoint
from cvat_sdk.api_client.model_utils import ModelComposed, ModelSimple, OpenApiModel
from doubles.shapes import Document

APIS = ("auth", "jobs", "labels", "projects", "requests", "server", "tasks", "users")
PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", dict: "object"}
LIMITS = {
    "max_length": "maxLength",
    "min_length": "minLength",
    "inclusive_maximum": "maximum",
    "inclusive_minimum": "minimum",
    "max_items": "maxItems",
    "min_items": "minItems",
}


@cache
def document() -> Document:
    """Paths and schemas of what the doubles may serve."""
    writer = _Writer()
    client = ApiClient(Configuration(host="http://localhost"))
    for name in APIS:
        api = getattr(client, f"{name}_api")
        for endpoint in vars(api).values():
            if isinstance(endpoint, Endpoint):
                writer.add(endpoint)
    return {"paths": writer.paths, "components": {"schemas": writer.schemas}}


class _Writer:
    def __init__(self) -> None:
        self.paths: Document = {}
        self.schemas: Document = {}

    def add(self, endpoint: Endpoint) -> None:
        operation: Document = {"parameters": [], "responses": {"default": {}}}
        for name, place in endpoint.location_map.items():
            schema = self._union(endpoint.openapi_types[name])
            allowed = endpoint.allowed_values.get((name,))
            if place == "query":
                schema |= {"enum": list(allowed.values())} if allowed else {}
                parameter = {"in": "query", "name": endpoint.attribute_map[name], "schema": schema}
                operation["parameters"].append(parameter)
            elif place == "body":
                operation["requestBody"] = {"content": {"application/json": {"schema": schema}}}
        response = endpoint.settings["response_schema"]
        if response:
            content = {"application/json": {"schema": self._union(response)}}
            operation["responses"] = {
                "4XX": {},
                "default": {"content": content},
            }
        self.paths.setdefault(endpoint.path, {})[endpoint.settings["http_method"].lower()] = (
            operation
        )

    def _union(self, kinds: Any) -> Document:
        options = [self._type(kind) for kind in kinds]
        if len(options) == 1:
            return dict(options[0])
        # All of JSON: the document leaves such a field open.
        return {} if len(kinds) > 4 else {"anyOf": options}

    def _type(self, kind: Any) -> Document:
        if isinstance(kind, list):
            return {"type": "array", "items": self._union(kind)}
        if isinstance(kind, dict):
            return {"type": "object"}
        if kind is type(None):
            return {"type": "null"}
        if inspect.isclass(kind) and issubclass(kind, OpenApiModel):
            self._add_model(kind)
            return {"$ref": f"#/components/schemas/{kind.__name__}"}
        named = PLAIN.get(kind)
        return {"type": named} if named else {"type": "string"}

    def _add_model(self, model: Any) -> None:
        if model.__name__ in self.schemas:
            return
        # Before its fields are looked at: models hold one another.
        self.schemas[model.__name__] = {}
        self.schemas[model.__name__] = self._model(model)

    def _model(self, model: Any) -> Document:
        if issubclass(model, ModelSimple):
            allowed = model.allowed_values.get(("value",))
            plain = self._union(model.openapi_types["value"])
            return {"enum": list(allowed.values())} if allowed else plain
        if issubclass(model, ModelComposed):
            parts = model._composed_schemas
            whole = [self._type(part) for part in parts["allOf"] + parts["oneOf"] + parts["anyOf"]]
            options = [{"allOf": whole}] if parts["allOf"] else whole
            return {"anyOf": [*options, {"type": "null"}]}
        return self._fields(model)

    def _fields(self, model: Any) -> Document:
        fields = {}
        for name, kinds in model.openapi_types.items():
            schema = self._union(kinds)
            limits = model.validations.get((name,), {})
            schema |= {LIMITS[each]: limit for each, limit in limits.items() if each in LIMITS}
            allowed = model.allowed_values.get((name,))
            schema |= {"enum": list(allowed.values())} if allowed else {}
            fields[model.attribute_map[name]] = schema
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        required = [
            model.attribute_map[parameter.name]
            for parameter in inspect.signature(model._from_openapi_data).parameters.values()
            if parameter.kind in kinds and parameter.default is inspect.Parameter.empty
        ]
        return {
            "type": "object",
            "properties": fields,
            "required": required,
            "additionalProperties": False,
        }

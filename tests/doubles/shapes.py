"""Checks messages against a published OpenAPI document, or against our own short one.

The published documents lie beside the project and are in no commit. Where they are absent, the
short document of the double takes their place: the parts that Outpost uses, written by us.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

PUBLISHED = Path(__file__).parents[3] / "shared" / "data" / "cloud"
Document = dict[str, Any]


class Shapes:
    """One OpenAPI document; every check returns what is wrong, and nothing where all is well."""

    def __init__(self, document: Document) -> None:
        self.document = document
        resource = Resource(contents=document, specification=DRAFT202012)
        self.registry: Registry[Any] = Registry().with_resource("urn:api", resource)

    def query(self, method: str, path: str, query: Mapping[str, str]) -> list[str]:
        """Parameters that the operation does not have, or values that it does not take."""
        known = {
            parameter["name"]: parameter
            for parameter in map(
                self._followed, self._operation(method, path).get("parameters", [])
            )
            if parameter["in"] == "query"
        }
        found = [f"unknown query parameter {name!r}" for name in query if name not in known]
        for name in query.keys() & known.keys():
            found += self._parameter(name, query[name], known[name]["schema"])
        return found

    def request(self, method: str, path: str, body: object) -> list[str]:
        """What is wrong with a request's body; None stands for no body."""
        operation = self._operation(method, path)
        if "requestBody" not in operation:
            return [] if body is None else ["a body where none belongs"]
        if body is None:
            return ["no body"]
        content = operation["requestBody"]["content"]["application/json"]["schema"]
        return self._check(content, body)

    def reply(self, method: str, path: str, status: int, body: object) -> list[str]:
        """What is wrong with a reply's body; None stands for no body."""
        answers = self._operation(method, path)["responses"]
        answer = answers.get(str(status), answers.get("default"))
        if answer is None:
            return [f"status {status} is not among the documented ones"]
        content = self._followed(answer).get("content")
        if content is None:
            return []
        if body is None:
            return ["no body"]
        (media,) = content.values()
        return self._check(media["schema"], body)

    def _operation(self, method: str, path: str) -> Document:
        operation: Document = self.document["paths"][path][method.lower()]
        return operation

    def _followed(self, part: Document) -> Document:
        while "$ref" in part:
            found: Any = self.document
            for step in part["$ref"].removeprefix("#/").split("/"):
                found = found[step.replace("~1", "/").replace("~0", "~")]
            part = found
        return part

    def _parameter(self, name: str, text: str, schema: Document) -> list[str]:
        schema = self._followed(schema)
        value: object = text
        if schema.get("type") == "integer" and text.isdecimal():
            value = int(text)
        elif schema.get("type") == "boolean":
            value = {"true": True, "false": False}.get(text, text)
        elif schema.get("type") == "array":
            value = text.split(",")
        return [f"query parameter {name!r}: {message}" for message in self._check(schema, value)]

    def _check(self, schema: Document, value: object) -> list[str]:
        # The schema's own references are relative to the whole document.
        absolute = json.loads(json.dumps(schema).replace('"$ref": "#/', '"$ref": "urn:api#/'))
        validator = Draft202012Validator(absolute, registry=self.registry)
        return [
            f"{'/'.join(map(str, error.absolute_path)) or 'body'}: {error.message}"
            for error in validator.iter_errors(value)
        ]


def published(name: str) -> Document | None:
    """A published document, or None where it is absent."""
    file = PUBLISHED / name
    if not file.is_file():
        return None
    content = file.read_text(encoding="utf-8")
    document: Document = json.loads(content) if file.suffix == ".json" else yaml.safe_load(content)
    return document

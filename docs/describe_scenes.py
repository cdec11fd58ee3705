"""Writes docs/reference/scenes.md from the models that read a pack's scenes.yaml.

    python docs/describe_scenes.py

A test compares the page with what this makes.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.games.pack import SECTION_FILES, GamePack
from pipeline.games.sections.base import Section
from pipeline.games.sections.scenes import SceneRules

PAGE = Path(__file__).parent / "reference" / "scenes.md"
HEAD = """# scenes.yaml: every option of drawn scenes

A game pack's `scenes.yaml` says how synthetic images are composed. Every key that it may hold is
listed here with its meaning, its limits and its default; anything else in the file is refused by
name. Lists of classes take names of classes and names of groups of classes, as `classes.yaml` has
them. Ranges are written `[least, most]`. [Why it is as it is](../explanation/scenes.md).

This page is made from the models in `pipeline/games/sections/`, `scenes.py` and `overlays.py`:
`python docs/describe_scenes.py`.
"""
RENAMED = """
## Keys of earlier versions

They are still read, with a warning that names the new key. A key under both names is refused. This
table has those of a pack's other files too.

| File | Was | Is |
|---|---|---|
"""

TABLE = "| Key | Meaning | Values | Default |\n|---|---|---|---|\n"

MODELS = {model.__name__: model for model in Section.__subclasses__()}

Schema = dict[str, Any]


def page() -> str:
    """The whole page."""
    schema = SceneRules.model_json_schema()
    sections = [_section("SceneRules", schema, "The file itself")]
    for name in _reached(schema):
        sections.append(_section(name, schema["$defs"][name], _title(name, schema)))
    return HEAD + "".join(sections) + RENAMED + "".join(_renamed())


def _renamed() -> Iterator[str]:
    """A row for each key of a pack that has another name now."""
    schema = GamePack.model_json_schema()
    for name in ["GamePack", *_reached(schema)]:
        title = "" if name == "GamePack" else f"{_short_title(name, schema)}."
        section, _, within = title.partition(".")
        if section not in SECTION_FILES:
            section, within = "pack", title
        for old, new in MODELS[name].renamed_keys.items():
            yield f"| `{section}.yaml` | `{within}{old}` | `{within}{new}` |\n"


def _reached(schema: Schema) -> list[str]:
    """Models in the order in which they are first named, from the file inwards."""
    order: list[str] = []

    def follow(part: Any) -> None:
        if isinstance(part, list):
            for item in part:
                follow(item)
        if not isinstance(part, dict):
            return
        reference = part.get("$ref")
        if reference and _name_of(reference) not in order:
            order.append(_name_of(reference))
            follow(schema["$defs"][order[-1]].get("properties"))
        for key, item in part.items():
            if key != "default":
                follow(item)

    follow(schema["properties"])
    return order


def _title(name: str, schema: Schema) -> str:
    """The keys under which a model stands: `light.times[]`."""
    places = [
        f"{'' if holder == 'the file' else holder + '.'}{key}"
        for holder, key in _holders(name, schema)
    ]
    return ", ".join(f"`{place}`" for place in places)


def _holders(name: str, schema: Schema) -> Iterator[tuple[str, str]]:
    for holder, content in [("the file", schema), *schema["$defs"].items()]:
        for key, field in content.get("properties", {}).items():
            text = json.dumps({k: v for k, v in field.items() if k != "default"})
            if f'"#/$defs/{name}"' in text:
                ending = "[]" if field.get("type") == "array" else ""
                inner = "the file" if holder == "the file" else _short_title(holder, schema)
                yield inner, key + ending


def _short_title(name: str, schema: Schema) -> str:
    return _title(name, schema).strip("`")


def _section(name: str, schema: Schema, title: str) -> str:
    described = inspect.cleandoc(MODELS[name].__doc__ or "")
    rows = "".join(_row(key, field, schema) for key, field in schema["properties"].items())
    return f"\n## {title}\n\n{described}\n\n{TABLE}{rows}"


def _row(key: str, field: Schema, schema: Schema) -> str:
    needed = key in schema.get("required", ())
    default = "**needed**" if needed else _default(field.get("default"))
    meaning = field.get("description") or key.replace("_", " ").capitalize() + "."
    return f"| `{key}` | {_cell(meaning)} | {_cell(_values(field))} | {default} |\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _default(value: Any) -> str:
    if isinstance(value, dict):
        return "as below"
    if value is None:
        return "none"
    return f"`{json.dumps(value)}`" if not isinstance(value, str) else f"`{value}`"


def _values(field: Schema) -> str:
    """What may be written, in words."""
    if "$ref" in field:
        return "a section, below"
    if "anyOf" in field:
        return " or ".join(_values(part) for part in field["anyOf"])
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if field.get("type") == "array":
        return _several(field)
    return _single(field)


def _several(field: Schema) -> str:
    if "prefixItems" in field:
        parts = [_values(part) for part in field["prefixItems"]]
        joined = parts[0] if len(set(parts)) == 1 else ", ".join(parts)
        return f"{len(parts)} of: {joined}"
    return f"list of: {_values(field.get('items', {}))}"


def _single(field: Schema) -> str:
    kind = {"integer": "whole number", "number": "number", "boolean": "true or false"}.get(
        field.get("type", ""), "text" if field.get("type") == "string" else "nothing"
    )
    low = _bound(field, "minimum", "exclusiveMinimum", "above ")
    high = _bound(field, "maximum", "exclusiveMaximum", "below ")
    if low and high:
        return f"{kind}, {low} to {high}"
    if low:
        return f"{kind}, {low}" if low.startswith("above") else f"{kind}, {low} or more"
    return kind


def _bound(field: Schema, closed: str, strict: str, word: str) -> str:
    if closed in field:
        return f"{field[closed]:g}"
    return f"{word}{field[strict]:g}" if strict in field else ""


def _name_of(reference: str) -> str:
    return reference.rpartition("/")[2]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")

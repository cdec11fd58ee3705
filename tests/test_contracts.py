"""Imports go one way, as pyproject.toml says; and the environment is asked where the edge is."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EDGE = {"assets/definitions.py", "assets/cli/context.py"}
"""What a person or Dagster starts: there it is decided which state folder is worked in."""


def test_import_contracts_hold() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("from_environment", {*EDGE, "resources/paths.py"}),
        ("StateFolder.from_environment", {"resources/paths.py"}),
        ("Resources.of", EDGE),
        ("Paths", set()),
        ("Paths.below", set()),
        ("Artifacts", {"resources/defaults.py"}),
        ("Exports", {"resources/defaults.py"}),
        ("GameFiles", {"resources/defaults.py"}),
        ("Screenshots", {"resources/defaults.py"}),
        ("Releases", {"resources/defaults.py"}),
        # Below the edge where `exports` is used without the one of the definitions; see there.
        ("Cvat", {"resources/defaults.py", "resources/exports/resource.py"}),
        ("gpu_from_environment", {"resources/defaults.py"}),
    ],
)
def test_resources_are_made_at_the_edge_alone(name: str, files: set[str]) -> None:
    """Whoever makes one below the edge works in another state folder than its caller."""
    assert {file for file, called in calls().items() if name in called} == files


@cache
def calls() -> dict[str, frozenset[str]]:
    """What each file calls; to read all of them takes seconds."""
    return {
        file.relative_to(ROOT).as_posix(): frozenset(_called(file))
        for package in ("assets", "resources", "pipeline")
        for file in (ROOT / package).rglob("*.py")
    }


OPENING = {
    *("connect", "create_engine", "open_instance", "_transaction", "_snapshot"),
    *("rows", "row", "open_rows", "usd_this_month", "working_seconds", "fetch_materializations"),
    *("get_dynamic_partitions", "get_partition_keys"),
}
"""Calls that open a database, or ask one that is open."""


def test_no_property_opens_a_database() -> None:
    """Reading an attribute must neither wait for a lock nor make a file."""
    properties = [
        (f"{file.relative_to(ROOT).as_posix()}:{node.name}", node)
        for package in ("assets", "resources", "pipeline", "detector_runtime/src")
        for file in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef) and is_property(node)
    ]
    assert len(properties) > 200
    opening = {
        name
        for name, node in properties
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and _called_name(call) in OPENING
    }
    assert opening == set()


def is_property(node: ast.FunctionDef) -> bool:
    return any(ast.unparse(one).endswith("property") for one in node.decorator_list)


def _called_name(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def _called(file: Path) -> Iterator[str]:
    """What a file calls: `name`, and for an attribute `owner.name` too."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name):
            yield node.func.id
        elif isinstance(node.func, ast.Attribute):
            yield node.func.attr
            if isinstance(node.func.value, ast.Name):
                yield f"{node.func.value.id}.{node.func.attr}"

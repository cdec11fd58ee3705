"""The map of the code is current, and no page names code or files that are not there."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {
    "assets": ROOT / "assets",
    "resources": ROOT / "resources",
    "pipeline": ROOT / "pipeline",
    "detector_runtime": ROOT / "detector_runtime" / "src" / "detector_runtime",
}
PAGES = sorted(
    [
        *(ROOT / "docs").rglob("*.md"),
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "detector_runtime" / "README.md",
    ]
)
NAME = re.compile(rf"`((?:{'|'.join(FOLDERS)})(?:\.\w+)+)(?:\(\))?`")
MODULE = re.compile(rf"(?:{'|'.join(FOLDERS)})(?:\.\w+)+")
PATH = re.compile(rf"`((?:{'|'.join(FOLDERS)}|docs|tests|findings)/[\w/.-]*(?:/|\.py))`")
DOCSTRINGS = sorted(file for root in FOLDERS.values() for file in root.rglob("__init__.py"))
GLOSSARY = ROOT / "docs" / "reference" / "glossary.md"
MOST_WORDS = 25
MOST_FILES = 12
"""Python files of one folder."""
FILES_WITH_AN_ORDER = 4
"""Python files of a folder that says in which order to read them."""
MOST_EXCEPTIONS = 6
"""Of a list of modules that is kept by hand."""


@pytest.fixture(scope="module")
def drawing() -> ModuleType:
    file = ROOT / "docs" / "draw_architecture.py"
    found = importlib.util.spec_from_file_location("draw_architecture", file)
    module = importlib.util.module_from_spec(found)
    sys.modules[found.name] = module  # Dataclasses look there for the types of their fields.
    found.loader.exec_module(module)
    return module


def test_the_map_is_current(drawing):
    assert drawing.IMAGE.read_text("utf-8") == drawing.image(), (
        "draw it anew: python docs/draw_architecture.py"
    )


def test_arrows_lead_down(drawing):
    for package in (*drawing.LEFT, *drawing.RIGHT):
        panel = drawing.panel_of(package)
        row_of = {entry: number for number, row in enumerate(panel.rows) for entry in row}
        for arrow in panel.arrows:
            rows = [row_of[entry] for entry in arrow]
            assert rows == list(range(rows[0], rows[0] + len(rows))), arrow


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_a_page_names_is_there(page):
    text = page.read_text("utf-8")
    missing = [name for name in NAME.findall(text) if not is_defined(name)]
    missing += [path for path in PATH.findall(text) if not (ROOT / path).exists()]
    assert missing == []


@pytest.mark.parametrize("file", DOCSTRINGS, ids=lambda file: file.parent.name)
def test_a_reading_order_names_what_is_there(file):
    order = re.search(
        r"\bRead (?!in\b)(.*?)\.\s", f"{ast.get_docstring(tree_of(file))} ", re.DOTALL
    )
    names = re.findall(r"`(\w+)`", order[1]) if order else []
    there = {path.stem for path in file.parent.iterdir()}
    assert [name for name in names if name not in there] == []
    assert names or len(list(file.parent.glob("*.py"))) < FILES_WITH_AN_ORDER


@pytest.mark.parametrize("root", FOLDERS.values(), ids=FOLDERS)
def test_no_folder_holds_more_files_than_one_reads(root):
    files = Counter(file.parent.relative_to(root).as_posix() for file in root.rglob("*.py"))
    assert {folder: count for folder, count in files.items() if count > MOST_FILES} == {}


@pytest.mark.parametrize("tree", ["assets", "detector_runtime", "pipeline/scenes", "resources/gpu"])
def test_no_file_name_occurs_twice_in_a_tree(tree):
    top, *rest = tree.split("/")
    names = Counter(file.stem for file in FOLDERS[top].joinpath(*rest).rglob("*.py"))
    assert {name for name, count in names.items() if count > 1} <= {"__init__", "base"}


def test_lists_of_modules_that_are_kept_by_hand_are_short():
    """Those that a call is given, too: a list without a name is kept by hand all the same."""
    counts = {
        f"{file.relative_to(ROOT).as_posix()}:{node.lineno}": listed
        for root in FOLDERS.values()
        for file in root.rglob("*.py")
        for node in ast.walk(tree_of(file))
        if (listed := modules_listed(node)) > 1
    }
    assert len(counts) >= 12
    assert {place: count for place, count in counts.items() if count > MOST_EXCEPTIONS} == {}


def modules_listed(node: ast.AST) -> int:
    """How many modules a list, a tuple, a set or the arguments of a call name."""
    entries = getattr(node, "elts", []) if not isinstance(node, ast.Call) else node.args
    texts = [entry.value for entry in entries if isinstance(entry, ast.Constant)]
    return sum(isinstance(text, str) and bool(MODULE.fullmatch(text)) for text in texts)


def test_a_name_that_is_not_there_is_noticed():
    assert is_defined("pipeline.errors.OutpostError.problem") is False  # only inside a method
    assert is_defined("pipeline.errors.NoSuchError") is False
    assert is_defined("pipeline.nowhere") is False
    assert is_defined("pipeline.errors.OutpostError")
    assert is_defined("resources.gpu.lease.Lease.run")


def test_the_glossary_is_short():
    rows = [line for line in GLOSSARY.read_text("utf-8").splitlines() if line.startswith("| ")]
    words = [row.split("|")[1].strip() for row in rows[1:]]
    assert 0 < len(words) <= MOST_WORDS
    assert len(set(words)) == len(words)


def is_defined(name: str) -> bool:
    """Whether a package, a module, or what a module's own text defines or imports is so called."""
    root, *parts = name.split(".")
    folder = FOLDERS[root]
    while parts and (folder / parts[0]).is_dir():
        folder /= parts.pop(0)
    if not parts:
        return True
    module = folder / f"{parts[0]}.py"
    if module.is_file():
        parts.pop(0)
    else:
        module = folder / "__init__.py"
    body = tree_of(module).body
    for part in parts:
        found = dict(defined_in(body))
        if part not in found:
            return False
        body = found[part]
    return True


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"))


def defined_in(body: list[ast.stmt]) -> Iterator[tuple[str, list[ast.stmt]]]:
    """Names with what is inside them, of classes alone."""
    for node in body:
        match node:
            case ast.ClassDef():
                yield node.name, node.body
            case ast.FunctionDef():
                yield node.name, []
            case ast.ImportFrom() | ast.Import():
                yield from ((alias.asname or alias.name, []) for alias in node.names)
            case ast.If():
                yield from defined_in(node.body)
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name, []
            case ast.Assign():
                yield from (
                    (leaf.id, [])
                    for target in node.targets
                    for leaf in ast.walk(target)
                    if isinstance(leaf, ast.Name)
                )

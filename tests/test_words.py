"""Each thing has one name: that of the field, and no other thing beside it has the same."""

from __future__ import annotations

import ast
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("assets", "resources", "pipeline", "detector_runtime/src")
PICTURE = re.compile("picture", re.IGNORECASE)
TEXTS = {".py", ".md", ".yaml", ".toml", ".js", ".css", ".html", ".txt", ".svg"}
EXCEPTIONS: Mapping[str, str] = {
    "CONTRIBUTING.md": "says which of the two words to use",
    "docs/reference/scenes.md": "lists such keys",
    "pipeline/games/sections/images.py": "reads a key of packs that was called so",
    "pipeline/games/sections/overlays.py": "reads keys of packs that were called so",
    "tests/pipeline/games/test_renamed_keys.py": "writes such packs",
    "pipeline/evaluation/verdicts.py": "its files keep the key",
    "tests/pipeline/evaluation/test_verdicts.py": "reads such a file",
    "pipeline/export/parity.py": "its file keeps the key",
    "tests/pipeline/export/test_parity.py": "reads such a file",
    "tests/test_words.py": "looks for the word",
}
"""Files that may say "picture", and why."""


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_class_name_occurs_once_in_a_top_level_folder(folder: str) -> None:
    places = defaultdict(list)
    for file in sorted((ROOT / folder).rglob("*.py")):
        for name in classes_of(ast.parse(file.read_text("utf-8"))):
            places[name].append(file.relative_to(ROOT).as_posix())
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def classes_of(tree: ast.Module) -> Iterator[str]:
    """Classes of a module, also those below a condition, but not those inside others."""
    for node in tree.body:
        for inner in [node, *ast.walk(node)] if isinstance(node, ast.If) else [node]:
            if isinstance(inner, ast.ClassDef):
                yield inner.name


def test_an_image_is_called_an_image() -> None:
    found = {
        name: [line for line in lines if PICTURE.search(line)]
        for name, lines in tracked_texts()
        if name not in EXCEPTIONS
    }
    assert {name: lines for name, lines in found.items() if lines} == {}
    assert [name for name in tracked() if PICTURE.search(name)] == []


def test_no_exception_is_left_over() -> None:
    texts = {name: "\n".join(lines) for name, lines in tracked_texts()}
    assert [name for name in EXCEPTIONS if not PICTURE.search(texts.get(name, ""))] == []


def tracked_texts() -> Iterator[tuple[str, list[str]]]:
    for name in tracked():
        if Path(name).suffix in TEXTS:
            yield name, (ROOT / name).read_text("utf-8").splitlines()


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    names = listed.stdout.decode().split("\0")
    return [name for name in names if name and (ROOT / name).is_file()]

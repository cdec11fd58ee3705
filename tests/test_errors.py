"""What users read when something is wrong: plain English, always with what to do next."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from error_texts import GOLDEN, ROOT, Source, golden_text, read_source

OLD_FASHIONED = re.compile(
    r"\b(mend\w*|besides|(for )?want of|dear(er|est)|who(m)?ever|hence|whence|lest|amiss|naught|"
    r"thereof|therein|thereby|anew|whilst|likewise|upon|shall|forthwith)\b",
    re.IGNORECASE,
)
PAGES = sorted({ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README.md")})
CODE = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)


@pytest.fixture(scope="module")
def source() -> Source:
    return read_source()


def test_every_problem_and_fix_is_in_the_golden_file(source: Source) -> None:
    assert golden_text(source.told) == GOLDEN.read_text("utf-8"), (
        "texts of errors have changed: write them with `uv run python tests/error_texts.py`, then "
        "read the difference in tests/golden/errors.txt"
    )


def test_every_error_says_what_to_do(source: Source) -> None:
    """In words of its own, or in those of the error that it passes on."""
    silent = [one for one in source.told if not says_something(one.fix)]
    assert not silent


def says_something(fix: str) -> bool:
    words = re.sub(r"\{[^{}]*\}", "", fix)
    return fix.startswith("{error.fix}") or bool(re.search(r"[A-Za-z]{2}", words))


def test_no_text_of_the_product_is_old_fashioned(source: Source) -> None:
    """Also of help, logs, descriptions of settings and what the UI shows."""
    found = [
        f"{module}:{node.lineno}: {match[0]!r} in {node.value[:60]!r}"
        for module, tree in source.trees.items()
        for node in texts_for_users(module, tree)
        if (match := OLD_FASHIONED.search(node.value))
    ]
    assert not found


def texts_for_users(module: str, tree: ast.Module) -> Iterator[ast.Constant]:
    """All strings but docstrings, which only the command line shows."""
    expressions = (node for node in ast.walk(tree) if isinstance(node, ast.Expr))
    docstrings = {id(node.value) for node in expressions}
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and (id(node) not in docstrings or module.startswith("assets/cli/")):
            yield node


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_page_is_old_fashioned(page: Path) -> None:
    text = CODE.sub("", page.read_text("utf-8"))
    assert [match[0] for match in OLD_FASHIONED.finditer(text)] == []


def test_each_form_of_a_text_is_told() -> None:
    """Branches, constants, functions that return texts or pairs, and classes of any depth."""
    trees = {
        "a.py": ast.parse(
            """
FIX = "Try again."
class OneError(OutpostError): pass
class TwoError(OneError): pass
def fix(): return f"Look at {place}."
def pair():
    if bad: return "Bad.", "Be good."
    return "Worse.", FIX
def f():
    raise OneError(f"{path} is {'old' if old else 'new'}", FIX)
def g():
    problem, advice = pair()
    raise TwoError(problem, f"{advice} Log: {log}")
def h():
    raise TwoError(*pair())
def i():
    raise Other("x", "y")
"""
        ),
        "b.py": ast.parse("from a import FIX, fix\nraise TwoError('No.', FIX)\nOneError(1, fix())"),
    }
    told = {(one.module, one.error, one.problem, one.fix) for one in Source(trees).told}
    assert told == {
        ("a.py", "OneError", "{path} is old", "Try again."),
        ("a.py", "OneError", "{path} is new", "Try again."),
        ("a.py", "TwoError", "Bad.", "Be good. Log: {log}"),
        ("a.py", "TwoError", "Worse.", "Try again. Log: {log}"),
        ("a.py", "TwoError", "Bad.", "Be good."),
        ("a.py", "TwoError", "Worse.", "Try again."),
        ("b.py", "TwoError", "No.", "Try again."),
        ("b.py", "OneError", "{1}", "Look at {place}."),
    }


def test_an_error_without_a_fix_is_found() -> None:
    assert [one.fix for one in Source({"a.py": ast.parse("OutpostError('No.')")}).told] == [""]
    assert not says_something("")
    assert not says_something("{name}: {other}.")
    assert says_something("Correct {name}.")

"""Every `outpost ...` that a page, an error or a command's help names exists, with its options."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from error_texts import GOLDEN, ROOT
from typer.core import TyperGroup

from assets.cli.app import app

PAGES = sorted({ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")})
HELP = sorted(ROOT.glob("assets/cli/*.py"))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
SHELL = ("", "sh", "bash", "console")
SPAN = re.compile(r"`([^`]+)`")
COMMAND = re.compile(r"^(?:\$ )?(?:[A-Z_]+=\S+ )*(?:uv run )?outpost (?P<words>.+)$")
REMARK = re.compile(r"\s{2,}.*| #.*|\.\.\..*|\$\(.*")
"""What follows a command on its line, or stands for what is left out."""

Documented = tuple[str, list[str]]
"""Where a command is named, and its words."""


def in_blocks(name: str, text: str) -> Iterator[Documented]:
    for language, block in FENCE.findall(text):
        if language in SHELL:
            for line in block.splitlines():
                if found := COMMAND.match(line.strip()):
                    yield name, words_of(found["words"])


def in_sentences(name: str, text: str) -> Iterator[Documented]:
    for span in SPAN.findall(FENCE.sub("", text)):
        if found := COMMAND.match(" ".join(span.split())):
            yield name, words_of(found["words"])


def words_of(line: str) -> list[str]:
    """Its words; what is quoted or in <angle brackets> is one."""
    return re.sub(r"<[^>]+>|\"[^\"]+\"|'[^']+ [^']+'", "WORD", REMARK.sub("", line)).split()


def documented(files: list[Path]) -> Iterator[tuple[Documented, bool]]:
    """Each command, and whether it is to be copied as it stands."""
    for file in files:
        name, text = file.relative_to(ROOT).as_posix(), file.read_text("utf-8")
        yield from ((one, True) for one in in_blocks(name, text))
        yield from ((one, False) for one in in_sentences(name, text))


@cache
def commands() -> Any:
    """All of them; making them takes as long as asking about a hundred."""
    return typer.main.get_command(app)


def problem_of(words: list[str], *, whole: bool) -> str:
    """Why the command line would not take these words; empty if it would. Runs nothing."""
    command, rest = commands(), list(words)
    while rest and not rest[0].startswith("-") and isinstance(command, TyperGroup):
        default = getattr(command, "default_command", None)
        rest = rest if rest[0] in command.commands or default is None else [default, *rest]
        if rest[0] not in command.commands:
            return f"there is no command '{rest[0]}'"
        command, rest = command.commands[rest[0]], rest[1:]
    if isinstance(command, TyperGroup) or not (whole or rest):
        return ""
    try:
        command.make_context("outpost", rest)
    except Exception as error:
        # Of click's errors, which typer 0.29 keeps to itself.
        kind = type(error).__name__
        return "" if kind == "Exit" or (kind == "MissingParameter" and not whole) else str(error)
    return ""


def test_documented_commands_exist() -> None:
    known = list(documented([*PAGES, GOLDEN, *HELP]))
    wrong = {
        f"{place}: outpost {' '.join(words)}": problem
        for (place, words), whole in known
        if (problem := problem_of(words, whole=whole))
    }
    assert wrong == {}
    named = {words[0] for (_, words), _ in known}
    assert named >= {"annotate", "cvat", "retrain", "batches", "gallery", "gpu", "demo", "deploy"}


@pytest.mark.parametrize(
    "line",
    [
        "annotate chose first",
        "annotate choose first --box 3",
        "annotate choose first --boxes many",
        "cvat push",
        "cvat push first second",
        "annotate prelabel first --backend other",
    ],
)
def test_a_wrong_command_is_found(line: str) -> None:
    text = f"```\nuv run outpost {line}   # a remark\n```\n"
    ((_, words),) = in_blocks("page", text)
    assert words == line.split()
    assert problem_of(words, whole=True)

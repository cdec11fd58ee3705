"""What every command says in the same way: texts, errors with what to do, JSON on request."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

console = Console()
errors = Console(stderr=True)

BORDERS, LEAST_COLUMN = 4, 9
"""Of a table: what stands around its first column, and what any other one takes at least."""

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


@contextmanager
def explained() -> Iterator[None]:
    """Turn errors of Outpost or its runtime into a message and exit code 1; interrupts into 130."""
    try:
        yield
    except Exception as error:
        # Loads numpy, with the runtime: not before there is an error.
        from assets.core.known_errors import KNOWN_ERRORS

        if not isinstance(error, KNOWN_ERRORS):
            raise
        errors.print(f"[bold red]Error:[/] {escape(error.problem)}", soft_wrap=True)
        errors.print(f"[bold]What to do:[/] {escape(error.fix)}", soft_wrap=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt as interrupt:
        errors.print("Interrupted. What was finished is kept; run the command again to go on.")
        raise typer.Exit(130) from interrupt


def plain(text: str, to: Console = console) -> None:
    """Print text as it is, whatever it would mean to the terminal."""
    to.print(text, soft_wrap=True, highlight=False, markup=False)


def as_word(text: str) -> str:
    """Text as one word of a command that is shown, for the shell that people have here."""
    return subprocess.list2cmdline([text]) if os.name == "nt" else shlex.join([text])


def print_json(document: object) -> None:
    """Print one JSON document of plain values, dataclasses, models and paths."""
    # Not above: it takes its time, for which `--help` need not wait.
    from pydantic_core import to_jsonable_python

    print(json.dumps(to_jsonable_python(document), indent=1))


def print_table(columns: Iterable[str], rows: Iterable[Iterable[str]], title: str = "") -> None:
    """Print texts as they are, whole, in a table.

    What stands in the first column is what commands ask for. It is kept in one line, so that it can
    be copied, unless the terminal is too narrow for it beside the others.
    """
    names, texts = list(columns), [tuple(row) for row in rows]
    longest = max((len(row[0]) for row in texts), default=0)
    in_one_line = longest <= console.width - BORDERS - LEAST_COLUMN * (len(names) - 1)
    table = Table(title=escape(title) or None)
    for number, name in enumerate(names):
        # A narrow terminal would else cut off texts.
        table.add_column(escape(name), overflow="fold", no_wrap=in_one_line and number == 0)
    for row in texts:
        table.add_row(*map(escape, row))
    console.print(table)


def note(text: str, to: Console = console) -> None:
    """Print something to pay attention to, which ends nothing."""
    to.print(f"[yellow]Note:[/] {escape(text)}", soft_wrap=True)

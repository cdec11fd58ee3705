"""JSON files: written with bytes that depend on the value alone, read into types."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from pipeline.errors import OutpostError

T = TypeVar("T")


def write_json(file: Path, value: Any) -> None:
    """Write JSON whose bytes depend on the value alone."""
    text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False)
    file.write_text(f"{text}\n", encoding="utf-8", newline="\n")


def read_json(file: Path, kind: type[T], damaged: Callable[[Path, Exception], OutpostError]) -> T:
    """Read a JSON file into a type.

    Args:
        kind: what pydantic takes: a model, a dataclass, a dictionary of plain types.
        damaged: makes the error to raise of the file and of what is wrong with it.

    Raises:
        OutpostError: the one that `damaged` makes: the file is missing, no JSON, or of another
            type.
    """
    try:
        return TypeAdapter(kind).validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise damaged(file, error) from error

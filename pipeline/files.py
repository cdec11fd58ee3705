"""Text and JSON of the same bytes everywhere; files that are there whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock
from pydantic import TypeAdapter, ValidationError

from pipeline.errors import OutpostError

T = TypeVar("T")


def write_text(file: Path, text: str) -> None:
    """Write a text as it is: UTF-8, and lines that end in LF on Windows too.

    Raises:
        OSError: the file cannot be written.
    """
    file.write_text(text, encoding="utf-8", newline="\n")


def write_json(file: Path, value: Any, indent: int = 1, ascii_only: bool = False) -> None:
    """Write JSON whose bytes depend on the value alone: sorted keys, UTF-8, lines that end in LF.

    Args:
        ascii_only: escape all other characters. Some artifacts were always written so, and other
            bytes would be another data version of theirs.

    Raises:
        OSError: the file cannot be written.
        TypeError: the value holds something that JSON does not know.
    """
    text = json.dumps(value, sort_keys=True, indent=indent, ensure_ascii=ascii_only)
    write_text(file, f"{text}\n")


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


def make_room(file: Path) -> None:
    """Make the folder of a file that is yet to be written, where there is none.

    Raises:
        OSError: the folder cannot be made, or the file is a folder itself.
    """
    if file.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(file))
    file.parent.mkdir(parents=True, exist_ok=True)


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """A neighbour to write, which takes the file's place at the end of a `with` block.

    Other processes see the old file or the new one, whole. The folder is made where there is none;
    after an error in the block the old file is still there, and the neighbour is not.

    Raises:
        OSError: the folder cannot be made, or the file cannot be replaced.
    """
    make_room(file)
    neighbour = file.with_name(f".{file.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        yield neighbour
        neighbour.replace(file)
    finally:
        neighbour.unlink(missing_ok=True)


def write_once(file: Path, content: bytes, *, private: bool) -> bool:
    """Write a file, whole and to the disk, unless there is one.

    Of several processes one writes it, the others find it written.

    Args:
        file: in a folder that exists.
        content: all of it.
        private: whether only its owner can read it; otherwise whoever the umask lets.

    Returns:
        Whether this call has written it.

    Raises:
        OSError: it cannot be written.
    """
    temporary = file.with_name(f".{file.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        temporary.touch(0o600 if private else 0o666, exist_ok=False)
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        return name_once(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)


def name_once(temporary: Path, file: Path) -> bool:
    """Give a written file its name unless it is taken: atomic, unlike looking first.

    Returns:
        Whether it has the name now. The caller removes the temporary name, which may be left.
    """
    try:
        os.link(temporary, file)
    except FileExistsError:
        return False
    except OSError:
        # No hard links on this disk, as on memory cards.
        with FileLock(file.with_name(f".{file.name}.lock")):
            if file.exists():
                return False
            temporary.replace(file)
    return True

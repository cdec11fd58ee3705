"""Second names for files instead of copies."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

COPIED_AT_ONCE = 1 << 20
"""Bytes."""


def link_file(source: Path, target: Path) -> None:
    """A hard link to a file, or a copy where the file system refuses that.

    Raises:
        FileExistsError: there is a `target`. Nothing is written over it: it may be a hard link
            itself, so that what it is linked to would change too.
        OSError: the file cannot be read, or no copy be written.
    """
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        with source.open("rb") as content, target.open("xb") as copy:
            shutil.copyfileobj(content, copy, COPIED_AT_ONCE)


def link_tree(source: Path, target: Path) -> None:
    """Make `target` a tree of new directories whose files are those of `source`."""
    for file in source.rglob("*"):
        if file.is_file():
            place = target / file.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            link_file(file, place)

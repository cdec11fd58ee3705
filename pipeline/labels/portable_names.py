"""File names that every system takes, and tells apart."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from hashlib import sha256
from pathlib import PurePosixPath

RESERVED = re.compile(r'[<>:"|?*\\]|^\s+|[.\s]+$')
"""What Windows takes in no name, or drops at its end; and what readers of lists drop, which are
blanks at either end of a line."""
UNLISTABLE = ("Cc", "Cs", "Zl", "Zp")
"""Categories of Unicode: control characters, halves of characters, ends of lines and paragraphs."""
DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)
"""Names that Windows takes for a device, whatever their suffix."""
UNUSUAL = re.compile(r"[^A-Za-z0-9.-]+")
LONGEST = 120
"""Characters of a name: paths have an end too."""
LONGEST_BYTES = 255
"""Of a name, as Linux and macOS take it: most letters of Asia have three bytes."""
LONGEST_SUFFIX = 16
"""Bytes of what is kept after a name's last dot."""
DIGITS = 8
"""Hexadecimal ones of a marked part, which is then compared with all others."""
FLAT_DIGITS = 16
"""Those of a flat name, which is compared with no other: of a million that look alike, two would
have one name with eight digits; with sixteen it is so in one of 37 million sets."""


def portable_paths(paths: Sequence[str]) -> tuple[str, ...]:
    """A file's path for each of some paths, in their order; forward slashes. No two are one file.

    A path stays as it is unless a system would refuse it, or take it for another one: on Windows
    and macOS names that differ by case alone are one file. A path that is there several times
    becomes as many.
    """
    taken: set[str] = set()
    portable = [""] * len(paths)
    for index in sorted(range(len(paths)), key=paths.__getitem__):
        path = told_by = paths[index]
        plain = name = "/".join(_portable(part) for part in path.split("/"))
        while _folded(name) in taken:
            name = _marked(plain, told_by)
            # Only what one path is not enough to tell apart is told by its place among them.
            told_by = f"{told_by}\0{index}"
        taken.add(_folded(name))
        portable[index] = name
    return tuple(portable)


def flat_name(parts: Sequence[str], prefix: str, left_out: str) -> str:
    """One file name out of several parts, of which the last is a file name with its suffix.

    It can be read, every system takes it, no other parts have it, and it depends on nothing else.

    Args:
        left_out: a part that nobody needs to read.
    """
    file = PurePosixPath(parts[-1])
    shown = "_".join(part for part in (*parts[:-1], file.stem) if part not in ("", left_out))
    readable = UNUSUAL.sub("_", shown)[:LONGEST]
    suffix = UNUSUAL.sub("_", file.suffix.lower())
    return f"{prefix}{readable}-{_digest(chr(0).join(parts), FLAT_DIGITS)}{suffix}"


def is_listable(name: str) -> bool:
    """Whether a list of files, each on a line of its own, can hold a name.

    Spaces of any width can be in it: macOS 13 and later writes one that does not break before PM,
    and a keyboard for Japanese a wide one.
    """
    return not any(unicodedata.category(character) in UNLISTABLE for character in name)


def _portable(part: str) -> str:
    name = "".join(character if is_listable(character) else "_" for character in part)
    name = RESERVED.sub("_", name)
    if DEVICES.match(name):
        name = f"_{name}"
    is_short = len(name) <= LONGEST and len(name.encode()) <= LONGEST_BYTES
    return name if is_short else _marked(name, part)


def _marked(name: str, told_by: str) -> str:
    path = PurePosixPath(name)
    suffix = path.suffix if len(path.suffix.encode()) <= LONGEST_SUFFIX else ""
    end = f"~{_digest(told_by, DIGITS)}{suffix}"
    stem = path.name.removesuffix(suffix)[: LONGEST - DIGITS]
    # Where it ends within a letter, that one is left out.
    cut = stem.encode()[: LONGEST_BYTES - len(end.encode())].decode(errors="ignore")
    return str(path.with_name(cut + end))


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _digest(text: str, digits: int) -> str:
    return sha256(text.encode()).hexdigest()[:digits]

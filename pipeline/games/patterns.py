"""Patterns over file names: globs with alternatives in braces.

`*`, `?` and `[abc]` mean what they mean in `fnmatch`, always case-sensitive, on every system.
`{a,b}` stands for `a` or `b`; an alternative may be empty and may hold globs, braces do not nest.
So `n_mine_gold{,_33,_66}` is three names.
"""

from __future__ import annotations

import fnmatch
import math
import re
from collections.abc import Iterable
from itertools import product
from typing import Annotated

from pydantic import AfterValidator

MOST_EXPANSIONS = 1000
"""More alternatives than this in one pattern are a slip of the pen."""

_BRACES = re.compile(r"\{([^{}]*)\}")
_STEM = re.compile(r"<stem(?:-(\d+))?>")
_NOTHING = re.compile(r"(?!)")


def expand_braces(pattern: str) -> tuple[str, ...]:
    """Plain globs that a pattern stands for, in the order in which they are written.

    Raises:
        ValueError: a brace without its partner, braces within braces, or too many alternatives.
    """
    pieces = _BRACES.split(pattern)  # In turn what stands outside of braces and within.
    if any(brace in literal for literal in pieces[::2] for brace in "{}"):
        raise ValueError(f"'{pattern}' has a brace without its partner, or braces within braces")
    choices = [piece.split(",") if place % 2 else [piece] for place, piece in enumerate(pieces)]
    count = math.prod(map(len, choices))
    if count > MOST_EXPANSIONS:
        raise ValueError(f"'{pattern}' stands for {count} names; at most {MOST_EXPANSIONS}")
    return tuple(map("".join, product(*choices)))


def matcher(patterns: Iterable[str]) -> re.Pattern[str]:
    """One expression that matches (`fullmatch`) what any of the patterns matches."""
    globs = [glob for pattern in patterns for glob in expand_braces(pattern)]
    if not globs:
        return _NOTHING
    return re.compile("|".join(fnmatch.translate(glob) for glob in globs))


def with_stem(pattern: str, stem: str) -> str:
    """Put a file's stem into the pattern of a part that is drawn with it.

    `<stem>` is the stem itself, and `<stem-2>` the stem without its last two words, which are what
    stands between underscores.
    """
    return _STEM.sub(
        lambda found: stem.rsplit("_", int(found[1]))[0] if found[1] else stem, pattern
    )


def _checked(pattern: str) -> str:
    expand_braces(pattern)
    return pattern


NamePattern = Annotated[str, AfterValidator(_checked)]
"""A pattern as a pack states it: refused when its braces do not fit."""

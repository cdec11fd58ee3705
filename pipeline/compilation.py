"""How loops over pixels and records are compiled. To be imported where loops are, which is late: it
loads numba, which takes a second or two of the processor.

numba compiles a loop anew when the file changes in which it stands, and looks at no other. So what
a loop calls, and the constants that it reads, stand in one file with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Compiled on its first call, and kept on disk for the next process.

    It is kept in `NUMBA_CACHE_DIR` where that is set, else beside its file, else in the user's
    cache. Where none of them can be written every process compiles it for itself.
    """
    try:
        decorated = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError as error:
        if "no locator available" not in str(error):  # So numba says that it found no place.
            raise
        return part(function)
    return cast(Function, decorated)


def part(function: Function) -> Function:
    """Compiled, and kept, with what calls it."""
    return cast(Function, numba.njit(nogil=True, error_model="numpy")(function))


def inlined(function: Function) -> Function:
    """Written into what calls it before that is compiled."""
    return cast(Function, numba.njit(inline="always", error_model="numpy")(function))

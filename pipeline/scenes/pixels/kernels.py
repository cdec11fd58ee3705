"""The loops over every pixel of every sprite of a scene.

They come twice, with the same results to the last bit: compiled, where numba is installed, and with
calls of OpenCV and numpy for each sprite, which take three times as long.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple


class Loops(NamedTuple):
    """One way of doing it; `plain_loops` says what each does."""

    fill: Callable[..., None]
    lay: Callable[..., None]
    measure: Callable[..., Any]
    paint: Callable[..., None]
    premultiply: Callable[..., Any]
    resize: Callable[..., None]
    shade: Callable[..., None]


@cache
def loops() -> Loops:
    """The faster way that there is.

    Found when the first scene is drawn: whoever only loads definitions does not wait for numba.
    """
    try:
        import pipeline.scenes.pixels.compiled_kernels as found
    except ImportError:
        import pipeline.scenes.pixels.plain_kernels as found  # type: ignore[no-redef]
    return Loops(*(getattr(found, name) for name in Loops._fields))

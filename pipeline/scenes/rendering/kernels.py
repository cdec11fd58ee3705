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
    resize: Callable[..., None]
    shade: Callable[..., None]


@cache
def loops() -> Loops:
    """The faster way that there is.

    Found when the first scene is drawn: whoever only loads definitions does not wait for numba.
    """
    try:
        from pipeline.scenes.rendering.compiled_kernels import (
            fill,
            lay,
            measure,
            paint,
            resize,
            shade,
        )
    except ImportError:
        from pipeline.scenes.rendering.plain_kernels import fill, lay, measure, paint, resize, shade
    return Loops(fill, lay, measure, paint, resize, shade)

"""The loops over every block of a sprite file.

They come twice, with the same results to the last bit: as calls of numpy and Pillow, and compiled.
The compiled ones take a third of the time for large figures, but loading numba and them takes two
to three seconds of the processor. So a process begins with the plain ones, and changes when it has
worked for about as long: whatever it is asked for in the end, it has not spent much more than with
the better of the two.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import NamedTuple

from pipeline.formats.blocks import Bytes
from pipeline.formats.sld import plain_kernels
from pipeline.formats.sld.grid import Resolved
from pipeline.formats.sld.outline import Tiles

WORTH_COMPILING = 1 << 24
"""Blocks after which a process changes to the compiled loops: the plain ones take two seconds."""


class BlockKernels(NamedTuple):
    """One way of doing it; `plain_kernels` says what each does."""

    resolve: Callable[..., Resolved]
    outline_tiles: Callable[..., Tiles]
    covered: Callable[..., Tiles]
    colours: Callable[..., Bytes]
    values: Callable[..., Bytes]


def loops_of(module: ModuleType) -> BlockKernels:
    """The loops of a module that defines them all."""
    return BlockKernels(*(getattr(module, name) for name in BlockKernels._fields))


PLAIN = loops_of(plain_kernels)


_blocks_done = 0
"""How many blocks this process has worked on."""


def loops_for(blocks: int) -> BlockKernels:
    """The way that suits a process which now has so many more blocks to work on."""
    global _blocks_done
    _blocks_done += blocks
    return fastest_loops() if _blocks_done > WORTH_COMPILING else PLAIN


@cache
def fastest_loops() -> BlockKernels:
    """The compiled loops."""
    from pipeline.formats.sld import compiled_kernels

    return loops_of(compiled_kernels)

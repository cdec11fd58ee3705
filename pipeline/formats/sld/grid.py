"""What the loops of the SLD decoder work on: grids of blocks, and stacks of layers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.formats.blocks import SIDE
from pipeline.formats.ranges import Numbers, joined_ranges, starts_of
from pipeline.formats.sld.model import Mask
from pipeline.formats.sld.structure import Layers

NO_BLOCK = 0
"""Stands for the offset of a block where there is none; no block begins where the file does."""
ALL_COVERED = 0xFFFF
"""The outline's tile that covers all pixels of its block."""


class Grid(NamedTuple):
    """The cells of several layers, one layer after another, row by row.

    Attributes:
        layers: their numbers, rising.
        cells: for each block its offset in the file, or NO_BLOCK.
    """

    layers: Numbers
    cells: Numbers

    def first_cells(self, layers: Layers, chosen: Numbers) -> Numbers:
        """Where the cells of some of the grid's layers begin in it."""
        first: Numbers = starts_of(layers.blocks[self.layers])
        return first[np.searchsorted(self.layers, chosen)]


class Resolved(NamedTuple):
    """A grid with its deltas resolved, and which of its cells were left to inheritance."""

    grid: Grid
    inherited: Mask


class Stack(NamedTuple):
    """Layers of one width, which lie below one another as one image.

    Attributes:
        layers: their numbers.
        first: where the cells of each begin in the grid.
        rows: of blocks, of each.
        columns: of blocks, of all.
    """

    layers: Numbers
    first: Numbers
    rows: Numbers
    columns: int

    @property
    def width(self) -> int:
        """Pixels."""
        return SIDE * self.columns

    @property
    def height(self) -> int:
        """Pixels."""
        return SIDE * int(self.rows.sum())

    @property
    def cells(self) -> Numbers:
        """Of all layers, as places in the grid."""
        return joined_ranges(self.first, self.rows * self.columns)

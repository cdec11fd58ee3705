"""Backgrounds of games whose ground is a map of hexes, laid as the game lays them.

A map has columns of hexes, every second one half a hex lower. Ground of one kind lies together in
patches; a kind that draws its border over another one does so from each hex to the next.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from pipeline.backgrounds.shores import Shoreline, drawn_shoreline
from pipeline.backgrounds.textures import Kind, TextureError, one_by_weight
from pipeline.formats.png import Rgba, read_png
from pipeline.games.files import has_suffix, without_suffix
from pipeline.games.pack import ShoreRules, TerrainRules
from pipeline.games.patterns import matcher
from pipeline.games.sections.images import HexKind, HexRules
from pipeline.sprites.library import Pixels

SIDES = ("n", "ne", "se", "s", "sw", "nw")
"""Neighbours of a hex, clockwise from the top."""

Cell = tuple[int, int]
"""Column and row of a hex; odd columns lie half a hex lower."""


@dataclass(frozen=True)
class HexGrid:
    """Where hexes lie in an image; pixels.

    Attributes:
        left, top: middle of the hex in column 0 and row 0.
        column, row: from a hex to the one in the next column, and in the next row.
    """

    left: int
    top: int
    column: int
    row: int

    def middle(self, cell: Cell) -> tuple[int, int]:
        """The middle of a hex, where what stands on it has its anchor."""
        column, row = cell
        lower = self.row // 2 if column % 2 else 0
        return self.left + column * self.column, self.top + row * self.row + lower


@dataclass(frozen=True, eq=False)
class HexMap:
    """A drawn map.

    Attributes:
        pixels: uint8 [height, width, 3], RGB.
        grid: where its hexes lie.
        kinds: names of the kinds of ground that it shows.
        shore: the line by which hexes are land or water, where it has both.
        wading: middles of hexes on land in which units stand deep.
    """

    pixels: Pixels
    grid: HexGrid
    kinds: tuple[str, ...]
    shore: Shoreline | None
    wading: tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False)
class HexImages:
    """The images of a game's ground by name; each is read once. `hexes` says how they lie."""

    files: Mapping[str, Path]
    hexes: HexRules
    _read: dict[str, Rgba] = field(default_factory=dict)

    def matching(self, pattern: str) -> tuple[str, ...]:
        """Names that a pattern takes, sorted."""
        expression = matcher([pattern])
        return tuple(name for name in sorted(self.files) if expression.fullmatch(name))

    def __contains__(self, name: str) -> bool:
        return name in self.files

    def __getitem__(self, name: str) -> Rgba:
        """uint8 [h, w, 4]; do not write to it."""
        if name not in self._read:
            self._read[name] = read_png(self.files[name])
        return self._read[name]


def open_images(names: Mapping[str, Path], rules: TerrainRules) -> HexImages:
    """The images that the rules may draw.

    Args:
        names: of the game's terrain files, with their suffix.

    Raises:
        TextureError: a kind of ground has no image.
        ValueError: the rules have no hexes.
    """
    if rules.hexes is None:
        raise ValueError("the terrain rules have no hexes")
    files = {
        without_suffix(name, rules.suffix): file
        for name, file in names.items()
        if has_suffix(name, rules.suffix)
    }
    images = HexImages(files, rules.hexes)
    for kind in rules.hexes.kinds:
        if not images.matching(kind.include):
            raise TextureError(
                f"No image of the game shows '{kind.name}': {kind.include}.",
                "Correct terrain.hexes of the game pack, or the game's folder.",
            )
    return images


def draw_map(
    kind: Kind,
    images: HexImages,
    shores: ShoreRules | None,
    size: tuple[int, int],
    rng: np.random.Generator,
) -> HexMap:
    """A map of land, of water, or of both with a shore between them.

    Args:
        shores: how a shore bends, where the map has one.
        size: width and height in pixels.
    """
    hexes = images.hexes
    left, top = -int(rng.integers(2 * hexes.column)), -int(rng.integers(hexes.height))
    grid = HexGrid(left, top, hexes.column, hexes.height)
    cells = list(_cells(grid, size))
    shore, wet = None, dict.fromkeys(cells, kind == "water")
    if kind == "shore" and shores is not None:
        shore = drawn_shoreline(size, shores, rng)
        wet = {cell: shore.side(*grid.middle(cell)) < 0 for cell in cells}
    ground = _ground(cells, wet, grid, hexes, rng)
    painter = _Painter(images, hexes, grid, rng, np.zeros((size[1], size[0], 3), np.uint8))
    painter.paint(ground)
    shown = tuple(sorted({known.name for known in ground.values()}))
    wading = tuple(sorted(grid.middle(cell) for cell in ground if ground[cell].wading))
    return HexMap(painter.canvas, grid, shown, shore, wading)


def _cells(grid: HexGrid, size: tuple[int, int]) -> Iterator[Cell]:
    """All hexes of which a part may be seen, columns from left to right."""
    columns = math.ceil((size[0] - grid.left) / grid.column) + 2
    rows = math.ceil((size[1] - grid.top) / grid.row) + 2
    for column in range(-1, columns):
        for row in range(-2, rows):
            yield column, row


def _ground(
    cells: Sequence[Cell],
    wet: Mapping[Cell, bool],
    grid: HexGrid,
    hexes: HexRules,
    rng: np.random.Generator,
) -> dict[Cell, HexKind]:
    """The kind of every hex: that of the nearest of a few points strewn over the map."""
    land = [known for known in hexes.kinds if not known.water]
    water = [known for known in hexes.kinds if known.water]
    middles = np.array([grid.middle(cell) for cell in cells], np.float64)
    count = max(1, round(len(cells) / hexes.patch))
    low, high = middles.min(axis=0), middles.max(axis=0)
    points = rng.uniform(low, high, (count, 2))
    kinds = [(one_by_weight(land, rng), one_by_weight(water, rng)) for _ in range(count)]
    nudged = middles + rng.uniform(-0.4, 0.4, middles.shape) * grid.column
    nearest = ((nudged[:, None, :] - points[None, :, :]) ** 2).sum(axis=2).argmin(axis=1).tolist()
    return {cell: kinds[point][wet[cell]] for cell, point in zip(cells, nearest, strict=True)}


@dataclass(eq=False)
class _Painter:
    """Draws a map onto a canvas: the ground of all hexes, their borders, what stands on them."""

    images: HexImages
    hexes: HexRules
    grid: HexGrid
    rng: np.random.Generator
    canvas: Pixels

    def paint(self, ground: Mapping[Cell, HexKind]) -> None:
        order = {kind.name: number for number, kind in enumerate(self.hexes.kinds)}
        for kind in self.hexes.kinds:
            self._paint_ground([cell for cell in ground if ground[cell].name == kind.name], kind)
        for kind in self.hexes.kinds:
            for cell, side in _edges(ground, kind, order):
                self._paint_border(cell, side, kind, ground[cell])
        for cell in sorted(ground, key=lambda cell: self.grid.middle(cell)[1]):
            self._paint_over(cell, ground[cell])

    def _paint_ground(self, cells: Sequence[Cell], kind: HexKind) -> None:
        names = self.images.matching(kind.include)
        shared = names[int(self.rng.integers(len(names)))]
        tints = [name for tint in kind.tints for name in self.images.matching(tint)]
        tint = int(self.rng.integers(len(tints) + 1))
        for cell in cells:
            own = names[int(self.rng.integers(len(names)))]
            large = self.images[shared].shape[1] > self.hexes.width
            self._lay(self._patch(shared, cell) if large else self.images[own], cell)
            if tint < len(tints):
                self._lay(self.images[tints[tint]], cell)

    def _patch(self, name: str, cell: Cell) -> Rgba:
        """One hex of an image that repeats over the whole map.

        The image is half a column and half a hex larger than what repeats.
        """
        image = self.images[name]
        wide = image.shape[1] - image.shape[1] % self.hexes.column
        high = image.shape[0] - image.shape[0] % self.hexes.height
        x, y = self._corner(cell, self.hexes.width, self.hexes.height)
        columns = (np.arange(self.hexes.width) + x) % wide
        rows = (np.arange(self.hexes.height) + y) % high
        patch: Rgba = image[rows[:, None], columns[None, :]].copy()
        patch[..., 3] = _hex_mask(self.hexes)
        return patch

    def _paint_border(self, cell: Cell, side: str, kind: HexKind, below: HexKind) -> None:
        for border in kind.borders:
            if below.name in border.onto or "*" in border.onto:
                name = f"{border.image}-{side}"
                if name in self.images:
                    self._lay(self.images[name], cell)
                return

    def _paint_over(self, cell: Cell, kind: HexKind) -> None:
        if kind.over is None or self.rng.random() >= kind.over_chance:
            return
        names = self.images.matching(kind.over)
        if names:
            self._lay(self.images[names[int(self.rng.integers(len(names)))]], cell)

    def _lay(self, image: Rgba, cell: Cell) -> None:
        """Blend an image over the canvas, its middle on that of the hex."""
        height, width = image.shape[:2]
        left, top = self._corner(cell, width, height)
        x1, y1 = max(left, 0), max(top, 0)
        x2 = min(left + width, self.canvas.shape[1])
        y2 = min(top + height, self.canvas.shape[0])
        if x1 >= x2 or y1 >= y2:
            return
        part = image[y1 - top : y2 - top, x1 - left : x2 - left]
        region = self.canvas[y1:y2, x1:x2]
        alpha = part[..., 3:].astype(np.uint16)
        mixed = part[..., :3] * alpha + region * (255 - alpha)
        region[...] = (mixed + 127) // 255

    def _corner(self, cell: Cell, width: int, height: int) -> tuple[int, int]:
        x, y = self.grid.middle(cell)
        return x - width // 2, y - height // 2


def _edges(
    ground: Mapping[Cell, HexKind], kind: HexKind, order: Mapping[str, int]
) -> Iterator[tuple[Cell, str]]:
    """Hexes of earlier kinds beside one of this kind, and the side on which that one lies."""
    if not kind.borders:
        return
    for cell, below in ground.items():
        if order[below.name] >= order[kind.name]:
            continue
        for side, neighbour in zip(SIDES, neighbours(cell), strict=True):
            if neighbour in ground and ground[neighbour].name == kind.name:
                yield cell, side


def neighbours(cell: Cell) -> tuple[Cell, ...]:
    """The six hexes around one, in the order of `SIDES`."""
    column, row = cell
    upper = row if column % 2 else row - 1
    return (
        (column, row - 1),
        (column + 1, upper),
        (column + 1, upper + 1),
        (column, row + 1),
        (column - 1, upper + 1),
        (column - 1, upper),
    )


def _hex_mask(hexes: HexRules) -> Pixels:
    """uint8 [height, width], 255 within a hex that has corners to the left and right."""
    width, height = hexes.width, hexes.height
    inset = width - hexes.column
    corners = [
        (inset, 0),
        (width - inset - 1, 0),
        (width - 1, height // 2),
        (width - inset - 1, height - 1),
        (inset, height - 1),
        (0, height // 2),
    ]
    mask = np.zeros((height, width), np.uint8)
    cv2.fillConvexPoly(mask, np.array(corners, np.int32), 255)
    return mask

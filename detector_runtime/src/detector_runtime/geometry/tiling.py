"""Where to cut an image into tiles, and which regions of it deserve tiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector_runtime.geometry.letterbox import Size, scaled
from detector_runtime.geometry.overlap import Boxes

Chosen = NDArray[np.bool_]

OVERLAP_SHARE = 0.1
"""Of a tile's side that neighbours share: 64 pixels of 640."""

KEPT_SCALE_OVERLAP_SHARE = 0.3
"""The same of the input of a model whose tiles are all it can look at: no look at the whole frame
shows what their edges cut."""

LARGEST_LOOK = 2560
"""Longest side in pixels of one look with an input that grows with the frame: with YOLO26n the
process then takes 0.4 GB for 2560x1440, and 1 GB for 3840x2160 in one look."""

CLUSTER_DISTANCE = 200.0
CLUSTER_PADDING = 128


@dataclass(frozen=True)
class Region:
    """A rectangle of an image, in whole pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """One past the last column."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """One past the last row."""
        return self.top + self.height


def tiles(region: Region, tile: Size, overlap: Size | None = None) -> list[Region]:
    """Tiles of size `tile` that cover `region`, row by row.

    Neighbours share `overlap` pixels (along x and y, less than a tile), else a tenth of a tile.
    The last tile of a row or column is moved back inside; where the region is smaller than a tile,
    the tile is as small as the region.
    """
    shared = overlap or (int(tile[0] * OVERLAP_SHARE), int(tile[1] * OVERLAP_SHARE))
    return [
        Region(left, top, min(tile[0], region.width), min(tile[1], region.height))
        for top in _starts(region.top, region.height, tile[1], shared[1])
        for left in _starts(region.left, region.width, tile[0], shared[0])
    ]


def tiles_at_scale(region: Region, input_size: Size, scale: float, is_free: bool) -> list[Region]:
    """The parts in which a model sees a region at one scale, as few as its input allows.

    Args:
        region: of the image.
        input_size: the model's, in its own pixels.
        scale: input pixels per pixel of the image.
        is_free: whether the input can be larger than that.
    """
    overlap = scaled(input_size, KEPT_SCALE_OVERLAP_SHARE / scale)
    largest = max(LARGEST_LOOK, *input_size)
    return tiles(region, scaled((largest, largest) if is_free else input_size, 1 / scale), overlap)


def shown_whole(boxes: Boxes, parts: Sequence[Region], image: Size, margin: float) -> Chosen:
    """Which boxes (n, 4) lie in one of the parts, clear of its edges inside the image.

    Args:
        boxes: in pixels of the image.
        parts: of the image.
        image: its size.
        margin: pixels that a box must keep from an edge that is not the image's own.
    """
    whole = np.zeros(len(boxes), np.bool_)
    for part in parts:
        low = [part.left + margin * (part.left > 0), part.top + margin * (part.top > 0)]
        high = [
            part.right - margin * (part.right < image[0]),
            part.bottom - margin * (part.bottom < image[1]),
        ]
        whole |= ((boxes[:, :2] >= low) & (boxes[:, 2:] <= high)).all(axis=1)
    return whole


def regions_of_interest(boxes: Boxes, image: Size, tile: Size) -> list[Region]:
    """Regions around clusters of boxes (n, 4), padded, at least one tile large, none overlapping.

    Boxes whose centres are within 200 pixels of each other, directly or through others, are one
    cluster.
    """
    if len(boxes) == 0:
        return []
    labels = clusters((boxes[:, :2] + boxes[:, 2:]) / 2, CLUSTER_DISTANCE)
    padded = []
    for label in range(int(labels.max()) + 1):
        members = boxes[labels == label]
        low = np.floor(members[:, :2].min(axis=0)) - CLUSTER_PADDING
        high = np.ceil(members[:, 2:].max(axis=0)) + CLUSTER_PADDING
        padded.append(np.concatenate([low, high]))
    return [_inside(each, image, tile) for each in _merged(padded, image, tile)]


def clusters(points: Boxes, distance: float) -> NDArray[np.intp]:
    """Labels (n,): points (n, 2) nearer than `distance` to each other share one, as do chains."""
    parents = np.arange(len(points))
    near = ((points[:, None] - points[None]) ** 2).sum(axis=2) <= distance**2
    for first, second in zip(*np.nonzero(np.triu(near, 1))):  # noqa: B905
        parents[_root(parents, int(first))] = _root(parents, int(second))
    roots = [_root(parents, index) for index in range(len(points))]
    return np.unique(roots, return_inverse=True)[1]


def _root(parents: NDArray[np.intp], node: int) -> int:
    while parents[node] != node:
        parents[node] = parents[parents[node]]
        node = int(parents[node])
    return node


def _starts(first: int, length: int, tile: int, overlap: int) -> list[int]:
    if length <= tile:
        return [first]
    last = length - tile
    step = max(tile - overlap, 1)
    return [first + start for start in [*range(0, last, step), last]]


def _merged(rectangles: list[Boxes], image: Size, tile: Size) -> list[Boxes]:
    """Overlapping rectangles joined, until none overlap."""
    merged: list[Boxes] = []
    for rectangle in rectangles:
        region = _inside(rectangle, image, tile)
        grown = np.array([region.left, region.top, region.right, region.bottom], float)
        overlapping = [each for each in merged if _meet(each, grown)]
        merged = [each for each in merged if not _meet(each, grown)]
        if overlapping:
            everything = np.stack([grown, *overlapping])
            joined = np.concatenate([everything[:, :2].min(0), everything[:, 2:].max(0)])
            merged = _merged([*merged, joined], image, tile)
        else:
            merged.append(grown)
    return merged


def _meet(a: Boxes, b: Boxes) -> bool:
    return bool((a[:2] < b[2:]).all() and (b[:2] < a[2:]).all())


def _inside(rectangle: Boxes, image: Size, tile: Size) -> Region:
    """The rectangle, grown to a tile where it is smaller, and moved into the image."""
    spans = []
    for axis in (0, 1):
        length = min(max(int(rectangle[axis + 2] - rectangle[axis]), tile[axis]), image[axis])
        middle = (rectangle[axis] + rectangle[axis + 2]) / 2
        start = int(np.clip(round(middle - length / 2), 0, image[axis] - length))
        spans.append((start, length))
    return Region(spans[0][0], spans[1][0], spans[0][1], spans[1][1])

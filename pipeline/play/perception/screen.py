"""A screen as large as the map, and which parts of it have changed since the last look.

Policies take all that their side knows, of the whole map at once, as the recorded player did, and
none of their acts moves a camera. So their screen shows the whole map at the scale of the captures,
1,024 by 614 pixels, below the line of numbers. It needs no minimap.

What has not changed looks the same to a detector, so only the rest is drawn and looked at. Light
and dark alone are no change: fog hides and shows things, and these are what is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt
from detector_runtime.geometry.overlap import pairs_between
from detector_runtime.geometry.tiling import Region

from pipeline.demo_game.art.raycasting import Pixels
from pipeline.demo_game.interface import TOP_HEIGHT, draw_resources
from pipeline.demo_game.renderer import FRAME_WIDTH, extent_of
from pipeline.play.simulator.rules import MAP_SIDE
from pipeline.play.simulator.view import MAP_HEIGHT, Shown, draw_shown

BLOCK = 8
"""Pixels of a side of the squares in which changes are noted."""
MARGIN = 1
"""Blocks that are looked at around a change."""
CLEAR = 8
"""Pixels between a box and an edge from which neither it nor the bar above it is cut there."""
SIZE = (MAP_SIDE, MAP_HEIGHT)

Boxes = npt.NDArray[np.float32]
Rectangle = tuple[int, int, int, int]
"""Left, top, right and bottom, in pixels."""


def whole_screen(shown: Shown) -> Pixels:
    """All of it, with the line of numbers: uint8 [627, 1024, 3]."""
    screen = np.zeros((TOP_HEIGHT, MAP_SIDE, 3), np.uint8)
    draw_resources(screen, shown.amounts)
    return np.concatenate([screen, draw_shown(shown, Region(0, 0, *SIZE))])


def number_line(shown: Shown) -> Pixels:
    """The part of the line that has numbers: uint8 [13, 320, 3]."""
    line = np.zeros((TOP_HEIGHT, FRAME_WIDTH, 3), np.uint8)
    draw_resources(line, shown.amounts)
    return line


def changes(before: Shown | None, now: Shown) -> Boxes:
    """Where things differ: around each that moved, came, went or changed, as it was and as it is.

    Args:
        before: at the last look; everything has changed if None.

    Returns:
        float32 (n, 4), corners in pixels of the screen.
    """
    rectangles = [(0, 0, *SIZE)] if before is None else list(_changes(before, now))
    found = np.array(rectangles, np.float32).reshape(-1, 4)
    found = np.clip(found, 0, np.array([*SIZE, *SIZE], np.float32))
    return found[(found[:, 2:] > found[:, :2]).all(axis=1)]


def parts_around(changed: Boxes, boxes: Boxes) -> list[Region]:
    """What must be looked at: changes with a margin, and all of what stands there.

    None overlap, and all begin at blocks.

    Args:
        changed: (n, 4), of `changes`.
        boxes: (m, 4), of what was seen there before.
    """
    blocks = np.zeros((-(-SIZE[1] // BLOCK), SIZE[0] // BLOCK), np.uint8)
    side = 2 * MARGIN + 1
    for one in changed.tolist():
        _fill(blocks, one)
    blocks = cv2.dilate(blocks, np.ones((side, side), np.uint8))
    for one in (boxes + np.array([-CLEAR, -CLEAR, CLEAR, CLEAR], np.float32)).tolist():
        _fill(blocks, one)
    count, _labels, found, _middles = cv2.connectedComponentsWithStats(blocks, connectivity=8)
    found = found[1:count, :4] * BLOCK
    found[:, 2:] += found[:, :2]
    return _regions(_merged([tuple(box) for box in found.tolist()]))


def touched(boxes: Boxes, others: Boxes) -> npt.NDArray[np.bool_]:
    """Which boxes (n, 4) share some area with one of the others (m, 4): (n,)."""
    touched = np.zeros(len(boxes), np.bool_)
    touched[pairs_between(boxes, others)[0]] = True
    return touched


def _changes(before: Shown, now: Shown) -> Iterator[Rectangle]:
    for key in before.things.keys() | now.things.keys():
        earlier, later = before.things.get(key), now.things.get(key)
        if earlier != later:
            yield from (extent_of(thing) for thing in (earlier, later) if thing is not None)


def _merged(rectangles: Iterable[Rectangle]) -> list[Rectangle]:
    """Overlapping ones joined, until none overlap."""
    merged: list[Rectangle] = []
    for rectangle in rectangles:
        while touched := [other for other in merged if _meet(other, rectangle)]:
            rectangle = _joined([rectangle, *touched])
            merged = [other for other in merged if other not in touched]
        merged.append(rectangle)
    return sorted(merged)


def _joined(rectangles: Sequence[Rectangle]) -> Rectangle:
    left, top, right, bottom = zip(*rectangles, strict=True)
    return min(left), min(top), max(right), max(bottom)


def _meet(first: Rectangle, second: Rectangle) -> bool:
    return (
        first[0] < second[2]
        and second[0] < first[2]
        and first[1] < second[3]
        and second[1] < first[3]
    )


def _fill(blocks: npt.NDArray[np.uint8], rectangle: Sequence[float]) -> None:
    """Mark the blocks that a rectangle of the screen touches."""
    left, top = (max(int(edge) // BLOCK, 0) for edge in rectangle[:2])
    right, bottom = (max(-(-int(np.ceil(edge)) // BLOCK), 0) for edge in rectangle[2:])
    blocks[top:bottom, left:right] = 1


def _regions(rectangles: Iterable[Rectangle]) -> list[Region]:
    return [
        Region(left, top, min(right, SIZE[0]) - left, min(bottom, SIZE[1]) - top)
        for left, top, right, bottom in rectangles
    ]

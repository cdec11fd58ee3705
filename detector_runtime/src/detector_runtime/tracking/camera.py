"""How far the camera panned between two screenshots, without OpenCV.

Phase correlation of two small grey images proposes shifts; patches at full scale then vote on
each proposal, to the pixel. Where they do not agree, as after a zoom or a jump, there is no shift.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector_runtime.checks import check, check_number
from detector_runtime.images import Frame

Grey = NDArray[np.float32]
Points = NDArray[np.intp]

COARSE_WIDTH = 384
"""Columns of the small image, about."""

REST_SHARE = 0.8
"""Share of pixels that are the same in both frames when the camera surely rests."""

GRID = (7, 5)
"""Patches across and down."""

LEAST_TEXTURE = 3.0
"""Standard deviation in grey levels from which on a patch can tell where it is."""

LEAST_VOTES = 4
LEAST_AGREEMENT = 0.4
CLEAR_AGREEMENT = 0.7
"""Share of patches that settles the matter, so that other proposals need no look."""

PROPOSALS = 5


@dataclass(frozen=True)
class WorldView:
    """The part of the screen that shows the world, as shares of width and height.

    The default leaves out a resource bar above and a command panel below, which do not pan.
    """

    left: float = 0.0
    top: float = 0.04
    right: float = 1.0
    bottom: float = 0.8

    def __post_init__(self) -> None:
        for name in ("left", "top", "right", "bottom"):
            check_number(f"the world view's {name}", getattr(self, name), 0, 1)
        check(self.left < self.right, "the world view's left", self.left, "less than its right")
        check(self.top < self.bottom, "the world view's top", self.top, "less than its bottom")


@dataclass(frozen=True)
class _View:
    """What is kept of a frame: its size, the small image and the patches at full scale."""

    size: tuple[int, int]
    coarse: Grey
    patches: Grey
    corners: Points


class CameraMotion:
    """Follows the camera over successive screenshots."""

    def __init__(self, view: WorldView | None = None) -> None:
        self._view = view or WorldView()
        self._before: _View | None = None

    def shift(self, frame: Frame) -> tuple[float, float] | None:
        """Pixels (x, y) that the camera moved over the world since the previous frame.

        (0, 0) for the first frame and where there is nothing to go by. None when this is another
        place, another zoom or another size: what was where before says nothing about this frame.
        """
        green = self._cropped(frame)
        now = self._view_of(frame, green)
        before, self._before = self._before, now
        if before is None:
            return 0.0, 0.0
        if before.size != now.size:
            return None
        if (before.coarse == now.coarse).mean() >= REST_SHARE:
            return 0.0, 0.0
        return _moved(before, now, green)

    def reset(self) -> None:
        """Forgets the previous frame."""
        self._before = None

    def _cropped(self, frame: Frame) -> NDArray[np.uint8]:
        view = self._view
        rows = slice(int(frame.height * view.top), int(frame.height * view.bottom))
        columns = slice(int(frame.width * view.left), int(frame.width * view.right))
        # Green alone: close to brightness, and the same in both channel orders.
        return frame.pixels[rows, columns, 1]

    def _view_of(self, frame: Frame, green: NDArray[np.uint8]) -> _View:
        stride = max(1, round(green.shape[1] / COARSE_WIDTH))
        side = 64 if min(green.shape) >= 320 else 32
        corners = _grid(green, side)
        return _View(
            (frame.width, frame.height),
            green[::stride, ::stride].astype(np.float32),
            _cut(green, corners, side),
            corners,
        )


def _moved(before: _View, now: _View, green: NDArray[np.uint8]) -> tuple[float, float] | None:
    textured = before.patches.std(axis=(1, 2)) >= LEAST_TEXTURE
    if textured.sum() < LEAST_VOTES:
        return 0.0, 0.0
    patches, corners = before.patches[textured], before.corners[textured]
    stride = round(green.shape[1] / now.coarse.shape[1])
    best = _Votes((0.0, 0.0), 0, 0)
    for proposal in _proposals(before.coarse, now.coarse):
        votes = _votes(patches, corners, green, proposal * stride)
        best = max(best, votes, key=lambda either: either.agreeing)
        if best.agreed(CLEAR_AGREEMENT):
            break
    return best.shift if best.agreed(LEAST_AGREEMENT) else None


@dataclass(frozen=True)
class _Votes:
    shift: tuple[float, float]
    agreeing: int
    asked: int

    def agreed(self, share: float) -> bool:
        return self.agreeing >= max(LEAST_VOTES, share * self.asked)


def _votes(patches: Grey, corners: Points, green: NDArray[np.uint8], proposal: Points) -> _Votes:
    """How many patches of the frame before are found, to a pixel, where the proposal says."""
    side = patches.shape[1]
    places = corners - proposal
    room = np.array([green.shape[1] - side, green.shape[0] - side])
    inside = ((places >= 0) & (places <= room)).all(axis=1)
    if not inside.any():
        return _Votes((0.0, 0.0), 0, 0)
    offsets = _peaks(_phase(patches[inside], _cut(green, places[inside], side), (side, side)))
    common = np.median(offsets, axis=0)
    # The median is the mode as soon as most agree; where they do not, nothing is accepted anyway.
    # Beyond a quarter of a patch too little of it is shared to be sure which way it went.
    close = (np.abs(offsets - common) <= 1).all(axis=1) & (np.abs(common) <= side / 4).all()
    shift = proposal - np.round(offsets[close].mean(axis=0)) if close.any() else proposal
    return _Votes((float(shift[0]), float(shift[1])), int(close.sum()), int(inside.sum()))


def _proposals(before: Grey, now: Grey) -> Iterator[Points]:
    """Camera shifts in pixels of the small image: none at all, then the likely ones."""
    yield np.zeros(2, np.intp)
    from scipy import fft

    shape = tuple(fft.next_fast_len(side, real=True) for side in now.shape)
    surface, near = _phase(before, now, shape), np.arange(-2, 3)
    for _ in range(PROPOSALS):
        row, column = np.unravel_index(int(np.argmax(surface)), surface.shape)
        for y in (row, row - shape[0]):
            for x in (column, column - shape[1]):
                if abs(y) < now.shape[0] and abs(x) < now.shape[1]:
                    yield np.array([-x, -y], np.intp)
        surface[np.ix_((row + near) % shape[0], (column + near) % shape[1])] = -1.0


def _phase(before: Grey, now: Grey, shape: tuple[Any, ...]) -> Grey:
    """Correlation surface: its peak lies at the displacement of content from before to now."""
    from scipy import fft

    cross = fft.rfft2(_windowed(now), shape) * np.conj(fft.rfft2(_windowed(before), shape))
    cross /= np.maximum(np.abs(cross), 1e-6)
    surface: Grey = fft.irfft2(cross, shape)
    return surface


def _peaks(surfaces: Grey) -> NDArray[np.float64]:
    """Displacements (n, 2) in x and y of the highest points of (n, side, side)."""
    count, side, _ = surfaces.shape
    rows, columns = np.divmod(surfaces.reshape(count, -1).argmax(axis=1), side)
    offsets = np.stack([columns, rows], axis=1).astype(np.float64)
    offsets[offsets > side / 2] -= side
    return offsets


def _windowed(images: Grey) -> Grey:
    height, width = images.shape[-2:]
    window = np.outer(np.hanning(height), np.hanning(width)).astype(np.float32)
    centred: Grey = (images - images.mean(axis=(-2, -1), keepdims=True)) * window
    return centred


def _grid(green: NDArray[np.uint8], side: int) -> Points:
    """Upper left corners (n, 2) of patches spread evenly; none in an image too small for one."""
    height, width = green.shape
    if min(height, width) < side:
        return np.empty((0, 2), np.intp)
    across = np.linspace(0, width - side, GRID[0]).astype(np.intp)
    down = np.linspace(0, height - side, GRID[1]).astype(np.intp)
    return np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2)


def _cut(green: NDArray[np.uint8], corners: Points, side: int) -> Grey:
    if len(corners) == 0:
        return np.empty((0, side, side), np.float32)
    cut = [green[y : y + side, x : x + side] for x, y in corners.tolist()]
    return np.stack(cut).astype(np.float32)

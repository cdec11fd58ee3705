"""Which images show the same thing: near duplicates, but no look-alikes.

Two players' crops of one icon differ by some pixels, so that nothing about them is equal. Two
icons may differ in a gem's colour alone, so that their perceptual hashes are equal. Images belong
together where both hold:

- their perceptual hashes differ in few bits, which tells other shapes and mirror images, however
  dark the image is;
- their colours differ little everywhere, which tells a part of another colour. An image of 64
  pixels a side is reduced to the mean colours of windows 8 pixels wide, 4 apart. How far two images
  are from each other is how much those windows differ that differ most, with one image moved by up
  to 2 pixels so that it fits best: boxes around icons are rarely exact.

Groups form around images that are more than that apart from each other, so that no chain of small
differences joins what differs much: every image of a group is near the group's centre. Which
images become centres does not depend on the order in which they are given, nor on one contributor
alone: those go first whose like most contributors have sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.progress import Report, silent, track

SIDE = 64
WINDOW = 8
STEP = 4
MOVED = 2
"""Pixels: of the images that are compared, of a window, between windows, and how far it is moved
in each direction."""
WINDOWS = (SIDE - WINDOW - 2 * MOVED) // STEP + 1
SIGNATURE = WINDOWS * WINDOWS * 3
PLACES = (2 * MOVED + 1) ** 2

Colours = npt.NDArray[np.uint8]
WindowMeans = Callable[[str], Colours]
"""Mean colours of the windows at every pixel of the image of a digest (`window_means`)."""


@dataclass(frozen=True)
class Nearness:
    """How much images may differ and still show the same.

    Attributes:
        hash_bits: of the 64 of the perceptual hash.
        colour: of the windows that differ most, in 0..255.
        unmoved: the same before one of them is moved, to spare most comparisons.
    """

    hash_bits: int = 20
    colour: int = 26
    unmoved: int = 90


NEAR = Nearness()


@dataclass(frozen=True)
class ComparedImages:
    """Images, each of other bytes, as they are compared.

    Attributes:
        digests: of their files, no two equal.
        hashes: perceptual hashes, uint64 [images].
        signatures: colours of their windows, uint8 [images, SIGNATURE].
        senders: of each image, how many contributors have sent one of that hash, int [images].
        windows: of the image of a digest; is asked again for each that becomes a centre.
    """

    digests: tuple[str, ...]
    hashes: npt.NDArray[np.uint64]
    signatures: Colours
    senders: npt.NDArray[np.intp]
    windows: WindowMeans


@dataclass(frozen=True)
class Group:
    """Images that show the same.

    Attributes:
        images: indexes into those that were compared: first the centre, which all others are near,
            then the others by their digest.
    """

    images: tuple[int, ...]


def window_means(image: Image.Image) -> Colours:
    """Mean colours of the windows at every pixel of an image of any mode and size.

    Returns:
        uint8 [SIDE - WINDOW + 1, SIDE - WINDOW + 1, 3].
    """
    fitted = image.convert("RGB")
    if fitted.size != (SIDE, SIDE):
        fitted = fitted.resize((SIDE, SIDE), Image.Resampling.BOX)
    sums = np.zeros((SIDE + 1, SIDE + 1, 3), dtype=np.int64)
    sums[1:, 1:] = np.asarray(fitted, dtype=np.int64).cumsum(axis=0).cumsum(axis=1)
    inside = sums[WINDOW:, WINDOW:] - sums[:-WINDOW, WINDOW:]
    inside -= sums[WINDOW:, :-WINDOW] - sums[:-WINDOW, :-WINDOW]
    return (inside // (WINDOW * WINDOW)).astype(np.uint8)


def signature_of(windows: Colours) -> Colours:
    """The colours by which an image is compared, unmoved: uint8 [SIGNATURE]."""
    return _moved(windows, MOVED, MOVED)


def colour_distances(moved: Colours, signature: Colours) -> npt.NDArray[np.uint8]:
    """How far images are from one, however they are moved: uint8 [images] in 0..255.

    Args:
        moved: the images at each place that they are moved to, uint8 [images, places, SIGNATURE].
        signature: of the one, uint8 [SIGNATURE].
    """
    # The larger less the smaller: differences of unsigned numbers would wrap around.
    apart = np.maximum(moved, signature) - np.minimum(moved, signature)
    distances: npt.NDArray[np.uint8] = apart.max(axis=2).min(axis=1)
    return distances


def compare_images(
    senders: Iterable[tuple[str, str, Iterable[str]]],
    windows: WindowMeans,
    report: Report = silent,
) -> ComparedImages:
    """Gather what images are compared by.

    Args:
        senders: digest, perceptual hash as 16 hexadecimal digits and contributors of each image.
    """
    images = [(digest, text, frozenset(who)) for digest, text, who in senders]
    sent = {(text, one) for _, text, who in images for one in who}
    by_hash = Counter(text for text, _ in sent)
    signatures = np.empty((len(images), SIGNATURE), dtype=np.uint8)
    rows = zip(signatures, images, strict=True)
    for row, (digest, _, _) in track(rows, len(images), "reading images", report):
        row[:] = signature_of(windows(digest))
    return ComparedImages(
        tuple(digest for digest, _, _ in images),
        np.array([int(text, 16) for _, text, _ in images], dtype=np.uint64),
        signatures,
        np.array([by_hash[text] for _, text, _ in images], dtype=np.intp),
        windows,
    )


def group_near_duplicates(
    images: ComparedImages, near: Nearness = NEAR, report: Report = silent
) -> tuple[Group, ...]:
    """Put images together that show the same, each into one group.

    The same groups come out in whatever order the images are given, and centres that are grouped
    again stay alone.

    Returns:
        By the digests of their centres.
    """
    digests = images.digests
    centres = _Centres(images, near)
    order = sorted(range(len(digests)), key=lambda one: (-images.senders[one], digests[one]))
    for one in track(order, len(order), "finding groups", report):
        if centres.nearest(one) is None:
            centres.add(one)
    members: dict[int, list[int]] = {centre: [] for centre in centres.indexes}
    # Only now: a later centre may be nearer than the one that an image was found near to before.
    others = sorted({*range(len(digests))} - members.keys(), key=digests.__getitem__)
    for one in track(others, len(others), "filling groups", report):
        nearest = centres.nearest(one)
        assert nearest is not None, "it is no centre because it is near one"
        members[nearest].append(one)
    groups = (Group((centre, *near_it)) for centre, near_it in members.items())
    return tuple(sorted(groups, key=lambda group: digests[group.images[0]]))


@dataclass
class _Centres:
    """Images that are apart from each other, in arrays that grow by doubling."""

    images: ComparedImages
    near: Nearness
    indexes: list[int] = field(default_factory=list)
    hashes: npt.NDArray[np.uint64] = field(default_factory=lambda: np.empty(64, np.uint64))
    moved: Colours = field(default_factory=lambda: np.empty((64, PLACES, SIGNATURE), np.uint8))

    def add(self, one: int) -> None:
        count = len(self.indexes)
        if count == len(self.hashes):
            self.hashes = np.concatenate([self.hashes, np.empty_like(self.hashes)])
            self.moved = np.concatenate([self.moved, np.empty_like(self.moved)])
        windows = self.images.windows(self.images.digests[one])
        places = product(range(2 * MOVED + 1), repeat=2)
        self.hashes[count] = self.images.hashes[one]
        self.moved[count] = [_moved(windows, top, left) for top, left in places]
        self.indexes.append(one)

    def nearest(self, one: int) -> int | None:
        """The nearest centre that an image is near, of equally near ones the first."""
        signature = self.images.signatures[one]
        bits = np.bitwise_count(self.hashes[: len(self.indexes)] ^ self.images.hashes[one])
        alike = np.flatnonzero(bits <= self.near.hash_bits)
        unmoved = self.moved[alike, PLACES // 2][:, None]
        alike = alike[colour_distances(unmoved, signature) <= self.near.unmoved]
        if not len(alike):
            return None
        distances = colour_distances(self.moved[alike], signature)
        best = int(distances.argmin())
        return self.indexes[alike[best]] if distances[best] <= self.near.colour else None


def _moved(windows: Colours, top: int, left: int) -> Colours:
    length = (WINDOWS - 1) * STEP + 1
    return windows[top : top + length : STEP, left : left + length : STEP].ravel()

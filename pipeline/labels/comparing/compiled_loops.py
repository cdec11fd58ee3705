"""The loops over pairs of frames: of 100,000 frames, millions of pairs have near hashes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.compilation import compiled, part

SAME_VIEW = 0.8
CHANCE = 9
"""Two frames show one view when they correlate by SAME_VIEW + CHANCE / cells, because the fewer
cells there are, the higher unrelated ground correlates by chance."""
HOPELESS = 0.4
"""Below this, moving one thumbnail by a cell does not make the same view of it."""

Hashes = npt.NDArray[np.uint64]
Thumbnails = npt.NDArray[np.uint8]
Indices = npt.NDArray[np.intp]


@part
def excess(one: Thumbnails, other: Thumbnails, dy: int, dx: int) -> tuple[float, float]:
    """Correlation of the cells that both have, and by how much it passes what it must reach.

    The other thumbnail is moved by so many cells. Sums are of whole numbers, so that the same
    pairs are confirmed on every machine.
    """
    rows, columns = one.shape
    width = columns - abs(dx)
    count = sum_a = sum_b = sum_aa = sum_bb = sum_ab = 0
    for y in range(max(0, dy), rows + min(0, dy)):
        row, beside = one[y, max(0, dx) :], other[y - dy, max(0, -dx) :]
        # Signed, because numba counts with fractions where signs are mixed, a cell at a time.
        for x in range(width):
            a, b = int(np.int32(row[x])), int(np.int32(beside[x]))
            both = int(a > 0) * int(b > 0)
            a *= both
            b *= both
            count += both
            sum_a += a
            sum_b += b
            sum_aa += a * a
            sum_bb += b * b
            sum_ab += a * b
    spread = float(count * sum_aa - sum_a * sum_a) * float(count * sum_bb - sum_b * sum_b)
    if spread <= 0:
        return 0.0, -1.0
    found = float(count * sum_ab - sum_a * sum_b) / np.sqrt(spread)
    return float(found), float(found - SAME_VIEW - CHANCE / count)


@part
def same_view(one: Thumbnails, other: Thumbnails) -> bool:
    """Whether two show one view, as they lie or with one moved by a cell."""
    found, over = excess(one, other, 0, 0)
    if found > HOPELESS:
        for move in range(9):
            if over < 0:
                _, over = excess(one, other, move // 3 - 1, move % 3 - 1)
    return over >= 0


@compiled
def same_views(thumbnails: Thumbnails, first: Indices, second: Indices) -> npt.NDArray[np.bool_]:
    """Whether each pair shows one view."""
    same = np.zeros(len(first), np.bool_)
    for pair in range(len(first)):
        same[pair] = same_view(thumbnails[first[pair]], thumbnails[second[pair]])
    return same


@part
def ones(bits: np.uint64) -> np.uint64:
    """How many bits of 64 are set (Warren, Hacker's Delight, 5-1)."""
    bits -= bits >> np.uint64(1) & np.uint64(0x5555555555555555)
    bits = (bits & np.uint64(0x3333333333333333)) + (
        bits >> np.uint64(2) & np.uint64(0x3333333333333333)
    )
    bits = bits + (bits >> np.uint64(4)) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return bits * np.uint64(0x0101010101010101) >> np.uint64(56)


@part
def root_of(parents: Indices, index: int) -> int:
    """The frame that stands for all that one is connected with."""
    while parents[index] != index:
        parents[index] = parents[parents[index]]
        index = parents[index]
    return index


@part
def near(hashes: Hashes, wanted: np.uint64, most_bits: int, found: Indices) -> int:
    """Fill `found` with the places of hashes that lie near one; how many there are.

    Without a branch, so that the processor compares several at once.
    """
    count = 0
    for place in range(len(hashes)):
        found[count] = place
        count += int(ones(wanted ^ hashes[place]) <= most_bits)
    return count


@compiled
def connected_views(
    hashes: Hashes,
    thumbnails: Thumbnails,
    known: npt.NDArray[np.bool_],
    parents: Indices,
    most_bits: int,
) -> Indices:
    """For each frame the first that chains of same views connect it with (union-find).

    Each is compared with each: a nanosecond for two hashes, and where frames are half black, tenths
    of all pairs are near in any case.

    Args:
        known: whether there is a thumbnail; without one the hash decides.
        parents: of each frame itself, or one before it that it is connected with.
    """
    parents = parents.copy()
    found = np.empty(len(hashes) + 1, np.intp)
    for one in range(len(hashes)):
        for other in found[: near(hashes[:one], hashes[one], most_bits, found)]:
            low, high = root_of(parents, one), root_of(parents, other)
            if low != high and (
                not (known[one] and known[other]) or same_view(thumbnails[one], thumbnails[other])
            ):
                parents[max(low, high)] = min(low, high)
    for one in range(len(hashes)):
        parents[one] = root_of(parents, one)
    return parents


@part
def all_close(one: Thumbnails, other: Thumbnails, most: int) -> bool:
    """Whether no cell differs by more grey levels."""
    for y in range(one.shape[0]):
        far = 0
        for x in range(one.shape[1]):
            a, b = np.int16(one[y, x]), np.int16(other[y, x])
            far += int(abs(a - b) > most)
        if far:
            return False
    return True


@compiled
def nearest_views(
    hashes: Hashes,
    thumbnails: Thumbnails,
    known: npt.NDArray[np.bool_],
    others: Hashes,
    other_thumbnails: Thumbnails,
    other_known: npt.NDArray[np.bool_],
    most_bits: int,
) -> tuple[Indices, Indices]:
    """For each frame the nearest of others that shows its view, or -1; and the bits between.

    Args:
        known, other_known: whether there is a thumbnail; without one the hash decides.
    """
    nearest, bits = np.full(len(hashes), -1), np.full(len(hashes), most_bits + 1)
    found = np.empty(len(others) + 1, np.intp)
    for one in range(len(hashes)):
        for other in found[: near(others, hashes[one], most_bits, found)]:
            apart = int(ones(hashes[one] ^ others[other]))
            if apart < bits[one] and (
                not (known[one] and other_known[other])
                or same_view(thumbnails[one], other_thumbnails[other])
            ):
                nearest[one], bits[one] = other, apart
    return nearest, bits


@compiled
def same_pixels(
    hashes: Hashes, thumbnails: Thumbnails, batches: Indices, most_bits: int, most_grey: Indices
) -> tuple[Indices, Indices]:
    """Pairs of frames of different batches that hold the same pixels, as far as that is told.

    Pairs that others connect are left out.

    Args:
        most_grey: levels by which each cell may differ, of each frame.
    """
    parents = np.arange(len(hashes))
    found = np.empty(len(hashes) + 1, np.intp)
    first, second = np.empty_like(found), np.empty_like(found)
    pairs = 0
    for one in range(len(hashes)):
        for other in found[: near(hashes[:one], hashes[one], most_bits, found)]:
            if batches[one] == batches[other]:
                continue
            # First, because of a camera that stands still nearly all pairs are connected already.
            low, high = root_of(parents, one), root_of(parents, other)
            if low != high and all_close(thumbnails[one], thumbnails[other], most_grey[one]):
                parents[max(low, high)] = min(low, high)
                first[pairs], second[pairs] = one, other
                pairs += 1
    return first[:pairs], second[:pairs]

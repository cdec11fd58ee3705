"""The loop over pairs of thumbnails: of 100,000 frames, millions of pairs have near hashes."""

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

Thumbnails = npt.NDArray[np.uint8]
Indices = npt.NDArray[np.intp]


@part
def excess(one: Thumbnails, other: Thumbnails, dy: int, dx: int) -> tuple[float, float]:
    """Correlation of the cells that both have, and by how much it passes what it must reach.

    The other thumbnail is moved by so many cells. Sums are of whole numbers, so that the same
    pairs are confirmed on every machine.
    """
    rows, columns = one.shape
    count = sum_a = sum_b = sum_aa = sum_bb = sum_ab = 0
    for y in range(max(0, dy), rows + min(0, dy)):
        for x in range(max(0, dx), columns + min(0, dx)):
            a, b = int(one[y, x]), int(other[y - dy, x - dx])
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


@compiled
def same_views(
    thumbnails: Thumbnails, others: Thumbnails, first: Indices, second: Indices
) -> npt.NDArray[np.bool_]:
    """Whether each pair shows one view, as they lie or with one moved by a cell."""
    same = np.zeros(len(first), np.bool_)
    for pair in range(len(first)):
        one, other = thumbnails[first[pair]], others[second[pair]]
        found, over = excess(one, other, 0, 0)
        if found > HOPELESS:
            for move in range(9):
                if over < 0:
                    _, over = excess(one, other, move // 3 - 1, move % 3 - 1)
        same[pair] = over >= 0
    return same


@compiled
def all_close(
    thumbnails: Thumbnails, first: Indices, second: Indices, most: Indices
) -> npt.NDArray[np.bool_]:
    """Whether in each pair no cell differs by more grey levels than are given for it."""
    close = np.ones(len(first), np.bool_)
    for pair in range(len(first)):
        one, other = thumbnails[first[pair]], thumbnails[second[pair]]
        for y in range(one.shape[0]):
            far = 0
            for x in range(one.shape[1]):
                a, b = np.int16(one[y, x]), np.int16(other[y, x])
                far += int(abs(a - b) > most[pair])
            if far:
                close[pair] = False
                break
    return close

"""Which screens of other contributors are most like one: what they are called speaks for it.

Nobody sends the screen that somebody else sees: it shows other things, in another size and other
colours. So votes on one image never meet, as those on an icon do. What screens of one type have in
common is where their edges lie.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from PIL import Image

SIDE = 24
"""Cells along each side of a layout."""
ROWS_AT_ONCE = 256

Layout = npt.NDArray[np.float32]


def layout_of(image: Image.Image) -> Layout:
    """Where the edges of a screen lie: float32 [SIDE * SIDE], of mean 0 and length 1.

    The mean difference of neighbouring pixels in each cell; zeros where a screen has no edges.
    """
    grey = np.asarray(image.convert("L"), dtype=np.int16)
    across = np.abs(np.diff(grey, axis=1))[:-1]
    down = np.abs(np.diff(grey, axis=0))[:, :-1]
    edges = Image.fromarray(np.clip(across + down, 0, 255).astype(np.uint8))
    cells = np.asarray(edges.resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float32).ravel()
    cells -= cells.mean()
    length = float(np.linalg.norm(cells))
    return cells / length if length else cells


def nearest_of_others(
    layouts: npt.NDArray[np.float32], owners: Sequence[frozenset[str]], count: int
) -> tuple[tuple[tuple[str, int], ...], ...]:
    """For each screen the most similar one of each of a few contributors who have not sent it.

    Args:
        layouts: float32 [screens, SIDE * SIDE].
        owners: who has sent each, at least one.
        count: of contributors, for each screen.

    Returns:
        For each screen contributors with the place of their screen, the most similar first.
    """
    pairs = sorted((owner, place) for place, who in enumerate(owners) for owner in who)
    people = [owner for owner, _ in pairs]
    starts = [
        place for place, owner in enumerate(people) if not place or people[place - 1] != owner
    ]
    columns = np.array([place for _, place in pairs], dtype=np.intp)
    found: list[tuple[tuple[str, int], ...]] = []
    for first in range(0, len(owners), ROWS_AT_ONCE):
        # Rounded, because other machines add up in another order.
        alike = (layouts[first : first + ROWS_AT_ONCE] @ layouts.T).round(4)[:, columns]
        for row, similarity in enumerate(alike, start=first):
            best = [
                (-float(similarity[start:end].max()), people[start], start, end)
                for start, end in pairwise([*starts, len(people)])
                if people[start] not in owners[row]
            ]
            found.append(
                tuple(
                    (owner, int(columns[start + similarity[start:end].argmax()]))
                    for _, owner, start, end in sorted(best)[:count]
                )
            )
    return tuple(found)

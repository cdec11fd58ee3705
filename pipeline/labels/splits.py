"""Which real frames train and which validate.

Neighbouring frames of one capture show nearly the same image. A split that tears them apart
measures memory instead of skill, so frames are kept together as well as the data allows:

1. *Sessions*: whole sessions validate. Sessions that share a near-duplicate frame count as one.
   The session of every frame must be known: a frame of an unknown one may belong to any.
2. *Groups*: where no choice of whole sessions comes near the wanted share (two sessions would make
   it a half), groups of near-duplicate frames validate, each of them whole.
3. *None*: where groups don't come near it either (one camera that never moves), no real frame
   validates. A frame that has its double in training would only flatter the model.

"Near" means from half of the wanted share to twice it; within that, the choice closest to it is
taken, and among equals the one that the seed prefers. `legacy` picks single frames, as of old: it
leaks, and is kept to compare with earlier figures.

A pan of 64 pixels already escapes the perceptual hash, so groups are weaker than sessions.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipeline.games.pack import MergeRules
from pipeline.labels.batches import Frame
from pipeline.labels.fingerprints import NEAR_DUPLICATE_BITS, hash_distances
from pipeline.labels.inspection.sessions import sessions_of

SplitRule = Literal["sessions", "groups", "frames", "none"]


@dataclass(frozen=True)
class Split:
    """Stems of the frames that validate; by what they were kept together; how many such units.

    Where a split by sessions was wanted, `unknown` frames have a session that is not known.
    """

    validation: frozenset[str]
    rule: SplitRule
    units: int
    unknown: int = 0


def split_frames(frames: Sequence[Frame], rules: MergeRules) -> Split:
    """Choose the validation frames; the order of `frames` does not matter.

    Args:
        frames: with stems that are unique among them.
        rules: share, seed, and whether frames are kept together at all.
    """
    ordered = sorted(frames, key=lambda frame: frame.stem)
    if rules.split == "legacy":
        count = round(len(ordered) * rules.validation_fraction)
        order = np.random.default_rng([rules.seed]).permutation(len(ordered))
        return Split(_stems(ordered, order[:count].tolist()), "frames", len(ordered))
    near = near_duplicates(ordered)
    sessions = sessions_of(ordered)
    unknown = sessions.count(None)
    by_session = None if unknown else _split_units(_joined(sessions, near), rules)
    if by_session is not None:
        return Split(_stems(ordered, by_session), "sessions", len(set(sessions)))
    groups = _joined(list(range(len(ordered))), near)
    by_group = _split_units(groups, rules)
    if by_group is not None:
        return Split(_stems(ordered, by_group), "groups", len(groups), unknown)
    return Split(frozenset(), "none", len(groups), unknown)


def near_duplicates(frames: Sequence[Frame]) -> tuple[tuple[int, int], ...]:
    """Index pairs (i < j) of frames that show nearly the same image."""
    hashes = [frame.phash for frame in frames]
    near = np.triu(hash_distances(hashes, hashes) <= NEAR_DUPLICATE_BITS, k=1)
    return tuple((int(i), int(j)) for i, j in zip(*np.nonzero(near), strict=True))


def _split_units(units: list[list[int]], rules: MergeRules) -> list[int] | None:
    """Indices of the units that together come nearest to the wanted share, or None."""
    total = sum(len(unit) for unit in units)
    target = total * rules.validation_fraction
    order = np.random.default_rng([rules.seed]).permutation(len(units))
    shuffled = [units[index] for index in order]
    choices = _reachable_sums([len(unit) for unit in shuffled], int(2 * target))
    fitting = [size for size in choices if target / 2 <= size < total]
    if not fitting:
        return None
    best = min(fitting, key=lambda size: (abs(size - target), size))
    return [frame for index in choices[best] for frame in shuffled[index]]


def _reachable_sums(sizes: Sequence[int], limit: int) -> dict[int, tuple[int, ...]]:
    """Every sum up to `limit` that some of the sizes make, with the first choice that makes it."""
    choices: dict[int, tuple[int, ...]] = {0: ()}
    for index, size in enumerate(sizes):
        for known, chosen in list(choices.items()):
            if known + size <= limit and known + size not in choices:
                choices[known + size] = (*chosen, index)
    return choices


def _joined(keys: Sequence[Hashable], pairs: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Indices in groups: together when they share a key or a pair connects them (union-find)."""
    parent = list(range(len(keys)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    first: dict[Hashable, int] = {}
    for index, key in enumerate(keys):
        parent[root(index)] = root(first.setdefault(key, index))
    for i, j in pairs:
        parent[root(j)] = root(i)
    groups: dict[int, list[int]] = {}
    for index in range(len(keys)):
        groups.setdefault(root(index), []).append(index)
    return list(groups.values())


def _stems(frames: Sequence[Frame], indices: Sequence[int]) -> frozenset[str]:
    return frozenset(frames[index].stem for index in indices)

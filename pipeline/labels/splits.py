"""Which real frames train and which validate.

Frames of CVAT's subsets Train and Validation do what these say, and so do those that show the same
view as one of them or are of the same session. The others are split.

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

A pan of 64 pixels often escapes the perceptual hash, so groups are weaker than sessions.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from pipeline.games.pack import MergeRules
from pipeline.labels.batches import BatchFrame, FrameKey
from pipeline.labels.comparing.views import Views
from pipeline.labels.inspection.sessions import sessions_of

SplitRule = Literal["sessions", "groups", "frames", "none", "subsets"]


@dataclass(frozen=True)
class Split:
    """Which frames validate, and why these.

    Attributes:
        validation: those that CVAT's subsets say, and those that were chosen.
        rule: by what frames were kept together; "subsets" where these leave nothing to split.
        units: how many there were to choose from.
        chosen: frames that validate because of the choice.
        unknown: frames whose session is not known, where a split by sessions was wanted.
    """

    validation: frozenset[FrameKey]
    rule: SplitRule
    units: int
    chosen: int = 0
    unknown: int = 0


def split_frames(
    frames: Sequence[BatchFrame], rules: MergeRules, sharing: Iterable[tuple[str, str]] = ()
) -> Split:
    """Choose the validation frames; the order of `frames` does not matter.

    Args:
        frames: each once.
        rules: share, seed, and whether frames are kept together at all.
        sharing: batches that had images in common, two by two: a video in them is one.
    """
    ordered = sorted(frames, key=lambda one: (one.frame.stem, one.key))
    views, sessions = list(range(len(ordered))), list[str | None]([None] * len(ordered))
    if rules.split == "session":
        batch = common_names(sharing)
        views = near_groups(ordered)
        sessions = sessions_of(
            [one.frame for one in ordered],
            [batch.get(one.batch, one.batch) for one in ordered],
        )
    given = _given(ordered, views, sessions)
    free = [index for index, purpose in enumerate(given) if purpose == "any"]
    rest = _split(
        [ordered[index] for index in free],
        [views[index] for index in free],
        [sessions[index] for index in free],
        rules,
    )
    validating = {ordered[i].key for i, purpose in enumerate(given) if purpose == "validation"}
    rule = rest.rule if free or not ordered else "subsets"
    return replace(
        rest, validation=rest.validation | validating, rule=rule, chosen=len(rest.validation)
    )


def near_groups(frames: Sequence[BatchFrame]) -> list[int]:
    """A number for each frame, the same for those that chains of same views connect."""
    return [int(label) for label in Views.of([one.fingerprint for one in frames]).groups()]


def common_names(sharing: Iterable[tuple[str, str]]) -> dict[str, str]:
    """For each batch that shares images the first, by name, of all that this connects."""
    pairs = sorted(tuple(sorted(pair)) for pair in sharing)
    names: dict[str, str] = {}
    for one, other in pairs:
        low, high = sorted((names.get(one, one), names.get(other, other)))
        names |= {name: low for name, common in names.items() if common == high}
        names |= {one: low, other: low}
    return names


def _given(
    frames: Sequence[BatchFrame], views: Sequence[int], sessions: Sequence[str | None]
) -> list[str]:
    """What each frame is for, by its subset, or by that of a frame with the same view or session.

    The view comes first, as it is what a model would remember.
    """
    keys = [index if one is None else one for index, one in enumerate(sessions)]
    together = {i: number for number, unit in enumerate(_joined(keys, views)) for i in unit}
    units = [together[index] for index in range(len(frames))]
    purposes = [one.purpose for one in frames]
    of_view, of_unit = _purposes(purposes, views), _purposes(purposes, units)
    return [
        next((told for told in each if told != "any"), "any")
        for each in zip(
            purposes,
            (of_view[view] for view in views),
            (of_unit[unit] for unit in units),
            strict=True,
        )
    ]


def _purposes(purposes: Sequence[str], groups: Sequence[int]) -> dict[int, str]:
    """What the frames of each group are for, as far as some of them say so."""
    found: dict[int, str] = {}
    for purpose, group in zip(purposes, groups, strict=True):
        # A frame that was trained on must not judge.
        if purpose == "train" or found.get(group, "any") == "any":
            found[group] = purpose
    return found


def _split(
    ordered: Sequence[BatchFrame],
    views: Sequence[int],
    sessions: Sequence[str | None],
    rules: MergeRules,
) -> Split:
    if rules.split == "legacy":
        count = round(len(ordered) * rules.validation_fraction)
        order = np.random.default_rng([rules.seed]).permutation(len(ordered))
        return Split(_keys(ordered, order[:count].tolist()), "frames", len(ordered))
    unknown = sessions.count(None)
    by_session = None if unknown else _split_units(_joined(sessions, views), rules)
    if by_session is not None:
        return Split(_keys(ordered, by_session), "sessions", len(set(sessions)))
    groups = _joined(views, views)
    by_group = _split_units(groups, rules)
    if by_group is not None:
        return Split(_keys(ordered, by_group), "groups", len(groups), unknown=unknown)
    return Split(frozenset(), "none", len(groups), unknown=unknown)


def _split_units(units: list[list[int]], rules: MergeRules) -> list[int] | None:
    """Indices of the units that together come nearest to the wanted share, or None."""
    total = sum(len(unit) for unit in units)
    target = total * rules.validation_fraction
    order = np.random.default_rng([rules.seed]).permutation(len(units))
    shuffled = [units[index] for index in order]
    sums = _reachable_sums([len(unit) for unit in shuffled], int(2 * target))
    fitting = [size for size in sums if target / 2 <= size < total]
    if not fitting:
        return None
    best = min(fitting, key=lambda size: (abs(size - target), size))
    chosen = []
    while best:
        chosen.append(shuffled[sums[best]])
        best -= len(chosen[-1])
    return [frame for unit in chosen for frame in unit]


def _reachable_sums(sizes: Sequence[int], limit: int) -> dict[int, int]:
    """Every sum up to `limit` that some of the sizes make, with the index of the last of them.

    Without that one, what is left is a sum of sizes before it, and so on down to 0. The sums are
    the bits of one number: of a hundred thousand frames there are tens of thousands of sums, and
    may be as many units.
    """
    within = (1 << (limit + 1)) - 1
    reached = 1
    made_by = {0: -1}
    for index, size in enumerate(sizes):
        fresh = (reached << size) & within & ~reached
        reached |= fresh
        while fresh:
            lowest = fresh & -fresh
            made_by[lowest.bit_length() - 1] = index
            fresh ^= lowest
    return made_by


def _joined(keys: Sequence[Hashable], views: Sequence[int]) -> list[list[int]]:
    """Indices in units: together when they share a key or a view (union-find)."""
    parent = list(range(len(keys)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    first: dict[Hashable, int] = {}
    for index, (key, view) in enumerate(zip(keys, views, strict=True)):
        for shared in (("key", key), ("view", view)):
            parent[root(index)] = root(first.setdefault(shared, index))
    units: dict[int, list[int]] = {}
    for index in range(len(keys)):
        units.setdefault(root(index), []).append(index)
    return list(units.values())


def _keys(frames: Sequence[BatchFrame], indices: Sequence[int]) -> frozenset[FrameKey]:
    return frozenset(frames[index].key for index in indices)

"""Who comes into a scene: which sprites, how large, and in which groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.backgrounds.textures import Kind
from pipeline.games.sections.scenes import GroupRule
from pipeline.scenes.planning.random_stream import Chances
from pipeline.scenes.planning.rule_table import Amounts, Floats, Repertoire, Roles, Whole

ALONE = 0
"""The party of what comes alone."""

Order = tuple[int, int, int, int]
"""Number of a rule, the `Choice` of its sprites, and number of the party."""


@dataclass(frozen=True)
class Cast:
    """Objects in the order in which they are to be placed; a column each.

    From large to small, as large as the largest of their group; groups before what comes alone.

    Attributes:
        rule, shape: numbers of the rule and the sprite in the repertoire.
        party: the group that each comes with, or `ALONE`.
        scale: drawn size over the sprite's own size.
        sides: int64 [2, n], width and height in pixels of the picture.
        hotspots: int64 [2, n], x and y from the top left corner.
        roles, amounts: what the rules say.
        groups: by the number of a party its rule; None for `ALONE`.
    """

    rule: Whole
    shape: Whole
    party: Whole
    scale: Floats
    sides: Whole
    hotspots: Whole
    roles: Roles
    amounts: Amounts
    groups: tuple[GroupRule | None, ...]

    def of(self, rows: Whole) -> Cast:
        """Some of the objects, in that order."""
        return Cast(
            rule=self.rule[rows],
            shape=self.shape[rows],
            party=self.party[rows],
            scale=self.scale[rows],
            sides=self.sides[:, rows],
            hotspots=self.hotspots[:, rows],
            roles=Roles(*(column[rows] for column in self.roles)),
            amounts=Amounts(*(column[rows] for column in self.amounts)),
            groups=self.groups,
        )


@dataclass(frozen=True)
class Call:
    """What a scene asks for.

    Attributes:
        kind: of the scene.
        zoom: that all sprites share.
        crowding: factor on the counts of what comes alone.
    """

    kind: Kind
    zoom: float
    crowding: float


def cast_for(call: Call, repertoire: Repertoire, chances: Chances) -> Cast:
    """Choose what comes. Chance is asked for all classes at once, and for all objects at once."""
    rng = chances.rng
    alone = repertoire.singles[call.kind]
    chance = rng.random((2, len(alone.factor)))
    counts = call.crowding * alone.factor * (alone.fewest + np.floor(chance[0] * alone.span))
    numbers = (counts + chance[1]).astype(np.int64)
    groups, orders, counted = _groups(call.kind, repertoire, chances)
    if orders:
        every = np.concatenate((np.array(orders).T, alone.orders), axis=1)
        numbers = np.concatenate((counted, numbers))
    else:
        every = alone.orders
    rule, first, choices, party = every.repeat(numbers, axis=1)
    pick, jitter = rng.random((2, len(rule)))
    shape = first + (pick * choices).astype(np.int64)
    size, low, span, *_ = repertoire.amounts(rule)
    scale = call.zoom * size * (low + jitter * span)
    drawn = np.rint(repertoire.measures(shape) * scale).astype(np.int64)
    np.maximum(drawn[:2], 1, out=drawn[:2])
    order = np.argsort(-_largest(drawn[0] * drawn[1], party, len(groups)), kind="stable")
    table = np.vstack((rule, shape, party, drawn)).take(order, axis=1)
    return Cast(
        rule=table[0],
        shape=table[1],
        party=table[2],
        scale=scale[order],
        sides=table[3:5],
        hotspots=table[5:7],
        roles=repertoire.roles(table[0]),
        amounts=repertoire.amounts(table[0]),
        groups=groups,
    )


def _largest(area: Whole, party: Whole, parties: int) -> Whole:
    """Of each object the area of the largest of its party."""
    if parties == 1:
        return area
    largest = np.zeros(parties, np.int64)
    np.maximum.at(largest, party, area)
    return np.where(party == ALONE, area, largest[party])


def _groups(
    kind: Kind, repertoire: Repertoire, chances: Chances
) -> tuple[tuple[GroupRule | None, ...], list[Order], list[int]]:
    """The rules of the groups that come, by the number of the party; what is ordered for them, and
    how many of each."""
    groups: list[GroupRule | None] = [None]
    orders: list[Order] = []
    counts: list[int] = []
    for troupe in repertoire.troupes:
        if kind in troupe.kinds and chances.one() < troupe.rule.chance:
            for _ in range(chances.count(troupe.rule.times)):
                picks = [chances.below(len(member.choices)) for member in troupe.members]
                numbers = [chances.count(member.count) for member in troupe.members]
                if any(numbers):
                    orders += [
                        (member.rule, *member.choices[pick], len(groups))
                        for member, pick in zip(troupe.members, picks, strict=True)
                    ]
                    counts += numbers
                    groups.append(troupe.rule)
    return tuple(groups), orders, counts

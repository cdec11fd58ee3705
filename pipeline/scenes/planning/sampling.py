"""Who comes into a scene: which sprites, how large, and in which groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.backgrounds.textures import Kind
from pipeline.games.sections.scenes import GroupRule
from pipeline.scenes.planning.random_stream import RandomStream
from pipeline.scenes.planning.rule_table import Floats, RuleFloats, RuleIntegers, RuleTable, Whole

ALONE = 0
"""The group of what comes alone."""

SamplingRow = tuple[int, int, int, int]
"""Number of a rule, the `Choice` of its sprites, and number of the group."""


@dataclass(frozen=True)
class SampledObjects:
    """Objects in the order in which they are to be placed; a column each.

    From large to small, as large as the largest of their group; groups before what comes alone.

    Attributes:
        rule, shape: numbers of the rule and the sprite in the rule table.
        group_id: the group that each comes with, or `ALONE`.
        scale: drawn size over the sprite's own size.
        sides: int64 [2, n], width and height in pixels of the image.
        hotspots: int64 [2, n], x and y from the top left corner.
        integers, floats: what the rules say.
        groups: by the number of a group its rule; None for `ALONE`.
    """

    rule: Whole
    shape: Whole
    group_id: Whole
    scale: Floats
    sides: Whole
    hotspots: Whole
    integers: RuleIntegers
    floats: RuleFloats
    groups: tuple[GroupRule | None, ...]

    def of(self, rows: Whole) -> SampledObjects:
        """Some of the objects, in that order."""
        return SampledObjects(
            rule=self.rule[rows],
            shape=self.shape[rows],
            group_id=self.group_id[rows],
            scale=self.scale[rows],
            sides=self.sides[:, rows],
            hotspots=self.hotspots[:, rows],
            integers=RuleIntegers(*(column[rows] for column in self.integers)),
            floats=RuleFloats(*(column[rows] for column in self.floats)),
            groups=self.groups,
        )


def sample_objects(
    kind: Kind, zoom: float, crowding: float, rule_table: RuleTable, stream: RandomStream
) -> SampledObjects:
    """Choose what comes. Chance is asked for all classes at once, and for all objects at once.

    Args:
        kind: of the scene.
        zoom: that all sprites share.
        crowding: factor on the counts of what comes alone.
    """
    rng = stream.rng
    alone = rule_table.single_rules[kind]
    chance = rng.random((2, len(alone.factor)))
    counts = crowding * alone.factor * (alone.fewest + np.floor(chance[0] * alone.span))
    numbers = (counts + chance[1]).astype(np.int64)
    groups, rows, counted = _groups(kind, rule_table, stream)
    if rows:
        every = np.concatenate((np.array(rows).T, alone.rows), axis=1)
        numbers = np.concatenate((counted, numbers))
    else:
        every = alone.rows
    rule, first, choices, group_id = every.repeat(numbers, axis=1)
    pick, jitter = rng.random((2, len(rule)))
    shape = first + (pick * choices).astype(np.int64)
    size, low, span, *_ = rule_table.floats(rule)
    scale = zoom * size * (low + jitter * span)
    drawn = np.rint(rule_table.measures(shape) * scale).astype(np.int64)
    np.maximum(drawn[:2], 1, out=drawn[:2])
    order = np.argsort(-_largest(drawn[0] * drawn[1], group_id, len(groups)), kind="stable")
    table = np.vstack((rule, shape, group_id, drawn)).take(order, axis=1)
    return SampledObjects(
        rule=table[0],
        shape=table[1],
        group_id=table[2],
        scale=scale[order],
        sides=table[3:5],
        hotspots=table[5:7],
        integers=rule_table.integers(table[0]),
        floats=rule_table.floats(table[0]),
        groups=groups,
    )


def _largest(area: Whole, group_id: Whole, group_ids: int) -> Whole:
    """Of each object the area of the largest of its group."""
    if group_ids == 1:
        return area
    largest = np.zeros(group_ids, np.int64)
    np.maximum.at(largest, group_id, area)
    return np.where(group_id == ALONE, area, largest[group_id])


def _groups(
    kind: Kind, rule_table: RuleTable, stream: RandomStream
) -> tuple[tuple[GroupRule | None, ...], list[SamplingRow], list[int]]:
    """The rules of the groups that come, by the number of the group; what is ordered for them, and
    how many of each."""
    groups: list[GroupRule | None] = [None]
    rows: list[SamplingRow] = []
    counts: list[int] = []
    for group_spec in rule_table.groups:
        if kind in group_spec.kinds and stream.one() < group_spec.rule.chance:
            for _ in range(stream.count(group_spec.rule.times)):
                picks = [stream.below(len(member.choices)) for member in group_spec.members]
                numbers = [stream.count(member.count) for member in group_spec.members]
                if any(numbers):
                    rows += [
                        (member.rule, *member.choices[pick], len(groups))
                        for member, pick in zip(group_spec.members, picks, strict=True)
                    ]
                    counts += numbers
                    groups.append(group_spec.rule)
    return tuple(groups), rows, counts

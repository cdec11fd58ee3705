"""Who comes: from large to small, groups together and before what comes alone."""

import numpy as np
import pytest

from pipeline.scenes.planning.random_stream import RandomStream
from pipeline.scenes.planning.rule_table import RuleTable
from pipeline.scenes.planning.sampling import ALONE, sample_objects

GROUPS = [
    {
        "name": "army",
        "shape": "block",
        "chance": 1.0,
        "times": (2, 2),
        "members": [
            {"class_name": "soldier", "count": (2, 4)},
            {"class_name": "house", "count": (0, 1)},
        ],
    }
]


@pytest.fixture(scope="module")
def rule_table(pack, catalogue) -> RuleTable:
    return RuleTable(pack(groups=GROUPS).scenes, catalogue)


def casts(rule_table: RuleTable, count: int = 40):
    for seed in range(count):
        stream = RandomStream(np.random.default_rng(seed))
        yield sample_objects("land", 1.0, 1.0, rule_table, stream)


def test_the_largest_come_first_and_a_group_with_its_largest(rule_table) -> None:
    for objects in casts(rule_table):
        areas, parties = objects.sides.prod(axis=0), objects.group_id.tolist()
        sizes = [
            area if group_id == ALONE else max(areas[objects.group_id == group_id])
            for area, group_id in zip(areas.tolist(), parties, strict=True)
        ]
        assert sizes == sorted(sizes, reverse=True)
        runs = [p for n, p in enumerate(parties) if p != ALONE and parties[n - 1 : n] != [p]]
        assert sorted(runs) == [1, 2]


def test_members_are_as_many_as_their_group_says(rule_table) -> None:
    soldier = [rule.class_name for rule in rule_table.rules.placements].index("soldier")
    found = set()
    for objects in casts(rule_table, 200):
        assert [group and group.name for group in objects.groups] == [None, "army", "army"]
        found.update(
            int(((objects.group_id == group_id) & (objects.rule == soldier)).sum())
            for group_id in (1, 2)
        )
    assert found == {2, 3, 4}


def test_a_group_without_any_member_does_not_come(pack, catalogue) -> None:
    nobody = {**GROUPS[0], "members": [{"class_name": "soldier", "count": (0, 0)}]}
    rule_table = RuleTable(pack(groups=[nobody]).scenes, catalogue)
    assert all(objects.groups == (None,) for objects in casts(rule_table))


def test_sprites_are_those_of_their_rule_at_its_size(rule_table) -> None:
    for objects in casts(rule_table):
        names = [rule_table.rules.placements[rule].class_name for rule in objects.rule]
        drawn = [name or "distractor" for name in rule_table.class_names[objects.shape]]
        assert drawn == names
        own = rule_table.measures(objects.shape)[:2]
        assert np.abs(own * objects.scale - objects.sides).max() <= 0.5


def test_a_repertoire_has_the_rules_that_are_in_force(pack, catalogue) -> None:
    rules = pack().scenes
    assert RuleTable(rules, catalogue).rules is rules
    other = pack(enhanced=False).scenes
    assert RuleTable(other, catalogue).rules.overlays.hud == 0

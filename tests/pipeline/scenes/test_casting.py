"""Who comes: from large to small, groups together and before what comes alone."""

import numpy as np
import pytest

from pipeline.scenes.planning.random_stream import Chances
from pipeline.scenes.planning.rule_table import Repertoire
from pipeline.scenes.planning.sampling import ALONE, Call, cast_for

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
def repertoire(pack, catalogue) -> Repertoire:
    return Repertoire(pack(groups=GROUPS).scenes, catalogue)


def casts(repertoire: Repertoire, count: int = 40):
    call = Call("land", 1.0, 1.0)
    for seed in range(count):
        yield cast_for(call, repertoire, Chances(np.random.default_rng(seed)))


def test_the_largest_come_first_and_a_group_with_its_largest(repertoire) -> None:
    for cast in casts(repertoire):
        areas, parties = cast.sides.prod(axis=0), cast.party.tolist()
        sizes = [
            area if party == ALONE else max(areas[cast.party == party])
            for area, party in zip(areas.tolist(), parties, strict=True)
        ]
        assert sizes == sorted(sizes, reverse=True)
        runs = [p for n, p in enumerate(parties) if p != ALONE and parties[n - 1 : n] != [p]]
        assert sorted(runs) == [1, 2]


def test_members_are_as_many_as_their_group_says(repertoire) -> None:
    soldier = [rule.class_name for rule in repertoire.rules.placements].index("soldier")
    found = set()
    for cast in casts(repertoire, 200):
        assert [group and group.name for group in cast.groups] == [None, "army", "army"]
        found.update(
            int(((cast.party == party) & (cast.rule == soldier)).sum()) for party in (1, 2)
        )
    assert found == {2, 3, 4}


def test_a_group_without_any_member_does_not_come(pack, catalogue) -> None:
    nobody = {**GROUPS[0], "members": [{"class_name": "soldier", "count": (0, 0)}]}
    repertoire = Repertoire(pack(groups=[nobody]).scenes, catalogue)
    assert all(cast.groups == (None,) for cast in casts(repertoire))


def test_sprites_are_those_of_their_rule_at_its_size(repertoire) -> None:
    for cast in casts(repertoire):
        names = [repertoire.rules.placements[rule].class_name for rule in cast.rule]
        drawn = [name or "distractor" for name in repertoire.class_names[cast.shape]]
        assert drawn == names
        own = repertoire.measures(cast.shape)[:2]
        assert np.abs(own * cast.scale - cast.sides).max() <= 0.5


def test_a_repertoire_has_the_rules_that_are_in_force(pack, catalogue) -> None:
    rules = pack().scenes
    assert Repertoire(rules, catalogue).rules is rules
    other = pack(enhanced=False).scenes
    assert Repertoire(other, catalogue).rules.overlays.hud == 0

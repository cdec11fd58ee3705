"""Images that the game lays on units: on whom, in which order, in whose colour."""

import numpy as np
import pytest

from pipeline.games.sections.overlays import MarkRule
from pipeline.scenes.plan import Placement
from pipeline.scenes.planning.random_stream import RandomStream
from pipeline.scenes.planning.unit_marks import unit_marks, with_marks
from pipeline.scenes.sources.catalogue import Catalogue, SpriteShape

CATALOGUE = Catalogue(
    sprites={
        "ring": (
            SpriteShape("ring/back", "ring", 50, 12, (25, -5), owned=True),
            SpriteShape("ring/front", "ring", 50, 12, (25, -17), owned=True),
        ),
        "orb": (SpriteShape("orb/orb", "orb", 8, 8, (20, 35), owned=False),),
    },
    backgrounds={},
    scene_of={"knight": "land", "rat": "land", "boat": "water"},
    group_of={"knight": "army", "rat": "animal", "boat": "ship"},
)


def unit(class_name: str | None, y: int, player: int | None = 3) -> Placement:
    return Placement("s", class_name, 80, y - 40, 40, 50, (100, y), 1.0, player, False, None)


UNITS = (unit("knight", 50), unit("rat", 90, None), unit(None, 95), unit("boat", 130))


def marked(*rules: MarkRule) -> tuple[Placement, ...]:
    return with_marks(UNITS, unit_marks(rules, CATALOGUE), RandomStream(np.random.default_rng(1)))


def test_without_rules_nothing_changes_and_no_chance_is_used() -> None:
    rng = np.random.default_rng(1)
    assert with_marks(UNITS, (), RandomStream(rng)) == UNITS
    assert rng.random() == np.random.default_rng(1).random()


def test_what_lies_under_a_unit_comes_right_before_it() -> None:
    drawn = marked(MarkRule(image="ring"))
    assert [item.sprite_id for item in drawn] == [
        "ring/back", "ring/front", "s", "ring/back", "ring/front", "s", "s",
        "ring/back", "ring/front", "s",
    ]  # fmt: skip
    assert all(item.class_name is None for item in drawn if item.sprite_id != "s")


def test_what_lies_over_units_comes_after_all_of_them() -> None:
    drawn = marked(MarkRule(image="orb", under=False))
    assert [item.sprite_id for item in drawn] == ["s"] * 4 + ["orb/orb"] * 3


def test_a_mark_stands_on_its_unit_in_the_units_colour() -> None:
    back = marked(MarkRule(image="ring", dx=2, dy=-3))[0]
    assert (back.left, back.top) == (100 + 2 - 25, 50 - 3 + 5)
    assert back.player == UNITS[0].player


@pytest.mark.parametrize(
    ("rule", "count"),
    [
        (MarkRule(image="orb", classes=["army"]), 1),
        (MarkRule(image="orb", classes=["army", "boat"]), 2),
        (MarkRule(image="orb", without=["animal"]), 2),
        (MarkRule(image="orb", chance=0.0), 0),
    ],
)
def test_a_rule_is_for_the_classes_that_it_names(rule: MarkRule, count: int) -> None:
    assert len(marked(rule)) == len(UNITS) + count


def test_a_mark_grows_with_its_unit() -> None:
    large = (UNITS[0]._replace(scale=2.0),)
    marks = unit_marks([MarkRule(image="ring")], CATALOGUE)
    back, *_ = with_marks(large, marks, RandomStream(np.random.default_rng(1)))
    assert (back.width, back.height) == (100, 24)
    assert (back.left, back.top) == (100 - 50, 50 + 10)

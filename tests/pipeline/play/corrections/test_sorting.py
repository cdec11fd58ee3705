"""What a moment comes to, who corrects it, and which corrections are learned from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.play.corrections.correctors import Corrector, RuleCorrector
from pipeline.play.corrections.lines import Correction, KnownEntity, State, moments_of, states_of
from pipeline.play.corrections.situations import AT_ONCE, NEVER_NEAR, Situations, situations_of
from pipeline.play.corrections.sorting import Conflict, sort_corrections
from pipeline.play.policies.examples import Examples
from pipeline.play.simulator.scripted import Goal


def entity(slot: int, kind: Any, owner: Any, x: int, hit_points: int, **more: Any) -> KnownEntity:
    return KnownEntity(id=slot, kind=kind, owner=owner, x=x, y=0, hit_points=hit_points, **more)


HOME = entity(0, "KEEP", "self", 0, 500)


def state(*entities: KnownEntity) -> State:
    return State(tick=0, stock=0, score=0, entities=(HOME, *entities))


HURT = state(entity(1, "SWORDSMAN", "self", 400, 20), entity(2, "RIDER", "enemy", 500, 9))
WEAK = state(entity(1, "SWORDSMAN", "self", 400, 70), entity(2, "RIDER", "enemy", 900, 101))
STRONG = state(entity(1, "SWORDSMAN", "self", 400, 70), entity(2, "RIDER", "enemy", 900, 99))


def test_a_moment_comes_to_its_measures() -> None:
    found = situations_of(moments_of([HURT, WEAK, STRONG, state()], ["FIGHT"] * 4))
    assert found.strength.tolist() == [20, 70, 70, 0]
    assert found.enemies.tolist() == [9, 101, 99, 0]
    assert found.hurt.tolist() == [1, 0, 0, 0]
    assert found.from_home.tolist() == [400, 400, 400, NEVER_NEAR]
    assert found.outnumbered.tolist() == [False, True, False, False]
    assert len(set(found.keys())) == 4


@pytest.mark.parametrize(
    ("own", "enemy"),
    [
        ({"x": 119}, {}),  # At home.
        ({"hit_points": 27}, {}),  # 36 percent.
        ({"order": "RETURN"}, {}),
        ({}, {"x": 631}),
        ({}, {"known": "remembered"}),
        ({}, {"kind": "WARSHIP"}),
    ],
)
def test_who_is_safe_or_well_is_not_hurt(own: dict[str, Any], enemy: dict[str, Any]) -> None:
    hurt, threat = HURT.entities[1].model_copy(update=own), HURT.entities[2].model_copy(
        update=enemy
    )  # fmt: skip
    assert situations_of(moments_of([state(hurt, threat)], ["FIGHT"])).hurt[0] == 0


def measured(*entities: KnownEntity, home: bool = True) -> Situations:
    there = state(*entities) if home else State(tick=0, stock=0, score=0, entities=entities)
    return situations_of(moments_of([there], ["FIGHT"]))


def test_who_is_hurt_is_so_from_where_home_ends_to_where_danger_does() -> None:
    own, enemy = HURT.entities[1:]
    at_the_edges = own.model_copy(update={"x": 120}), enemy.model_copy(update={"x": 350})
    assert measured(*at_the_edges).hurt[0] == 1
    assert measured(at_the_edges[0], enemy.model_copy(update={"x": 351})).hurt[0] == 0
    # Nobody flees to where there is no keep, and ships do not flee.
    assert measured(own, enemy, home=False).hurt[0] == 0
    assert measured(own.model_copy(update={"kind": "WARSHIP"}), enemy).hurt[0] == 0
    two = measured(own, own.model_copy(update={"id": 3}), enemy)
    assert two.hurt[0] == 2
    assert two.keys() == measured(own, enemy).keys()


def test_slots_of_which_nothing_is_known_are_nobody() -> None:
    far = entity(0, "KEEP", "self", 900, 500)
    there = State(tick=0, stock=0, score=0, entities=(far, entity(5, "RIDER", "enemy", 90, 90)))
    assert situations_of(moments_of([there], ["FIGHT"])).hurt[0] == 0


def test_ways_are_measured_as_scripted_players_do() -> None:
    own = entity(1, "SWORDSMAN", "self", 300, 70).model_copy(update={"y": 101})
    assert measured(own).from_home[0] == 350


def test_a_keep_counts_for_some_soldiers_and_a_worker_for_none() -> None:
    keep, worker = entity(2, "KEEP", "enemy", 900, 500), entity(3, "WORKER", "enemy", 900, 30)
    assert measured(keep, worker).enemies[0] == 80


@pytest.mark.parametrize(("x", "away"), [(240, False), (241, True)])
def test_who_is_at_home_is_not_outnumbered(x: int, away: bool) -> None:
    own, enemy = WEAK.entities[1:]
    assert measured(own.model_copy(update={"x": x}), enemy).outnumbered[0] == away


def test_seven_tenths_are_enough() -> None:
    own, enemy = WEAK.entities[1:]
    assert not measured(own, enemy.model_copy(update={"hit_points": 100})).outnumbered[0]
    assert not measured(own, enemy, home=False).outnumbered[0]


def test_moments_are_told_apart_by_enemies_soldiers_and_the_way_home() -> None:
    own = entity(1, "SWORDSMAN", "self", 400, 70)
    enemy = entity(2, "SWORDSMAN", "enemy", 900, 1)
    assert measured(own).keys() != measured(own, enemy).keys()
    worker = entity(3, "WORKER", "self", 400, 30)
    assert measured(worker, home=False).keys() != measured(worker, own, home=False).keys()
    ways = [measured(own.model_copy(update={"x": x})).keys() for x in (119, 120, 240, 241, 700)]
    assert ways[1] == ways[2]
    assert ways[3] == ways[4]
    assert len({str(way) for way in ways}) == 3


def test_many_moments_come_to_the_same_as_each(moments: Examples) -> None:
    many = moments.rows(np.arange(AT_ONCE + 3) % len(moments))
    each = [situations_of(moments.rows([row])).keys()[0] for row in range(len(moments))]
    assert situations_of(many).keys() == [each[row % len(moments)] for row in range(AT_ONCE + 3)]


def test_a_scripted_player_flees_where_the_rule_says_so(moments: Examples) -> None:
    found = situations_of(moments)
    flees = (moments.goals == Goal.FLEE) | (moments.goals == Goal.CAUTIOUS)
    ruled = (found.hurt > 0) | found.outnumbered
    assert ruled.sum() >= 3
    assert flees[ruled].mean() > 2 * flees[~ruled].mean()


def test_the_rules_object_to_fighting_alone(moments: Examples) -> None:
    rules: Corrector = RuleCorrector()
    flee, beware = rules.correct(HURT, "FIGHT"), rules.correct(WEAK, "FIGHT")
    assert flee is not None
    assert (flee.correction, flee.confidence) == ("FLEE", 0.95)
    assert beware is not None
    assert beware.correction == "CAUTIOUS"
    assert "70 hit points of soldiers meet 101" in beware.reason
    assert rules.correct(STRONG, "FIGHT") is None
    assert rules.correct(HURT, "EXPLORE") is None
    objections = [rules.correct(one, "FIGHT") is not None for one in states_of(moments)]
    found = situations_of(moments)
    assert objections == ((found.hurt > 0) | found.outnumbered).tolist()


def line(where: State, right: Any, confidence: float, action: Any = "FIGHT") -> Correction:
    return Correction(state=where, action=action, correction=right, confidence=confidence)


def test_lines_that_teach_nothing_are_counted_and_left_out() -> None:
    kept = [line(HURT, "FLEE", 0.9), line(WEAK, "CAUTIOUS", 0.5)]
    chosen = sort_corrections(
        [line(HURT, "FIGHT", 1), kept[0], line(HURT, "LOOT", 0.49), kept[1]], 0.5
    )
    assert chosen.corrections == tuple(kept)
    told = chosen.report
    assert (told.lines, told.learned, told.without_correction, told.unsure) == (4, 2, 1, 1)
    assert told.contradicted == 0
    assert told.conflicts == ()
    assert {like[1] for like in chosen.alike} == {"FIGHT"}
    assert len(chosen.alike) == 2


def test_contradictions_are_reported_and_the_surer_side_is_kept() -> None:
    flees = [line(HURT, "FLEE", 0.9), line(HURT, "FLEE", 0.8)]
    chosen = sort_corrections([*flees, line(HURT, "CAUTIOUS", 0.8)], 0.5)
    assert chosen.corrections == tuple(flees)
    expected = Conflict(action="FIGHT", corrections={"FLEE": 2, "CAUTIOUS": 1}, kept="FLEE")
    assert chosen.report.conflicts == (expected,)
    assert chosen.report.contradicted == 1


def test_where_neither_side_is_surer_none_is_kept() -> None:
    chosen = sort_corrections([line(HURT, "FLEE", 1), line(HURT, "CAUTIOUS", 0.5)], 0.5)
    assert chosen.corrections == ()
    assert chosen.alike == frozenset()
    assert chosen.report.conflicts[0].kept is None
    assert chosen.report.contradicted == 2


def test_lines_of_no_confidence_contradict_each_other_too() -> None:
    lines = [line(HURT, "FLEE", 0), line(HURT, "CAUTIOUS", 0)]
    assert sort_corrections(lines, 0).corrections == ()
    assert sort_corrections(lines[:1], 0).corrections == (lines[0],)


def test_a_goal_is_kept_against_all_others_together() -> None:
    three = [line(HURT, "FLEE", 0.9), line(HURT, "CAUTIOUS", 0.4), line(HURT, "LOOT", 0.4)]
    assert sort_corrections(three, 0).corrections == ()
    assert sort_corrections(three[:2], 0).corrections == (three[0],)


def test_other_choices_and_other_states_do_not_contradict() -> None:
    lines = [
        line(HURT, "FLEE", 0.9),
        line(HURT, "CAUTIOUS", 0.9, "LOOT"),
        line(WEAK, "CAUTIOUS", 0.9),
    ]
    assert sort_corrections(lines, 0.5).corrections == tuple(lines)


def test_no_lines_are_sorted_too() -> None:
    assert sort_corrections([], 0.5).report.lines == 0

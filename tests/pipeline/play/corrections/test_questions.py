"""What a language model is asked about a moment, and what its answers come to."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.play.corrections.lines import (
    GOALS,
    BadLine,
    Correction,
    KnownEntity,
    PastDeeds,
    State,
    states_of,
)
from pipeline.play.corrections.questions import (
    ANSWER_SCHEMA,
    INSTRUCTIONS,
    LONGEST_ANSWER,
    question_of,
    read_answer,
    request_tokens,
)
from pipeline.play.policies.examples import Examples


def entity(slot: int, kind: Any, owner: Any, x: int, hit_points: int, **more: Any) -> KnownEntity:
    return KnownEntity(id=slot, kind=kind, owner=owner, x=x, y=7, hit_points=hit_points, **more)


STATE = State(
    tick=1330,
    stock=40,
    score=90,
    entities=(
        entity(2, "SWORDSMAN", "self", 610, 14, carries=15, selected=True, order="ATTACK"),
        entity(8, "KEEP", "self", 10, 500),
        entity(30, "RIDER", "enemy", 640, 80),
        entity(31, "WORKER", "enemy", 900, 30, known="remembered", age=50),
        entity(20, "GOLD_MINE", "nobody", 700, 0, carries=96),
    ),
    deeds=PastDeeds(act="COMMAND", entity=30, since=30),
)
ANSWER = {"reason": "It is nearly dead.", "correction": "FLEE", "confidence": 0.9}


def test_a_question_tells_what_was_known_and_chosen() -> None:
    assert question_of(STATE, "FIGHT").splitlines() == [
        "66.5 of 180 seconds have been played.",
        "Brought home: 40. Score: 90.",
        "Own soldiers on land: 1 with 14 hit points. Enemies in sight that fight: 80 hit points.",
        "The soldiers are 600 pixels from their keep.",
        "Own units that are nearly dead and near an enemy, away from home: 1.",
        "Last act: right click on entity 30, 1.5 seconds ago.",
        "Own:",
        "2 SWORDSMAN at 610,7, 14/75 hit points, carries 15, ATTACK, selected",
        "8 KEEP at 10,7, 500/500 hit points",
        "Enemies:",
        "30 RIDER at 640,7, 80/90 hit points",
        "31 WORKER at 900,7, 30/30 hit points, seen 2.5 seconds ago",
        "Nobody's:",
        "20 GOLD_MINE at 700,7, holds 96",
        "The policy chose: FIGHT. Which goal is right?",
    ]


@pytest.mark.parametrize(
    ("deeds", "told"),
    [
        ({}, "Last act: none yet."),
        ({"act": "KEY", "key": "HOME", "since": 10}, "Last act: key HOME, 0.5 seconds ago."),
        ({"act": "SELECT", "x": 3, "y": 4, "since": 20}, "left click on 3,4, 1 seconds ago."),
    ],
)
def test_the_last_act_is_told_in_words(deeds: dict[str, Any], told: str) -> None:
    state = STATE.model_copy(update={"deeds": PastDeeds.model_validate(deeds)})
    assert told in question_of(state, "LOOT")


def test_without_soldiers_or_keep_nothing_is_said_of_their_way() -> None:
    state = STATE.model_copy(update={"entities": STATE.entities[1:]})
    assert "from their keep" not in question_of(state, "LOOT")


def test_questions_about_play_differ_where_moments_do(moments: Examples) -> None:
    states = [*states_of(moments)][:40]
    questions = [question_of(state, "FIGHT") for state in states]
    assert len(set(questions)) == len({state.model_dump_json() for state in states})
    assert all(len(question) < 6000 for question in questions)
    assert question_of(states[0], "FIGHT") != question_of(states[0], "FLEE")


def test_a_model_is_told_of_all_goals_and_of_the_form_of_its_answer() -> None:
    for goal in GOALS:
        assert f"\n{goal}: " in INSTRUCTIONS
    for name in ANSWER_SCHEMA["required"]:
        assert f'"{name}"' in INSTRUCTIONS
    assert ANSWER_SCHEMA["properties"]["correction"]["enum"] == [*GOALS]
    assert ANSWER_SCHEMA["additionalProperties"] is False


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(ANSWER),
        f"```json\n{json.dumps(ANSWER, indent=2)}\n```",
        f"The goal {{here}} is wrong: {json.dumps(ANSWER)} I think.",
        f'{{"thought": 1}} {json.dumps(ANSWER)}',
        json.dumps({**ANSWER, "correction": " flee ", "mood": "sure"}),
    ],
)
def test_an_answer_is_found_between_other_words(text: str) -> None:
    assert read_answer(text, STATE, "FIGHT") == Correction(
        state=STATE,
        action="FIGHT",
        correction="FLEE",
        reason="It is nearly dead.",
        confidence=0.9,
    )


@pytest.mark.parametrize(
    ("text", "field", "says"),
    [
        ("FLEE", "answer", "no object"),
        ("", "answer", "no object"),
        (json.dumps(ANSWER)[:-5], "answer", "no object"),
        ('{"goal": "FLEE"}', "answer", "no object"),
        (" " * LONGEST_ANSWER + json.dumps(ANSWER), "answer", "no object"),
        ('{"correction": ' * 5000, "answer", "no object"),
        (json.dumps({**ANSWER, "correction": "RUN"}), "correction", "'FIGHT', 'LOOT'"),
        (json.dumps({**ANSWER, "correction": None}), "correction", "'FIGHT', 'LOOT'"),
        (json.dumps({**ANSWER, "confidence": 90}), "confidence", "less than or equal to 1"),
        (json.dumps({**ANSWER, "confidence": float("nan")}), "confidence", "number"),
        ('{"correction": "FLEE"}', "confidence", "valid number"),
    ],
)
def test_a_wrong_answer_is_named_with_its_field(text: str, field: str, says: str) -> None:
    bad = read_answer(text, STATE, "FIGHT")
    assert isinstance(bad, BadLine)
    assert bad.field == field
    assert says in bad.problem


def test_reasons_may_be_long_or_missing() -> None:
    long = read_answer(json.dumps({**ANSWER, "reason": "x" * 3000}), STATE, "FIGHT")
    none = read_answer(json.dumps({**ANSWER, "reason": None}), STATE, "FIGHT")
    assert isinstance(long, Correction)
    assert isinstance(none, Correction)
    assert (len(long.reason), none.reason) == (2000, "")


@settings(max_examples=40)
@given(st.text() | st.recursive(
    st.none() | st.floats() | st.text(), lambda some: st.dictionaries(st.sampled_from(
        ["correction", "reason", "confidence"]), some | st.sampled_from(GOALS)
    )).map(json.dumps))  # fmt: skip
def test_no_answer_does_harm(text: str) -> None:
    assert isinstance(read_answer(text, STATE, "FIGHT"), Correction | BadLine)


def test_an_image_takes_tokens_too() -> None:
    assert request_tokens("x" * 300, has_frame=True) - request_tokens("", has_frame=False) == 210

"""Corrections as lines: what is written is read again, and what is wrong is said by line."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.play.corrections import lines
from pipeline.play.corrections.lines import (
    ActName,
    Correction,
    CorrectionsError,
    GoalName,
    KeyName,
    KindName,
    OrderName,
    load_corrections,
    moments_of,
    read_corrections,
    states_of,
    write_lines,
    written,
)
from pipeline.play.policies.examples import Examples
from pipeline.play.simulator.rules import Act, Key, Kind, Order
from pipeline.play.simulator.scripted import Goal

ENTITY: dict[str, Any] = {
    "id": 3, "kind": "SWORDSMAN", "owner": "self", "x": 10, "y": 20, "hit_points": 5,
}  # fmt: skip
LINE: dict[str, Any] = {
    "state": {"tick": 40, "stock": 0, "score": 7, "entities": [ENTITY]},
    "action": "FIGHT",
    "correction": "FLEE",
    "reason": "It is nearly dead.",
    "confidence": 0.9,
}


def changed(**changes: Any) -> dict[str, Any]:
    return {**LINE, **changes}


def with_entities(*entities: dict[str, Any]) -> dict[str, Any]:
    return changed(state={**LINE["state"], "entities": list(entities)})


def test_names_are_those_of_the_game() -> None:
    for names, kind in (
        (GoalName, Goal), (KindName, Kind), (OrderName, Order), (ActName, Act), (KeyName, Key),
    ):  # fmt: skip
        assert list(get_args(names)) == [member.name for member in kind]


def test_states_are_what_the_strategist_is_told_and_come_back_whole(moments: Examples) -> None:
    goals = [Goal(goal).name for goal in moments.goals.tolist()]
    made = [
        Correction(state=state, action=goal, correction=goal, confidence=1)
        for state, goal in zip(states_of(moments), goals, strict=True)
    ]
    again = [Correction.model_validate_json(written(one)) for one in made]
    assert again == made
    back = moments_of([one.state for one in again], goals)
    ours, theirs = back.features(), moments.features()
    for field in fields(ours):
        np.testing.assert_array_equal(getattr(ours, field.name), getattr(theirs, field.name))
    np.testing.assert_array_equal(back.goals, moments.goals)


def test_no_states_are_no_moments() -> None:
    assert len(moments_of([], [])) == 0


@pytest.mark.parametrize(
    ("line", "field", "says"),
    [
        (changed(confidence=1.5), "confidence", "less than or equal to 1"),
        (changed(confidence="sure"), "confidence", "valid number"),
        (changed(correction="RUN"), "correction", "'FIGHT', 'LOOT', 'FLEE'"),
        (changed(mood="bad"), "mood", "not permitted"),
        (changed(reason="x" * 3000), "reason", "at most 2000"),
        ({key: LINE[key] for key in LINE if key != "action"}, "action", "required"),
        (with_entities(), "state.entities", "at least 1"),
        (with_entities(ENTITY, ENTITY), "state", "id of their own"),
        (with_entities({**ENTITY, "x": 1024}), "state.entities.0.x", "less than 1024"),
        (with_entities(ENTITY, {**ENTITY, "kind": "DRAGON"}), "state.entities.1.kind", "'WORKER'"),
        ([LINE], "line", "object"),
    ],
)
def test_a_wrong_line_is_named_with_its_field_and_the_others_are_read(
    tmp_path: Path, line: Any, field: str, says: str
) -> None:
    file = tmp_path / "lines.jsonl"
    file.write_text("\n".join([json.dumps(LINE), "", json.dumps(line), json.dumps(LINE)]))
    found, (bad,) = read_corrections(file)
    assert len(found) == 2
    assert (bad.line, bad.field) == (3, field)
    assert says in bad.problem
    with pytest.raises(CorrectionsError, match=f"line 3, {field}: ") as told:
        load_corrections([file])
    assert "1 lines of" in str(told.value)
    assert "2 are" in str(told.value)


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    file.write_text(f"{json.dumps(LINE)}\r\n{json.dumps(LINE)}\n", "utf-8-sig")
    found, bad = read_corrections(file)
    assert len(found) == 2
    assert bad == []


def test_no_other_number_of_a_line_is_told_than_that_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    file.write_text(f'{json.dumps(LINE)}\n{{"state":\nnothing\n')
    _found, bad = read_corrections(file)
    assert [one.line for one in bad] == [2, 3]
    assert all("line" not in one.problem for one in bad)


def test_a_torn_last_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    whole = json.dumps(LINE)
    file.write_text(f"{whole}\n{whole[:-9]}")
    found, (bad,) = read_corrections(file)
    assert len(found) == 1
    assert bad.line == 2


def test_bytes_of_no_text_and_numbers_of_no_size_are_named(tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    endless = json.dumps(changed(confidence=0)).replace('"confidence": 0', '"confidence": NaN')
    file.write_bytes(b"\xff\xfe{}\n" + endless.encode() + b"\n" + b"[" * 100_000 + b"\n")
    found, bad = read_corrections(file)
    assert found == []
    assert [one.line for one in bad] == [1, 2, 3]


def test_what_is_read_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LONGEST_LINE", 1000)
    file = tmp_path / "lines.jsonl"
    file.write_text(f"{' ' * 5000}\n{json.dumps(LINE)}\n{'x' * 1000}")
    found, bad = read_corrections(file)
    assert len(found) == 1
    assert [(one.line, one.field) for one in bad] == [(1, "line"), (3, "line")]
    assert "at most 1000 bytes" in bad[0].problem
    monkeypatch.setattr(lines, "MOST_LINES", 2)
    with pytest.raises(CorrectionsError, match="more than 2 lines"):
        read_corrections(file)


@given(st.binary(max_size=300))
def test_no_bytes_do_harm(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.mktemp("bytes") / "lines.jsonl"
    file.write_bytes(content)
    found, bad = read_corrections(file)
    assert found == []
    assert len(bad) == sum(1 for line in content.split(b"\n") if line.strip())


def test_many_wrong_lines_are_told_in_part(tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    file.write_text("{}\n" * 25)
    with pytest.raises(CorrectionsError, match="and 15 more") as told:
        load_corrections([file])
    assert "line 10," in str(told.value)
    assert "line 11," not in str(told.value)


def test_lines_are_there_as_soon_as_they_are_made(tmp_path: Path) -> None:
    file = tmp_path / "new" / "lines.jsonl"
    correction = Correction.model_validate(LINE)

    def made() -> Any:
        yield correction
        assert read_corrections(file) == ([correction], [])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_lines(file, made())
    assert write_lines(file, [correction, correction]) == 2
    assert load_corrections([file, file]) == [correction] * 6


def test_files_that_are_none_are_explained(tmp_path: Path) -> None:
    with pytest.raises(CorrectionsError, match="cannot be read"):
        read_corrections(tmp_path / "none.jsonl")
    with pytest.raises(CorrectionsError, match="cannot be written"):
        write_lines(tmp_path, [])

"""A model that corrects: what it has answered is kept, counted and paid for once."""

from __future__ import annotations

from pathlib import Path

import pytest
from doubles.chat import MODEL, Chat, content, good, refused
from doubles.servers import drop

from pipeline.play.corrections.correctors import CountingCorrector, Objection
from pipeline.play.corrections.lines import KnownEntity, State, load_corrections
from resources.chat.answers import AnswerFile
from resources.chat.corrector import MOST_UNUSABLE, HostedCorrector
from resources.chat.settings import ChatModelError, ChatSettings

FLEE = Objection("FLEE", "It is right.", 0.9)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "new" / "lines.answers.jsonl"


def corrector(chat: Chat, file: Path, **changed: object) -> HostedCorrector:
    given = {
        "model": MODEL, "base_url": chat.url, "key_variable": "CHAT_KEY", "timeout": 2,
        "requests_a_minute": 60_000, "attempts": 2, **changed,
    }  # fmt: skip
    return HostedCorrector(ChatSettings.model_validate(given), AnswerFile(file, MODEL))


def state(tick: int) -> State:
    keep = KnownEntity(id=8, kind="KEEP", owner="self", x=1, y=2, hit_points=500)
    return State(tick=tick, stock=0, score=0, entities=(keep,))


def test_objections_agreements_and_answers_of_no_use_are_told_apart(chat: Chat, file: Path) -> None:
    chat.answers = [
        good("FLEE"),
        good("FIGHT"),
        good("RUN"),
        content("I would flee."),
        content(None, refusal="No."),
        content("{", "length"),
    ]
    asked = corrector(chat, file)
    found = [asked.correct(state(tick), "FIGHT") for tick in range(6)]
    assert found == [FLEE, None, None, None, None, None]
    assert isinstance(asked, CountingCorrector)
    counts = asked.counts
    assert (counts.requests, counts.objections, counts.agreements) == (6, 1, 1)
    assert (counts.question_tokens, counts.answer_tokens) == (5400, 240)
    assert counts.unusable == {
        "answer: holds no object of JSON": 1,
        "correction: Input should be 'FIGHT', 'LOOT', 'FLEE', 'EXPLORE' or 'CAUTIOUS'": 1,
        "the answer is cut off: it has too few tokens": 1,
        "the model refuses to answer": 1,
    }


def test_nothing_is_asked_twice_in_another_run_either(chat: Chat, file: Path) -> None:
    chat.answers = [good("FLEE"), good("FIGHT"), good("RUN")]
    for _run in range(2):
        asked = corrector(chat, file)
        found = [asked.correct(state(tick), "FIGHT") for tick in (0, 20, 40, 0)]
        assert found == [FLEE, None, None, FLEE]
        asked.close()
    assert chat.count("ask") == 3
    counts = asked.counts
    assert (counts.requests, counts.remembered, counts.objections) == (0, 4, 2)
    assert sum(counts.unusable.values()) == 1


def test_another_goal_image_or_state_is_another_question(chat: Chat, file: Path) -> None:
    asked = corrector(chat, file)
    for _ in range(2):
        asked.correct(state(0), "FIGHT")
        asked.correct(state(0), "LOOT")
        asked.correct(state(1), "FIGHT")
        asked.correct(state(0), "FIGHT", b"an image")
        asked.correct(state(0), "FIGHT", b"another")
    assert chat.count("ask") == 5


def test_an_answer_is_kept_before_the_next_question(chat: Chat, file: Path) -> None:
    asked = corrector(chat, file)
    asked.correct(state(0), "FIGHT")
    chat.always("ask", drop())
    with pytest.raises(ChatModelError, match="cannot be reached"):
        asked.correct(state(1), "FIGHT")
    assert len(AnswerFile(file, MODEL)) == 1


def test_the_budget_of_requests_is_kept(chat: Chat, file: Path) -> None:
    asked = corrector(chat, file, most_requests=2)
    found = [asked.correct(state(tick), "FIGHT") for tick in (0, 1, 2, 3, 0)]
    assert found == [FLEE, FLEE, None, None, FLEE]
    assert (asked.counts.requests, asked.counts.unasked, asked.counts.remembered) == (2, 2, 1)
    assert chat.count("ask") == 2


def test_the_budget_of_tokens_is_kept(chat: Chat, file: Path) -> None:
    asked = corrector(chat, file, most_tokens=1000)
    assert [asked.correct(state(tick), "FIGHT") for tick in range(3)] == [FLEE, FLEE, None]


def test_tokens_that_nobody_counts_are_estimated(chat: Chat, file: Path) -> None:
    without = good("FLEE")
    del without["usage"]
    chat.answers = [without]
    asked = corrector(chat, file)
    asked.correct(state(0), "FIGHT")
    assert 500 < asked.counts.question_tokens < 2000
    assert 10 < asked.counts.answer_tokens < 100


def test_a_model_of_no_use_is_not_paid_for_any_longer(chat: Chat, file: Path) -> None:
    bad = [content("No.")] * (MOST_UNUSABLE - 1)
    chat.answers = [*bad, good("FLEE"), content("No.")]
    asked = corrector(chat, file)
    for tick in range(2 * MOST_UNUSABLE - 1):
        asked.correct(state(tick), "FIGHT")
    with pytest.raises(ChatModelError, match="are of no use; the last one because: answer: holds"):
        asked.correct(state(99), "FIGHT")
    assert len(AnswerFile(file, MODEL)) == 2 * MOST_UNUSABLE


def test_a_request_that_a_service_refuses_is_an_answer_of_no_use(chat: Chat, file: Path) -> None:
    chat.script("ask", refused(400, "The prompt is too long"))
    asked = corrector(chat, file)
    assert asked.correct(state(0), "FIGHT") is None
    assert asked.correct(state(1), "FIGHT") == FLEE
    assert [*asked.counts.unusable] == ["the service refuses the question: The prompt is too long"]


def test_a_torn_line_is_asked_again_and_hides_no_other(chat: Chat, file: Path) -> None:
    asked = corrector(chat, file)
    for tick in range(3):
        asked.correct(state(tick), "FIGHT")
    whole = file.read_bytes()
    file.write_bytes(whole[:-20])
    again = corrector(chat, file)
    for tick in range(3):
        again.correct(state(tick), "FIGHT")
    assert again.counts.requests == 1
    assert file.read_bytes() == whole


@pytest.mark.parametrize("content", [b"my notes", b"my notes\n", b'{"question": 1}\n', b"\xff\n"])
def test_a_file_of_something_else_stays_as_it_is(file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(ChatModelError, match="cannot be read as answers"):
        AnswerFile(file, MODEL)
    assert file.read_bytes() == content


def test_answers_of_another_model_are_not_mixed_in(chat: Chat, file: Path) -> None:
    corrector(chat, file).correct(state(0), "FIGHT")
    with pytest.raises(ChatModelError, match="holds answers of judge-1, not of judge-2"):
        AnswerFile(file, "judge-2")


def test_answers_that_cannot_be_written_are_said(chat: Chat, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(ChatModelError, match="cannot be written to"):
        corrector(chat, tmp_path / "taken" / "answers").correct(state(0), "FIGHT")


def test_lines_are_written_from_answers_and_known_again(chat: Chat, file: Path) -> None:
    chat.answers = [good("FLEE"), good("FIGHT"), good("LOOT")]
    lines = file.with_name("lines.jsonl")
    asked = corrector(chat, file)
    AnswerFile(file, MODEL).write_lines(lines)
    assert not lines.exists()
    for tick in range(3):
        asked.correct(state(tick), "FIGHT")
    answers = AnswerFile(file, MODEL)
    answers.write_lines(lines)
    assert [one.correction for one in load_corrections([lines])] == ["FLEE", "LOOT"]
    assert answers.holds_all_of(lines)
    lines.write_bytes(lines.read_bytes().splitlines(keepends=True)[1])
    assert answers.holds_all_of(lines)
    lines.write_bytes(lines.read_bytes() + b"mine\n")
    assert not answers.holds_all_of(lines)

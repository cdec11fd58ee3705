"""A model behind chat completions, whatever its service does."""

from __future__ import annotations

import base64
import time

import pytest
from doubles.chat import KEY, MODEL, Chat, content, good, refused
from doubles.servers import Fault, Reply, drop, hang, status, text

from resources.chat import client as chat_client
from resources.chat.client import Answer, ChatClient, Question
from resources.chat.settings import ChatModelError, ChatSettings

QUESTION = Question("You judge.", "Which goal?", None, {"type": "object"})
GOOD = '{"reason": "It is right.", "correction": "FLEE", "confidence": 0.9}'


def settings(chat: Chat, **changed: object) -> ChatSettings:
    given = {
        "model": MODEL, "base_url": chat.url, "key_variable": "CHAT_KEY", "timeout": 0.5,
        "requests_a_minute": 60_000, "attempts": 3, **changed,
    }  # fmt: skip
    return ChatSettings.model_validate(given)


def ask(chat: Chat, question: Question = QUESTION, **changed: object) -> Answer:
    client = ChatClient(settings(chat, **changed))
    try:
        return client.ask(question)
    finally:
        client.close()


def test_a_question_is_asked_as_the_api_has_it(chat: Chat) -> None:
    answer = ask(chat, answer_tokens=77)
    assert answer == Answer(GOOD, None, 900, 40)
    (body,) = chat.bodies
    assert body == {
        "model": MODEL,
        "messages": [
            {"role": "system", "content": "You judge."},
            {"role": "user", "content": "Which goal?"},
        ],
        "max_tokens": 77,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": {"type": "object"}},
        },
    }


def test_an_image_goes_with_the_words(chat: Chat) -> None:
    ask(chat, Question("You judge.", "Which goal?", b"a jpeg", {}))
    words, image = chat.bodies[0]["messages"][1]["content"]
    assert words == {"type": "text", "text": "Which goal?"}
    kind, _, data = image["image_url"]["url"].partition(",")
    assert (image["type"], kind) == ("image_url", "data:image/jpeg;base64")
    assert base64.b64decode(data) == b"a jpeg"


def test_what_a_service_does_not_know_is_left_out_from_then_on(chat: Chat) -> None:
    chat.knows_limit, chat.knows_structure = "max_completion_tokens", False
    client = ChatClient(settings(chat))
    for _ in range(2):
        assert client.ask(QUESTION).text == GOOD
    client.close()
    assert chat.count("ask") == 4
    assert client.requests == 2
    for body in chat.bodies:
        assert {"max_tokens", "response_format"}.isdisjoint(body)
        assert body["max_completion_tokens"] == 2000


@pytest.mark.parametrize(
    "fault",
    [drop(), drop(after=True), status(503), status(529), hang(0.7), text(502, "<html>")],
)
def test_a_request_that_gets_no_answer_is_repeated(chat: Chat, fault: Fault) -> None:
    chat.script("ask", fault)
    assert ask(chat).text == GOOD
    assert chat.count("ask") == 2


def test_a_service_that_has_had_enough_is_left_alone_for_as_long_as_it_says(chat: Chat) -> None:
    chat.script("ask", refused(429, "slow down", Retry_After="0.3"))
    began = time.monotonic()
    assert ask(chat).text == GOOD
    assert time.monotonic() - began >= 0.3


def test_a_service_that_has_had_enough_for_long_is_not_waited_for(chat: Chat) -> None:
    chat.script("ask", refused(429, "slow down", Retry_After="3600"))
    with pytest.raises(ChatModelError, match="accepts none for 3600 s"):
        ask(chat, longest_wait=5)


def test_a_reply_that_drips_is_given_up_in_time(chat: Chat) -> None:
    def drips(write: object) -> None:
        for _ in range(1200):
            write(b" ")  # type: ignore[operator]
            time.sleep(0.05)

    chat.always("ask", Fault(Reply(200, None, stream=drips)))
    began = time.monotonic()
    with pytest.raises(ChatModelError, match=r"cannot be reached .*ReadTimeout"):
        ask(chat, timeout=0.2, attempts=1)
    assert time.monotonic() - began < 50


def test_a_reply_without_an_end_is_given_up(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_client, "MOST_BYTES", 1000)
    chat.always("ask", text(200, " " * 1001))
    with pytest.raises(ChatModelError, match="cannot be reached"):
        ask(chat)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (content(None, refusal="I cannot."), "the model refuses to answer"),
        (content(GOOD[:30], "length"), "cut off"),
        (content(GOOD, "content_filter"), "holds the answer back"),
        (content(""), "is empty"),
        (content(None), "is empty"),
        ({"choices": []}, "no chat completion"),
        ({"answer": 3}, "no chat completion"),
    ],
)
def test_an_answer_of_no_use_says_why(chat: Chat, given: dict[str, object], problem: str) -> None:
    chat.answers = [given]
    answer = ask(chat)
    assert answer.text is None
    assert answer.problem is not None
    assert problem in answer.problem


def test_a_question_that_the_service_refuses_is_no_error(chat: Chat) -> None:
    chat.script("ask", refused(400, f"This model takes no images {KEY}"))
    client = ChatClient(settings(chat))
    answer = client.ask(QUESTION)
    client.close()
    assert answer.problem == "the service refuses the question: This model takes no images ***"
    assert client.requests == 0


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (refused(402, "pay"), "no credit left .*pay"),
        (refused(429, "exceeded", "insufficient_quota"), "no credit left"),
        (refused(403, "no"), "refuses the API key"),
        (Fault(Reply(403, [{"error": {"message": "as Gemini says"}}])), "as Gemini says"),
        (Fault(Reply(404, {"detail": "Not Found"})), "knows no model 'judge-1'.*Not Found"),
        (text(301, "moved"), "answers with status 301: moved"),
        (status(500), "cannot be reached .*status 500"),
        (drop(), "cannot be reached .*RemoteProtocolError"),
    ],
)
def test_what_no_other_question_would_mend_is_an_error(chat: Chat, fault: Fault, says: str) -> None:
    chat.always("ask", fault)
    with pytest.raises(ChatModelError, match=says):
        ask(chat)


def test_a_wrong_key_is_said_and_not_quoted(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_KEY", "another-secret")
    with pytest.raises(ChatModelError, match="refuses the API key") as caught:
        ask(chat)
    assert "another-secret" not in str(caught.value)
    assert "***" in str(caught.value)


def test_no_server_is_said_and_no_request_counted(chat: Chat) -> None:
    chat.close()
    client = ChatClient(settings(chat))
    with pytest.raises(ChatModelError, match=r"cannot be reached at http.*ConnectError"):
        client.ask(QUESTION)
    assert client.requests == 0


def test_requests_keep_apart(chat: Chat) -> None:
    client = ChatClient(settings(chat, requests_a_minute=600))
    began = time.monotonic()
    for _ in range(4):
        client.ask(QUESTION)
    client.close()
    assert time.monotonic() - began >= 0.3


def test_tokens_of_thinking_are_counted(chat: Chat) -> None:
    chat.answers = [content(GOOD, total_tokens=1900)]
    assert ask(chat).answer_tokens == 1000
    without = good("FLEE")
    del without["usage"]
    chat.answers = [without]
    assert ask(chat).answer_tokens is None


def test_a_key_goes_to_the_service_that_it_is_for_and_nowhere_else(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "openai-secret")
    chat.key = None
    ask(chat, key_variable=None)
    assert chat.keys == [None]
    for address in ("https://api.openai.com/v1", "https://api.openai.com"):
        assert ChatSettings(model=MODEL, base_url=address).key() == "openai-secret"
    for address in ("https://api.openai.com.example.org/v1", "http://localhost:11434/v1"):
        assert ChatSettings(model=MODEL, base_url=address).key() is None


@pytest.mark.parametrize("key", [None, "", "  ", "schlüssel", "two\nlines"])
def test_without_a_key_it_says_what_it_needs(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    monkeypatch.delenv("CHAT_KEY")
    if key is not None:
        monkeypatch.setenv("CHAT_KEY", key)
    with pytest.raises(ChatModelError, match="CHAT_KEY holds no API key"):
        ChatClient(settings(chat))
    assert chat.requests == []


@pytest.mark.parametrize("address", ["", "localhost:11434", "ftp://host/v1", "https://h/v1?a=b"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ChatModelError, match="cannot be the base URL"):
        _ = ChatSettings(model=MODEL, base_url=address).url


def test_a_key_is_not_sent_where_others_can_read_it() -> None:
    network = "http://gpu.example.org:8000/v1"
    assert ChatSettings(model=MODEL, base_url=network).url == f"{network}/chat/completions"
    with pytest.raises(ChatModelError, match="would be sent the key of CHAT_KEY unencrypted"):
        _ = ChatSettings(model=MODEL, base_url=network, key_variable="CHAT_KEY").url


@pytest.mark.parametrize("end", ["", "/", "/chat/completions", "/chat/completions/"])
def test_an_address_may_be_the_whole_one(end: str) -> None:
    whole = ChatSettings(model=MODEL, base_url=f"https://host/v1{end}").url
    assert whole == "https://host/v1/chat/completions"

"""A question to a model, and its answer, whatever the service does.

    POST <base>/chat/completions    model, messages, max_tokens, response_format

What services do not have in common is found out: where one refuses `max_tokens`, which OpenAI's
newer models do, or structured outputs, which Anthropic's address ignores and small servers do not
know, it is asked again without. Nothing else is sent, such as a temperature: some models refuse it.
"""

from __future__ import annotations

import base64
import json
import random
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from resources.chat.settings import ChatModelError, ChatSettings
from resources.services.rate_limits import BusyServiceError, shared_limiter

TRY_AGAIN = frozenset({408, 409, 425, 429})
WRONG_QUESTION = frozenset({400, 413, 422})
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 20.0
"""Seconds, at most, before a request is repeated; the pause doubles each time."""
MOST_BYTES = 4 << 20
"""Of a reply."""
QUOTED_CHARACTERS = 300
NO_STRUCTURE = re.compile(r"response_format|json_schema|schema|structured|grammar|guided", re.I)
GO_ON = "Run the command again to go on: what was answered is kept, and not asked again."


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        image: a JPEG, or None.
        schema: JSON schema of the answer.
    """

    instructions: str
    text: str
    image: bytes | None
    schema: Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """What comes of a question.

    Attributes:
        text: the model's; None where there is none of use.
        problem: why there is none.
        question_tokens, answer_tokens: as the service has counted; None where it does not say.
    """

    text: str | None
    problem: str | None = None
    question_tokens: int | None = None
    answer_tokens: int | None = None


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Message(_Part):
    content: str | None = None
    refusal: str | None = None


class _Choice(_Part):
    message: _Message
    finish_reason: str | None = None


class _Usage(_Part):
    prompt_tokens: int = Field(0, ge=0)
    completion_tokens: int = Field(0, ge=0)
    total_tokens: int = Field(0, ge=0)


class _Completion(_Part):
    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None


@dataclass(frozen=True)
class _Received:
    status: int
    content: bytes


class ChatClient:
    """Asks one model. Not for several threads.

    Attributes:
        requests: sent so far that may be billed: all but those that were refused, and those for
            which there was no connection.
    """

    def __init__(self, settings: ChatSettings) -> None:
        """Nothing is sent yet.

        Raises:
            ChatModelError: as `ChatSettings.url` and `key`.
        """
        self.requests = 0
        self._settings = settings
        self._url = settings.url
        settings.key()
        self._limiter = shared_limiter(self._url, 60.0 / settings.requests_a_minute)
        self._limit = "max_tokens"
        self._structured = True
        self._client = httpx.Client(
            timeout=settings.timeout, headers={"User-Agent": f"outpost/{version('outpost')}"}
        )

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def ask(self, question: Question) -> Answer:
        """The model's answer; a question that the service refuses has one with a problem.

        Raises:
            ChatModelError: the service cannot be reached, is busy for too long, does not accept
                the key, knows no such model, or has no credit left.
        """
        why = ""
        for attempt in range(self._settings.attempts):
            if attempt:
                longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempt - 1))
                time.sleep(random.uniform(0, longest))
            try:
                reply = self._sent(question)
            except httpx.HTTPError as error:
                why = type(error).__name__
                continue
            if reply.status not in TRY_AGAIN and reply.status < 500:
                return self._answer(reply)
            why = f"status {reply.status}: {self._quoted(_message(reply.content))}"
            self._require_credit(reply)
        raise ChatModelError(
            f"{self._settings.model} cannot be reached at {self._url} ({why}).",
            f"Start the server, or look at the network and the address. {GO_ON}",
        )

    def _sent(self, question: Question) -> _Received:
        """The reply; where the service does not know a part of the request, that to one without."""
        reply = self._posted(question)
        while reply.status in WRONG_QUESTION and self._leaves_out(_message(reply.content)):
            reply = self._posted(question)
        return reply

    def _leaves_out(self, message: str) -> bool:
        """Leave out of all requests what a service says it does not know."""
        if self._limit == "max_tokens" and "max_completion_tokens" in message:
            self._limit = "max_completion_tokens"
            return True
        if self._structured and NO_STRUCTURE.search(message):
            self._structured = False
            return True
        return False

    def _posted(self, question: Question) -> _Received:
        """One request.

        Raises:
            httpx.HTTPError: there is no whole reply in time.
            ChatModelError: there is no key, or the service wants to be left alone for too long.
        """
        try:
            self._limiter.wait(self._settings.longest_wait)
        except BusyServiceError as busy:
            raise ChatModelError(f"{self._url}: {busy.problem}", GO_ON) from None
        key = self._settings.key()
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self.requests += 1
        try:
            with self._client.stream(
                "POST", self._url, json=self._body(question), headers=headers
            ) as response:
                self._limiter.update(response.status_code, response.headers)
                content = self._content(response)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            self.requests -= 1
            raise
        if response.status_code >= 300:
            self.requests -= 1
        return _Received(response.status_code, content)

    def _content(self, response: httpx.Response) -> bytes:
        """The whole of it, which comes within the time and is not endless."""
        ends, content = time.monotonic() + self._settings.timeout, b""
        for part in response.iter_bytes():
            content += part
            if len(content) > MOST_BYTES or time.monotonic() > ends:
                raise httpx.ReadTimeout("The reply does not end.")
        return content

    def _body(self, question: Question) -> dict[str, Any]:
        asked: Any = question.text
        if question.image is not None:
            image = f"data:image/jpeg;base64,{base64.b64encode(question.image).decode()}"
            asked = [
                {"type": "text", "text": question.text},
                {"type": "image_url", "image_url": {"url": image}},
            ]
        body: dict[str, Any] = {
            "model": self._settings.model,
            "messages": [
                {"role": "system", "content": question.instructions},
                {"role": "user", "content": asked},
            ],
            self._limit: self._settings.answer_tokens,
        }
        if self._structured:
            schema = {"name": "answer", "strict": True, "schema": question.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body

    def _answer(self, reply: _Received) -> Answer:
        if reply.status in WRONG_QUESTION:
            told = self._quoted(_message(reply.content))
            return Answer(None, f"the service refuses the question: {told}")
        self._require_accepted(reply)
        try:
            completion = _Completion.model_validate_json(reply.content)
        except ValidationError:
            return Answer(None, "the reply is no chat completion")
        choice, usage = completion.choices[0], completion.usage
        counted: tuple[int | None, int | None] = (None, None)
        if usage is not None:
            # Of some vendors the sum alone has the tokens of thinking.
            answered = max(usage.completion_tokens, usage.total_tokens - usage.prompt_tokens)
            counted = usage.prompt_tokens, answered
        problem = _problem(choice)
        return Answer(choice.message.content if problem is None else None, problem, *counted)

    def _require_accepted(self, reply: _Received) -> None:
        told = self._quoted(_message(reply.content))
        if reply.status in (401, 403):
            raise ChatModelError(
                f"{self._url} refuses the API key (status {reply.status}): {told}",
                "Set the variable that --key-variable names to a key of this service. " + GO_ON,
            )
        self._require_credit(reply)
        if reply.status == 404:
            raise ChatModelError(
                f"{self._url} knows no model '{self._settings.model}', or is no address of chat "
                f"completions: {told}",
                "Look at the model's name. The base URL ends in /v1 with most services.",
            )
        if not 200 <= reply.status < 300:
            raise ChatModelError(
                f"{self._url} answers with status {reply.status}: {told}",
                f"Look at the address and the account. {GO_ON}",
            )

    def _require_credit(self, reply: _Received) -> None:
        message = _message(reply.content)
        # OpenAI says so with the status of too many requests.
        if reply.status == 402 or (reply.status == 429 and "insufficient_quota" in message):
            raise ChatModelError(
                f"{self._url} has no credit left for this account: {self._quoted(message)}",
                f"Top up the account, or choose another model. {GO_ON}",
            )

    def _quoted(self, text: str) -> str:
        key = self._settings.key()
        hidden = text if key is None else text.replace(key, "***")
        return " ".join(hidden.split())[:QUOTED_CHARACTERS] or "nothing more"


def _problem(choice: _Choice) -> str | None:
    """Why an answer is of no use, before it is read."""
    if choice.message.refusal:
        return "the model refuses to answer"
    if choice.finish_reason == "content_filter":
        return "the service holds the answer back"
    if choice.finish_reason == "length":
        return "the answer is cut off: it has too few tokens"
    return None if (choice.message.content or "").strip() else "the answer is empty"


def _message(content: bytes) -> str:
    """What a service says about an error, with the error's code."""
    text = content.decode("utf-8", "replace")
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(body, list) and body:  # Gemini's errors come in a list.
        body = body[0]
    error = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(error, dict):
        return str(error)
    said = error.get("message") or error.get("detail") or text
    return f"{said} ({error['code']})" if isinstance(error.get("code"), str) else str(said)

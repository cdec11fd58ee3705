"""A service of chat completions, as OpenAI's API has it, with answers that are scripted.

    double.answers = [good("FLEE"), content("no JSON")]    # in turn; the last one from then on

What a service may refuse of a request is refused where a test says so, in the words of a vendor.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from doubles.servers import Double, Fault, Reply, Request, Route
from doubles.shapes import Shapes

KEY = "chat-secret-0123456789"
MODEL = "judge-1"


def content(
    text: str | None, finish: str = "stop", refusal: str | None = None, **usage: int
) -> dict[str, Any]:
    """A completion with this text."""
    message = {"role": "assistant", "content": text, "refusal": refusal}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    counted = {"prompt_tokens": 900, "completion_tokens": 40, "total_tokens": 940, **usage}
    return {"id": "chatcmpl-1", "object": "chat.completion", "choices": [choice], "usage": counted}


def good(goal: str, confidence: float = 0.9, reason: str = "It is right.") -> dict[str, Any]:
    """A completion that says which goal is right."""
    answer = {"reason": reason, "correction": goal, "confidence": confidence}
    return content(json.dumps(answer))


def refused(status: int, message: str, code: str | None = None, **headers: str) -> Fault:
    """An error, as OpenAI words it."""
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault(Reply(status, {"error": error}, headers=named))


class Chat(Double):
    """Answers as scripted.

    Attributes:
        bodies: of all requests that were let in.
        keys: authorization headers of all requests, None where there is none.
        knows_limit: which name of the most tokens is accepted.
        knows_structure: whether `response_format` is.
    """

    def __init__(self, key: str | None = KEY) -> None:
        self.key = key
        self.answers: list[dict[str, Any]] = [good("FLEE")]
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.knows_limit = "max_tokens"
        self.knows_structure = True
        super().__init__(Shapes.__new__(Shapes))

    @property
    def url(self) -> str:
        return f"{self.origin}/v1"

    def routes(self) -> list[Route]:
        return [Route("ask", "POST", "/v1/chat/completions", self._ask, published=False)]

    def admit(self, request: Request, route: Route, values: Mapping[str, str]) -> Reply | None:
        self.keys.append(request.headers.get("authorization"))
        if self.key is not None and request.headers.get("authorization") != f"Bearer {self.key}":
            return self._error(401, f"Incorrect API key: {request.headers.get('authorization')}")
        return None

    def refuse(self, code: int, title: str, problems: list[str]) -> Reply:
        return self._error(code, title)

    def _ask(self, request: Request, _values: Mapping[str, str]) -> Reply:
        body = request.body
        if body["model"] != MODEL:
            return self._error(404, f"The model `{body['model']}` does not exist")
        if self.knows_limit not in body:
            return self._error(
                400,
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
                "'max_completion_tokens' instead.",
                "unsupported_parameter",
            )
        if "response_format" in body and not self.knows_structure:
            return self._error(400, "response_format of type json_schema is not supported")
        self.bodies.append(body)
        given = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        return Reply(200, given)

    @staticmethod
    def _error(status: int, message: str, code: str | None = None) -> Reply:
        reply = refused(status, message, code).reply
        assert reply is not None
        return reply

"""Requests to the APIs of the clouds: who may be asked how often, what is tried again, what is not.

The API key is read from the environment for each request and kept nowhere, so no repr, log or error
can tell it. What creates something is sent once: an answer that never came does not say that
nothing was created. What changes nothing when repeated is repeated, a few times, at growing and
random intervals. Every request has a connection of its own: they are seconds apart, and a
connection that was kept open may turn out to be dead only once a creation has been sent over it.
"""

from __future__ import annotations

import json
import os
import random
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cache
from importlib.metadata import version
from typing import Annotated, TypeVar

import httpx
from pydantic import (
    BaseModel,
    ConfigDict,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from resources.gpu.clouds.base import (
    AmbiguousCreateError,
    CloudBalanceError,
    CloudBusyError,
    CloudError,
    CloudKeyError,
    CloudUnavailableError,
    Diagnosis,
    Pod,
    PodStatus,
)
from resources.services.base_urls import is_base_url, may_get_a_key
from resources.services.rate_limits import BusyServiceError, RateLimiter, shared_limiter

LONGEST_BACKOFF = 10.0
CLOCK_MINUTES = 15
"""By which clocks may differ without harm."""
QUOTED_CHARACTERS = 400

Query = Mapping[str, str | int]
Meaning = tuple[type[CloudError], str]
"""What an error is, and what to do about it."""

_NOT_ALLOWED: Meaning = (
    CloudKeyError,
    "Check the API key and what it may do; it needs to read and write pods.",
)
_NOT_NOW: Meaning = (CloudUnavailableError, "Try again in a few minutes.")
_BY_STATUS: Mapping[int, Meaning] = {
    401: _NOT_ALLOWED,
    402: (CloudBalanceError, "Top up the account, then run again."),
    403: _NOT_ALLOWED,
    408: _NOT_NOW,
    422: (CloudError, "This is a mistake in Outpost, or the API has changed: please report it."),
    429: (CloudBusyError, "Wait a minute and try again."),
}
_OTHERWISE: Meaning = (CloudError, "Read its message; trying again changes nothing.")


class ResponseBody(BaseModel):
    """What is read from a reply; whatever else it says is let through."""

    model_config = ConfigDict(extra="allow")


Body = TypeVar("Body", bound=ResponseBody)
Part = TypeVar("Part")


def _or_nothing(value: object, read: ValidatorFunctionWrapHandler) -> object:
    try:
        return read(value)
    except ValidationError:
        return None


Lenient = Annotated[Part | None, WrapValidator(_or_nothing)]
"""A part of a reply without which the rest is still of use: None where it cannot be understood.

A list of pods must not become unreadable for a detail of somebody else's pod.
"""


@dataclass(frozen=True)
class ApiKey:
    """Where an API key is found.

    Attributes:
        variable: of the environment.
        page: where its owner makes one.
    """

    variable: str
    page: str

    def read(self) -> str:
        """The key.

        Raises:
            CloudKeyError: there is none, or it cannot be one. It is not quoted.
        """
        key = os.environ.get(self.variable, "").strip()
        if not key:
            raise CloudKeyError(
                f"The environment variable {self.variable} is not set.",
                f"Make an API key at {self.page} and set {self.variable} to it.",
            )
        if not re.fullmatch(r"[\x21-\x7e]+", key):
            raise CloudKeyError(
                f"The environment variable {self.variable} holds something that is not an API key.",
                f"Copy the key once more from {self.page}; it has neither spaces nor line breaks.",
            )
        return key


@dataclass(frozen=True)
class RetryPolicy:
    """How long and how often.

    Attributes:
        attempts: of a request that may be repeated, the first one included.
        backoff_seconds: the longest pause after the first failure; it doubles with each one.
        timeout_seconds: for each step of a request: connecting, sending, waiting for the reply.
        longest_wait: a service that wants to be left alone for longer is not waited for.
    """

    attempts: int = 4
    backoff_seconds: float = 0.5
    timeout_seconds: float = 30.0
    longest_wait: float = 90.0


def incomplete_list(service: str, what: str) -> CloudError:
    """The error of a list that has another page, which nobody knows how to ask for."""
    return CloudError(
        f"{service}'s list of {what} has another page, so it is incomplete.",
        "Its API has changed: please report it. Until then, look at the dashboard.",
    )


@dataclass(frozen=True)
class ApiResponse:
    """What came back. The key is in none of it, even if the service should repeat it.

    Attributes:
        service: its name, as messages write it.
        status: of HTTP.
        codes: see `Service`.
    """

    service: str
    status: int
    text: str
    codes: Mapping[str, Meaning] = field(default_factory=dict)

    def json(self) -> object:
        """The body.

        Raises:
            CloudUnavailableError: it is no JSON.
        """
        try:
            return json.loads(self.text)
        except ValueError:
            # Part of a list may hold what somebody has put into the environment of a pod.
            begun = self.text.lstrip().startswith(("{", "["))
            what = f"JSON that breaks off after {len(self.text)} characters"
            raise CloudUnavailableError(
                f"{self.service} answered {what if begun else f'no JSON: {self._start()!r}'}",
                "Try again; if it stays so, a proxy or a wrong base URL may be in between.",
            ) from None

    def read(self, model: type[Body]) -> Body:
        """The body of a success, as what it is meant to be.

        Raises:
            CloudUnavailableError: it is something else.
            CloudError: the reply is an error.
        """
        try:
            return model.model_validate(self.raise_for_error().json())
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "body"
            raise CloudUnavailableError(
                f"{self.service}'s reply is not what its API promises: {where}: {first['msg']}.",
                "Try again; if it stays so, the API has changed: please report it.",
            ) from None

    def raise_for_error(self) -> ApiResponse:
        """This reply.

        Raises:
            CloudError: it is an error.
        """
        if error := self.error():
            raise error
        return self

    @property
    def message(self) -> str:
        """What the service says about an error, in its own words."""
        body = self.fields()
        if "error" in body and isinstance(body["error"], dict):
            error = body["error"]
            parts = [error.get("message"), error.get("suggestion")]
        else:
            wrong = body.get("errors")
            listed = "; ".join(map(str, wrong)) if isinstance(wrong, list) else None
            parts = [body.get("detail") or body.get("title"), listed]
        told = " ".join(str(part) for part in parts if part)
        return told or self._start() or "nothing more"

    @property
    def code(self) -> str:
        """The code of an error, for services that have such; else ""."""
        error = self.fields().get("error")
        return str(error.get("code", "")) if isinstance(error, dict) else ""

    @property
    def turned_away(self) -> bool:
        """Whether this comes from what stands before the API, which never saw the request."""
        return self.status == 403 and not self.fields()

    def fields(self) -> dict[str, object]:
        """The body's fields; none where it is no object of JSON."""
        try:
            body = json.loads(self.text)
        except ValueError:
            return {}
        return body if isinstance(body, dict) else {}

    def error(self) -> CloudError | None:
        """What this reply means where it is an error; None for a success."""
        if self.status < 300:
            return None
        if self.turned_away:
            return CloudError(
                f"{self.service} was not reached: the network before it turned the request away "
                f"({self._start()}).",
                "This is not about your API key. A proxy that changes the User-Agent header, or "
                "a blocked network, causes it; try from another network.",
            )
        by_status = _BY_STATUS.get(self.status, _NOT_NOW if self.status >= 500 else _OTHERWISE)
        kind, fix = self.codes.get(self.code, by_status)
        return kind(f"{self.service} refused ({self.status}): {self.message}", fix)

    def _start(self) -> str:
        return " ".join(self.text.split())[:QUOTED_CHARACTERS]


@dataclass(frozen=True)
class Service:
    """An API.

    Attributes:
        name: as messages write it.
        base_url: what paths are appended to.
        seconds_apart: between two requests of this process, whoever sends them.
        codes: what an error with such a code in its body means, whatever the status says.
    """

    name: str
    base_url: str
    key: ApiKey
    seconds_apart: float = 0.0
    codes: Mapping[str, Meaning] = field(default_factory=dict)


class ApiClient:
    """Sends the requests of one account to one service."""

    def __init__(self, service: Service, retries: RetryPolicy) -> None:
        """Nothing is sent yet, and the key is not read yet.

        Raises:
            CloudError: the base URL would send the key unencrypted over a network.
        """
        self.service = service
        self.retries = retries
        self.base_url = checked_url(service.base_url)
        self.limiter = shared_limiter(self.base_url, service.seconds_apart)
        self._clock_ahead: float | None = None

    def diagnose_clock(self) -> Sequence[Diagnosis]:
        """Whether this machine's clock agrees with the service's; nothing where it has told none.

        The time until which a pod is wanted stands in its name, in seconds since 1970.
        """
        if self._clock_ahead is None:
            return ()
        minutes = round(self._clock_ahead / 60)
        if abs(minutes) <= CLOCK_MINUTES:
            return (Diagnosis("clock", True, f"agrees with {self.service.name}'s."),)
        apart = f"{abs(minutes)} minutes {'ahead of' if minutes > 0 else 'behind'}"
        detail = f"This machine's clock is {apart} {self.service.name}'s."
        return (Diagnosis("clock", False, detail, "Set it: by it a pod is told when to end."),)

    def diagnose_key(self, check: str, things: str, pods: Callable[[], Sequence[Pod]]) -> Diagnosis:
        """Whether the key is accepted, and what runs in the account; `things` names its pods."""
        try:
            alive = [pod for pod in pods() if pod.status is not PodStatus.ENDED]
        except CloudError as error:
            failed = check if isinstance(error, CloudKeyError) else self.service.name
            return Diagnosis(failed, False, error.problem, error.fix)
        rate = sum(pod.usd_per_hour or 0.0 for pod in alive)
        detail = f"accepted; {len(alive)} {things} in the account, USD {rate:.2f}/h together"
        return Diagnosis(check, True, detail)

    def ask(
        self, method: str, path: str, query: Query | None = None, body: object = None
    ) -> ApiResponse:
        """Send what changes nothing when it is repeated.

        Returns:
            The first reply that is about the request: neither 429 nor 5xx.

        Raises:
            CloudKeyError: there is no key.
            CloudBusyError: still too many requests after some waiting.
            CloudUnavailableError: no such reply in all attempts.
        """
        failure = CloudUnavailableError(f"{self.service.name} was not asked.", "Allow an attempt.")
        for attempt in range(self.retries.attempts):
            if attempt and not isinstance(failure, CloudBusyError):
                longest = self.retries.backoff_seconds * 2 ** (attempt - 1)
                time.sleep(random.uniform(0, min(longest, LONGEST_BACKOFF)))
            try:
                reply = self._send(method, path, query, body)
            except httpx.HTTPError as trouble:
                failure = self._unreachable(trouble)
                continue
            error = reply.error()
            if not isinstance(error, CloudUnavailableError):
                return reply
            failure = error
        raise failure

    def create(self, path: str, body: object) -> ApiResponse:
        """Send what creates something: once, but for replies that say that nobody looked at it.

        Returns:
            A reply that is about the request: neither 429 nor 5xx.

        Raises:
            AmbiguousCreateError: it may have been created.
            CloudBusyError: nothing was created; too many requests, after some waiting, too.
            CloudUnavailableError: nothing was created; the service cannot be reached.
            CloudKeyError: there is no key.
        """
        reply = self._create(path, body)
        for _ in range(self.retries.attempts - 1):
            if reply.status != 429:
                break
            reply = self._create(path, body)
        error = reply.error()
        if isinstance(error, CloudBusyError):
            raise error
        if isinstance(error, CloudUnavailableError):
            raise self.ambiguous(f"it answered {reply.status}: {reply.message}")
        return reply

    def lines(self, path: str, query: Query, seconds: float) -> Iterator[str]:
        """The lines of a stream, until it ends, falls silent for so long, or time is up.

        Nothing where the path is not known (404).

        Raises:
            CloudError: refused, or not to be reached.
        """
        wait_for_turn(self.limiter, self.retries.longest_wait)
        ends = time.monotonic() + seconds
        timeout = httpx.Timeout(self.retries.timeout_seconds, read=seconds)
        try:
            with (
                self._client(timeout) as client,
                client.stream("GET", self.base_url + path, params=dict(query)) as response,
            ):
                if response.status_code == 404:
                    return
                if not response.is_success:
                    response.read()
                    self._learned(response).raise_for_error()
                for line in response.iter_lines():
                    yield line
                    if time.monotonic() > ends:
                        return
        except httpx.ReadTimeout:
            return
        except httpx.HTTPError as error:
            raise self._unreachable(error) from None

    def ambiguous(self, why: str) -> AmbiguousCreateError:
        """The error of a creation that may have happened."""
        return AmbiguousCreateError(
            f"{self.service.name} may or may not have created what it was asked for: {why}",
            "Look for the name in the list of pods before anything is created again.",
        )

    def _create(self, path: str, body: object) -> ApiResponse:
        try:
            return self._send("POST", path, None, body)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            # No connection, so the request was never sent.
            raise self._unreachable(error) from None
        except httpx.HTTPError as error:
            raise self.ambiguous(f"no reply came ({self._described(error)})") from None

    def _send(self, method: str, path: str, query: Query | None, body: object) -> ApiResponse:
        with self._client(httpx.Timeout(self.retries.timeout_seconds)) as client:
            wait_for_turn(self.limiter, self.retries.longest_wait)
            parameters = dict(query) if query else None
            # Without a body none is announced, either: some servers would refuse that.
            response = client.request(method, self.base_url + path, params=parameters, json=body)
        return self._learned(response)

    def _client(self, timeout: httpx.Timeout) -> httpx.Client:
        headers = {
            "Authorization": f"Bearer {self.service.key.read()}",
            "Accept": "application/json, application/problem+json, text/event-stream",
            # Without one of its own, a request is turned away before it reaches the API.
            "User-Agent": f"outpost/{version('outpost')}",
        }
        return httpx.Client(headers=headers, timeout=timeout, verify=_certificates())

    def _learned(self, response: httpx.Response) -> ApiResponse:
        self.limiter.update(response.status_code, response.headers)
        with suppress(ValueError):
            there = parsedate_to_datetime(response.headers.get("date", ""))
            self._clock_ahead = time.time() - there.timestamp()
        text = response.text.replace(self.service.key.read(), "***")
        return ApiResponse(self.service.name, response.status_code, text, self.service.codes)

    def _unreachable(self, error: httpx.HTTPError) -> CloudUnavailableError:
        return CloudUnavailableError(
            f"{self.service.name} cannot be reached at {self.base_url}: {self._described(error)}",
            "Check the network and the service's status page, then try again.",
        )

    def _described(self, error: httpx.HTTPError) -> str:
        key = self.service.key.read()
        return f"{type(error).__name__}: {error}".replace(key, "***").removesuffix(": ")


def wait_for_turn(limiter: RateLimiter, longest: float) -> None:
    """Wait for a request's turn.

    Raises:
        CloudBusyError: it would come later than `longest` seconds from now.
    """
    try:
        limiter.wait(longest)
    except BusyServiceError:
        raise CloudBusyError(
            f"Too many requests: the service accepts none for {limiter.seconds_left:.0f} s.",
            "Wait that long and try again; fewer leases at once need fewer requests.",
        ) from None


def checked_url(url: str) -> str:
    """A base URL without the last slash.

    Raises:
        CloudError: it is none, or would send the key unencrypted over a network.
    """
    if not (is_base_url(url) and may_get_a_key(url)):
        raise CloudError(
            f"{url!r} cannot be the base URL of an API that is sent a key.",
            "Write it as https://host/path, without user, query or anything after it.",
        )
    return url.rstrip("/")


def checked_id(pod_id: str) -> str:
    """A pod's id, fit to be part of a path.

    Raises:
        CloudError: it would lead elsewhere.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]+", pod_id):
        raise CloudError(f"{pod_id!r} is not the id of a pod.", "Run `outpost gpu list`.")
    return pod_id


@cache
def _certificates() -> ssl.SSLContext:
    """What other hosts must show; read once, so that a pod can be ended whatever becomes of them.

    Raises:
        CloudError: the certificates that the environment names cannot be read.
    """
    try:
        return httpx.create_ssl_context()
    except OSError as error:
        raise CloudError(
            f"The certificates to check servers with cannot be read: {error}.",
            "Correct or unset SSL_CERT_FILE and SSL_CERT_DIR.",
        ) from error

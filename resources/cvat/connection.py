"""The official SDK, with an end to everything that it waits for.

The SDK (2.80) gives a socket no time limit: a server that accepts a connection and says nothing
holds it for ever (`findings/cvat-sdk-has-no-time-limit-for-an-answer.sh`). And what fails on the
way comes as an exception of urllib3, which is none of the SDK's. So every request goes through
`TimedRestClient`, which also says in words what went wrong.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import urllib3
from cvat_sdk.api_client.exceptions import ApiException
from cvat_sdk.api_client.rest import RESTClientObject
from cvat_sdk.core.client import AccessTokenCredentials, Client, Config, PasswordCredentials
from cvat_sdk.core.exceptions import InvalidHostException
from cvat_sdk.core.helpers import make_request_headers
from cvat_sdk.exceptions import CvatSdkException

from resources.cvat.errors import (
    CvatBusyError,
    CvatError,
    CvatMissingError,
    CvatTokenError,
    CvatUnreachableError,
)

TOKEN_VARIABLE = "CVAT_ACCESS_TOKEN"
USER_VARIABLE, PASSWORD_VARIABLE = "CVAT_USER", "CVAT_PASSWORD"
HOST_VARIABLE = "CVAT_HOST"
ORGANIZATION_VARIABLE = "CVAT_ORGANIZATION"
DEFAULT_HOST = "https://app.cvat.ai"
MAKE_TOKEN = (
    "Make an access token in CVAT (your name at the upper right, Profile, Security), and set it as "
    "CVAT_ACCESS_TOKEN in the environment."
)
QUOTED_CHARACTERS = 400
"""Of what a server writes about an error."""
HURRIED_TRIES = 3
"""To send a request where all of them together have little time."""
GATEWAY_ERRORS = (502, 503, 504)
"""What a proxy answers while the server behind it starts anew."""


@dataclass(frozen=True)
class TimeLimits:
    """Seconds after which something is given up.

    Attributes:
        connect: until a connection is there.
        answer: until a request is answered, and between two pieces of a download.
        work: until CVAT has finished what it does in the background: taking images, exporting.
        download: until an export has come.
        outage: without any answer, while CVAT works.
        poll: between two questions whether it has finished.
        total: for all requests of one connection together.
    """

    connect: float = 15.0
    answer: float = 120.0
    work: float = 1800.0
    download: float = 3600.0
    outage: float = 120.0
    poll: float = 2.0
    total: float = math.inf


@dataclass(frozen=True)
class Address:
    """Which server, and in whose name.

    Attributes:
        organization: its short name; empty for the workspace of the token's owner.
    """

    host: str
    organization: str = ""

    @classmethod
    def of(cls, host: str, organization: str) -> Address:
        """Those given, else those of the environment, else CVAT's own server."""
        return cls(
            (host or os.environ.get(HOST_VARIABLE, "").strip() or DEFAULT_HOST).rstrip("/"),
            organization or os.environ.get(ORGANIZATION_VARIABLE, "").strip(),
        )


@contextmanager
def connected(address: Address, limits: TimeLimits) -> Iterator[Client]:
    """A client that has shown its token, for a `with` block.

    Raises:
        CvatTokenError: the environment has no token, or it is refused.
        CvatUnreachableError: nothing answers, or something that is not CVAT; or the address has
            a secret in it.
        CvatError: an organization cannot be called so.
    """
    if "@" in address.host:
        # Not quoted: it would stand in links, logs and artifacts, too.
        raise CvatUnreachableError(
            "The address of the CVAT server has a user's name or a password in it.",
            f"Set {HOST_VARIABLE} to the address alone, such as {DEFAULT_HOST}, and "
            f"{TOKEN_VARIABLE} to an access token.",
        )
    if not (address.organization.isascii() and address.organization.isprintable()):
        raise CvatError(
            f"{address.organization!r} is no short name of an organization in CVAT.",
            f"Set {ORGANIZATION_VARIABLE} to the short name that CVAT shows, or leave it out.",
        )
    credentials = _credentials()
    try:
        _require_host(address.host)
        client = Client(
            address.host, config=Config(status_check_period=limits.poll), check_server_version=False
        )
    except (InvalidHostException, urllib3.exceptions.LocationParseError) as error:
        raise CvatUnreachableError(
            f"'{address.host}' is no address of a CVAT server: {error}.",
            f"Set {HOST_VARIABLE} to an address such as {DEFAULT_HOST}.",
        ) from error
    configuration = client.api_client.configuration
    configuration.retries = _retries(limits)
    client.api_client.rest_client = TimedRestClient(configuration, limits)
    client.api_client.deserialize = _reading(client.api_client.deserialize, address.host)
    if address.organization:
        client.organization_slug = address.organization
    with client, explained(address.host):
        client.login(credentials)
        client.api_client.users_api.retrieve_self()
        yield client


def _require_host(address: str) -> None:
    """See that an address names a host: the SDK takes any text, and `https:` for a host's name."""
    whole = address if "://" in address else f"https://{address}"
    host = urllib3.util.parse_url(whole).host
    if not host or " " in host or address.endswith(":"):
        raise InvalidHostException("it names no host")


@contextmanager
def explained(host: str) -> Iterator[None]:
    """Turn what the SDK raises of its own into an error of ours."""
    try:
        yield
    except (ApiException, CvatSdkException, AssertionError) as error:
        # An `ApiException` comes here of a status that is no error, and not the one expected.
        raise not_cvat(host, error) from error


class TimedRestClient(RESTClientObject):  # type: ignore[misc]
    """Sends every request of the SDK; none without a time limit.

    Raises:
        CvatError: instead of whatever `urllib3` and the SDK raise.
    """

    def __init__(self, configuration: Any, limits: TimeLimits) -> None:
        super().__init__(configuration)
        self._host = configuration.host
        self._limits, self._end = limits, time.monotonic() + limits.total

    def request(self, method: str, url: str, *rest: Any, **named: Any) -> Any:
        """As the SDK's own."""
        named["_request_timeout"] = named.get("_request_timeout") or self._time_left()
        try:
            return super().request(method, url, *rest, **named)
        except ApiException as error:
            # It is quoted here, and once more in the log of a run.
            error.body = _without_secrets(error.body)
            raise told(self._host, error) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise unreachable(self._host, error) from error

    def _time_left(self) -> tuple[float, float]:
        left = self._end - time.monotonic()
        if left <= 0:
            raise CvatUnreachableError(
                f"{self._host} has not told everything within {self._limits.total:.0f} s.",
                "It is asked again by itself; if it stays so, look at what slows the server.",
            )
        # A request may be repeated, each time with the same limits.
        each = left / HURRIED_TRIES
        return min(self._limits.connect, each), min(self._limits.answer, each)


def fetch_fields(client: Client, path: str, *names: str) -> list[Any]:
    """Fields of one of the server's pages, without the SDK's models, which are slow for many.

    Raises:
        CvatError: there is no such page, or it lacks one of them.
    """
    reply = client.api_client.rest_client.GET(
        client.api_map.host + path, headers=make_request_headers(client.api_client)
    )
    return fields_of(client, reply.data, *names)


def fields_of(client: Client, content: bytes, *names: str) -> list[Any]:
    """Fields of a reply.

    Raises:
        CvatUnreachableError: it lacks one of them.
    """
    try:
        found = json.loads(content)
        return [found[name] for name in names]
    except (ValueError, KeyError, TypeError) as error:
        raise not_cvat(client.api_map.host, error) from error


def _reading(read: Callable[..., Any], host: str) -> Callable[..., Any]:
    """The SDK's reader of replies, which raises whatever comes of one that is not as published."""

    def read_or_explain(*given: Any, **named: Any) -> Any:
        try:
            return read(*given, **named)
        except Exception as error:
            raise not_cvat(host, error) from error

    return read_or_explain


def told(host: str, error: ApiException) -> CvatError:
    """What a reply with an error means."""
    said = _said(error)
    if error.status in (401, 403):
        return CvatTokenError(
            f"{host} refuses the access: {said}.",
            f"{MAKE_TOKEN} It may have expired, or its owner may not see this project.",
        )
    if error.status == 404:
        return CvatMissingError(
            f"{host} does not have what was asked for: {said}.",
            "Look in CVAT whether it was deleted, then run the command again.",
        )
    if error.status in (409, 429):
        return CvatBusyError(
            f"{host} is busy: {said}.", "Wait a few minutes, then run the command again."
        )
    if not error.status or error.status >= 500:
        return CvatUnreachableError(
            f"{host} has a problem of its own: {said}.",
            "Wait a few minutes, then run the command again; what was finished is kept.",
        )
    return CvatError(
        f"{host} does not take the request (status {error.status}): {said}.",
        "Correct what it names; if it names nothing that you know, please report it.",
    )


def not_cvat(host: str, error: Exception) -> CvatUnreachableError:
    """What a reply means that the SDK cannot read."""
    said = " ".join(str(error).split()) or type(error).__name__
    return CvatUnreachableError(
        f"What {host} answers is not what CVAT answers: {said[:QUOTED_CHARACTERS]}.",
        f"Check that {HOST_VARIABLE} is the address of a CVAT server, of about the version of the "
        "SDK (2.80).",
    )


def unreachable(host: str, error: Exception) -> CvatUnreachableError:
    """What a connection that fails means."""
    cause = getattr(error, "reason", None) or error
    return CvatUnreachableError(
        f"{host} cannot be reached: {type(cause).__name__}: {str(cause)[:QUOTED_CHARACTERS]}.",
        f"Check the network and {HOST_VARIABLE}, then run the command again; what was finished is "
        "kept.",
    )


def _without_secrets(body: Any) -> str:
    """What a server or a proxy writes, which may repeat what it was sent."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body or "")
    for name in (TOKEN_VARIABLE, PASSWORD_VARIABLE):
        if secret := os.environ.get(name, "").strip():
            text = text.replace(secret, f"({name})")
    return text


def _said(error: ApiException) -> str:
    text = " ".join(str(error.body or error.reason or f"status {error.status}").split())
    return text[:QUOTED_CHARACTERS].rstrip(".")


def _credentials() -> AccessTokenCredentials | PasswordCredentials:
    """Read when they are needed and kept by the client alone."""
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if token and not (token.isascii() and token.isprintable()):
        # No header may hold it, and what Python raises of that quotes it.
        raise CvatTokenError(f"{TOKEN_VARIABLE} holds no access token.", MAKE_TOKEN)
    if token:
        return AccessTokenCredentials(token)
    user, password = os.environ.get(USER_VARIABLE, ""), os.environ.get(PASSWORD_VARIABLE, "")
    if user and password:
        return PasswordCredentials(user, password)
    raise CvatTokenError("There is no access token for CVAT.", MAKE_TOKEN)


def _retries(limits: TimeLimits) -> urllib3.Retry:
    """What changes nothing when repeated is repeated; a server that starts anew is waited for.

    `Retry-After` is not obeyed: urllib3 would sleep as long as a server likes.
    """
    repetitions = HURRIED_TRIES - 1 if math.isfinite(limits.total) else 4
    return urllib3.Retry(
        total=repetitions,
        connect=repetitions,
        read=1,
        status=repetitions,
        backoff_factor=limits.poll / 4,
        status_forcelist=GATEWAY_ERRORS,
        allowed_methods=("GET", "HEAD", "OPTIONS"),
        raise_on_status=False,
        respect_retry_after_header=False,
    )

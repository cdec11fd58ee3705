"""Work that CVAT does in the background: `POST` gives a request's id, which is asked after.

The SDK's own `wait_for_completion` asks for ever. This one ends: when CVAT has finished, failed or
lost the request, when it is silent for too long, and after the time that its work may take.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from cvat_sdk.core.client import Client

from pipeline.progress import Progress, Report, silent
from resources.cvat.connection import TimeLimits
from resources.cvat.errors import (
    CvatBusyError,
    CvatMissingError,
    CvatRequestError,
    CvatUnreachableError,
)

PARTS = 100
"""In which a progress is told that CVAT gives as a fraction."""
Result = TypeVar("Result")


def wait_for_request(
    client: Client, request_id: str, what: str, limits: TimeLimits, report: Report = silent
) -> Any:
    """The finished request, as the SDK gives it.

    Args:
        what: the work, for people, such as "exporting task 7".

    Raises:
        CvatRequestError: it failed, is unknown, or takes too long.
        CvatUnreachableError: the server was silent for too long.
        CvatTokenError: the token was refused meanwhile.
    """
    began = answered = time.monotonic()
    while True:
        now = time.monotonic()
        if now - began > limits.work:
            raise CvatRequestError(
                f"CVAT is not done with {what} after {limits.work:.0f} s.",
                "Look at Requests in CVAT: if it goes on there, run the command again later; if it "
                "is stuck, restart CVAT's workers.",
            )
        try:
            request, _ = client.api_client.requests_api.retrieve(request_id)
        except CvatMissingError as error:
            raise CvatRequestError(
                f"CVAT no longer knows of {what}: the request has expired, or the server has lost "
                "it.",
                "Run the command again.",
            ) from error
        except (CvatUnreachableError, CvatBusyError):
            # A server that starts anew keeps its requests.
            if time.monotonic() - answered > limits.outage:
                raise
            time.sleep(limits.poll)
            continue
        answered = time.monotonic()
        status = str(request.status)
        if status == "finished":
            report(Progress(what, PARTS, PARTS, answered - began))
            return request
        if status == "failed":
            raise CvatRequestError(
                f"CVAT failed at {what}: {_last_line(getattr(request, 'message', ''))}.",
                "Correct what it names, then run the command again.",
            )
        done = round(PARTS * (getattr(request, "progress", None) or 0))
        report(Progress(what, min(done, PARTS - 1), PARTS, answered - began))
        time.sleep(limits.poll)


def when_free(ask: Callable[[], Result], limits: TimeLimits) -> Result:
    """The answer to a request that CVAT turns away while it does the same already.

    Raises:
        CvatBusyError: it still does when its work should be done.
    """
    began = time.monotonic()
    while True:
        try:
            return ask()
        except CvatBusyError:
            if time.monotonic() - began > limits.work:
                raise
            time.sleep(limits.poll)


def _last_line(message: str) -> str:
    """What a person can use of a traceback."""
    lines = [line.strip() for line in message.strip().splitlines() if line.strip()]
    return (lines[-1] if lines else "it does not say why").rstrip(".")[:400]

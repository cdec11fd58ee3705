"""Channels: which version is offered, since when and why, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from detector_runtime.updates.documents import ChannelPointer

from pipeline.errors import OutpostError

CHALLENGER = "challenger"
"""What was published last: for those who try what is new."""
CHAMPION = "champion"
"""What has passed the gates: for everybody."""
CHANNELS = (CHALLENGER, CHAMPION)
LIFETIME = timedelta(days=365)
"""After that a client says that it has heard nothing new for long; it keeps working."""
RENEWED_BEFORE = timedelta(days=60)
"""So long before its end an offer is to be renewed."""

LONGEST_REASON = 1000
"""Characters of a person's own words; what gates have found is added to them."""


class ReasonError(OutpostError):
    """A reason that says nothing, or that the history cannot hold."""


def checked_reason(reason: str) -> str:
    """Why a channel is moved, as the history holds it.

    Raises:
        ReasonError: it is empty, too long, or no text.
    """
    words = reason.strip()
    if not words:
        raise ReasonError(
            "The reason is empty, and the history says why a channel was moved.",
            "Say it in a few words: --reason TEXT.",
        )
    if len(words) > LONGEST_REASON:
        raise ReasonError(
            f"The reason has {len(words)} characters, more than {LONGEST_REASON}.",
            "Say it in fewer words.",
        )
    try:
        words.encode()
    except UnicodeEncodeError as error:
        raise ReasonError(
            "The reason holds bytes that are no text.", "Write it in UTF-8."
        ) from error
    return words


def expires_soon(offer: ChannelPointer, now: datetime) -> bool:
    """Whether an offer is to be renewed, or has expired already."""
    return offer.expires_at - now < RENEWED_BEFORE


def version_before(history: Sequence[ChannelPointer]) -> str | None:
    """The version to which a channel rolls back: the one that its present one has replaced.

    A rollback takes away what was rolled back: after A, B and back to A there is none before A.
    Renewing an offer changes nothing: after A, B and B again, A is before B.

    Args:
        history: of one channel, oldest first.
    """
    path: list[str] = []
    for entry in history:
        if entry.version in path:
            del path[path.index(entry.version) + 1 :]
        else:
            path.append(entry.version)
    return path[-2] if len(path) > 1 else None

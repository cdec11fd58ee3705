"""Channels: which version is offered, since when and why, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from detector_runtime.updates.documents import ChannelPointer

CHALLENGER = "challenger"
"""What was published last: for those who try what is new."""
CHAMPION = "champion"
"""What has passed the gates: for everybody."""
CHANNELS = (CHALLENGER, CHAMPION)
LIFETIME = timedelta(days=365)
"""After that a client says that it has heard nothing new for long; it keeps working."""


def version_before(history: Sequence[ChannelPointer]) -> str | None:
    """The version to which a channel rolls back: the one that its present one has replaced.

    A rollback takes away what was rolled back: after A, B and back to A there is none before A.

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

"""Judged frames of matches that are trained on: how far they tell of matches that are not.

Blind frames are drawn from all sessions, so that most of them are of a session whose other frames
are trained on. They show other views, which `leakage` has seen to, but the same map, colours and
armies: a model looks better on them than in a match that it never saw.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pydantic import Field

from pipeline.labels.batches import DEFAULT_SUBSET, purpose_of
from pipeline.labels.inspection.sessions import sessions_of
from pipeline.manifests import Record


class SessionOverlap(Record):
    """Of judged frames, those that are of sessions that are trained on, too."""

    frames: int
    trained_on: int = Field(description="Of a session of which other frames are trained on.")
    unknown: int = Field(
        description="Of which that cannot be told: their session is not known, or not that of all "
        "frames that are trained on."
    )

    def __str__(self) -> str:
        told = f"{self.trained_on} of {self.frames}"
        return f"{told}, of {self.unknown} it cannot be told" if self.unknown else told


class PlacedFrame(NamedTuple):
    """What a session is told by.

    Attributes:
        batch: one name for those that share images.
    """

    batch: str
    stem: str
    subset: str
    folder: str

    @classmethod
    def at(cls, batch: str, place: str) -> PlacedFrame:
        """Of a place as `Frame.place` writes it: subset, unless it is the default, folder, name."""
        *folders, name = place.split("/")
        has_subset = bool(folders) and purpose_of(folders[0]) != "any"
        subset = folders.pop(0) if has_subset else DEFAULT_SUBSET
        return cls(batch, name.rpartition(".")[0] or name, subset, "/".join(folders))


def session_overlap(
    trained: Sequence[PlacedFrame], judged: Sequence[PlacedFrame]
) -> SessionOverlap:
    """How many judged frames are of sessions that are trained on."""
    frames = [*trained, *judged]
    sessions = sessions_of(frames, [frame.batch for frame in frames])
    known, of_judged = set(sessions[: len(trained)]), sessions[len(trained) :]
    shared = sum(session is not None and session in known for session in of_judged)
    others = [session for session in of_judged if session is None or session not in known]
    unknown = len(others) if None in known else others.count(None)
    # Without a frame that is trained on, no session is.
    return SessionOverlap(frames=len(judged), trained_on=shared, unknown=unknown if trained else 0)

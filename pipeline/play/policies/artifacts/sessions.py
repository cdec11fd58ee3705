"""What is known of the sessions that policies learned from, once they are demonstrations."""

from __future__ import annotations

from pydantic import Field

from pipeline.manifests import Record


class SessionPlay(Record):
    """A session that was learned from, or held out."""

    name: str
    player: str
    opponent: str
    seconds: float
    returns: float | None = Field(
        description="As of `judging.PlayedGames`; None where it was not played to its end."
    )

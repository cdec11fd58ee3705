"""What a maintainer has decided about images that the votes could not settle."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from pydantic import Field

from pipeline.errors import OutpostError
from pipeline.manifests import Record


class DecisionError(OutpostError):
    """A decision that cannot be made."""


class Decision(Record):
    """What an image shows, by somebody who answers for it; whoever sent the same is overruled."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Of the image's file.")
    label: str = Field(
        max_length=200, description="What it shows; empty if nothing, so that it is left out."
    )
    date: date
    reason: str = Field("", max_length=1000)
    batch: str = Field(
        "",
        description="The batch of disputed images in which it was made in CVAT; empty where "
        "somebody has decided by hand.",
    )


class Decisions(Record):
    """All of a game."""

    entries: tuple[Decision, ...] = Field((), description="One for each image, by digest.")

    def including(self, decisions: Iterable[Decision]) -> Decisions:
        """With some more, each in place of an older one on the same image."""
        known = {one.sha256: one for one in (*self.entries, *decisions)}
        return Decisions(entries=tuple(known[digest] for digest in sorted(known)))


def decision_on(images: Iterable[str], decisions: Iterable[Decision]) -> Decision | None:
    """The decision that counts for a group of images, by their digests: the last one.

    Of several on one day, one that was made by hand; else that of the image whose digest comes
    last.
    """
    known = {*images}
    about = (one for one in decisions if one.sha256 in known)
    return max(about, key=lambda one: (one.date, not one.batch, one.sha256), default=None)

"""What has become of a batch of disputed images, as an artifact."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from pipeline.errors import OutpostError
from pipeline.files import read_json, write_json
from pipeline.manifests import Record

SETTLED_FILE = "settled_disputes.json"
Outcome = Literal[
    "decided",
    "decided by hand",
    "withdrawn",
    "not finished",
    "no tag",
    "several tags",
    "no such name",
    "not in CVAT",
]
CLOSED: frozenset[Outcome] = frozenset({"decided", "decided by hand", "withdrawn"})
"""Of which nothing more is to come."""


class SettledDisputesError(OutpostError):
    """What became of a batch, which cannot be read."""


class SettledCrop(Record):
    """One image of a batch."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    outcome: Outcome
    label: str = Field("", description="As decided; empty where it shows nothing with a name.")
    tag: str = Field("", description="The label in the annotation tool that said so.")
    as_voted: bool = Field(False, description="Whether the votes came to the same.")


class SettledContent(Record):
    """What `settled_disputes.json` holds."""

    url: str = Field(description="Of the task.")
    crops: tuple[SettledCrop, ...] = Field(description="In the order of the batch.")


@dataclass(frozen=True)
class SettledDisputes:
    """The artifact of one partition of `settled_disputes`."""

    folder: Path
    content: SettledContent

    @classmethod
    def open(cls, folder: Path) -> SettledDisputes:
        """Read what `write` wrote.

        Raises:
            SettledDisputesError: the folder holds none, or one of another version.
        """
        return cls(folder, read_json(folder / SETTLED_FILE, SettledContent, _damaged))

    @classmethod
    def write(cls, folder: Path, content: SettledContent) -> SettledDisputes:
        """Write it into a folder that exists."""
        write_json(folder / SETTLED_FILE, content.model_dump(mode="json"))
        return cls(folder, content)

    @property
    def counts(self) -> dict[str, int]:
        """Images by outcome, the commonest first."""
        return dict(Counter[str](crop.outcome for crop in self.content.crops).most_common())

    @property
    def is_closed(self) -> bool:
        """Whether nothing of the batch is open any more."""
        return all(crop.outcome in CLOSED for crop in self.content.crops)


def _damaged(file: Path, why: Exception) -> SettledDisputesError:
    return SettledDisputesError(
        f"{file} does not say what became of a batch: {why}",
        "Materialize settled_disputes again.",
    )

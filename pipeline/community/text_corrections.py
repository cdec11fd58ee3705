"""Readings that are corrected for everybody, as an artifact."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import Field

from pipeline.community.text_votes import TextVotes
from pipeline.errors import OutpostError
from pipeline.files import read_json, write_json
from pipeline.manifests import Record

CORRECTIONS_FILE = "text_corrections.json"


class TextCorrectionsError(OutpostError):
    """Corrections that cannot be read."""


class CountedTexts(Record):
    """What `text_corrections.json` holds."""

    readings: tuple[TextVotes, ...] = Field(description="By slot and reading.")


@dataclass(frozen=True)
class TextCorrections:
    """The artifact of `text_corrections`.

    text_corrections.json   every reading with its votes and what they come to
    """

    folder: Path
    content: CountedTexts

    @classmethod
    def open(cls, folder: Path) -> TextCorrections:
        """Read what `write` wrote.

        Raises:
            TextCorrectionsError: the folder holds none, or some of another version.
        """
        return cls(folder, read_json(folder / CORRECTIONS_FILE, CountedTexts, _damaged))

    @classmethod
    def write(cls, folder: Path, readings: Sequence[TextVotes]) -> TextCorrections:
        """Write votes on readings into a folder that exists."""
        content = CountedTexts(readings=tuple(readings))
        write_json(folder / CORRECTIONS_FILE, content.model_dump(mode="json"))
        return cls(folder, content)

    @cached_property
    def corrections(self) -> Mapping[str, Mapping[str, str]]:
        """By slot: what each reading is to be replaced by, once."""
        found: dict[str, dict[str, str]] = defaultdict(dict)
        for one in self.content.readings:
            if one.outcome == "corrected":
                found[one.slot][one.raw] = one.text
        return dict(found)


def _damaged(file: Path, why: Exception) -> TextCorrectionsError:
    return TextCorrectionsError(
        f"{file} holds no corrections that can be read: {why}",
        "Materialize text_corrections again.",
    )

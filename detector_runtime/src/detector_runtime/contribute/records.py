"""What an install uploads, and under which keys.

Below the prefix of a game, in a folder, a bucket or a data set repository::

    staging/<install>/crops/<sha256>.png               crops of icons and of texts
    staging/<install>/screen_types/<TYPE>/<sha256>.png whole screens, by what they show
    staging/<install>/annotations.jsonl                a `ContributionRecord` in each line

`<install>` is a random UUID, and `<sha256>` the digest of the file that bears it. Whoever receives
them believes neither.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

STAGING_FOLDER = "staging"
CROPS_FOLDER = "crops"
SCREENS_FOLDER = "screen_types"
ANNOTATIONS_FILE = "annotations.jsonl"
ICON_SIDE = 64
"""Pixels of each side of an icon's crop."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Slot = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,49}$")]


class ContributionRecord(BaseModel):
    """One line of `annotations.jsonl`: what a person says that a crop shows."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    crop_sha256: Sha256
    name: str = Field(min_length=1, max_length=200, description="As the person confirmed it.")
    slot: Slot = Field(description="Where in the interface it was.")
    ml_name: str = Field(
        "",
        max_length=200,
        description="As it was read or recognized before; empty if it was right.",
    )
    date: date


def crop_key(install: UUID, digest: str) -> str:
    """Where a crop lies, below the prefix of its game."""
    return f"{STAGING_FOLDER}/{install}/{CROPS_FOLDER}/{digest}.png"


def screen_key(install: UUID, screen_type: str, digest: str) -> str:
    """Where a screen lies, below the prefix of its game."""
    return f"{STAGING_FOLDER}/{install}/{SCREENS_FOLDER}/{screen_type}/{digest}.png"


def annotations_key(install: UUID) -> str:
    """Where the records of an install lie, below the prefix of its game."""
    return f"{STAGING_FOLDER}/{install}/{ANNOTATIONS_FILE}"

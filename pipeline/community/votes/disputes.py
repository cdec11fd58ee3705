"""A folder of what votes have not settled, for a person to say what each image shows.

disputes.yaml   of each image its votes, and a place for the label
sheet.jpg       all images with their numbers and votes
001.png, ...    the images
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from pipeline.community.voted_crops import VotedCrop, VotedCrops
from pipeline.community.votes.agreement import counted, to_decide
from pipeline.community.votes.decisions import DecisionError
from pipeline.community.votes.vote_sheets import numbered_sheet
from pipeline.files import write_text
from pipeline.manifests import Record

DISPUTES_FILE = "disputes.yaml"
SHEET_FILE = "sheet.jpg"
HEAD = """\
# What the votes have not settled, those first on which most depends; sheet.jpg shows all of them.
# Write what each image shows as its label, or '' where it shows nothing that there is a name for.
# What stays null is not decided. Then: outpost community decide --game GAME --file disputes.yaml
"""


class Dispute(Record):
    """One image of `disputes.yaml`; `alike` is what others call screens that are most like it."""

    image: str
    sha256: str
    status: str
    votes: dict[str, int]
    alike: dict[str, int] = Field({})
    model: str = ""
    label: str | None = None


def write_disputes(folder: Path, voted: VotedCrops, most: int) -> tuple[VotedCrop, ...]:
    """Write the folder of what is not settled.

    Args:
        folder: does not exist, or is empty.
        most: images; the others come when these are decided.

    Returns:
        What was written; nothing, and no folder, where everything is settled.

    Raises:
        DecisionError: the folder holds something: perhaps labels that somebody has written.
    """
    crops = to_decide(voted.content)[:most]
    if not crops:
        return ()
    if folder.exists() and any(folder.iterdir()):
        raise DecisionError(
            f"{folder} holds something already.",
            f"Decide with `outpost community decide --game GAME --file {folder / DISPUTES_FILE}` "
            "and delete it, or name another folder with --folder.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    rows = [_dispute(number, crop) for number, crop in enumerate(crops, start=1)]
    for row, crop in zip(rows, crops, strict=True):
        shutil.copyfile(voted.folder / crop.images[0], folder / row.image)
    (folder / SHEET_FILE).write_bytes(numbered_sheet(voted, crops))
    values = [row.model_dump(mode="json") for row in rows]
    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    write_text(folder / DISPUTES_FILE, HEAD + text)
    return crops


def read_labels(file: Path) -> dict[str, str]:
    """The labels that a person has written, by the digest of the image.

    Raises:
        DecisionError: it is no file of disputes.
    """
    try:
        values = yaml.safe_load(file.read_text("utf-8"))
        disputes = TypeAdapter(list[Dispute]).validate_python(values)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        raise DecisionError(
            f"{file} is no list of disputes: {error}",
            "Take one that `outpost community disputes` has written, and change its labels alone.",
        ) from error
    return {one.sha256: one.label.strip() for one in disputes if one.label is not None}


def image_of(digits: str, crops: Sequence[VotedCrop]) -> tuple[str, VotedCrop]:
    """The image whose digest begins with some digits, and its group.

    Raises:
        DecisionError: there is none, or there are several.
    """
    found = [
        (member.sha256, crop)
        for crop in crops
        for member in crop.members
        if member.sha256.startswith(digits.lower())
    ]
    if len(found) != 1:
        several = "more than one image has" if found else "no image that was voted on has"
        raise DecisionError(
            f"'{digits}' names no image: {several} a digest that begins so.",
            "Take the sha256 from disputes.yaml, which `outpost community disputes` writes.",
        )
    return found[0]


def _dispute(number: int, crop: VotedCrop) -> Dispute:
    return Dispute(
        image=f"{number:03}.png",
        sha256=crop.members[0].sha256,
        status=crop.status,
        votes=dict(counted(crop.votes)),
        alike=dict(counted(crop.similar)),
        model=crop.opinion,
    )

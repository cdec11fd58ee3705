from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from pipeline.community.voted_crops import (
    CropMember,
    VotedCrop,
    VotedCrops,
    VotedCropsError,
    Votes,
    VoteStatus,
)


def voted(label: str, status: VoteStatus, *images: bytes) -> VotedCrop:
    members = tuple(
        CropMember(
            sha256=sha256(image).hexdigest(), phash="0" * 16, contributors=(f"sender {number}",)
        )
        for number, image in enumerate(images)
    )
    who = tuple(sorted(name for member in members for name in member.contributors))
    return VotedCrop(
        kind="icon",
        slot="weapon",
        label=label,
        status=status,
        confidence=0.9,
        votes={label: who},
        members=members,
    )


def test_what_is_written_is_read_back_with_its_images(tmp_path: Path) -> None:
    contents = (b"one", b"two", b"three")
    sources = {}
    for content in contents:
        file = tmp_path / content.decode()
        file.write_bytes(content)
        sources[sha256(content).hexdigest()] = file
    sword, axe = voted("Sword", "accepted", b"one", b"two"), voted("Axe", "disputed", b"three")
    folder = tmp_path / "artifact"
    folder.mkdir()
    VotedCrops.write(folder, Votes(crops=(axe, sword), reliability={"sender 0": 0.98}), sources)
    opened = VotedCrops.open(folder)
    assert opened.accepted("icon") == (sword,)
    assert opened.accepted("text") == ()
    assert [(folder / place).read_bytes() for place in sword.images] == [b"one", b"two"]
    assert sword.contributors == {"sender 0", "sender 1"}


def test_an_empty_folder_holds_no_votes(tmp_path: Path) -> None:
    with pytest.raises(VotedCropsError, match="Materialize voted_crops again"):
        VotedCrops.open(tmp_path)

"""Sheets of voted images: who was refuted by what others say."""

from __future__ import annotations

import io
from hashlib import sha256
from pathlib import Path

import pytest
from PIL import Image

from pipeline.community.voted_crops import CropMember, VotedCrop, VotedCrops, Votes
from pipeline.community.votes import vote_sheets
from pipeline.community.votes.vote_sheets import MOST_CONTRIBUTORS, offenders_sheet
from pipeline.visualization.sections import TileGroup, draw_sections


def group(place: Path, number: int, votes: dict[str, tuple[str, ...]]) -> VotedCrop:
    """An accepted sword with votes and an image of its own, which is written."""
    (place / "crops").mkdir(exist_ok=True)
    digest = sha256(f"{number}".encode()).hexdigest()
    Image.new("RGB", (64, 64), (number, 90, 90)).save(place / "crops" / f"{digest}.png")
    return VotedCrop(
        kind="icon",
        slot="weapon",
        label="Sword",
        status="accepted",
        confidence=1.0,
        votes=votes,
        members=(CropMember(sha256=digest, phash="0" * 16, contributors=("a",)),),
    )


def test_the_least_reliable_come_first_with_what_they_called_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = ("honest", "once")
    crops = [group(tmp_path, 0, {"Axe": ("liar",), "Mace": ("once",), "Sword": ("honest",)})]
    crops += [group(tmp_path, one, {"Axe": ("liar",), "Sword": right}) for one in range(1, 4)]
    unsettled = group(tmp_path, 4, {"Axe": ("honest",), "Sword": ("once",)})
    crops.append(unsettled.model_copy(update={"status": "disputed"}))
    drawn: list[TileGroup] = []

    def draw(sections: list[TileGroup], columns: int) -> Image.Image:
        drawn.extend(sections)
        return draw_sections(sections, columns)

    monkeypatch.setattr(vote_sheets, "draw_sections", draw)
    sheet = offenders_sheet(VotedCrops(tmp_path, Votes(crops=tuple(crops))))
    assert sheet is not None
    assert Image.open(io.BytesIO(sheet)).format == "JPEG"
    assert [shown.title for shown in drawn] == [
        "liar: 0 of 4 as others say",
        "once: 3 of 4 as others say",
    ]
    assert [[tile.lines for tile in shown.tiles] for shown in drawn] == [
        [("says Axe", "is Sword")] * 4,
        [("says Mace", "is Sword")],
    ]


def test_a_few_contributors_are_enough_and_without_any_there_is_no_sheet(tmp_path: Path) -> None:
    many = {f"Axe {one}": (f"liar {one}",) for one in range(MOST_CONTRIBUTORS + 3)}
    one, all_right = group(tmp_path, 0, many), group(tmp_path, 1, {"Sword": ("honest",)})
    sheet = offenders_sheet(VotedCrops(tmp_path, Votes(crops=(one,))))
    few = dict(list(many.items())[:MOST_CONTRIBUTORS])
    fewer = offenders_sheet(VotedCrops(tmp_path, Votes(crops=(group(tmp_path, 0, few),))))
    assert sheet is not None
    assert fewer is not None
    assert _height(sheet) == _height(fewer)
    assert offenders_sheet(VotedCrops(tmp_path, Votes(crops=(all_right,)))) is None


def _height(sheet: bytes) -> int:
    return Image.open(io.BytesIO(sheet)).height

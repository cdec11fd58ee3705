"""Voted images to look at: what is not settled, who was most often refuted, what was confused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, islice

from pipeline.community.voted_crops import VotedCrop, VotedCrops
from pipeline.community.votes.agreement import (
    contributor_agreement,
    counted,
    refuted,
    to_decide,
)
from pipeline.visualization.sections import Tile, TileGroup, draw_sections, tile_of_png
from pipeline.visualization.tiles import encode_jpeg

COLUMNS = 6
MOST_TILES = 24
MOST_CONTRIBUTORS = 4
TITLES = {
    "disputed": "Disputed: enough votes, but no agreement",
    "tentative": "Tentative: too few votes, or too few that are known to be reliable",
}


def unsettled_sheet(voted: VotedCrops) -> bytes | None:
    """A JPEG of groups that are disputed or tentative; None without any."""
    states = groupby(to_decide(voted.content), key=lambda crop: crop.status)
    groups = [
        TileGroup(
            TITLES[status],
            tuple(_tile(voted, crop, _given(crop)) for crop in islice(crops, MOST_TILES)),
        )
        for status, crops in states
    ]
    return encode_jpeg(draw_sections(groups, COLUMNS)) if groups else None


def numbered_sheet(voted: VotedCrops, crops: Sequence[VotedCrop]) -> bytes:
    """A JPEG of some groups, at least one, with numbers from 1 on and their votes."""
    tiles = [
        _tile(voted, crop, (f"{number:03}", *_given(crop)))
        for number, crop in enumerate(crops, start=1)
    ]
    return encode_jpeg(draw_sections([TileGroup("What do these show?", tuple(tiles))], COLUMNS))


def offenders_sheet(voted: VotedCrops) -> bytes | None:
    """A JPEG of what the least reliable contributors called otherwise; None without any."""
    wrong = refuted(voted.content)
    worst = (row for row in contributor_agreement(voted.content) if row.contributor in wrong)
    groups = [
        TileGroup(
            f"{row.contributor[:8]}: {row.agreed} of {row.judged} as others say",
            tuple(_said(voted, wrong[row.contributor][: 2 * COLUMNS])),
        )
        for row in islice(worst, MOST_CONTRIBUTORS)
    ]
    return encode_jpeg(draw_sections(groups, COLUMNS)) if groups else None


def _said(voted: VotedCrops, wrong: Sequence[tuple[VotedCrop, str]]) -> Iterator[Tile]:
    for crop, label in wrong:
        yield _tile(voted, crop, (f"says {label}", f"is {crop.label}"))


def _given(crop: VotedCrop) -> tuple[str, ...]:
    lines = [f"{count}: {label}" for label, count in counted(crop.votes)[:3]]
    alike = [f"alike: {count} {label}" for label, count in counted(crop.similar)[:2]]
    model = [f"model: {crop.opinion}"] if crop.opinion else []
    return (*lines, *alike, *model)


def _tile(voted: VotedCrops, crop: VotedCrop, lines: tuple[str, ...]) -> Tile:
    return tile_of_png(voted.folder / crop.images[0], COLUMNS, lines)

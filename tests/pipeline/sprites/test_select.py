"""Which files become sprites, and which of their frames."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.formats.sld import SldFile, decode
from pipeline.games.pack import SpriteRules
from pipeline.sprites.select import poses, select_files
from tests.pipeline.formats.sld_builders import sld

RULES = SpriteRules.model_validate(
    {
        "folder": "graphics",
        "suffix": "_x1.sld",
        "exclude": ["*_death*"],
        "rules": [
            {"class_name": "ship", "include": ["u_shp_*_boat"], "parts": ["<stem>_sail*"]},
            {"class_name": "distractor", "include": ["n_rock_*"], "headings": 1, "steps": 3},
        ],
    }
)


def file_of(frames: int) -> SldFile:
    return decode(sld(*[[]] * frames))


def tasks_for(*names: str) -> list[tuple[str | None, str, tuple[str, ...]]]:
    tasks, _ = select_files({name: Path(name) for name in names}, RULES)
    return [
        (task.class_name, task.name, tuple(piece.file.name for piece in task.pieces))
        for task in tasks
    ]


def test_files_are_taken_by_their_name_without_the_packs_suffix() -> None:
    names = ("n_rock_grey_x1.sld", "n_rock_grey_x2.sld", "n_rock_death_x1.sld", "readme.txt")
    assert tasks_for(*names) == [(None, "n_rock_grey", ("n_rock_grey_x1.sld",))]


def test_every_sail_over_a_hull_is_a_sprite_of_its_own() -> None:
    names = ("u_shp_a_boat_x1.sld", "u_shp_a_boat_sail1_x1.sld", "u_shp_a_boat_sail2_x1.sld")
    assert tasks_for(*names) == [
        ("ship", "u_shp_a_boat_v0", ("u_shp_a_boat_x1.sld", "u_shp_a_boat_sail1_x1.sld")),
        ("ship", "u_shp_a_boat_v1", ("u_shp_a_boat_x1.sld", "u_shp_a_boat_sail2_x1.sld")),
    ]


@pytest.mark.parametrize("count", [160, 161])
def test_four_headings_lie_a_quarter_turn_apart(count: int) -> None:
    chosen = poses(file_of(count), headings=4, steps=1)
    assert [(pose.frame, pose.heading, pose.step) for pose in chosen] == [
        (0, 0, 0),
        (40, 4, 0),
        (80, 8, 0),
        (120, 12, 0),
    ]


def test_steps_are_spread_over_the_animation_of_each_heading() -> None:
    chosen = poses(file_of(160), headings=2, steps=2)
    assert [pose.frame for pose in chosen] == [0, 5, 80, 85]


def test_the_frames_of_a_building_are_steps_however_many_there_are() -> None:
    chosen = poses(file_of(32), headings=1, steps=4)
    assert [(pose.frame, pose.heading, pose.step) for pose in chosen] == [
        (0, 0, 0),
        (8, 0, 8),
        (16, 0, 16),
        (24, 0, 24),
    ]


def test_a_file_with_one_heading_gives_no_more_than_it_has() -> None:
    assert [pose.frame for pose in poses(file_of(3), headings=8, steps=5)] == [0, 1, 2]

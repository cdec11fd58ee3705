from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from pipeline.labels.batches import Batch, NamedBatch
from pipeline.labels.comparing.corrections import CvatDownload, in_precedence, time_of, why_taken

JANUARY = datetime(2026, 1, 9, 10, 0, 0)


def batch(name: str, written: datetime | None = None) -> NamedBatch:
    return NamedBatch(name, Path(), Batch((), (), (), (), ()), written)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("task_7-2026_01_09_10_00_00-coco_1.0", "task_7"),
        ("task_7-2026_01_09_10_00_00-coco 1.0", "task_7"),
        ("task_my_match-day_2-2026_01_09_10_00_00-coco_1.0", "task_my_match-day_2"),
        ("job_12-2026_01_09_10_00_00-coco_1.0_1_", "job_12"),
        ("project_wolves-2026_01_09_10_00_00-coco_1.0", "project_wolves"),
        ("task_7_annotations_2026_01_09_10_00_00_coco_1.0", "task_7"),
        ("job_7_dataset_2026_01_09_10_00_00_coco_1.0", "job_7"),
        ("project_wolves_dataset_2026_01_09_10_00_00_coco_1.0", "project_wolves"),
        ("heldout_task_7-2026_01_09_10_00_00-coco_1.0", "heldout_task_7"),
        ("Task_7-2026_01_09_10_00_00-COCO_1.0", "task_7"),
    ],
)
def test_the_names_that_cvat_gives_are_read(name: str, source: str) -> None:
    assert CvatDownload.named(name) == CvatDownload(source, JANUARY)


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("task_12_arabia_2-2026_01_09_10_00_00-coco_1.0", "arabia_2"),
        ("task_arabia-2026_01_09_10_00_00-coco_1.0", "arabia"),
        ("x_task_12_my_task_3-2026_01_09_10_00_00-coco_1.0", "my_task_3"),
        ("task_7_dataset_2026_01_09_10_00_00_coco_1.0", ""),
    ],
)
def test_the_name_that_people_gave_a_task_is_told(name: str, title: str) -> None:
    told = CvatDownload.named(name)
    assert told is not None
    assert told.title == title


@pytest.mark.parametrize(
    "name",
    [
        "session_harbour",
        "task_7",
        "task_7-2026_13_09_10_00_00-coco_1.0",
        "match-2026_01_09_10_00_00-coco_1.0",
    ],
)
def test_other_names_tell_nothing(name: str) -> None:
    assert CvatDownload.named(name) is None


def test_the_name_goes_before_the_archive() -> None:
    named = batch("task_7-2026_01_09_10_00_00-coco_1.0", datetime(2020, 1, 1))
    assert time_of(named) == JANUARY
    assert time_of(batch("match", JANUARY)) == JANUARY


def test_the_latest_comes_first_and_what_has_no_time_last() -> None:
    batches = [
        batch("a"),
        batch("b", datetime(2026, 1, 1)),
        batch("c"),
        batch("task_7-2026_01_09_10_00_00-coco_1.0"),
    ]
    ordered = in_precedence(batches)
    assert [one.name[:4] for one in ordered] == ["task", "b", "a", "c"]
    reasons = [why_taken(one, other) for one, other in pairwise(ordered)]
    assert reasons[0] == "exported later"
    assert "of the other it is not" in reasons[1]
    assert "the first by name" in reasons[2]

"""Frames that a merge left out, beside those that decide it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.games.pack import MergeRules
from pipeline.labels.batches import NamedBatch
from pipeline.labels.comparing.choosing import Duplicate
from pipeline.labels.comparing.leakage import Leak
from pipeline.labels.merge import MergeSummary, plan_merge
from pipeline.labels.reports.left_out_frames import left_out_sheet

CLASSES = ("sheep", "wolf", "ship")


@pytest.fixture
def batches(make_batch: Any, shapes: Any) -> dict[str, NamedBatch]:
    wolf = (shapes.rectangle("wolf", 4, 4, 20, 18),)
    return {
        "a": make_batch("a", {f"a_{n}.png": f"view {n}" for n in range(5)}),
        "b": make_batch("b", {f"b_{n}.png": f"view {n}" for n in range(5)}, shapes=wolf),
    }


@pytest.fixture
def summary(batches: dict[str, NamedBatch], drawn: Any) -> MergeSummary:
    return plan_merge(list(batches.values()), drawn, CLASSES, MergeRules()).summary


def opened(sheet: bytes | None) -> Image.Image:
    assert sheet is not None
    with Image.open(io.BytesIO(sheet)) as image:
        return image.convert("RGB")


def test_each_rule_shows_pairs_of_frames(
    summary: MergeSummary, batches: dict[str, NamedBatch]
) -> None:
    def folder_of(batch: str) -> Path:
        return batches[batch].folder

    sheet = opened(left_out_sheet(summary, folder_of))
    # Two rules with two pairs each: frames of 48 to 64 pixels, half of the sheet wide.
    assert sheet.width == 960
    assert sheet.height > 4 * 340
    vermilion = np.abs(np.asarray(sheet, np.int16) - (213, 94, 0)).sum(axis=2) < 30
    rows = np.nonzero(vermilion.any(axis=1))[0]
    assert rows.min() > sheet.height / 2, "only where labels differ, below"
    assert left_out_sheet(summary, folder_of) == left_out_sheet(summary, folder_of)


def test_batches_that_are_gone_are_still_named(summary: MergeSummary) -> None:
    assert opened(left_out_sheet(summary, lambda _: None)).width == 960


@pytest.mark.parametrize("rule", ["near_test", "validation_leaks", "held_out_leaks"])
def test_what_is_near_a_judged_frame_is_shown_beside_it(
    summary: MergeSummary, batches: dict[str, NamedBatch], rule: str
) -> None:
    near = Duplicate(taken="a/a_0.png", left_out="b/b_0.png", why="near")
    leak = Leak(trained="a/a_0.png", judged="b/b_0.png", kind="same bytes", bits=0)
    none = {"duplicates": (), "differences": (), "difference_count": 0}
    found = {rule: (near if rule == "near_test" else leak,)}
    only = summary.model_copy(update={**none, **found})
    assert left_out_sheet(only.model_copy(update={rule: ()}), lambda _: None) is None
    shown = opened(left_out_sheet(only, lambda batch: batches[batch].folder))
    assert shown.height > opened(left_out_sheet(only, lambda _: None)).height, "with its images"


def test_a_merge_that_left_nothing_out_has_no_sheet(make_batch: Any, drawn: Any) -> None:
    alone = plan_merge([make_batch("a", {"a_0.png": "x"})], drawn, CLASSES, MergeRules()).summary
    assert left_out_sheet(alone, lambda _: None) is None


def test_pairs_of_before_are_passed_over(
    summary: MergeSummary, batches: dict[str, NamedBatch]
) -> None:
    told = summary.model_dump(mode="json")
    told["duplicates"] = [{"stem": "a_0", "kept": "a", "dropped": "b"}]
    before = MergeSummary.model_validate(told)
    assert left_out_sheet(before, lambda batch: batches[batch].folder) is not None

"""Builders of judged frames."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.evaluation.frames import JudgedFrame
from pipeline.evaluation.matching import ScoredBox
from pipeline.evaluation.metrics.scores import Judgement
from pipeline.labels.boxes import Box, LabelledBox


@pytest.fixture
def judgement() -> Judgement:
    return Judgement(("sheep", "wolf", "ship"), (0.35, 0.35, 0.5))


@pytest.fixture
def make_frame() -> Any:
    """Make a frame of class 0: found objects, missed objects, false detections."""

    def make(
        name: str, found: int, missed: int = 0, false: int = 0, session: str | None = None
    ) -> JudgedFrame:
        boxes = [Box(20 * i, 0, 20 * i + 10, 10) for i in range(found + missed)]
        elsewhere = [Box(20 * i, 50, 20 * i + 10, 60) for i in range(false)]
        return JudgedFrame(
            name,
            tuple(LabelledBox(0, box) for box in boxes),
            tuple(ScoredBox(0, 0.9, box) for box in (*boxes[:found], *elsewhere)),
            session,
        )

    return make

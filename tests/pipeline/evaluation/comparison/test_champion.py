from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from doubles.models import NOTHING, export_metadata, write_detector
from PIL import Image

from pipeline.evaluation.comparison.champion import Champion
from pipeline.evaluation.frames import TrueFrame
from pipeline.evaluation.judging import evaluate_model
from pipeline.evaluation.metrics.scores import EvaluationError, Judgement
from pipeline.labels.boxes import Box, LabelledBox

SIDE = 64
HOUSE = Box(20, 20, 60, 60)
JUDGEMENT = Judgement(("house", "barn"), (0.5, 0.5))


def champion(folder: Path, classes: Sequence[str], default: float = 0.5) -> Champion:
    """A model that sees a house of score 0.9 everywhere."""
    rows = NOTHING.copy()
    rows[0] = (*HOUSE, 0.9, 0)
    write_detector(folder / "model.onnx", export_metadata(tuple(classes)), rows, (SIDE, SIDE))
    return Champion("1.0.0", folder / "model.onnx", default, {"barn": 0.1})


@pytest.fixture
def frames(tmp_path: Path) -> list[TrueFrame]:
    made = []
    for session in ("north", "south"):
        file = tmp_path / f"{session}.png"
        Image.fromarray(np.full((SIDE, SIDE, 3), 90, np.uint8)).save(file)
        made.append(TrueFrame(session, file, (LabelledBox(0, HOUSE),), session))
    return made


def test_it_looks_at_the_frames_itself_at_its_own_thresholds(
    tmp_path: Path, frames: list[TrueFrame]
) -> None:
    new = [frame.judged(()) for frame in frames]
    seen = champion(tmp_path, ["house", "barn"])
    assert seen.judgement(JUDGEMENT).thresholds == (0.5, 0.1)
    assert seen.compared(new, frames, JUDGEMENT).comparison.of_record.old == 1
    strict = champion(tmp_path, ["house", "barn"], default=0.95)
    assert strict.compared(new, frames, JUDGEMENT).comparison.of_record.old == 0


def test_classes_may_have_been_added_since(tmp_path: Path, frames: list[TrueFrame]) -> None:
    found = champion(tmp_path, ["house"]).compared(
        [frame.judged(()) for frame in frames], frames, JUDGEMENT
    )
    assert (found.version, found.comparison.verdict) == ("1.0.0", "worse")


def test_a_model_of_other_classes_cannot_be_compared(
    tmp_path: Path, frames: list[TrueFrame]
) -> None:
    with pytest.raises(EvaluationError, match="other classes"):
        champion(tmp_path, ["barn", "house"]).compared([], frames, JUDGEMENT)


def test_a_champion_of_other_classes_is_refused_before_any_frame_is_looked_at(
    tmp_path: Path, frames: list[TrueFrame]
) -> None:
    (tmp_path / "new").mkdir()
    new = champion(tmp_path / "new", ["house", "barn"])
    other = champion(tmp_path, ["barn", "house"])
    told: list[object] = []
    with pytest.raises(EvaluationError, match="other classes"):
        evaluate_model(new.model, frames, JUDGEMENT, other, lambda *done: told.append(done))
    assert told == []

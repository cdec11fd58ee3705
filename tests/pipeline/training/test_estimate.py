"""What is announced of a training's duration."""

import time

import pytest

from pipeline.training import estimate
from pipeline.training.detector_program.recording.timing import StepTime
from pipeline.training.estimate import TrainingImages, estimate_seconds
from pipeline.training.job import TrainingSpec, hyperparameters


def test_a_trainings_start_counts_as_long_as_timing_a_step_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def timed(*_: object) -> StepTime:
        time.sleep(0.3)
        return StepTime(area=1.0, load=0.1, layers=1.0, optimizer=0.4)

    monkeypatch.setattr(estimate, "measured_step", timed)
    chosen = hyperparameters({"epochs": 2, "batch": 10, "imgsz": 320})
    spec = TrainingSpec(game="demo", class_names=("a",), hyperparameters=chosen)

    seconds = estimate_seconds(spec, TrainingImages(40, 20, 320, 256))

    # Eight steps; after both epochs and at the end two batches are validated in half the time.
    assert seconds == pytest.approx(0.3 + 8 * 1.5 + 3 * 1.0, abs=0.2)

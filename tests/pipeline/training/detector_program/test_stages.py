"""What a stage makes of a trainer that ultralytics has set up."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from detector_runtime.system.cores import usable_cores
from ultralytics.optim import MuSGD

from pipeline.training.detector_program.stages import StageSettings
from pipeline.training.job import hyperparameters


@pytest.mark.skipif(usable_cores() < 2, reason="on one core a batch is not split")
@pytest.mark.parametrize(("batch", "split"), [(16, True), (15, False)])
def test_a_processor_trains_in_parts_and_steps_in_shares(
    tmp_path: Path, batch: int, split: bool
) -> None:
    chosen = hyperparameters({"precision": "fp32"}).model_dump()
    job = {"hyperparameters": chosen, "class_names": ["a"]}
    entry = {"name": "train", "hyperparameters": {}, "train_on": "all", "validate_on": "all"}
    model = torch.nn.Conv2d(3, 4, 3)
    trainer = SimpleNamespace(
        device=torch.device("cpu"),
        model=model,
        ema=SimpleNamespace(ema=torch.nn.Conv2d(3, 4, 3)),
        batch_size=batch,
        optimizer=MuSGD([{"params": list(model.parameters()), "use_muon": False}]),
        preprocess_batch=lambda batch: batch,
        epoch=0,
    )

    StageSettings(job, tmp_path, entry).prepare(trainer)

    assert ("loss" in vars(model)) is split
    assert ("step" in vars(trainer.optimizer)) is split

"""The artifact of a training: written from a job's folder, opened again, refused when not whole."""

import hashlib
from pathlib import Path

import pytest

from pipeline.errors import OutpostError
from pipeline.jobs.bill import Bill, BillError
from pipeline.training.job import TrainingSpec
from pipeline.training.outputs import TrainedWeights, TrainedWeightsError, TrainingOutputs

SPEC = TrainingSpec(game="demo", class_names=("knight",))
BILL = Bill(provider="local", host="here", gpu=None, usd_per_hour=0.0, seconds=1.0, usd=0.0)
EPOCH = '{"event": "epoch", "seconds": 1.0, "epoch": 1, "epochs": 1, "map50": 0.5}\n'


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """Folder of a job that has trained."""
    outputs = tmp_path / "job" / "outputs"
    (outputs / "plots").mkdir(parents=True)
    (outputs / "plots" / "results.png").write_bytes(b"drawn")
    for name in ("best.pt", "last.pt", "best.onnx", "results.csv", "log.txt", "host.json"):
        (outputs / name).write_text(name)
    (outputs / "metrics.jsonl").write_text(EPOCH)
    (outputs / "environment.json").write_text('{"device": "CPU, 2 cores", "cores": 2}')
    BILL.write_if_possible(outputs, print)
    (tmp_path / "job" / "job.json").write_text(SPEC.model_dump_json())
    (tmp_path / "job" / "program.pyz").write_bytes(b"program")
    return tmp_path / "job"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "artifact").mkdir()
    return tmp_path / "artifact"


def test_what_was_written_is_opened_the_same(job: Path, folder: Path) -> None:
    written = TrainedWeights.write(folder, job)

    opened = TrainedWeights.open(folder)
    assert opened == written
    assert opened.spec == SPEC
    assert opened.bill == BILL
    assert [epoch.map50 for epoch in opened.epochs()] == [0.5]
    assert opened.environment is not None
    assert opened.environment.model_dump(mode="json") == {
        "device": "CPU, 2 cores",
        "gpu": None,
        "cores": 2,
    }
    assert (opened.folder / "host.json").is_file()
    kept = (opened.best, opened.last, opened.results, opened.log, opened.plots / "results.png")
    assert all(file.is_file() for file in kept)
    assert opened.program_sha256 == hashlib.sha256(b"program").hexdigest()
    assert not opened.onnx.exists(), "the export is an artifact of its own"
    assert (job / "outputs" / "best.onnx").is_file(), "the job's folder stays as it is"


def test_one_of_before_its_program_was_kept_is_opened(job: Path, folder: Path) -> None:
    TrainedWeights.write(folder, job)
    (folder / "program.pyz").unlink()
    assert TrainedWeights.open(folder).program_sha256 is None


@pytest.mark.parametrize("name", ["best.pt", "job.json"])
def test_without_weights_or_job_it_is_refused(job: Path, folder: Path, name: str) -> None:
    TrainedWeights.write(folder, job)
    (folder / name).unlink()

    with pytest.raises(TrainedWeightsError, match=name) as caught:
        TrainedWeights.open(folder)
    assert "Materialize trained_weights" in caught.value.fix


@pytest.mark.parametrize("name", ["job.json", "metrics.jsonl", "lease.json"])
def test_a_file_that_was_cut_off_is_told_in_our_words(job: Path, folder: Path, name: str) -> None:
    TrainedWeights.write(folder, job)
    (folder / name).write_text('{"event": \n')

    with pytest.raises(OutpostError):
        opened = TrainedWeights.open(folder)
        _ = (opened.epochs(), opened.bill)


def test_of_a_failed_training_there_is_what_it_left(tmp_path: Path) -> None:
    left = TrainingOutputs(tmp_path)

    assert (left.bill, left.environment) == (None, None)
    assert not left.best.exists()
    (tmp_path / "lease.json").write_text("[]")
    with pytest.raises(BillError):
        _ = left.bill

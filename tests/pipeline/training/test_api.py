"""Training from Python: what a caller gets, and what is on the disk in the meantime."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from doubles.processes import is_alive, wait_until
from doubles.trainings import write_squares

import pipeline.training.job as job_module
from pipeline.jobs.events import JobEvent, StageEvent
from pipeline.manifests import sha256_of
from pipeline.training import (
    CheckpointKind,
    CheckpointMissingError,
    JobFailedError,
    ModelRegistry,
    StopTraining,
    TrainingConfig,
    TrainingConfigError,
    print_epochs,
    stop_after,
    train,
)
from pipeline.training.job import Hyperparameters, JobError
from pipeline.training.results import EpochMetrics

ROOT = Path(__file__).parents[3]
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="asks for processes by signal 0")
QUICK = """
    import hashlib, json, pathlib, sys, time
    job = json.loads(pathlib.Path("job.json").read_text())
    outputs = pathlib.Path("outputs")
    metrics = (outputs / "metrics.jsonl").open("a")
    def tell(kind, **fields):
        metrics.write(json.dumps({"event": kind, "seconds": 1.0, **fields}) + "\\n")
        metrics.flush()
    def publish(name, content):
        (outputs / "tmp").write_bytes(content)
        (outputs / "tmp").replace(outputs / name)
    print("the program runs", flush=True)
    tell("stage", stage="train", message="Reading")
    epochs = job["hyperparameters"]["epochs"]
    for epoch in range(1, epochs + 1):
        content = f"epoch {epoch}".encode()
        publish("checkpoint.pt", content)
        digest = hashlib.sha256(content).hexdigest()
        described = {"epoch": epoch, "epochs": epochs, "stage": "train", "sha256": digest,
                     "bytes": len(content)}
        publish("checkpoint.json", json.dumps(described).encode())
        tell("epoch", stage="train", epoch=epoch, epochs=epochs, map50_95=0.9 - epoch / 10)
        if pathlib.Path("stop").exists():
            break
        time.sleep(0.4)
"""
DONE = """
    (outputs / "checkpoint.pt").unlink()
    (outputs / "checkpoint.json").unlink()
    for name in ("best.pt", "last.pt", "best.onnx", "results.csv"):
        publish(name, name.encode())
    tell("done")
    publish("done.json", b"{}")
"""


@pytest.fixture(scope="module")
def training_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_squares(tmp_path_factory.mktemp("set"), [f"synth_{n}" for n in range(4)])


@pytest.fixture
def config(tmp_path: Path, training_set: Path) -> TrainingConfig:
    return TrainingConfig(
        training_set=training_set,
        game="demo",
        epochs=4,
        imgsz=128,
        batch=4,
        warmup_epochs=0.0,
        checkpoint_dir=tmp_path / "checkpoints",
        keep_last=2,
        registry=tmp_path / "registry",
    )


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In the place of the real program, one that pretends to train four epochs in two seconds."""
    file = tmp_path / "program.pyz"
    file.write_text(textwrap.dedent(QUICK) + textwrap.dedent(DONE), encoding="utf-8")
    monkeypatch.setattr(job_module, "PROGRAM", file)
    return file


# The configuration


def test_every_hyperparameter_is_a_field_with_the_same_default() -> None:
    assert TrainingConfig().hyperparameters == Hyperparameters()
    assert TrainingConfig(epochs=3, mixup=0.0).hyperparameters == Hyperparameters(
        epochs=3, mixup=0.0
    )


@pytest.mark.parametrize(
    ("fields", "problem", "fix"),
    [
        ({"epoch": 3}, "There is no field 'epoch'", "'epochs'"),
        ({"traning_set": "x"}, "There is no field 'traning_set'", "'training_set'"),
        ({"epochs": 0}, "field 'epochs' cannot be 0", "greater than or equal to 1"),
        ({"imgsz": "large"}, "field 'imgsz' cannot be 'large'", "integer"),
        ({"game": "../x"}, "field 'game' cannot be", "pattern"),
        ({"finetuning": {"lr": 1}}, "In 'finetuning': There is no hyperparameter 'lr'", "lr"),
    ],
)
def test_a_wrong_field_is_refused_by_name(
    fields: dict[str, object], problem: str, fix: str
) -> None:
    for refuse in (TrainingConfig, TrainingConfig().with_changes, train):
        with pytest.raises(TrainingConfigError, match=problem) as caught:
            refuse(**fields)
        assert isinstance(caught.value, ValueError)
        assert fix in caught.value.fix


def test_changes_leave_the_configuration_as_it_was(config: TrainingConfig) -> None:
    changed = config.with_changes(epochs=9)

    assert (changed.epochs, changed.batch, config.epochs) == (9, 4, 4)


def test_two_stages_take_their_own_hyperparameters() -> None:
    config = TrainingConfig(two_stage=True, epochs=9, finetuning={"epochs": 2}, finetune_on="all")
    spec = config.spec(("square",), {})

    assert [stage.name for stage in spec.training] == ["pretrain", "finetune"]
    assert [spec.hyperparameters_of(stage).epochs for stage in spec.training] == [9, 2]
    assert [str(stage.train_on) for stage in spec.training] == ["synthetic", "all"]


# What train() does before it trains


def test_a_training_needs_a_training_set(tmp_path: Path) -> None:
    with pytest.raises(TrainingConfigError, match="'training_set' is missing"):
        train(checkpoint_dir=tmp_path)


@pytest.mark.parametrize(
    ("weights", "problem"),
    [
        ("models/typo.pt", r"There are no weights at models.typo\.pt"),
        ("my model.pt", r"The field 'weights' cannot be 'my model\.pt'"),
    ],
)
def test_weights_that_cannot_be_used_are_refused(
    config: TrainingConfig, program: Path, weights: str, problem: str
) -> None:
    with pytest.raises(TrainingConfigError, match=problem):
        train(config, weights=weights)


def test_weights_need_not_be_there_any_more_to_go_on_from_a_checkpoint(
    config: TrainingConfig, program: Path, tmp_path: Path
) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"epoch 1")

    model = train(config, weights="models/gone.pt", epochs=1, resume=tmp_path / "checkpoint.pt")

    assert model.weights.is_file()


def test_two_stages_need_real_images(config: TrainingConfig) -> None:
    with pytest.raises(JobError, match="no real image"):
        train(config, two_stage=True)


def test_resuming_from_nothing_is_a_missing_file(config: TrainingConfig, tmp_path: Path) -> None:
    with pytest.raises(CheckpointMissingError, match="does not exist") as caught:
        train(config, resume=tmp_path / "nothing.pt")

    assert isinstance(caught.value, FileNotFoundError)


def test_a_version_that_is_taken_is_refused_before_the_training(
    config: TrainingConfig, program: Path
) -> None:
    train(config, epochs=1, version="v1")

    with pytest.raises(TrainingConfigError, match="demo/detector v1 is registered already"):
        train(config, epochs=500, version="v1")


# While it trains


def test_checkpoints_are_kept_recorded_and_pruned(config: TrainingConfig, program: Path) -> None:
    model = train(config)

    records = model.checkpoints
    kinds = [record.kind for record in records]
    assert kinds == [CheckpointKind.PERIODIC] * 4 + [CheckpointKind.BEST, CheckpointKind.FINAL]
    assert [record.epoch for record in records] == [1, 2, 3, 4, 1, 4]
    left = sorted(file.name for file in (model.folder / "checkpoints").iterdir())
    assert left == ["train-0001.pt", "train-0003.pt", "train-0004.pt"], "the last two and the best"
    for record in records:
        file = model.manifest.path_of(record)
        assert not file.exists() or sha256_of(file) == record.sha256
    assert records[0].metrics["map50_95"] == pytest.approx(0.8)


def test_what_comes_back_is_typed_and_lies_in_one_folder(
    config: TrainingConfig, program: Path
) -> None:
    model = train(config, epochs=2)

    assert model.best_epoch == 1
    assert model.metrics["map50_95"] == pytest.approx(0.8)
    assert [epoch.epoch for epoch in model.epochs] == [1, 2]
    assert model.class_names == ("square", "bar")
    files = (model.weights, model.last, model.onnx, model.results, model.log)
    assert all(file is not None and file.parent == model.folder for file in files)
    assert all(file is not None and file.is_file() for file in files)
    assert "the program runs" in model.log.read_text("utf-8")
    assert not (model.folder / "job").exists()
    assert model.entry is not None
    assert model.entry.open() == model.onnx
    assert ModelRegistry(config.registry or Path()).best("demo", "detector") == model.entry
    assert model.entry.run_id == model.run_id


def test_a_training_does_not_get_to_see_keys(
    config: TrainingConfig, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNPOD_API_KEY", "secret")
    looked = "import os; assert 'secret' not in os.environ.values()\n"
    program.write_text(looked + program.read_text("utf-8"), encoding="utf-8")

    assert train(config, epochs=1).weights.is_file()


def test_trainings_in_one_folder_leave_each_other_alone(
    config: TrainingConfig, program: Path
) -> None:
    first, second = train(config, epochs=1), train(config, epochs=1)

    assert first.weights.is_file()
    assert first.folder != second.folder
    assert [record.run_id for record in second.checkpoints] == [second.run_id] * 3
    assert len(second.manifest.records()) == 6
    assert second.entry is not None
    assert second.entry.version == "2"


def test_callbacks_are_told_everything_in_order(config: TrainingConfig, program: Path) -> None:
    told: list[JobEvent] = []
    again: list[JobEvent] = []

    train(config, epochs=2, callbacks=(told.append, again.append))

    assert told == again
    assert isinstance(told[0], StageEvent)
    assert [event.epoch for event in told if isinstance(event, EpochMetrics)] == [1, 2]


def test_a_callback_can_end_the_training_in_order(config: TrainingConfig, program: Path) -> None:
    def enough(event: JobEvent) -> None:
        if isinstance(event, EpochMetrics):
            raise StopTraining

    model = train(config, epochs=50, callbacks=[enough])

    assert 1 <= len(model.epochs) < 10
    assert model.weights.is_file()


def test_time_can_be_limited(config: TrainingConfig, program: Path) -> None:
    assert len(train(config, epochs=50, callbacks=[stop_after(1.0)]).epochs) < 15


def test_epochs_are_printed(
    config: TrainingConfig, program: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(config, epochs=2, callbacks=[print_epochs])

    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["train 1/2", "train 2/2"]


# When it fails


def test_a_failed_training_says_why_and_can_be_resumed(
    config: TrainingConfig, program: Path
) -> None:
    whole = program.read_text("utf-8")
    program.write_text(textwrap.dedent(QUICK) + "raise SystemExit('the disk melted')\n")
    with pytest.raises(JobFailedError, match="the disk melted") as caught:
        train(config, epochs=2)

    (run,) = [folder for folder in config.checkpoint_dir.iterdir() if folder.is_dir()]
    assert str(run / "job") in caught.value.fix
    assert "the program runs" in (run / "job" / "outputs" / "log.txt").read_text("utf-8")

    program.write_text(whole)
    model = train(resume=run, epochs=3)
    assert model.config.epochs == 3
    assert model.config.batch == config.batch, "the rest is as it was"
    assert model.folder.parent == config.checkpoint_dir


def test_an_error_of_a_callback_ends_the_training_and_is_raised(
    config: TrainingConfig, program: Path
) -> None:
    def broken(event: JobEvent) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train(config, epochs=500, callbacks=[broken])


@POSIX
def test_killing_the_caller_ends_the_training(config: TrainingConfig, tmp_path: Path) -> None:
    file = tmp_path / "program.pyz"
    watch = f"""
        import sys; sys.path.insert(0, {str(ROOT)!r})
        from pipeline.jobs.program.process import stop_on_request, stop_when_abandoned
        stop_on_request(); stop_when_abandoned()
        import os, pathlib, time
        pathlib.Path({str(tmp_path / "pid")!r}).write_text(str(os.getpid()))
        time.sleep(600)
    """
    file.write_text(textwrap.dedent(watch), encoding="utf-8")
    script = f"""
        import sys; sys.path.insert(0, {str(ROOT)!r})
        from pathlib import Path
        import pipeline.training.job as job
        job.PROGRAM = Path({str(file)!r})
        from pipeline.training import TrainingConfig, train
        train(training_set={str(config.training_set)!r}, checkpoint_dir={str(tmp_path / "c")!r})
    """
    caller = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)])
    written = tmp_path / "pid"
    wait_until(lambda: written.is_file() and written.read_text() != "", 60.0)

    caller.kill()
    caller.wait()

    wait_until(lambda: not is_alive(int(written.read_text())), 60.0)


# With the real program


@pytest.mark.slow
def test_a_detector_from_python_and_more_epochs_for_it(config: TrainingConfig) -> None:
    model = train(config, epochs=2)
    found = model.detector().detect_fast(np.zeros((128, 128, 3), np.uint8))
    assert len(found) >= 0
    assert json.loads((model.folder / "environment.json").read_text("utf-8"))["pip_freeze"]

    longer = train(resume=model.folder, epochs=3)

    assert [epoch.epoch for epoch in longer.epochs] == [1, 2, 3]
    assert [epoch.restored for epoch in longer.epochs] == [True, True, False]
    assert longer.weights.is_file()

"""A training that ends early goes on from its newest checkpoint, here or elsewhere."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from doubles.trainings import rows_of, write_squares

from pipeline.export.contract import check_onnx_contract
from pipeline.jobs.events import DoneEvent, FailedEvent, JobEvent, MessageEvent
from pipeline.jobs.program.constants import EXIT_FAILED, EXIT_STOPPED
from pipeline.jobs.program.outputs import Outputs, cut_last_line
from pipeline.manifests import sha256_of
from pipeline.training.detector_program.constants import STATE_KEY
from pipeline.training.detector_program.recording.checkpoints import (
    CheckpointError,
    read_checkpoint,
    without_optimizer,
)
from pipeline.training.detector_program.recording.recorder import History
from pipeline.training.job import TrainingSpec, hyperparameters, two_stages, write_job
from pipeline.training.results import (
    EpochMetrics,
    epochs_of,
    read_training_events,
)

CLASSES = ("square", "bar")
TINY = {"imgsz": 128, "batch": 4, "warmup_epochs": 0.0, "workers": 0, "patience": 0, "mosaic": 0.0}
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="asks with signals")


@pytest.fixture(scope="module")
def training_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three synthetic images and one real, which is listed twice."""
    names = ("synth_0", "synth_1", "synth_2", "real_0")
    return write_squares(tmp_path_factory.mktemp("set"), names, repeated=("real_0",))


def spec(epochs: int, **changes: object) -> TrainingSpec:
    chosen = hyperparameters(TINY, {"epochs": epochs})
    return TrainingSpec.model_validate(
        {"game": "demo", "class_names": CLASSES, "hyperparameters": chosen, **changes}
    )


def start(job: Path) -> subprocess.Popen[bytes]:
    """The job program in a process group of its own."""
    with (job.parent / "log.txt").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, str(job.parent / "program.pyz"), str(job)],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=job.parent,
            start_new_session=True,
        )


def events_of(job: Path) -> tuple[JobEvent, ...]:
    file = job.parent / "outputs" / "metrics.jsonl"
    return read_training_events(file) if file.is_file() else ()


def epochs_told(job: Path) -> list[tuple[str, int]]:
    """Every epoch event, repetitions included."""
    return [(e.stage, e.epoch) for e in events_of(job) if isinstance(e, EpochMetrics)]


def run_until(job: Path, condition: Callable[[], bool], then: signal.Signals) -> int:
    """Run a job, end it with a signal as soon as the condition holds, and return its code."""
    process = start(job)
    try:
        while not condition():
            assert process.poll() is None, (job.parent / "log.txt").read_text("utf-8")[-3000:]
            time.sleep(0.02)
        process.send_signal(then)
        return process.wait(60)
    finally:
        process.kill()


def finish(job: Path) -> int:
    return start(job).wait(280)


def messages(job: Path) -> str:
    return "\n".join(e.message for e in events_of(job) if isinstance(e, MessageEvent))


def take_along(outputs: Path, folder: Path) -> Path:
    """The newest checkpoint with what describes it, as a host's last signs of life."""
    folder.mkdir()
    for name in ("checkpoint.pt", "checkpoint.json"):
        shutil.copyfile(outputs / name, folder / name)
    return folder / "checkpoint.pt"


@POSIX
@pytest.mark.slow
def test_a_killed_training_goes_on_elsewhere_and_its_curves_are_whole(
    tmp_path: Path, training_set: Path
) -> None:
    # What 'auto' takes for a training of usual length; it keeps more state than the others.
    muon = spec(3, hyperparameters=hyperparameters(TINY, {"epochs": 3, "optimizer": "MuSGD"}))
    first = write_job(tmp_path / "first", muon, training_set)
    told_two = lambda: ("train", 2) in epochs_told(first)  # noqa: E731
    assert run_until(first, told_two, signal.SIGKILL) == -signal.SIGKILL
    checkpoint = take_along(first.parent / "outputs", tmp_path / "saved")
    described = json.loads(checkpoint.with_suffix(".json").read_text("utf-8"))
    assert described["epoch"] >= 2
    assert (described["epochs"], described["stage"]) == (3, "train")
    assert described["sha256"] == sha256_of(checkpoint)
    assert described["bytes"] == checkpoint.stat().st_size
    shutil.rmtree(first.parent)

    second = write_job(tmp_path / "second", muon, training_set, resume=checkpoint)
    assert finish(second) == 0, (second.parent / "log.txt").read_text("utf-8")[-3000:]

    outputs = second.parent / "outputs"
    assert epochs_told(second) == [("train", 1), ("train", 2), ("train", 3)]
    assert [epoch.restored for epoch in epochs_of(events_of(second))][:2] == [True, True]
    assert [row["epoch"] for row in rows_of(outputs)] == ["1", "2", "3"]
    assert "Going on after epoch" in messages(second)
    assert "from scratch" not in messages(second), "no weights are looked for"
    assert isinstance(events_of(second)[-1], DoneEvent)
    assert not list(outputs.glob("checkpoint.*"))
    assert check_onnx_contract(outputs / "best.onnx", CLASSES).output_shape == (1, 300, 6)
    seconds = [event.seconds for event in events_of(second) if not_at_the_start(event)]
    assert seconds == sorted(seconds)


def not_at_the_start(event: JobEvent) -> bool:
    return isinstance(event, EpochMetrics | DoneEvent)


@POSIX
@pytest.mark.slow
def test_two_stages_go_on_within_the_second_and_do_not_repeat_the_first(
    tmp_path: Path, training_set: Path
) -> None:
    staged = spec(1, training=two_stages(finetuning={"epochs": 2, "lr0": 0.0001}))
    job = write_job(tmp_path / "job", staged, training_set)
    told_one = lambda: ("finetune", 1) in epochs_told(job)  # noqa: E731
    run_until(job, told_one, signal.SIGKILL)

    assert finish(job) == 0

    outputs = job.parent / "outputs"
    assert epochs_told(job) == [("pretrain", 1), ("finetune", 1), ("finetune", 2)]
    rows = rows_of(outputs)
    assert [(row["stage"], row["epoch"]) for row in rows] == [
        *(("pretrain", "1"), ("finetune", "1"), ("finetune", "2"))
    ]
    for stage in ("pretrain", "finetune"):
        assert {"labels.jpg", "results.png", "val_batch0_pred.jpg"} <= {
            file.name for file in (outputs / "plots" / stage).iterdir()
        }
    assert all(float(row["lr/pg0"]) <= 0.0001 for row in rows if row["stage"] == "finetune")
    assert (outputs / "pretrain.pt").is_file()
    assert set(json.loads((outputs / "done.json").read_text("utf-8"))) == {
        "best.pt",
        "last.pt",
        "pretrain.pt",
        "best.onnx",
        "environment.json",
        "results.csv",
    }
    data = job.parent / "data"
    assert (data / "synthetic_train.txt").read_text("utf-8").count("synth_") == 3
    assert (data / "real_train.txt").read_text("utf-8").splitlines() == [
        "./images/train/real_0.png"
    ] * 2


@POSIX
@pytest.mark.slow
def test_asked_to_end_at_once_it_keeps_its_checkpoint_and_asked_to_stop_it_exports(
    tmp_path: Path, training_set: Path
) -> None:
    staged = spec(50, training=two_stages())
    job = write_job(tmp_path / "job", staged, training_set)
    outputs = job.parent / "outputs"
    told_one = lambda: ("pretrain", 1) in epochs_told(job)  # noqa: E731
    assert run_until(job, told_one, signal.SIGTERM) == EXIT_STOPPED
    assert (outputs / "checkpoint.pt").is_file()
    assert rows_of(outputs)
    assert "the newest checkpoint was kept" in messages(job)
    assert (outputs / "plots" / "pretrain" / "train_batch0.jpg").is_file()
    assert not (outputs / "done.json").exists()

    (job.parent / "stop").touch()
    trained = len(epochs_told(job))
    assert finish(job) == 0

    assert len(epochs_told(job)) == trained
    assert "nothing is trained after stage pretrain" in messages(job)
    assert (outputs / "best.onnx").is_file()


@POSIX
@pytest.mark.slow
def test_a_stop_in_the_middle_of_an_epoch_lets_it_end(tmp_path: Path, training_set: Path) -> None:
    job = write_job(tmp_path / "job", spec(50), training_set)
    process = start(job)
    while not epochs_told(job):
        assert process.poll() is None, (job.parent / "log.txt").read_text("utf-8")[-3000:]
        time.sleep(0.02)
    (job.parent / "stop").touch()
    assert process.wait(280) == 0

    trained = epochs_told(job)
    assert 1 <= len(trained) < 10
    assert len(rows_of(job.parent / "outputs")) == len(trained)
    assert (job.parent / "outputs" / "best.onnx").is_file()


@POSIX
@pytest.mark.slow
def test_what_was_trained_to_the_end_is_only_exported_with_its_best_weights(
    tmp_path: Path, training_set: Path
) -> None:
    """The best weights travel within the checkpoint: no later epoch may ever write them again."""
    first = write_job(tmp_path / "first", spec(2), training_set)
    run_until(first, lambda: ("train", 2) in epochs_told(first), signal.SIGKILL)
    checkpoint = take_along(first.parent / "outputs", tmp_path / "saved")
    content = torch.load(checkpoint, weights_only=False)
    best = torch.load(checkpoint, weights_only=False)
    with torch.no_grad():
        next(best["ema"].parameters()).fill_(0.25)
    torch.save(best, tmp_path / "best.pt")
    content[STATE_KEY]["best"] = without_optimizer(tmp_path / "best.pt")
    torch.save(content, checkpoint)
    checkpoint.with_suffix(".json").unlink()

    second = write_job(tmp_path / "second", spec(2), training_set, resume=checkpoint)
    assert finish(second) == 0

    outputs = second.parent / "outputs"
    assert epochs_told(second) == [("train", 1), ("train", 2)]
    assert all(epoch.restored for epoch in epochs_of(events_of(second)))
    weights = {name: torch.load(outputs / f"{name}.pt", weights_only=False) for name in BOTH}
    first_layer = {name: next(weights[name]["model"].parameters()) for name in BOTH}
    assert bool((first_layer["best"] == 0.25).all())
    assert not bool((first_layer["last"] == 0.25).all())
    assert all(weights[name]["optimizer"] is None for name in BOTH)
    assert all(STATE_KEY not in weights[name] for name in BOTH)


BOTH = ("best", "last")


def checkpoint_of(folder: Path, stage: str, finished: int) -> Path:
    content = {"epoch": finished - 1, "optimizer": {}, STATE_KEY: {"stage": stage}}
    torch.save(content, folder / "checkpoint.pt")
    return folder / "checkpoint.pt"


def describe(checkpoint: Path, stage: str, epoch: int) -> None:
    text = json.dumps({"sha256": "0", "stage": stage, "epoch": epoch})
    checkpoint.with_suffix(".json").write_text(text)


@pytest.mark.parametrize(("stage", "epoch"), [("finetune", 1), ("pretrain", 9)])
def test_a_checkpoint_with_the_description_of_the_one_before_is_whole(
    tmp_path: Path, stage: str, epoch: int
) -> None:
    """Its writer was killed between the two."""
    checkpoint = checkpoint_of(tmp_path, "finetune", 2)
    describe(checkpoint, stage, epoch)

    found = read_checkpoint(checkpoint, ["pretrain", "finetune"])

    assert (found.stage, found.epoch) == ("finetune", 2)


@pytest.mark.parametrize(("stage", "epoch"), [("finetune", 2), ("finetune", 3), ("train", 1)])
def test_a_checkpoint_that_is_not_what_its_description_says_is_refused(
    tmp_path: Path, stage: str, epoch: int
) -> None:
    checkpoint = checkpoint_of(tmp_path, "finetune", 2)
    describe(checkpoint, stage, epoch)

    with pytest.raises(CheckpointError, match="it is damaged"):
        read_checkpoint(checkpoint, ["pretrain", "finetune"])


@pytest.mark.parametrize("text", ["", "{", "[]", '{"epoch": 1}'])
def test_a_description_that_was_cut_off_is_refused_in_words(tmp_path: Path, text: str) -> None:
    checkpoint = checkpoint_of(tmp_path, "train", 2)
    checkpoint.with_suffix(".json").write_text(text)

    with pytest.raises(CheckpointError, match=r"checkpoint\.json does not describe"):
        read_checkpoint(checkpoint, ["train"])


@pytest.mark.slow
def test_a_damaged_checkpoint_is_refused_and_not_trained_over(
    tmp_path: Path, training_set: Path
) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"half of it")
    (tmp_path / "checkpoint.json").write_text('{"sha256": "0"}')
    job = write_job(tmp_path / "job", spec(2), training_set, resume=tmp_path / "checkpoint.pt")

    assert finish(job) == EXIT_FAILED

    last = events_of(job)[-1]
    assert isinstance(last, FailedEvent)
    assert "it is damaged" in last.message


def epoch(stage: str, number: int, map50_95: float = 0.0) -> dict[str, object]:
    return {
        "event": "epoch",
        "seconds": float(number),
        "stage": stage,
        "epoch": number,
        "epochs": 9,
        "precision": 0.0,
        "recall": 0.0,
        "map50": map50_95,
        "map50_95": map50_95,
    }


def test_epochs_that_were_told_are_not_told_again(tmp_path: Path) -> None:
    state = {
        "epochs": [epoch("train", 1), epoch("train", 2)],
        "results": {"train": "epoch\n1\n2\n"},
    }
    with Outputs(tmp_path) as outputs:
        outputs.write(epoch("train", 1))
        History(["train"], None).restore(state, outputs)

    told = epochs_of(read_training_events(tmp_path / "metrics.jsonl"))
    assert [(event.epoch, event.restored) for event in told] == [(1, False), (2, True)]


def test_results_of_several_stages_say_which(tmp_path: Path) -> None:
    history = History(["pretrain", "finetune"], None)
    history.results = {"pretrain": "epoch,time\n1,2\n", "finetune": "epoch,time\n1,3\n2,4\n"}

    assert history.csv() == "stage,epoch,time\npretrain,1,2\nfinetune,1,3\nfinetune,2,4\n"


def test_the_best_figures_are_those_of_the_stage() -> None:
    history = History(["a", "b"], None)
    history.epochs = [epoch("a", 1, 0.9), epoch("b", 1, 0.2), epoch("b", 2, 0.3)]

    assert history.best_of("b")["map50_95"] == 0.3


@pytest.mark.parametrize(
    ("written", "kept"),
    [(b"", b""), (b"a\nb\n", b"a\nb\n"), (b"a\nhal", b"a\n"), (b"hal", b"")],
)
def test_a_line_that_was_cut_off_is_taken_away(tmp_path: Path, written: bytes, kept: bytes) -> None:
    file = tmp_path / "metrics.jsonl"
    file.write_bytes(written)
    cut_last_line(file)
    assert file.read_bytes() == kept


def test_there_may_be_no_line_yet(tmp_path: Path) -> None:
    cut_last_line(tmp_path / "metrics.jsonl")
    assert not list(tmp_path.iterdir())

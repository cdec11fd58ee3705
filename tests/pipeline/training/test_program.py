"""The job program, run as on any host: its own process, its own folder, nothing of Outpost."""

import copy
import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from importlib.metadata import PathDistribution
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from detector_runtime.models.training_scale import TrainingScale
from detector_runtime.system.cores import usable_cores
from doubles.trainings import rows_of
from PIL import Image

from pipeline.export.contract import LearnedScale, check_onnx_contract
from pipeline.export.parity import answers_of, compare
from pipeline.jobs.events import DoneEvent, FailedEvent, MessageEvent
from pipeline.jobs.program.constants import EXIT_DISK_FULL, EXIT_FAILED, EXIT_NO_MEMORY
from pipeline.jobs.program.host import frozen
from pipeline.jobs.program.outputs import Outputs
from pipeline.jobs.program.process import exit_code_of
from pipeline.manifests import sha256_of
from pipeline.training.detector_program.acceleration.cpu import compute_in_bfloat16
from pipeline.training.detector_program.export import WrongExportError, check_export
from pipeline.training.detector_program.recording.recorder import number
from pipeline.training.job import JobStage, TrainingSpec, hyperparameters, write_job
from pipeline.training.results import (
    BatchEvent,
    BestEvent,
    batch_sizes,
    epochs_of,
    read_training_events,
)

CLASSES = ("square", "bar")
LEARNED = TrainingScale("tile", 1.0, (128, 128))
TINY = {"epochs": 2, "imgsz": 128, "batch": 4, "warmup_epochs": 0.0, "workers": 0}


def write_training_set(folder: Path, images: int = 8) -> Path:
    """Coloured squares and bars on noise."""
    generator = np.random.default_rng(5)
    for subset in ("train", "val"):
        for kind in ("images", "labels"):
            (folder / kind / subset).mkdir(parents=True)
        for index in range(images):
            pixels = generator.integers(80, 120, (128, 128, 3), np.uint8)
            kind = index % 2
            width, height = ((40, 40), (60, 16))[kind]
            x, y = generator.integers(0, 60, 2)
            pixels[y : y + height, x : x + width] = ((220, 40, 40), (40, 40, 220))[kind]
            Image.fromarray(pixels).save(folder / "images" / subset / f"{index}.png")
            box = ((x + width / 2) / 128, (y + height / 2) / 128, width / 128, height / 128)
            label = " ".join(f"{value:.6f}" for value in box)
            (folder / "labels" / subset / f"{index}.txt").write_text(f"{kind} {label}\n")
        lines = (f"./images/{subset}/{index}.png\n" for index in range(images))
        (folder / f"{subset}.txt").write_text("".join(lines), encoding="utf-8")
    return folder


def tiny_spec(**changes: object) -> TrainingSpec:
    return TrainingSpec.model_validate(
        {
            "game": "demo",
            "class_names": CLASSES,
            "hyperparameters": hyperparameters(TINY),
            "lineage": {"training_set": "abc", "run_id": "1"},
            "metadata": LEARNED.to_metadata(),
            **changes,
        }
    )


def run_program(job: Path, python_path: str | None = None) -> subprocess.CompletedProcess[str]:
    """As on a host where nobody has ever run ultralytics."""
    home = job.parent.with_name(f"{job.parent.name}_home")
    home.mkdir()
    return subprocess.run(
        [sys.executable, str(job.parent / "program.pyz"), str(job)],
        env={
            **os.environ,
            "HOME": str(home),
            "USERPROFILE": str(home),
            **({"PYTHONPATH": python_path} if python_path else {}),
        },
        capture_output=True,
        text=True,
        cwd=job.parent,
        timeout=280,
        check=False,
    )


@pytest.fixture(scope="module")
def training_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_training_set(tmp_path_factory.mktemp("set"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, training_set: Path) -> Path:
    """The job folder of a training that ended well."""
    job = write_job(tmp_path_factory.mktemp("job"), tiny_spec(), training_set)
    done = run_program(job)
    assert done.returncode == 0, done.stdout + done.stderr
    return job.parent


@pytest.mark.slow
def test_a_job_tells_its_epochs_and_that_it_is_done(trained: Path) -> None:
    events = read_training_events(trained / "outputs" / "metrics.jsonl")

    epochs = epochs_of(events)
    assert [epoch.epoch for epoch in epochs] == [1, 2]
    assert set(epochs[0].train_losses) == set(epochs[0].val_losses) >= {"box", "cls"}
    assert sum(isinstance(event, BestEvent) for event in events) == 1
    assert isinstance(events[-1], DoneEvent)


SHORT_OF_MEMORY = """
import sys, os
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "whole_program.pyz"))
from pipeline.training.detector_program import main as program

patch = program.patch_ultralytics

def patch_and_run_out(*arguments):
    patch(*arguments)
    from ultralytics.models.yolo.detect import DetectionTrainer
    prepare = DetectionTrainer.preprocess_batch

    def run_out(self, batch):
        if self.batch_size > {fits}:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return prepare(self, batch)

    DetectionTrainer.preprocess_batch = run_out

program.patch_ultralytics = patch_and_run_out
sys.exit(program.main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_a_batch_that_ultralytics_halves_is_told_and_recorded(
    tmp_path: Path, training_set: Path
) -> None:
    """Also shows when another release of ultralytics does it otherwise."""
    quick = hyperparameters({**TINY, "epochs": 1, "optimizer": "SGD"})
    spec = tiny_spec(stages=(JobStage.TRAIN,), hyperparameters=quick)
    job = write_job(tmp_path / "job", spec, training_set)
    program = job.parent / "program.pyz"
    program.rename(job.parent / "whole_program.pyz")
    program.write_text(SHORT_OF_MEMORY.format(fits=1), encoding="utf-8")

    done = run_program(job)

    assert done.returncode == 0, done.stdout + done.stderr
    events = read_training_events(job.parent / "outputs" / "metrics.jsonl")
    told = [event for event in events if isinstance(event, BatchEvent)]
    assert [(event.before, event.batch_size) for event in told] == [(4, 2), (2, 1)]
    assert told[0].message == "Batch halved from 4 to 2: out of memory"
    assert [epoch.batch_size for epoch in epochs_of(events)] == [1]
    assert batch_sizes(epochs_of(events)) == {"train": 1}


@pytest.mark.slow
def test_a_batch_that_fits_is_recorded_as_it_was_asked_for(trained: Path) -> None:
    events = read_training_events(trained / "outputs" / "metrics.jsonl")

    assert not any(isinstance(event, BatchEvent) for event in events)
    assert batch_sizes(epochs_of(events)) == {"train": TINY["batch"]}


@pytest.mark.slow
def test_events_and_the_csv_of_ultralytics_agree(trained: Path) -> None:
    told = epochs_of(read_training_events(trained / "outputs" / "metrics.jsonl"))

    for ours, theirs in zip(told, rows_of(trained / "outputs"), strict=True):
        losses = {name: float(theirs[f"train/{name}_loss"]) for name in ours.train_losses}
        assert ours.map50 == pytest.approx(float(theirs["metrics/mAP50(B)"]), abs=1e-4)
        assert ours.train_losses == pytest.approx(losses, rel=1e-3)


@pytest.mark.slow
def test_what_is_done_is_listed_with_digests(trained: Path) -> None:
    outputs = trained / "outputs"

    done = json.loads((outputs / "done.json").read_text(encoding="utf-8"))

    figures = {"environment.json", "results.csv"}
    assert set(done) == {"best.pt", "last.pt", "best.onnx", *figures}
    assert all(sha256_of(outputs / name) == entry["sha256"] for name, entry in done.items())


@pytest.mark.slow
def test_the_plots_of_ultralytics_come_back_without_a_font_from_the_network(trained: Path) -> None:
    plots = trained / "outputs" / "plots"

    curves = {f"Box{name}_curve.png" for name in ("F1", "P", "PR", "R")}
    matrices = {"confusion_matrix.png", "confusion_matrix_normalized.png"}
    batches = {"train_batch0.jpg", "val_batch0_labels.jpg", "val_batch0_pred.jpg"}
    drawn = {file.name for file in plots.iterdir()}
    assert drawn >= {"results.png", "labels.jpg", *curves, *matrices, *batches}
    for file in plots.iterdir():
        with Image.open(file) as image:
            assert np.asarray(image.convert("L")).std() > 1, f"{file.name} is empty"
    assert not list((trained / "work").rglob("Arial*"))


@pytest.mark.slow
def test_a_training_outlives_plots_that_cannot_be_drawn(tmp_path: Path, training_set: Path) -> None:
    broken = tmp_path / "broken" / "matplotlib"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('no libfreetype')\n", encoding="utf-8")
    spec = tiny_spec(
        hyperparameters=hyperparameters({**TINY, "epochs": 1}), stages=[JobStage.TRAIN]
    )
    job = write_job(tmp_path / "job", spec, training_set)

    done = run_program(job, python_path=str(broken.parent))

    assert done.returncode == 0, done.stdout + done.stderr
    outputs = job.parent / "outputs"
    assert (outputs / "best.pt").is_file()
    told = [
        event.message
        for event in read_training_events(outputs / "metrics.jsonl")
        if isinstance(event, MessageEvent)
    ]
    assert any("could not be drawn" in text and "libfreetype" in text for text in told)
    assert (outputs / "plots" / "val_batch0_pred.jpg").is_file(), "it needs no matplotlib"


@pytest.mark.slow
def test_the_export_keeps_the_contract_and_knows_where_it_is_from(trained: Path) -> None:
    report = check_onnx_contract(trained / "outputs" / "best.onnx", CLASSES)

    assert report.output_shape == (1, 300, 6)
    assert report.lineage == {"training_set": "abc", "run_id": "1"}
    assert report.learned == LearnedScale.model_validate(asdict(LEARNED))


@pytest.mark.slow
def test_the_export_answers_as_the_weights(trained: Path, training_set: Path) -> None:
    outputs = trained / "outputs"
    images = sorted((training_set / "images" / "val").glob("*.png"))[:2]

    answers = answers_of(outputs / "best.pt", outputs / "best.onnx", images)

    report = compare(answers.weights, answers.export)
    assert report.images == 2
    assert report.is_close


@pytest.mark.slow
def test_nothing_of_the_host_is_in_what_comes_back(trained: Path) -> None:
    checkpoint = torch.load(trained / "outputs" / "best.pt", weights_only=False)
    exported = (trained / "outputs" / "best.onnx").read_bytes()

    told = {**checkpoint["train_args"], **checkpoint["model"].args}
    assert str(trained) not in json.dumps(told, default=str)
    assert not {"git", "date"} & set(checkpoint)
    assert str(trained).encode() not in exported


@pytest.mark.slow
def test_ultralytics_leaves_the_training_set_alone(trained: Path, training_set: Path) -> None:
    assert list((trained / "data").rglob("*.cache"))
    assert not list(training_set.rglob("*.cache"))


@pytest.mark.slow
def test_nothing_is_written_outside_of_the_job(trained: Path) -> None:
    home = trained.with_name(f"{trained.name}_home")

    assert [file for file in home.rglob("*") if file.is_file()] == []


@pytest.mark.slow
def test_a_training_without_base_weights_says_so(trained: Path) -> None:
    environment = json.loads((trained / "outputs" / "environment.json").read_text("utf-8"))
    told = [
        event.message
        for event in read_training_events(trained / "outputs" / "metrics.jsonl")
        if isinstance(event, MessageEvent)
    ]

    assert (environment["weights"] is None) == any("from scratch" in text for text in told)


@pytest.mark.slow
def test_an_export_alone_gives_the_same_model(trained: Path, tmp_path: Path) -> None:
    spec = tiny_spec(stages=[JobStage.EXPORT], weights="best.pt")
    job = write_job(tmp_path / "job", spec, weights=trained / "outputs" / "best.pt")

    done = run_program(job)

    assert done.returncode == 0, done.stdout + done.stderr
    again = tmp_path / "job" / "outputs" / "best.onnx"
    assert sha256_of(again) == sha256_of(trained / "outputs" / "best.onnx")


@pytest.mark.slow
def test_the_environment_is_pinned(trained: Path) -> None:
    environment = json.loads((trained / "outputs" / "environment.json").read_text("utf-8"))

    assert f"torch=={environment['torch'].split('+')[0]}" in "\n".join(environment["pip_freeze"])
    assert environment["ultralytics"]
    assert (environment["driver"] is None) == (shutil.which("nvidia-smi") is None)
    assert "file:" not in json.dumps(environment)


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("https://me:ghp_secret@git.example/x.git?token=secret", "x @ https://git.example/x.git"),
        ("ssh://git@git.example:2222/x.git", "x @ ssh://git.example:2222/x.git"),
        ("file:///home/me/x", "x==1.0"),
    ],
)
def test_no_login_gets_into_the_record_of_packages(tmp_path: Path, url: str, line: str) -> None:
    folder = tmp_path / "x-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: x\nVersion: 1.0\n")
    (folder / "direct_url.json").write_text(json.dumps({"url": url}))

    assert frozen([PathDistribution(folder)]) == [line]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("names", "{0: 'bar', 1: 'square'}", "knows the classes"),
        ("end2end", "False", "non-maximum suppression"),
    ],
)
def test_a_wrong_export_is_noticed_on_the_host(
    trained: Path, tmp_path: Path, key: str, value: str, said: str
) -> None:
    model = onnx.load(str(trained / "outputs" / "best.onnx"))
    for item in model.metadata_props:
        if item.key == key:
            item.value = value
    onnx.save(model, str(tmp_path / "wrong.onnx"))

    with pytest.raises(WrongExportError, match=said):
        check_export(tmp_path / "wrong.onnx", json.loads((trained / "job.json").read_text("utf-8")))


@pytest.mark.slow
def test_an_export_of_another_shape_is_noticed_on_the_host(trained: Path, tmp_path: Path) -> None:
    model = onnx.load(str(trained / "outputs" / "best.onnx"))
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 8400
    onnx.save(model, str(tmp_path / "wrong.onnx"))

    with pytest.raises(WrongExportError, match=r"8400.*instead of one output"):
        check_export(tmp_path / "wrong.onnx", json.loads((trained / "job.json").read_text("utf-8")))


@pytest.mark.slow
def test_a_training_set_without_images_fails_with_a_message(tmp_path: Path) -> None:
    folder = write_training_set(tmp_path / "set", images=1)
    for image in folder.rglob("*.png"):
        image.unlink()
    job = write_job(tmp_path / "job", tiny_spec(), folder)

    done = run_program(job)

    events = read_training_events(tmp_path / "job" / "outputs" / "metrics.jsonl")
    assert done.returncode == EXIT_FAILED
    assert isinstance(events[-1], FailedEvent)
    assert not (tmp_path / "job" / "outputs" / "done.json").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_has_an_exit_code_of_its_own(tmp_path: Path, training_set: Path) -> None:
    job = write_job(tmp_path / "job", tiny_spec(), training_set)
    (job.parent / "outputs").mkdir()
    (job.parent / "outputs" / "metrics.jsonl").symlink_to("/dev/full")

    assert run_program(job).returncode == EXIT_DISK_FULL


def caused(outer: Exception, inner: Exception) -> Exception:
    outer.__cause__ = inner
    return outer


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(28, "No space left on device"), EXIT_DISK_FULL),
        (caused(RuntimeError("Dataset error"), OSError(28, "full")), EXIT_DISK_FULL),
        (RuntimeError("file write failed: No space left on device"), EXIT_DISK_FULL),
        (MemoryError(), EXIT_NO_MEMORY),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), EXIT_NO_MEMORY),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"), EXIT_NO_MEMORY),
        (RuntimeError("shape mismatch"), EXIT_FAILED),
        (OSError(2, "No such file"), EXIT_FAILED),
    ],
)
def test_exit_codes_tell_a_full_disk_and_want_of_memory(error: Exception, code: int) -> None:
    assert exit_code_of(error) == code


def test_a_file_of_the_outputs_appears_whole_or_stays_as_it_was(tmp_path: Path) -> None:
    with Outputs(tmp_path) as outputs:
        outputs.json("state.json", {"epoch": 1})
        with pytest.raises(RuntimeError), outputs.replacing("state.json") as temporary:
            temporary.write_text("half")
            raise RuntimeError

    assert json.loads((tmp_path / "state.json").read_text("utf-8")) == {"epoch": 1}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["metrics.jsonl", "state.json"]


def test_a_job_that_begins_again_is_not_done(tmp_path: Path) -> None:
    with Outputs(tmp_path) as outputs:
        outputs.finish()
    assert (tmp_path / "done.json").exists()

    with Outputs(tmp_path):
        assert not (tmp_path / "done.json").exists()


@pytest.mark.parametrize(
    ("value", "written"), [(None, None), (float("nan"), None), (float("inf"), None), (0.5, 0.5)]
)
def test_a_figure_that_is_no_number_is_left_out(value: float | None, written: float | None) -> None:
    assert number(value) == written


@pytest.mark.slow
def test_a_copy_of_a_model_in_bfloat16_computes_with_its_own_weights(tmp_path: Path) -> None:
    from ultralytics.nn.tasks import DetectionModel

    model = DetectionModel("yolo26n.yaml", nc=2, verbose=False).eval()
    compute_in_bfloat16(model)
    other = copy.deepcopy(model)
    with torch.no_grad():
        for weights in other.parameters():
            weights.zero_()
        image = torch.rand(1, 3, 128, 128)
        ours, theirs = (m(image)[0].float() for m in (model, other))
    assert not torch.equal(ours, theirs)

    torch.save(other, tmp_path / "other.pt")
    again = torch.load(tmp_path / "other.pt", weights_only=False)
    assert again.predict.__func__ is DetectionModel.predict


@pytest.mark.slow
@pytest.mark.parametrize(
    ("precision", "limits", "told"),
    [
        # As on a processor that has no more, whatever this one has.
        (
            "auto",
            {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
            "layers in float32, MuSGD in float32",
        ),
        # Emulated where the processor does not multiply it: slow, and the same path.
        ("bf16", {}, "layers in bfloat16"),
    ],
)
def test_both_kinds_of_processor_train(
    tmp_path: Path,
    training_set: Path,
    monkeypatch: pytest.MonkeyPatch,
    precision: str,
    limits: dict[str, str],
    told: str,
) -> None:
    for name, value in limits.items():
        monkeypatch.setenv(name, value)
    chosen = {**TINY, "epochs": 1, "optimizer": "MuSGD", "precision": precision, "rect": True}
    asked = hyperparameters({**chosen, "mosaic": 0.0, "initial_scale": 0.5})
    spec = tiny_spec(stages=(JobStage.TRAIN,), hyperparameters=asked)
    job = write_job(tmp_path / "job", spec, training_set)

    done = run_program(job)

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Training on a processor: {told}" in done.stdout
    (epoch,) = epochs_of(read_training_events(job.parent / "outputs" / "metrics.jsonl"))
    assert all(loss is not None for loss in epoch.train_losses.values())
    assert set(epoch.step_seconds) == {"load", "layers", "optimizer"}


@pytest.mark.slow
@pytest.mark.skipif(usable_cores() < 2, reason="on one core a batch is not split")
def test_a_batch_is_trained_on_in_parts_and_checkpoints_are_whole_models(tmp_path: Path) -> None:
    images = write_training_set(tmp_path / "set", images=16)
    asked = hyperparameters({**TINY, "epochs": 2, "batch": 16})
    spec = tiny_spec(stages=(JobStage.TRAIN,), hyperparameters=asked)
    job = write_job(tmp_path / "job", spec, images)

    done = run_program(job)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 parts of each batch at once" in done.stdout
    outputs = job.parent / "outputs"
    first, second = epochs_of(read_training_events(outputs / "metrics.jsonl"))
    assert sum(second.train_losses.values()) != sum(first.train_losses.values())
    model = torch.load(outputs / "best.pt", weights_only=False)["model"]
    assert type(model).__module__.startswith("ultralytics")
    assert "loss" not in vars(model)

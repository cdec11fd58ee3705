"""Training as an asset: what a run tells while it trains, and what is left when it fails."""

import base64
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from detector_runtime.models.training_scale import TrainingScale
from doubles.artifacts import RENTED_BILL, write_training_set_files
from doubles.pages import shown
from doubles.processes import is_alive, wait_until
from PIL import Image

import pipeline.training.job as job_module
from assets.core.building import AssetBuild, build_asset, latest
from assets.core.keys import GameKeys
from assets.definitions import build_definitions
from assets.graph.training import show_batch_sizes, show_bill, stages_of, training_assets
from pipeline.games.pack import TwoStageRules, load_pack
from pipeline.jobs.failures import JobFailedError
from pipeline.labels.coverage import ClassCoverage
from pipeline.training.job import (
    FINETUNING,
    Hyperparameters,
    ImageOrigin,
    TrainingSpec,
    hyperparameters,
    two_stages,
)
from pipeline.training.library.checkpoints import CheckpointMissingError
from pipeline.training.outputs import TrainingOutputs
from pipeline.training.results import EpochMetrics
from resources.artifacts import Artifacts
from resources.gpu import Gpu
from resources.paths import Paths

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
PACK = load_pack("demo")
KEYS = GameKeys.of(PACK)
TRAINING = training_assets(PACK)
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="asks for processes by signal 0")

PER_CLASS = {
    "knight": ClassCoverage(real_train=3, synthetic_train=5),
    "goose": ClassCoverage(synthetic_train=5),
    "farm": ClassCoverage(),
}

BEGIN = textwrap.dedent("""
    import hashlib, json, os, pathlib, sys, time
    job = json.loads(pathlib.Path("job.json").read_text())
    outputs = pathlib.Path("outputs")
    outputs.mkdir(exist_ok=True)
    metrics = (outputs / "metrics.jsonl").open("a")
    def tell(kind, **fields):
        metrics.write(json.dumps({"event": kind, "seconds": 1.0, **fields}) + "\\n")
        metrics.flush()
    def save(name, content):
        (outputs / name).write_text(content)
    print("a line of the log", flush=True)
    tell("stage", stage="train", message="Reading the training set")
    resumed = pathlib.Path("resume.pt").exists()
    for stage in job["training"]:
        name = stage["name"]
        if resumed:
            tell("epoch", stage=name, epoch=1, epochs=2, map50=0.11, restored=True)
        tell("epoch", stage=name, epoch=2, epochs=2, map50=0.25, train_losses={"box": 1.5})
        save("checkpoint.pt", "state")
""")
END = textwrap.dedent("""
    (outputs / "checkpoint.pt").unlink()
    for name in ("best.pt", "last.pt", "results.csv"):
        save(name, name)
    save("environment.json", json.dumps({"device": "CPU, 2 cores", "gpu": None, "torch": "2"}))
    tell("done")
    save("done.json", "{}")
""")
PLOTS = textwrap.dedent("""
    import numpy
    from PIL import Image
    folder = outputs / "plots" / ("" if len(job["training"]) == 1 else job["training"][-1]["name"])
    folder.mkdir(parents=True)
    noise = numpy.random.default_rng(3).integers(0, 256, (1900, 1900, 3), numpy.uint8)
    for name in ("train_batch0.jpg", "val_batch0_pred.jpg", "results.png", "BoxPR_curve.png"):
        Image.fromarray(noise[: 1900 if name.endswith("jpg") else 900]).save(folder / name)
""")


@dg.asset(key=KEYS.cvat_merge)
def training_set(
    context: dg.AssetExecutionContext, artifacts: Artifacts
) -> dg.MaterializeResult[Any]:
    """One image of each kind, real ones larger; the program that pretends to train reads none."""
    kinds = context.run.tags.get("images", "synth_0 real_0").split()

    def write(folder: Path) -> None:
        lines = [f"images/train/{kind}.jpg" for kind in kinds]
        (folder / "images" / "train").mkdir(parents=True)
        for line in lines:
            Image.new("RGB", (640, 512) if "real" in line else (320, 256)).save(folder / line)
        write_training_set_files(folder, PACK.class_names, lines, lines, PER_CLASS)

    build = AssetBuild(context, artifacts.store, KEYS.cvat_merge, "c1", {"kinds": kinds})
    return build_asset(build, write, lambda _: {})


class Bench:
    """Trains through Dagster, with another program in the place of the real one."""

    def __init__(self, instance: dg.DagsterInstance, program: Path) -> None:
        self.instance = instance
        self.program = program
        paths = Paths.below(program.parent / "state")
        self.artifacts = Artifacts(paths=paths)
        self.resources = {"artifacts": self.artifacts, "gpu": Gpu(paths=paths)}
        self.training = TRAINING

    def run(self, body: str, tags: Mapping[str, str] | None = None, **config: object) -> Any:
        self.program.write_text(body, encoding="utf-8")
        return dg.materialize(
            [training_set, *self.training],
            selection=[KEYS.cvat_merge, KEYS.trained_weights],
            instance=self.instance,
            resources=self.resources,
            run_config={"ops": {"demo__training": {"config": config}}},
            tags=dict(tags or {}),
            raise_on_error=False,
        )

    def lines(self, result: Any) -> list[str]:
        """Everything that the run's log holds, with its level."""
        entries = self.instance.all_logs(result.run_id)
        return [f"{entry.level} {entry.user_message}" for entry in entries]

    def shown(self) -> dict[str, Any]:
        return shown(self.instance, KEYS.trained_weights)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    # Nobody can write below a file: whoever asks the environment for the state folder fails.
    monkeypatch.setenv("OUTPOST_HOME", str(tmp_path / "program.pyz" / "state"))
    monkeypatch.setattr(job_module, "PROGRAM", tmp_path / "program.pyz")
    with dg.DagsterInstance.ephemeral() as instance:
        yield Bench(instance, tmp_path / "program.pyz")


def failure_of(result: Any) -> Any:
    (failed,) = result.get_step_failure_events()
    return failed.step_failure_data


def test_log_lines_and_epochs_are_in_the_run(bench: Bench) -> None:
    result = bench.run(BEGIN + END)

    assert result.success
    lines = bench.lines(result)
    assert "20 epoch 2/2: mAP50 0.250; box 1.500" in lines
    assert "10 a line of the log" in lines
    assert "20 Reading the training set" in lines


def test_the_time_left_is_what_the_training_works_out(bench: Bench) -> None:
    """Not the pace since it began: the first steps are slow, and images grow."""
    progress = "tell('progress', epoch=1, epochs=2, batch=1, batches=4, seconds_left=77.0)\n"

    result = bench.run(BEGIN + progress + END)

    assert result.success
    assert "10 training batches: 1/8, 1 min 17 s left" in bench.lines(result)


def test_a_training_on_this_machine_says_where_and_how_long(bench: Bench) -> None:
    bench.run(BEGIN + END)

    shown = bench.shown()
    assert shown["provider"] == "local"
    assert shown["device"] == "CPU, 2 cores"
    assert shown["cost_usd"] == 0.0
    assert shown["leased_seconds"] >= 0
    assert shown["host"]


@pytest.mark.parametrize("two_stage", [False, True])
def test_plots_are_kept_and_the_most_telling_ones_shown_small(
    bench: Bench, two_stage: bool
) -> None:
    bench.run(BEGIN + PLOTS + END, two_stage=two_stage)

    # An instance in memory has no folder that a server reads: the images are in the entry.
    found = re.findall(r"!\[(.+?)\]\(data:(.+?);base64,(.+?)\)", bench.shown()["preview"])
    titles = ["losses and mAP by epoch", "results", "precision and recall", "found in validation"]
    assert [title for title, _, _ in found] == titles, "confusion was not drawn"
    for _, media, encoded in found[1:]:
        assert media == "image/jpeg"
        assert 10_000 < len(base64.b64decode(encoded)) <= 150_000
    weights = latest(bench.instance, bench.artifacts.store, KEYS.trained_weights)
    assert len(list((weights.path / "plots").rglob("*.*"))) == 4


def test_a_rented_host_shows_its_price_and_all_its_leases() -> None:
    bill = RENTED_BILL.model_copy(update={"leases": RENTED_BILL.leases * 2})
    shown = show_bill(bill)
    assert (shown["provider"], shown["host"], shown["gpu"]) == ("runpod", "pod-k3j4", "NVIDIA H200")
    assert (shown["usd_per_hour"], shown["leased_seconds"], shown["cost_usd"]) == (3.6, 4500.0, 4.1)
    assert shown["cost_is"] == "billed"
    assert str(shown["leases"].value).count("lease-17") == 2


def test_this_machine_is_on_the_bill_for_nothing(bench: Bench) -> None:
    bench.run(BEGIN + END)

    shown = bench.shown()
    assert (shown["provider"], shown["cost_usd"], shown["cost_is"]) == ("local", 0.0, "estimated")
    assert shown["leased_seconds"] > 0
    assert "leases" not in shown


def epoch_of(stage: str, batch_size: int | None) -> EpochMetrics:
    return EpochMetrics(seconds=1.0, stage=stage, epoch=1, epochs=1, batch_size=batch_size)


def test_the_page_shows_the_batch_that_was_used() -> None:
    job = TrainingSpec(
        game="demo", class_names=("knight",), hyperparameters=hyperparameters({"batch": 16})
    )
    two = job.model_copy(update={"training": two_stages(None, {"batch": 8})})

    assert show_batch_sizes([epoch_of("train", 16)], job) == {"batch": "16"}
    halved = {"batch": "4 (asked for 16: out of memory)"}
    assert show_batch_sizes([epoch_of("train", 4)], job) == halved
    epochs = [epoch_of(two.training[0].name, 8), epoch_of(two.training[1].name, 8)]
    first, second = (stage.name for stage in two.training)
    said = f"{first}: 8 (asked for 16: out of memory); {second}: 8"
    assert show_batch_sizes(epochs, two) == {"batch": said}
    assert show_batch_sizes([epoch_of("train", None)], job) == {}, "of before it was recorded"


def test_weights_of_before_there_was_a_record_are_shown_without_it(tmp_path: Path) -> None:
    assert show_bill(TrainingOutputs(tmp_path).bill) == {}


def test_a_failed_training_leaves_a_folder_that_its_error_names(bench: Bench) -> None:
    result = bench.run(BEGIN + PLOTS + "raise SystemExit('the disk melted')\n")

    assert not result.success
    data = failure_of(result)
    metadata = {name: item.value for name, item in data.user_failure_data.metadata.items()}
    outputs = Path(metadata["outputs"])
    assert "the disk melted" in (outputs / "log.txt").read_text("utf-8")
    assert (outputs / "metrics.jsonl").is_file()
    assert "the disk melted" in metadata["end_of_log"]
    assert metadata["epochs"] == 1
    assert "data:image/svg" in metadata["preview"]
    assert "![first training batch](data:image/jpeg" in metadata["preview"]
    assert "the disk melted" in data.user_failure_data.description
    assert f"resume: {str(outputs.parent)!r}" in data.user_failure_data.description
    assert any(str(outputs) in line for line in bench.lines(result))


def test_the_error_of_a_failed_training_is_still_ours(bench: Bench) -> None:
    bench.program.write_text("raise SystemExit(1)")
    with pytest.raises(dg.Failure) as caught:
        dg.materialize(
            [training_set, *TRAINING],
            selection=[KEYS.cvat_merge, KEYS.trained_weights],
            instance=bench.instance,
            resources=bench.resources,
        )

    assert isinstance(caught.value.__cause__, JobFailedError)


def test_a_failed_training_goes_on_where_it_ended(bench: Bench) -> None:
    failed = bench.run(BEGIN + "raise SystemExit(1)\n")
    data = failure_of(failed).user_failure_data
    folder = Path(data.metadata["outputs"].value).parent

    result = bench.run(BEGIN + END, resume=str(folder))

    assert result.success
    told = [line for line in bench.lines(result) if "epoch" in line and "mAP50" in line]
    assert told == ["20 epoch 2/2: mAP50 0.250; box 1.500"], "nothing is told twice"
    assert bench.shown()["epochs"] == 2
    assert bench.run(BEGIN + "raise SystemExit(1)\n").success, "it is the same training"


def test_resuming_from_nothing_is_refused_before_anything_is_rented(
    bench: Bench, tmp_path: Path
) -> None:
    result = bench.run(BEGIN + END, resume=str(tmp_path / "nowhere"))

    error = failure_of(result).error
    assert CheckpointMissingError.__name__ in error.to_string()
    assert "Cannot go on from" in error.to_string()


# Two stages


def test_two_stages_can_be_asked_for_where_they_are_not_the_default(bench: Bench) -> None:
    result = bench.run(BEGIN + END, two_stage=True, finetune_epochs=7)

    warned = [line for line in bench.lines(result) if "forgets them" in line]
    assert len(warned) == 1
    assert "No real image shows goose:" in warned[0]
    job = bench.shown()["job"]
    assert [stage["name"] for stage in job["training"]] == ["pretrain", "finetune"]
    assert job["training"][1]["hyperparameters"]["epochs"] == 7
    assert bench.shown()["epochs"] == 2


@pytest.mark.parametrize("images", ["synth_0", "real_0"])
def test_without_images_of_both_kinds_there_is_one_stage(bench: Bench, images: str) -> None:
    result = bench.run(BEGIN + END, {"images": images}, two_stage=True)

    assert result.success
    assert [stage["name"] for stage in bench.shown()["job"]["training"]] == ["train"]
    assert any("there is one stage of training" in line for line in bench.lines(result))


def test_the_job_says_at_which_scale_objects_are_learned(bench: Bench) -> None:
    assert bench.run(BEGIN + END).success

    job = bench.shown()["job"]
    assert TrainingScale.from_metadata(job["metadata"]) == TrainingScale("frame", 0.5, (640, 512))
    assert job["export"]["dynamic"] is False


def test_a_pack_of_tiles_exports_for_any_size_and_warns_of_screenshots(bench: Bench) -> None:
    rules = PACK.training.model_copy(update={"trained_on": "tile"})
    bench.training = training_assets(PACK.model_copy(update={"training": rules}))

    result = bench.run(BEGIN + END, imgsz=160)

    job = bench.shown()["job"]
    assert TrainingScale.from_metadata(job["metadata"]) == TrainingScale("tile", 0.5, (320, 256))
    assert job["export"]["dynamic"] is True
    said = "1 real frames to train on are whole screenshots, in which objects are up to 2.0 times"
    assert any(said in line and "heldout_*" in line for line in bench.lines(result))


def test_a_pack_decides_how_it_is_fine_tuned() -> None:
    rules = TwoStageRules(pretrain={"mosaic": 0.5}, finetune={"lr0": 0.002}, finetune_on="all")

    pretrain, finetune = stages_of(rules, 9)

    assert pretrain.hyperparameters == {"mosaic": 0.5}
    assert finetune.hyperparameters == {**FINETUNING, "lr0": 0.002, "epochs": 9}
    assert finetune.train_on is ImageOrigin.ALL


@pytest.mark.parametrize("game", ["demo", "aoe2"])
def test_the_stages_of_the_packs_are_ones_that_the_trainer_knows(game: str) -> None:
    pack = load_pack(game)
    assert (pack.training.two_stage is not None) == (game == "aoe2")
    for stage in stages_of(pack.training.two_stage, 9):
        Hyperparameters(**{**pack.training.hyperparameters, **stage.hyperparameters})


def test_the_launchpad_takes_what_the_how_to_shows() -> None:
    page = (ROOT / "docs" / "how-to" / "train.md").read_text("utf-8")
    block = page.split("```yaml\n")[1].split("```")[0]
    config: dict[str, Any] = yaml.safe_load(block)
    job = build_definitions("aoe2").resolve_implicit_global_asset_job_def()
    shown = config["ops"]["aoe2__training"]["config"]

    validated = dg.validate_run_config(job, config)

    assert {name: validated["ops"]["aoe2__training"]["config"][name] for name in shown} == shown
    defaults = dg.validate_run_config(job, {})["ops"]["aoe2__training"]["config"]
    assert defaults == shown, "the page shows the defaults of the pack"


# Cancelling


@POSIX
@pytest.mark.parametrize(
    "how", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_cancelling_the_run_ends_the_training(tmp_path: Path, how: signal.Signals) -> None:
    program = tmp_path / "program.pyz"
    program.write_text(BEGIN + 'open("pid", "w").write(str(os.getpid()))\ntime.sleep(600)\n')
    script = f"""
        import sys; sys.path[:0] = [{str(ROOT)!r}, {str(TESTS)!r}, {str(TESTS / "assets")!r}]
        from pathlib import Path
        import dagster as dg
        import pipeline.training.job as job
        import test_training as t
        job.PROGRAM = Path({str(program)!r})
        with dg.DagsterInstance.ephemeral() as instance:
            bench = t.Bench(instance, job.PROGRAM)
            bench.run(job.PROGRAM.read_text())
    """
    file = tmp_path / "run.py"
    file.write_text(textwrap.dedent(script), encoding="utf-8")
    state = tmp_path / "state"
    environment = {**os.environ, "DAGSTER_HOME": ""}
    run = subprocess.Popen([sys.executable, str(file)], env=environment, cwd=tmp_path)
    try:
        wait_until(lambda: any(file.read_text() for file in state.glob("jobs/*/pid")), 60.0)
        (written,) = state.glob("jobs/*/pid")

        run.send_signal(how)

        wait_until(lambda: not is_alive(int(written.read_text())), 60.0)
        run.wait(60)
        assert (written.parent / "outputs" / "checkpoint.pt").is_file()
    finally:
        run.kill()
        run.wait()

"""From Materialize to the artifacts, on hosts behind real SSH: a real training, a tiny model."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import dagster as dg
import numpy as np
import pytest
from doubles.artifacts import write_training_set_files
from doubles.gpu_jobs import GPU_NAME, gpu_python, training_program, write_small_job
from doubles.outpost_dev import OutpostDev, environment_of
from doubles.processes import is_alive, wait_until
from doubles.renting import LIMITS, RTX_4090, cloud_at
from doubles.runpod import RunPodDouble, running_runpod
from doubles.sshd import needs_sshd, running_sshd

from assets.core.building import AssetBuild, build_asset, latest
from assets.core.keys import GameKeys
from assets.graph.training import SHOWN_PLOTS, training_assets
from pipeline.games.pack import load_pack
from resources.artifacts import Artifacts
from resources.gpu import Gpu, Provider
from resources.gpu.clouds.base import Offer, PodRequest
from resources.gpu.hosts.keys import own_key, public_line
from resources.gpu.leases.ledger import LeaseState, Ledger
from resources.gpu.pod_names import new_lease_id
from resources.paths import Paths

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), needs_sshd]

ROOT = Path(__file__).parents[2]
PACK = load_pack("demo")
KEYS = GameKeys.of(PACK)
SIDE, IMAGES = 128, 6
CONFIG = {"epochs": 2, "imgsz": SIDE, "batch": 4, "two_stage": False}


@dg.asset(key=KEYS.cvat_merge)
def tiny_set(context: dg.AssetExecutionContext, artifacts: Artifacts) -> dg.MaterializeResult[Any]:
    """A few grey images with a bright square each."""

    def write(folder: Path) -> None:
        random = np.random.default_rng(5)
        listed = {}
        for split in ("train", "val"):
            listed[split] = lines = []
            for kind in ("images", "labels"):
                (folder / kind / split).mkdir(parents=True)
            for number in range(IMAGES):
                name = f"real_{split}_{number}"
                image = random.integers(0, 90, (SIDE, SIDE, 3), dtype=np.uint8)
                left, top = random.integers(8, 70, 2).tolist()
                image[top : top + 48, left : left + 48] = 220
                cv2.imwrite(str(folder / "images" / split / f"{name}.png"), image)
                middle = f"{(left + 24) / SIDE} {(top + 24) / SIDE} {48 / SIDE} {48 / SIDE}"
                (folder / "labels" / split / f"{name}.txt").write_text(f"0 {middle}\n", "utf-8")
                lines.append(f"images/{split}/{name}.png")
        write_training_set_files(folder, PACK.class_names, listed["train"], listed["val"])

    return build_asset(
        AssetBuild(context, artifacts.store, KEYS.cvat_merge, "c1", {}), write, lambda _: {}
    )


class Journey:
    """A state folder and what a person sees of it in the UI."""

    def __init__(self, instance: dg.DagsterInstance, state: Path) -> None:
        self.instance = instance
        self.paths = Paths.below(state)
        self.artifacts = Artifacts(paths=self.paths)

    def materialize(self, gpu: Gpu) -> Any:
        return dg.materialize(
            [tiny_set, *training_assets(PACK)],
            instance=self.instance,
            resources={"artifacts": self.artifacts, "gpu": gpu},
            run_config={"ops": {"demo__training": {"config": CONFIG}}},
        )

    def log_of(self, result: Any) -> str:
        return "\n".join(entry.to_json() for entry in self.instance.all_logs(result.run_id))

    def folder_of(self, key: dg.AssetKey) -> Path:
        return latest(self.instance, self.artifacts.store, key).path

    def metadata_of(self, key: dg.AssetKey) -> dict[str, Any]:
        event = self.instance.get_latest_materialization_event(key)
        assert event is not None
        assert event.asset_materialization is not None
        return {name: item.value for name, item in event.asset_materialization.metadata.items()}


@pytest.fixture
def journey(tmp_path: Path) -> Iterator[Journey]:
    with dg.DagsterInstance.ephemeral(str(tmp_path)) as instance:
        yield Journey(instance, tmp_path / "state")


@pytest.fixture
def runpod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunPodDouble]:
    with running_runpod(tmp_path / "runpod") as runpod:
        runpod.programs = {"python3": gpu_python()}
        monkeypatch.setenv("RUNPOD_API_KEY", runpod.key)
        monkeypatch.setenv("OUTPOST_RUNPOD_URL", runpod.url)
        yield runpod


def test_materialize_trains_on_a_rented_pod(
    journey: Journey, runpod: RunPodDouble, tmp_path: Path
) -> None:
    with watching_processes() as seen:
        result = journey.materialize(Gpu(paths=journey.paths, provider=Provider.RUNPOD))

    assert result.success
    assert runpod.owned == []
    assert runpod.violations == []
    weights, onnx = journey.folder_of(KEYS.trained_weights), journey.folder_of(KEYS.onnx_export)
    assert {"best.pt", "last.pt", "results.csv", "log.txt", "environment.json", "lease.json"} <= {
        file.name for file in weights.iterdir()
    }
    assert (onnx / "model.onnx").is_file()
    (row,) = Ledger(tmp_path / "state" / "gpu").rows()
    assert row.state is LeaseState.TERMINATED
    shown = journey.metadata_of(KEYS.trained_weights)
    assert (shown["provider"], shown["gpu"]) == ("runpod", GPU_NAME)
    assert shown["usd_per_hour"] == 0.69
    assert shown["cost_usd"] >= runpod.usd * 0.99
    assert shown["cost_is"] == "billed"
    for plot in SHOWN_PLOTS:
        assert f"![{plot}](" in shown["preview"]
    log = journey.log_of(result)
    assert "Asking runpod for NVIDIA GeForce RTX 4090" in log
    assert "epoch 2/2" in log
    assert_nowhere(runpod.key, tmp_path, log, seen)


def test_materialize_trains_on_a_machine_behind_ssh(journey: Journey, tmp_path: Path) -> None:
    key_file = tmp_path / "keys" / "id_ed25519"
    known_hosts = tmp_path / "known_hosts"
    with running_sshd(tmp_path / "machine", public_line(own_key(key_file))) as machine:
        machine.install("python3", gpu_python())
        machine.write_known_hosts(known_hosts)
        result = journey.materialize(
            Gpu(
                paths=journey.paths,
                provider=Provider.SSH,
                ssh_host=f"{machine.user}@{machine.host}:{machine.port}",
                ssh_key=str(key_file),
                ssh_known_hosts=str(known_hosts),
                ssh_usd_per_hour=0.1,
            )
        )
        left = list((machine.home / ".outpost" / "jobs").iterdir())

    assert result.success
    assert left == []
    assert (journey.folder_of(KEYS.onnx_export) / "model.onnx").is_file()
    shown = journey.metadata_of(KEYS.trained_weights)
    assert (shown["provider"], shown["host"]) == ("ssh", "127.0.0.1")
    assert "epoch 2/2" in journey.log_of(result)


CANCELLED_RUN = """
import sys
from pathlib import Path

import dagster as dg

from pipeline.training.job import job_spec, read_job
from resources.gpu import Gpu
from resources.paths import Paths

JOB = Path(sys.argv[1])

@dg.asset
def trained_weights(context: dg.AssetExecutionContext, gpu: Gpu) -> None:
    with gpu.rent(job_spec(read_job(JOB))) as lease:
        lease.run(JOB, on_log=context.log.info)

with dg.DagsterInstance.ephemeral(sys.argv[2]) as instance:
    gpu = Gpu(paths=Paths.below(JOB.parents[1] / "state"), provider="runpod")
    dg.materialize([trained_weights], instance=instance, resources={"gpu": gpu})
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_cancelling_a_run_brings_the_checkpoint_and_ends_the_pod(
    runpod: RunPodDouble, tmp_path: Path, how: signal.Signals
) -> None:
    job = write_small_job(tmp_path / "job", training_program(epochs=10_000, seconds=0.5))
    script = tmp_path / "run.py"
    script.write_text(CANCELLED_RUN, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    (tmp_path / "instance").mkdir()
    told = job.parent / "outputs" / "metrics.jsonl"
    run = subprocess.Popen(
        [sys.executable, str(script), str(job), str(tmp_path / "instance")],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        wait_until(lambda: told.is_file() and b'"epoch"' in told.read_bytes(), 200)
        run.send_signal(how)
        said, _ = run.communicate(timeout=120)
    finally:
        run.kill()

    assert run.returncode != 0
    assert runpod.owned == [], said.decode()
    assert (job.parent / "outputs" / "checkpoint.pt").is_file()
    (row,) = Ledger(tmp_path / "state" / "gpu").rows()
    assert row.state is LeaseState.TERMINATED
    assert runpod.key.encode() not in said


KILLED_RUN = """
import os
from pathlib import Path

import dagster as dg

from pipeline.training.job import job_spec, read_job
from resources.gpu import Gpu
from resources.paths import Paths

JOB = Path(os.environ["JOB_FILE"])
PATHS = Paths.below(JOB.parents[1] / "state")

@dg.asset
def trained_weights(context: dg.AssetExecutionContext, gpu: Gpu) -> None:
    (JOB.parent / "step.pid").write_text(str(os.getpid()))
    with gpu.rent(job_spec(read_job(JOB))) as lease:
        lease.run(JOB, on_log=context.log.info)

defs = dg.Definitions(
    [trained_weights],
    resources={"gpu": Gpu(paths=PATHS, provider="runpod")},
    jobs=[dg.define_asset_job("training", executor_def=dg.multiprocess_executor)],
)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX")
def test_a_step_whose_run_was_killed_brings_the_checkpoint_and_ends_the_pod(
    runpod: RunPodDouble, tmp_path: Path
) -> None:
    job = write_small_job(tmp_path / "job", training_program(epochs=10_000, seconds=0.5))
    script = tmp_path / "killed_run.py"
    script.write_text(KILLED_RUN, encoding="utf-8")
    (tmp_path / "instance").mkdir()
    told = job.parent / "outputs" / "metrics.jsonl"
    run = subprocess.Popen(
        [sys.executable, "-m", "dagster", "job", "execute", "-f", str(script), "-j", "training"],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "DAGSTER_HOME": str(tmp_path / "instance"),
            "JOB_FILE": str(job),
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: told.is_file() and b'"epoch"' in told.read_bytes(), 200)
        run.kill()
        step = int((job.parent / "step.pid").read_text())
        assert step != run.pid
        wait_until(lambda: runpod.owned == [], 120)
        wait_until(lambda: not is_alive(step), 60)
    finally:
        run.kill()

    assert (job.parent / "outputs" / "checkpoint.pt").is_file()
    (row,) = Ledger(tmp_path / "state" / "gpu").rows()
    assert row.state is LeaseState.TERMINATED


def test_the_daemon_of_outpost_dev_ends_what_a_killed_run_left(
    runpod: RunPodDouble, tmp_path: Path
) -> None:
    ledger, offer = Ledger(tmp_path / "state" / "gpu"), Offer(RTX_4090, "EU-RO-1", "secure", 0.69)
    left = ledger.intend("runpod", offer, LIMITS, new_lease_id())
    cloud_at(runpod.url).create(PodRequest(left.name, offer, "ssh-ed25519 AAAA x", 3600))
    foreign = runpod.add_foreign()
    log = tmp_path / "dev.log"
    server = OutpostDev(environment_of(tmp_path / "state"), log)
    try:
        wait_until(lambda: ledger.row(left.id).state is LeaseState.TERMINATED, 300)
    finally:
        server.stop()

    assert runpod.owned == []
    assert foreign.alive
    assert ledger.row(left.id).note == "the process that leased it is gone"
    assert runpod.key not in log.read_text(encoding="utf-8")


class watching_processes:  # noqa: N801
    """Command lines of everything that runs while the block does."""

    def __enter__(self) -> set[str]:
        self.seen: set[str] = set()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self.seen

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()

    def _watch(self) -> None:
        while not self.over.wait(0.5):
            listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True)
            self.seen.update(listed.stdout.splitlines())


def assert_nowhere(secret: str, folder: Path, log: str, processes: set[str]) -> None:
    """Not in files, not in what Dagster keeps, not among the processes."""
    assert secret not in log
    assert not [line for line in processes if secret in line]
    for file in folder.rglob("*"):
        if file.is_file():
            assert secret.encode() not in file.read_bytes(), file

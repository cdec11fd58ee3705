"""Shards on a real distributed engine: Redis, two workers, and one of them killed at work."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from doubles.sshd import free_port

from assets.core.building import latest_version
from pipeline.manifests import manifest_of
from pipeline.scenes.dataset.shard_writer import Sources
from pipeline.scenes.dataset.writer import write_set
from resources.executors import (
    BROKER_VARIABLE,
    CELERY_SETTINGS,
    EXECUTOR_VARIABLE,
    ExecutorError,
    executor_from_environment,
)

ROOT = Path(__file__).parents[2]
WORKERS_FILE = ROOT / "celery.yaml"
IMAGES, SHARD_IMAGES = 3200, 400
KEY = dg.AssetKey(["toy", "synthetic_set"])

needs_redis = pytest.mark.skipif(
    shutil.which("redis-server") is None, reason="redis-server is not installed"
)


def test_steps_run_in_processes_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(EXECUTOR_VARIABLE, raising=False)
    assert executor_from_environment() is dg.multiprocess_executor


@pytest.mark.parametrize(
    ("executor", "broker", "problem"),
    [("dask", "x", "no such executor"), ("celery", "", "names no broker")],
)
def test_an_executor_that_cannot_be_had_is_explained(
    monkeypatch: pytest.MonkeyPatch, executor: str, broker: str, problem: str
) -> None:
    monkeypatch.setenv(EXECUTOR_VARIABLE, executor)
    monkeypatch.setenv(BROKER_VARIABLE, broker)
    with pytest.raises(ExecutorError, match=problem):
        executor_from_environment()


def test_workers_and_runs_have_the_same_settings() -> None:
    """Dagster builds both from files of their own and compares nothing."""
    settings = yaml.safe_load(WORKERS_FILE.read_text("utf-8"))["execution"]["config"]
    assert settings["config_source"] == CELERY_SETTINGS
    assert settings["broker"] == settings["backend"] == {"env": BROKER_VARIABLE}


@pytest.mark.slow
@needs_redis
def test_a_set_survives_a_killed_process_of_a_worker(toy_game: Any, tmp_path: Path) -> None:
    """With the settings that we ship: the step goes to the next worker at once."""
    with cluster(toy_game, tmp_path, WORKERS_FILE) as machine:
        run = machine.materialize()
        machine.wait_for_work(run)
        os.kill(drawing_process(machine.workers[0].pid), signal.SIGKILL)
        assert run.wait(timeout=240) == 0, machine.log
        assert "signal 9" in machine.log_file.read_text("utf-8"), "the worker missed it"
    assert_set_is_right(toy_game, tmp_path)


@pytest.mark.slow
@needs_redis
def test_a_set_survives_a_lost_machine(toy_game: Any, tmp_path: Path) -> None:
    """Redis hands its steps out again after the visibility timeout, which is short here."""
    settings = yaml.safe_load(WORKERS_FILE.read_text("utf-8"))
    options = settings["execution"]["config"]["config_source"]
    options["broker_transport_options"] = {"visibility_timeout": 20}
    impatient = tmp_path / "celery.yaml"
    impatient.write_text(yaml.safe_dump(settings), encoding="utf-8")
    with cluster(toy_game, tmp_path, impatient) as machine:
        run = machine.materialize()
        machine.wait_for_work(run)
        os.killpg(machine.workers[0].pid, signal.SIGKILL)
        assert run.wait(timeout=240) == 0, machine.log
    assert_set_is_right(toy_game, tmp_path)


def assert_set_is_right(toy_game: Any, folder: Path) -> None:
    """The version is the one of what this process draws alone, without Dagster."""
    pack = toy_game.pack
    rules = pack.scenes.model_copy(update={"images": IMAGES})
    names = ("sprites", "terrain_backgrounds", "water_backgrounds")
    sources = Sources(*(next(toy_game.store.root.glob(f"toy/{n}/*/files")) for n in names))
    write_set(folder / "alone", pack.model_copy(update={"scenes": rules}), sources)
    with toy_game.instance() as instance:
        version = latest_version(instance, KEY)
    assert version is not None
    assert manifest_of(folder / "alone").digest == version.data_version


class Cluster:
    """A Redis server, two workers and the means to run something on them."""

    def __init__(self, game: Any, folder: Path, broker: str) -> None:
        self.game = game
        self.log_file = folder / "cluster.log"
        self.workers: list[subprocess.Popen[bytes]] = []
        scripts = str(Path(sys.executable).parent)
        self.environment = {
            **game.environment,
            EXECUTOR_VARIABLE: "celery",
            BROKER_VARIABLE: broker,
            # The command starts `celery`, which it expects on the path.
            "PATH": os.pathsep.join([scripts, os.environ["PATH"]]),
        }

    @property
    def log(self) -> str:
        return self.log_file.read_text("utf-8", errors="replace")[-6000:]

    @property
    def scratch(self) -> Path:
        folder: Path = self.game.store.root / "toy/synthetic_set/staging"
        return folder

    def start(self, stack: ExitStack, command: list[str]) -> subprocess.Popen[bytes]:
        output = stack.enter_context(self.log_file.open("ab"))
        process = subprocess.Popen(
            command,
            env=self.environment,
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        stack.callback(end, process)
        return process

    def materialize(self) -> subprocess.Popen[bytes]:
        config = {"images": IMAGES, "shard_images": SHARD_IMAGES}
        run = json.dumps({"ops": {"toy__synthetic_set": {"config": config}}})
        command = [sys.executable, "-m", "dagster", "asset", "materialize"]
        options = ["-m", "assets.definitions", "--select", "toy/synthetic_set"]
        return self.start(self.stack, [*command, *options, "--config-json", run])

    def wait_for_work(self, run: subprocess.Popen[bytes]) -> None:
        """Until a shard is finished and both workers are at the next ones."""

        def busy() -> bool:
            assert run.poll() is None, self.log
            drawing = list(self.scratch.glob("*/attempts/*"))
            return bool(list(self.scratch.glob("*/shards/*"))) and len(drawing) == 2

        wait_until(busy, 120, lambda: self.log)

    stack: ExitStack


@contextmanager
def cluster(game: Any, folder: Path, workers_file: Path) -> Iterator[Cluster]:
    port = free_port()
    machine = Cluster(game, folder, f"redis://127.0.0.1:{port}/0")
    with ExitStack() as stack:
        machine.stack = stack
        redis = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
        machine.start(stack, [*redis, "--dir", str(folder)])
        wait_until(lambda: answers(port), 60, lambda: machine.log)
        for name in ("one", "two"):
            command = ["dagster-celery", "worker", "start", "-A", "dagster_celery.app"]
            options = ["-y", str(workers_file), "-q", "dagster", "-n", name, "--", "-c", "1"]
            machine.workers.append(machine.start(stack, [*command, *options]))
        wait_until(lambda: machine.log.count(" ready.") == 2, 90, lambda: machine.log)
        yield machine


def drawing_process(pid: int) -> int:
    """The innermost of a worker's own processes; those within it only carry its logs."""
    listing = subprocess.run(
        ["ps", "-e", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    )
    rows = [line.split(None, 2) for line in listing.stdout.splitlines()]
    children = {int(parent): int(child) for child, parent, args in rows if " worker " in args}
    while pid in children:
        pid = children[pid]
    return pid


def end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(60)


def wait_until(condition: Callable[[], bool], seconds: float, log: Callable[[], str]) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, log()
        time.sleep(0.05)


def answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False

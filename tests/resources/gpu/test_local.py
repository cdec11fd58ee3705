"""Training on this machine: what is told, how failures read, and that nothing is left running."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from doubles.gpu_jobs import SPEC
from doubles.processes import is_alive, wait_until

from pipeline.jobs.events import JobEvent, MessageEvent
from pipeline.jobs.failures import JobFailedError
from resources.gpu.leases.local import LocalProvider

ROOT = Path(__file__).parents[3]
SOON = 60.0
"""Seconds within which a process that starts Python has done its part."""
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="asks for processes by signal 0")

SLEEPER = """
import os, pathlib, subprocess, sys, time
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
child = subprocess.Popen(sleep)
pathlib.Path("pids.tmp").write_text(f"{os.getpid()} {child.pid}")
os.replace("pids.tmp", "pids")
print("asleep", flush=True)
time.sleep(600)
"""
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
LIFELINE = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
from pipeline.jobs.program.process import stop_on_request, stop_when_abandoned
stop_on_request()
stop_when_abandoned()
"""


class Interrupted(BaseException):
    """As Dagster's own interrupt: no `except Exception` sees it."""


def run(job: Path, program: str, **listeners: Callable[..., None]) -> Path:
    """Run a job with another program in the place of the real one."""
    (job.parent / "program.pyz").write_text(textwrap.dedent(program), encoding="utf-8")
    with LocalProvider().rent(SPEC) as lease:
        return lease.run(job, **listeners)


def pids_of(job: Path) -> tuple[int, ...]:
    """The program's process and its child's, once both run."""
    file = job.parent / "pids"
    wait_until(file.exists, SOON)
    return tuple(int(pid) for pid in file.read_text().split())


def test_events_and_log_lines_are_told_as_they_come(job: Path) -> None:
    events: list[JobEvent] = []
    lines: list[str] = []

    outputs = run(
        job,
        """
        import json, pathlib
        print("\\033[1mhello\\033[0m")
        event = {"event": "message", "seconds": 1.0, "message": "from scratch"}
        with open("outputs/metrics.jsonl", "a") as stream:
            stream.write(json.dumps(event) + "\\n")
        pathlib.Path("outputs/done.json").write_text("{}")
        """,
        on_event=events.append,
        on_log=lines.append,
    )

    assert outputs == job.parent / "outputs"
    assert lines == ["hello"]
    assert events == [MessageEvent(seconds=1.0, message="from scratch")]


def test_a_program_that_watches_its_lifeline_ends_well_by_itself(job: Path) -> None:
    done = "import pathlib; pathlib.Path('outputs/done.json').write_text('{}')"

    assert run(job, f"{LIFELINE}{done}").is_dir()


def test_a_training_does_not_get_to_see_the_keys_of_clouds(
    job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNPOD_API_KEY", "secret")
    monkeypatch.setenv("LAMBDA_API_KEY", "secret")
    monkeypatch.setenv("SOMETHING_ELSE", "kept")

    outputs = run(
        job,
        """
        import os, pathlib
        assert os.environ["SOMETHING_ELSE"] == "kept"
        assert "secret" not in os.environ.values()
        pathlib.Path("outputs/done.json").touch()
        """,
    )

    assert (outputs / "done.json").is_file()


def test_a_failure_quotes_the_end_of_the_log_and_says_where_it_is(job: Path) -> None:
    with pytest.raises(JobFailedError, match="no such layer") as caught:
        run(job, "print('before'); raise SystemExit('no such layer')")

    assert str(job.parent / "outputs" / "log.txt") in caught.value.fix
    assert "before" in (job.parent / "outputs" / "log.txt").read_text(encoding="utf-8")


def test_a_program_that_ends_well_without_being_done_has_failed(job: Path) -> None:
    with pytest.raises(JobFailedError, match="exit code 0"):
        run(job, "pass")


def test_a_bill_that_cannot_be_written_hides_no_failure(job: Path) -> None:
    # A file cannot take the place of a folder.
    (job.parent / "outputs" / "lease.json").mkdir(parents=True)
    lines: list[str] = []

    with pytest.raises(JobFailedError, match="no such layer"):
        run(job, "raise SystemExit('no such layer')", on_log=lines.append)

    assert "bill could not be written" in lines[-1]


def test_a_bill_is_there_whole_or_as_it_was(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = "import pathlib; pathlib.Path('outputs/done.json').write_text('{}')"
    outputs = run(job, done)
    before = (outputs / "lease.json").read_text()

    def fill_up(file: Path, text: str) -> None:
        file.write_text(text[:5])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pipeline.files.write_text", fill_up)
    run(job, done)

    assert (outputs / "lease.json").read_text() == before
    assert not list(outputs.glob(".lease*"))


@pytest.mark.parametrize(
    ("program", "named"),
    [
        ("raise SystemExit(4)", "is full"),
        ("raise SystemExit(3)", "ran out of memory"),
        pytest.param(
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
            "ran out of memory",
            marks=POSIX,
        ),
    ],
)
def test_a_full_disk_and_want_of_memory_are_named(job: Path, program: str, named: str) -> None:
    with pytest.raises(JobFailedError, match=named):
        run(job, program)


def interrupt(_line: str) -> None:
    raise Interrupted


@POSIX
def test_an_interrupt_ends_the_program_and_what_it_started(job: Path) -> None:
    with pytest.raises(Interrupted):
        run(job, SLEEPER, on_log=interrupt)

    wait_until(lambda: not any(map(is_alive, pids_of(job))), SOON)


@POSIX
def test_a_program_that_ignores_the_request_to_end_is_killed(
    job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.jobs.child_process.GRACE_SECONDS", 0.5)

    with pytest.raises(Interrupted):
        run(job, f"{DEAF}\n{SLEEPER}", on_log=interrupt)

    wait_until(lambda: not any(map(is_alive, pids_of(job))), SOON)


@POSIX
def test_what_a_finished_program_left_running_is_ended(job: Path) -> None:
    with pytest.raises(JobFailedError):
        run(job, SLEEPER.replace("\ntime.sleep(600)\n", "\nraise SystemExit(1)\n"))

    wait_until(lambda: not any(map(is_alive, pids_of(job))), SOON)


@pytest.fixture
def dagster_run(job: Path, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A run of Dagster, in a process of its own, that trains with the sleeping program."""
    (job.parent / "program.pyz").write_text(f"{LIFELINE}{SLEEPER}", encoding="utf-8")
    script = f"""
        import dagster as dg
        from pathlib import Path
        from pipeline.training.job import job_spec, read_job
        from resources.gpu.resource import Gpu
        from resources.paths import Paths

        JOB = Path({str(job)!r})

        @dg.asset
        def trained_weights(gpu: Gpu) -> None:
            with gpu.rent(job_spec(read_job(JOB))) as lease:
                lease.run(JOB)

        gpu = Gpu(paths=Paths.below(JOB.parent))
        result = dg.materialize([trained_weights], resources={{"gpu": gpu}})
    """
    file = tmp_path / "run.py"
    file.write_text(textwrap.dedent(script), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DAGSTER_HOME": ""}
    process = subprocess.Popen([sys.executable, str(file)], env=environment, cwd=tmp_path)
    yield process
    process.kill()
    process.wait()


@POSIX
@pytest.mark.parametrize(
    "how", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_cancelling_a_dagster_run_ends_the_training(
    job: Path, dagster_run: subprocess.Popen[bytes], how: signal.Signals
) -> None:
    pids = pids_of(job)

    dagster_run.send_signal(how)

    wait_until(lambda: not any(map(is_alive, pids)), SOON)
    assert dagster_run.wait(SOON) != 0


@POSIX
@pytest.mark.slow
def test_killing_the_run_ends_the_training_by_its_lifeline(
    job: Path, dagster_run: subprocess.Popen[bytes]
) -> None:
    pids = pids_of(job)

    dagster_run.kill()

    wait_until(lambda: not any(map(is_alive, pids)), SOON)

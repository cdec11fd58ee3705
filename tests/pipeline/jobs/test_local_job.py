"""Any program runs on this machine as the detector's does: told, stopped, continued, explained."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from doubles.processes import wait_until
from doubles.sum_job import SUM, SumEvent, write_sum_job

from pipeline.jobs.events import JobEvent, MessageEvent, read_events
from pipeline.jobs.failures import JobFailedError, job_failure
from pipeline.jobs.folder import JobError, pack_program, write_job_folder
from pipeline.jobs.local import run_job
from pipeline.jobs.program.constants import EXIT_NO_MEMORY
from pipeline.jobs.program.outputs import Outputs
from pipeline.jobs.program.runner import run_and_explain


def total(outputs: Path) -> int:
    return int((outputs / "total.txt").read_text())


def test_a_job_of_another_kind_runs_and_tells_its_own_events(tmp_path: Path) -> None:
    events: list[JobEvent] = []

    outputs = run_job(write_sum_job(tmp_path / "job"), SUM, events.append)

    assert total(outputs) == 6
    told = [event for event in events if isinstance(event, SumEvent)]
    assert [(event.epoch, event.total) for event in told] == [(1, 1), (2, 3), (3, 6)]
    done = json.loads((outputs / "done.json").read_text())
    assert set(done) == {"environment.json", "total.txt"}
    assert not (outputs / "checkpoint.pt").exists()


def test_the_stop_file_ends_it_in_order(tmp_path: Path) -> None:
    job = write_sum_job(tmp_path / "job", epochs=1000)

    def stop(event: JobEvent) -> None:
        (job.parent / "stop").touch()

    outputs = run_job(job, SUM, stop)

    assert 1 <= total(outputs) < 500


def test_a_job_that_failed_goes_on_from_its_checkpoint_in_another_folder(tmp_path: Path) -> None:
    first = write_sum_job(tmp_path / "first", epochs=4, fails_after=2)
    with pytest.raises(JobFailedError):
        run_job(first, SUM)
    lines: list[str] = []

    job = json.dumps({"epochs": 4, "seconds": 0})
    checkpoint = first.parent / "outputs" / "checkpoint.pt"
    second = write_job_folder(tmp_path / "second", "doubles.sum_program", job, {}, checkpoint)
    outputs = run_job(second, SUM, on_log=lines.append)

    assert total(outputs) == 10
    assert lines == ["going on after 2"]


def test_a_failure_is_explained_in_the_words_of_its_kind(tmp_path: Path) -> None:
    with pytest.raises(JobFailedError, match="It ran out of memory") as caught:
        run_job(write_sum_job(tmp_path / "job", fails_after=1), SUM)

    assert caught.value.fix.startswith("Add fewer numbers.")
    assert "the abacus is full" in caught.value.problem


def test_what_the_program_tells_of_its_failure_is_quoted(tmp_path: Path) -> None:
    job = write_sum_job(tmp_path / "job")
    job.write_text('{"epochs": "three", "seconds": 0}')

    with pytest.raises(JobFailedError, match="The sum failed: TypeError"):
        run_job(job, SUM)


def test_the_packed_program_needs_nothing_of_outpost(tmp_path: Path) -> None:
    job = write_sum_job(tmp_path / "job")
    # Isolated: no path but the standard library's and what `python` itself puts first, the zipapp.
    bare = "import runpy, sys; sys.path = [p for p in sys.path if 'site-packages' not in p]; "
    bare += "sys.modules['yaml'] = type(sys)('yaml'); sys.modules['yaml'].__version__ = '0'; "
    bare += (
        f"sys.argv = ['program.pyz', {str(job)!r}]; runpy.run_path('program.pyz', None, '__main__')"
    )

    ended = subprocess.run(
        [sys.executable, "-I", "-S", "-c", bare],
        cwd=job.parent,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    assert total(job.parent / "outputs") == 6


def test_one_code_is_packed_to_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.pyz", "b.pyz"):
        pack_program("doubles.sum_program", tmp_path / name)

    assert (tmp_path / "a.pyz").read_bytes() == (tmp_path / "b.pyz").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.pyz") as archive:
        names = set(archive.namelist())
        assert archive.read("pipeline/__init__.py") == b""
    assert {
        "__main__.py",
        "doubles/sum_program/main.py",
        "pipeline/jobs/program/runner.py",
    } <= names
    assert not any(name.startswith("pipeline/training") for name in names)


def test_packages_that_are_named_beside_a_program_travel_with_it(tmp_path: Path) -> None:
    beside = "pipeline.training.detector_program.acceleration"
    pack_program(("doubles.sum_program", beside), tmp_path / "a.pyz")
    with zipfile.ZipFile(tmp_path / "a.pyz") as archive:
        names = set(archive.namelist())
        assert b"from doubles.sum_program.main import main" in archive.read("__main__.py")
        assert archive.read("pipeline/training/__init__.py") == b""
    assert "pipeline/training/detector_program/acceleration/waiting.py" in names
    assert "pipeline/training/detector_program/main.py" not in names


def test_an_exit_code_tells_what_ran_out(tmp_path: Path) -> None:
    job = write_sum_job(tmp_path / "job", fails_after=1)

    ended = subprocess.run([sys.executable, "program.pyz", "job.json"], cwd=job.parent, check=False)

    assert ended.returncode == EXIT_NO_MEMORY


def test_a_folder_in_use_and_a_checkpoint_that_is_not_there_are_refused(tmp_path: Path) -> None:
    write_sum_job(tmp_path / "job")
    with pytest.raises(JobError, match="not empty"):
        write_sum_job(tmp_path / "job")
    with pytest.raises(JobError, match="no checkpoint"):
        write_job_folder(
            tmp_path / "new", "doubles.sum_program", "{}", {}, tmp_path / "checkpoint.pt"
        )
    assert not (tmp_path / "new").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="asks with a signal")
@pytest.mark.parametrize("finished", [False, True])
def test_who_is_asked_to_end_says_what_was_kept_and_how_to_go_on(
    tmp_path: Path, finished: bool
) -> None:
    job = write_sum_job(tmp_path / "job", epochs=1000, seconds=0.05 if finished else 60)
    outputs = job.parent / "outputs"
    marker = outputs / ("checkpoint.json" if finished else "environment.json")
    process = subprocess.Popen([sys.executable, job.parent / "program.pyz", job])
    wait_until(marker.is_file, 60)
    process.terminate()

    failure = job_failure(SUM, process.wait(), outputs)

    (message,) = [
        event.message
        for event in read_events(outputs / "metrics.jsonl", SUM.event_types)
        if isinstance(event, MessageEvent)
    ]
    kept = "; the newest checkpoint was kept" if finished else ""
    assert message == f"Asked to end at once{kept}"
    assert "The sum was asked to end from outside." in failure.problem
    assert "`resume`" in failure.fix
    assert failure.was_killed


def test_a_program_that_ends_itself_was_asked_by_nobody(tmp_path: Path) -> None:
    with Outputs(tmp_path) as outputs, pytest.raises(SystemExit):
        run_and_explain({}, tmp_path, outputs, lambda *_: sys.exit(7))

    assert "Asked" not in (tmp_path / "metrics.jsonl").read_text()

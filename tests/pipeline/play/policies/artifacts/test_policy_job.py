"""Policies are trained by a job: the same as without one, also when it is ended and goes on."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from pipeline.jobs.events import EpochEvent, JobEvent, MessageEvent, read_events
from pipeline.jobs.failures import JobFailedError
from pipeline.jobs.folder import JobError
from pipeline.jobs.local import run_job
from pipeline.jobs.program.constants import (
    CHECKPOINT_FILE,
    DONE_FILE,
    ENVIRONMENT_FILE,
    EVENTS_FILE,
    OUTPUTS_FOLDER,
    STOP_FILE,
)
from pipeline.jobs.program.outputs import Outputs
from pipeline.play.demonstrations import Demonstration
from pipeline.play.policies.artifacts.policy_job import (
    PolicySpec,
    policy_job_spec,
    read_policy_job,
    write_policy_job,
)
from pipeline.play.policies.artifacts.sessions import SessionPlay
from pipeline.play.policies.artifacts.trained_policies import TrainedPolicies, TrainedPoliciesError
from pipeline.play.policies.checkpoints import read_checkpoint
from pipeline.play.policies.cloning import clone, digest_of
from pipeline.play.policies.following import POLICY_EVENTS
from pipeline.play.policies.policy_program.checkpoints import unpack_policies
from pipeline.play.policies.policy_program.main import run
from pipeline.play.policies.settings import CloneSettings
from pipeline.play.stored_demonstrations import write_demonstration
from pipeline.release.lineage.audit import embedded_lineage


class LeaseLostError(Exception):
    """While a job was running."""


@pytest.fixture
def brief(tiny: CloneSettings) -> CloneSettings:
    """Two epochs of each."""
    role = tiny.executor.model_copy(update={"epochs": 2})
    return tiny.model_copy(update=dict.fromkeys(("strategist", "tactician", "executor"), role))


@pytest.fixture
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the program, too: sums of floats are the same with as many threads."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")


def write_job(
    folder: Path, shown: list[Demonstration], settings: CloneSettings, resume: Path | None = None
) -> tuple[Path, PolicySpec]:
    sessions = folder / "sessions"
    if not sessions.exists():
        for one in shown:
            write_demonstration(one, sessions)
    names = tuple(one.name for one in shown)
    spec = PolicySpec(game="demo", settings=settings, sessions=names)
    job = write_policy_job(folder / f"job-{resume is not None}", spec, sessions, resume)
    return job, spec


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_a_job_that_is_ended_goes_on_elsewhere_to_the_bytes_of_a_clone(
    little: list[Demonstration], brief: CloneSettings, tmp_path: Path
) -> None:
    clone(little, brief, tmp_path / "cloned")
    job, spec = write_job(tmp_path, little, brief)
    told: list[JobEvent] = []

    def lose(event: JobEvent) -> None:
        told.append(event)
        if isinstance(event, EpochEvent) and (event.stage, event.epoch) == ("strategist", 2):
            raise LeaseLostError

    with pytest.raises(LeaseLostError):
        run_job(job, policy_job_spec(spec), lose)
    outputs = job.parent / OUTPUTS_FOLDER
    assert not (outputs / DONE_FILE).exists()

    job, spec = write_job(tmp_path, little, brief, outputs / CHECKPOINT_FILE)
    told.clear()
    outputs = run_job(job, policy_job_spec(spec), told.append)
    epochs = [one for one in told if isinstance(one, EpochEvent)]
    places = [(one.stage, one.epoch) for one in epochs]
    roles = ("strategist", "tactician", "executor")
    assert places == [(role, number) for role in roles for number in (1, 2)]
    # An event is heard a moment after it happened: meanwhile the job went on.
    restored = sum(one.restored for one in epochs)
    assert 2 <= restored < len(epochs)
    assert [one.restored for one in epochs] == [at < restored for at in range(len(epochs))]
    assert any("Going on" in one.message for one in told if isinstance(one, MessageEvent))
    assert not (outputs / CHECKPOINT_FILE).exists()
    for file in (tmp_path / "cloned").rglob("*.*"):
        made = outputs / "policies" / file.relative_to(tmp_path / "cloned")
        assert made.read_bytes() == file.read_bytes(), file.name

    for role in roles:
        lineage = embedded_lineage(outputs / "policies" / f"{role}.onnx")
        assert lineage["sessions"] == digest_of(little)

    plays = [
        SessionPlay(name=one.name, player="me", opponent="you", seconds=35.0, returns=None)
        for one in little
    ]
    trained = TrainedPolicies.write(tmp_path / "artifact", job.parent, plays)
    assert trained == TrainedPolicies.open(tmp_path / "artifact")
    assert [(one.stage, one.epoch) for one in trained.epochs()] == places
    names = [one.name for one in trained.checkpoints() if one.role == "executor"]
    assert names == ["best", "epoch-00001", "epoch-00002", "last"]
    assert trained.environment is not None
    assert len(list(trained.event_files.rglob("events*"))) == 6
    shutil.copytree(trained.folder, tmp_path / "torn")
    (tmp_path / "torn" / "executor.onnx").unlink()
    with pytest.raises(TrainedPoliciesError, match=r"executor\.onnx is missing"):
        TrainedPolicies.open(tmp_path / "torn")


@pytest.mark.exhaustive
@pytest.mark.usefixtures("one_thread")
def test_a_job_that_is_asked_to_stop_has_three_policies(
    little: list[Demonstration], brief: CloneSettings, tmp_path: Path
) -> None:
    job, spec = write_job(tmp_path, little, brief)
    (job.parent / STOP_FILE).touch()
    with Outputs(job.parent / OUTPUTS_FOLDER) as outputs:
        run(spec.model_dump(mode="json"), job.parent, outputs)
    told = read_events(outputs.folder / EVENTS_FILE, POLICY_EVENTS)
    places = [(one.stage, one.epoch) for one in told if isinstance(one, EpochEvent)]
    assert places == [("strategist", 1), ("tactician", 1), ("executor", 1)]
    asked = [one for one in told if isinstance(one, MessageEvent) and "Asked" in one.message]
    assert len(asked) == 1
    last = outputs.folder / "policies" / "executor" / "last.safetensors"
    assert read_checkpoint(last, "executor").epoch == 1
    assert (outputs.folder / ENVIRONMENT_FILE).is_file()


@pytest.mark.slow
def test_a_checkpoint_of_something_else_fails_in_words(
    little: list[Demonstration], tiny: CloneSettings, tmp_path: Path
) -> None:
    other = tmp_path / "checkpoint.pt"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("../outside.safetensors", b"")
    job, spec = write_job(tmp_path, little, tiny, other)
    with pytest.raises(JobFailedError, match="the checkpoint is not of policies"):
        run_job(job, policy_job_spec(spec))
    assert not list(tmp_path.rglob("outside*"))


def test_only_archives_of_policies_are_unpacked(tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.pt"
    outside = "executor/best.safetensors/../../../a"
    for names in (["executor/best.pt"], [outside], ["/executor/best.safetensors"]):
        with zipfile.ZipFile(file, "w") as archive:
            for name in names:
                archive.writestr(name, b"")
        with pytest.raises(ValueError, match="not of policies"):
            unpack_policies(file, tmp_path / "policies")
    file.write_bytes(b"torch")
    with pytest.raises(ValueError, match="cannot be read"):
        unpack_policies(file, tmp_path / "policies")
    assert [one.name for one in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_a_job_file_of_something_else_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "job.json"
    file.write_text('{"game": "demo"}', "utf-8")
    with pytest.raises(JobError, match="is not the job of policies"):
        read_policy_job(file)

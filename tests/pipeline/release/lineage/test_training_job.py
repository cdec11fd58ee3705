"""What an audit tells of a training: read from real files, and nothing of whose machine it was."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from doubles.artifacts import RENTED_BILL, recorded, write_trained_weights

from pipeline.provenance import ArtifactVersion, Provenance, Recipe
from pipeline.release.lineage.audit import AuditReport, audit
from pipeline.release.lineage.training_job import BaseWeights, TrainingJob
from resources.artifacts import ArtifactStore

ENVIRONMENT = {
    "device": "NVIDIA H200",
    "gpu": "NVIDIA H200",
    "platform": "Linux x86_64",
    "python": "3.11.7",
    "torch": "2.15.0+cu132",
    "cuda": "13.2",
    "driver": None,
    "weights": {"name": "yolo26n.pt", "sha256": "a" * 64},
    "pip_freeze": ["torch==2.15.0"],
}
RECIPE = Recipe(asset="toy/trained_weights", code_version="c1", config={"weights": "yolo26n.pt"})
RECORD = recorded(RECIPE)("b" * 64).model_copy(
    update={"made_at": "2026-05-01T12:00:00+00:00", "seconds": 3600.0}
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "artifact").mkdir()
    write_trained_weights(tmp_path / "artifact", RENTED_BILL, ENVIRONMENT)
    return tmp_path / "artifact"


def job_of(folder: Path, record: Provenance = RECORD) -> TrainingJob:
    job = TrainingJob.of(folder, record)
    assert job is not None
    return job


def test_program_settings_host_time_and_cost_are_told(folder: Path) -> None:
    job = job_of(folder)
    assert job.program == "pipeline.training.detector_program"
    assert (job.code_version, len(job.program_sha256 or "")) == ("c1", 64)
    assert (job.hyperparameters["seed"], job.hyperparameters["epochs"]) == (42, 150)
    assert job.base == BaseWeights("yolo26n.pt", "a" * 64)
    assert (job.began_at, job.ended_at) == (
        "2026-05-01T11:00:00+00:00",
        "2026-05-01T12:00:00+00:00",
    )
    assert job.host is not None
    assert (job.host.device, job.host.is_gpu, job.host.cuda) == ("NVIDIA H200", True, "13.2")
    assert job.cost is not None
    assert (job.cost.provider, job.cost.usd, job.cost.usd_is) == ("runpod", 4.1, "billed")
    assert [part.place for part in job.cost.rented] == ["EU-RO-1"]
    assert job.not_recorded == ()


def test_nothing_names_a_machine_or_a_lease(folder: Path) -> None:
    said = json.dumps(asdict(job_of(folder)))
    assert "pod-k3j4" not in said
    assert "lease-17" not in said


def test_a_training_from_scratch_began_with_nothing(folder: Path) -> None:
    write_trained_weights(folder, RENTED_BILL, {**ENVIRONMENT, "weights": None})
    job = job_of(folder)
    assert (job.base, job.began_with, job.not_recorded) == (None, True, ())


@pytest.mark.parametrize("content", [None, b"", b"\xff", b"{}", b"[]"])
@pytest.mark.parametrize("name", ["environment.json", "lease.json"])
def test_what_an_older_or_damaged_artifact_does_not_say_is_not_recorded(
    folder: Path, name: str, content: bytes | None
) -> None:
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    job = job_of(folder)
    missing = {"environment.json": job.host, "lease.json": job.cost}[name]
    assert missing is None
    assert job.not_recorded


@pytest.mark.parametrize("content", [b"", b"\xff", b"{}"])
def test_of_a_job_that_cannot_be_read_nothing_is_told(folder: Path, content: bytes) -> None:
    (folder / "job.json").write_bytes(content)
    assert TrainingJob.of(folder, RECORD) is None


@pytest.mark.parametrize("made_at", ["yesterday", "0001-01-01T00:00:00+00:00"])
def test_a_record_without_a_possible_time_has_no_beginning(folder: Path, made_at: str) -> None:
    assert job_of(folder, RECORD.model_copy(update={"made_at": made_at})).began_at is None


def audited(folder: Path, tmp_path: Path) -> AuditReport:
    store = ArtifactStore(tmp_path / "store")
    with store.staging(RECIPE.asset) as staged:
        for file in folder.iterdir():
            (staged / file.name).write_bytes(file.read_bytes())
        store.commit(staged, recorded(RECIPE))
    return audit(folder / "best.pt", store, {})


def test_the_audit_tells_the_job_and_what_was_not_recorded(folder: Path, tmp_path: Path) -> None:
    (link,) = audited(folder, tmp_path).chain
    assert link.job is not None
    assert link.notes == ()
    for name in ("lease.json", "program.pyz"):
        (folder / name).unlink()
    (tmp_path / "older").mkdir()
    (older,) = audited(folder, tmp_path / "older").chain
    (note,) = older.notes
    assert "the digest of its program, its cost was not recorded" in note
    assert note in older.unverified


def test_the_audit_tells_no_job_where_files_differ(folder: Path, tmp_path: Path) -> None:
    audited(folder, tmp_path)
    store = ArtifactStore(tmp_path / "store")
    (version,) = (record.version for record in store.builds())
    assert isinstance(version, ArtifactVersion)
    bill = store.files_of(version) / "lease.json"
    bill.chmod(0o600)
    bill.write_text(RENTED_BILL.model_copy(update={"usd": 0.1}).model_dump_json())
    (link,) = audit(folder / "best.pt", store, {}).chain
    assert link.job is None
    assert any("lease.json" in problem for problem in link.problems)

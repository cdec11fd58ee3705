"""Where the next host begins when one was lost."""

import json
from pathlib import Path

import pytest

from pipeline.jobs.checkpoints import CheckpointDescription, prepare_to_resume


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """Folder of a job."""
    (tmp_path / "job" / "outputs").mkdir(parents=True)
    return tmp_path / "job"


def description(epoch: int) -> CheckpointDescription:
    return CheckpointDescription(stage="train", epoch=epoch, epochs=9, sha256="0", bytes=7)


def fetched(job: Path, epoch: int) -> None:
    """What lies in the outputs once a checkpoint was fetched and one more epoch was told."""
    outputs = job / "outputs"
    (outputs / "checkpoint.pt").write_text(f"state {epoch}", encoding="utf-8")
    description(epoch).write(outputs)
    told(job, *range(1, epoch + 2))


def told(job: Path, *epochs: int) -> None:
    lines = [{"event": "stage", "stage": "prepare"}]
    lines += [{"event": "epoch", "stage": "train", "epoch": epoch} for epoch in epochs]
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    (job / "outputs" / "metrics.jsonl").write_text(text, encoding="utf-8")


def epochs_kept(job: Path) -> list[int]:
    text = (job / "outputs" / "metrics.jsonl").read_text(encoding="utf-8")
    return [event["epoch"] for event in map(json.loads, text.splitlines()) if "epoch" in event]


def begins_with(job: Path) -> str:
    return (job / "resume.pt").read_text(encoding="utf-8")


def test_the_next_host_goes_on_from_the_checkpoint_that_was_fetched(job: Path) -> None:
    fetched(job, 3)

    assert prepare_to_resume(job) == "Resuming on another host after epoch 3."
    assert begins_with(job) == "state 3"
    assert epochs_kept(job) == [1, 2, 3]


def test_a_second_host_that_is_lost_before_its_first_checkpoint_loses_no_more(
    job: Path,
) -> None:
    fetched(job, 3)
    prepare_to_resume(job)
    told(job, 1, 2, 3, 4)

    assert prepare_to_resume(job) == "Resuming on another host after epoch 3."
    assert begins_with(job) == "state 3"
    assert epochs_kept(job) == [1, 2, 3]
    assert (job / "outputs" / "checkpoint.pt").is_file(), "the run's error sends people here"


def test_a_newer_checkpoint_takes_the_place_of_the_one_that_a_host_began_with(
    job: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own.pt"
    own.write_text("somebody's", encoding="utf-8")
    (job / "resume.pt").hardlink_to(own)
    fetched(job, 5)

    prepare_to_resume(job)
    fetched(job, 7)
    assert begins_with(job) == "state 5", "it is a copy"

    assert prepare_to_resume(job) == "Resuming on another host after epoch 7."
    assert begins_with(job) == "state 7"
    assert own.read_text(encoding="utf-8") == "somebody's"


@pytest.mark.parametrize("described", [False, True])
def test_a_resumed_training_never_begins_anew(job: Path, described: bool) -> None:
    (job / "resume.pt").write_text("state 9", encoding="utf-8")
    if described:
        sidecar = job / "resume.json"
        sidecar.write_text(description(9).model_dump_json(), encoding="utf-8")
    told(job)

    said = prepare_to_resume(job)

    assert said.startswith("Resuming on another host")
    assert ("after epoch 9" in said) == described
    assert begins_with(job) == "state 9"


def test_without_any_checkpoint_everything_begins_anew(job: Path) -> None:
    told(job, 1, 2)

    assert prepare_to_resume(job).startswith("Starting over on another host")
    assert not (job / "outputs" / "metrics.jsonl").exists()


@pytest.mark.parametrize("content", ["", "{", '{"epoch": "many"}'])
def test_a_damaged_description_is_as_none(job: Path, content: str) -> None:
    (job / "resume.pt").write_text("state 9", encoding="utf-8")
    (job / "resume.json").write_text(content, encoding="utf-8")
    told(job, 1)

    assert "this job began with" in prepare_to_resume(job)
    assert not (job / "outputs" / "metrics.jsonl").exists()


def test_a_description_is_read_as_it_was_written(tmp_path: Path) -> None:
    description(4).write(tmp_path)

    assert CheckpointDescription.beside(tmp_path / "checkpoint.pt") == description(4)
    assert CheckpointDescription.beside(tmp_path / "another.pt") is None


def test_a_description_is_there_whole_or_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    description(4).write(tmp_path)

    def fill_up(file: Path, text: str) -> None:
        file.write_text(text[:5])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pipeline.files.write_text", fill_up)
    with pytest.raises(OSError, match="No space"):
        description(5).write(tmp_path)

    assert CheckpointDescription.beside(tmp_path / "checkpoint.pt") == description(4)

"""Where the next host begins when one was lost."""

import json
from pathlib import Path

import pytest
from doubles.gpu_jobs import SPEC

from resources.gpu.lease import ignore
from resources.gpu.leases.follow import Assignment, prepare_to_resume


@pytest.fixture
def assignment(tmp_path: Path) -> Assignment:
    (tmp_path / "job" / "outputs").mkdir(parents=True)
    return Assignment(SPEC, tmp_path / "job" / "job.json", ignore, ignore)


def fetched(assignment: Assignment, epoch: int) -> None:
    """What lies in the outputs once a checkpoint was fetched and one more epoch was told."""
    outputs = assignment.outputs
    (outputs / "checkpoint.pt").write_text(f"state {epoch}", encoding="utf-8")
    described = {"epoch": epoch, "stage": "train"}
    (outputs / "checkpoint.json").write_text(json.dumps(described), encoding="utf-8")
    told(assignment, *range(1, epoch + 2))


def told(assignment: Assignment, *epochs: int) -> None:
    lines = [{"event": "stage", "stage": "prepare"}]
    lines += [{"event": "epoch", "stage": "train", "epoch": epoch} for epoch in epochs]
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    (assignment.outputs / "metrics.jsonl").write_text(text, encoding="utf-8")


def epochs_kept(assignment: Assignment) -> list[int]:
    text = (assignment.outputs / "metrics.jsonl").read_text(encoding="utf-8")
    return [event["epoch"] for event in map(json.loads, text.splitlines()) if "epoch" in event]


def begins_with(assignment: Assignment) -> str:
    return (assignment.job.parent / "resume.pt").read_text(encoding="utf-8")


def test_the_next_host_goes_on_from_the_checkpoint_that_was_fetched(assignment: Assignment) -> None:
    fetched(assignment, 3)

    assert prepare_to_resume(assignment) == "Resuming on another host after epoch 3."
    assert begins_with(assignment) == "state 3"
    assert epochs_kept(assignment) == [1, 2, 3]


def test_a_second_host_that_is_lost_before_its_first_checkpoint_loses_no_more(
    assignment: Assignment,
) -> None:
    fetched(assignment, 3)
    prepare_to_resume(assignment)
    told(assignment, 1, 2, 3, 4)

    assert prepare_to_resume(assignment) == "Resuming on another host after epoch 3."
    assert begins_with(assignment) == "state 3"
    assert epochs_kept(assignment) == [1, 2, 3]
    assert (assignment.outputs / "checkpoint.pt").is_file(), "the run's error sends people here"


def test_a_newer_checkpoint_takes_the_place_of_the_one_that_a_host_began_with(
    assignment: Assignment, tmp_path: Path
) -> None:
    own = tmp_path / "own.pt"
    own.write_text("somebody's", encoding="utf-8")
    (assignment.job.parent / "resume.pt").hardlink_to(own)
    fetched(assignment, 5)

    prepare_to_resume(assignment)
    fetched(assignment, 7)
    assert begins_with(assignment) == "state 5", "it is a copy"

    assert prepare_to_resume(assignment) == "Resuming on another host after epoch 7."
    assert begins_with(assignment) == "state 7"
    assert own.read_text(encoding="utf-8") == "somebody's"


@pytest.mark.parametrize("described", [False, True])
def test_a_resumed_training_never_begins_anew(assignment: Assignment, described: bool) -> None:
    (assignment.job.parent / "resume.pt").write_text("state 9", encoding="utf-8")
    if described:
        sidecar = assignment.job.parent / "resume.json"
        sidecar.write_text(json.dumps({"epoch": 9, "stage": "train"}), encoding="utf-8")
    told(assignment)

    said = prepare_to_resume(assignment)

    assert said.startswith("Resuming on another host")
    assert ("after epoch 9" in said) == described
    assert begins_with(assignment) == "state 9"


def test_without_any_checkpoint_everything_begins_anew(assignment: Assignment) -> None:
    told(assignment, 1, 2)

    assert prepare_to_resume(assignment).startswith("Starting over on another host")
    assert not (assignment.outputs / "metrics.jsonl").exists()

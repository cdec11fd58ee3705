"""TensorBoard reads the curves of a training, once each, also after it was interrupted."""

from __future__ import annotations

from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pipeline.play.policies.artifacts.event_files import EventFiles
from pipeline.play.policies.following import PolicyEpoch


def epoch(number: int, stage: str = "executor") -> PolicyEpoch:
    return PolicyEpoch(
        seconds=1.5 * number,
        stage=stage,
        epoch=number,
        epochs=9,
        train={"loss": 2.0 / number},
        held_out={"loss": 3.0 / number, "click": number / 10},
        rate=0.001 * number,
    )


def curve(folder: Path, run: str, tag: str) -> list[tuple[int, float, float]]:
    read = EventAccumulator(str(folder / run))
    read.Reload()
    return [(one.step, one.wall_time, round(one.value, 6)) for one in read.Scalars(tag)]


def test_each_policy_has_two_runs_with_the_same_names(tmp_path: Path) -> None:
    files = EventFiles(tmp_path)
    for number in (1, 2):
        files.add(epoch(number))
    # Whoever looks on sees each epoch at once.
    assert curve(tmp_path, "executor/train", "loss") == [(1, 1.5, 2.0), (2, 3.0, 1.0)]
    assert curve(tmp_path, "executor/train", "learning rate") == [(1, 1.5, 0.001), (2, 3.0, 0.002)]
    files.add(epoch(3))
    files.add(epoch(1, "strategist"))
    assert curve(tmp_path, "executor/held_out", "click")[2] == (3, 4.5, 0.3)
    assert curve(tmp_path, "strategist/held_out", "loss") == [(1, 1.5, 3.0)]


def test_a_training_that_goes_on_tells_all_again_in_a_file_of_the_next_name(
    tmp_path: Path,
) -> None:
    first, second = EventFiles(tmp_path), EventFiles(tmp_path)
    first.add(epoch(1))
    for number in (1, 2):
        second.add(epoch(number))
    (file,) = (tmp_path / "executor/train").iterdir()
    assert file.name == "events.out.tfevents.00001"
    assert [step for step, _time, _value in curve(tmp_path, "executor/train", "loss")] == [1, 2]


def test_files_that_somebody_else_has_written_stay(tmp_path: Path) -> None:
    other = tmp_path / "executor/train/events.out.tfevents.1700000000.host.1.0"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"")
    EventFiles(tmp_path).add(epoch(1))
    names = sorted(file.name for file in other.parent.iterdir())
    assert names == ["events.out.tfevents.00000", other.name]


def test_equal_epochs_are_equal_bytes(tmp_path: Path) -> None:
    for side in ("a", "b"):
        EventFiles(tmp_path / side).add(epoch(1))
    for file in (tmp_path / "a").rglob("events*"):
        other = tmp_path / "b" / file.relative_to(tmp_path / "a")
        assert file.read_bytes() == other.read_bytes()

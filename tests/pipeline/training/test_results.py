"""Events are read as they were written, however the job ended."""

import json
from pathlib import Path

import pytest

from pipeline.jobs.events import EventError, MessageEvent, parse_event
from pipeline.training.results import (
    TRAINING_EVENTS,
    EpochMetrics,
    best_epoch,
    epochs_of,
    read_training_events,
)


def epoch_line(epoch: int, **figures: object) -> str:
    return json.dumps({"event": "epoch", "seconds": 1.0, "epoch": epoch, "epochs": 5, **figures})


def test_an_epoch_keeps_its_figures() -> None:
    event = parse_event(
        epoch_line(2, map50=0.5, train_losses={"box": 1.5, "cls": None}), TRAINING_EVENTS
    )

    assert isinstance(event, EpochMetrics)
    assert (event.epoch, event.map50) == (2, 0.5)
    assert dict(event.train_losses) == {"box": 1.5, "cls": None}


def test_figures_that_a_later_program_adds_do_no_harm() -> None:
    assert isinstance(parse_event(epoch_line(1, gpu_memory=3), TRAINING_EVENTS), EpochMetrics)


@pytest.mark.parametrize(
    "line", ['{"event": "weather"}', '{"event": "epoch"}', "{}", "[]", "half a li", '{"event": []}']
)
def test_what_is_no_event_is_refused(line: str) -> None:
    with pytest.raises(EventError, match="not an event of the job"):
        parse_event(line, TRAINING_EVENTS)


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    message = '{"event": "message", "seconds": 0.5, "message": "from scratch"}'
    file.write_text(f"{message}\n{epoch_line(1)}\n{epoch_line(2)[:20]}", encoding="utf-8")

    events = read_training_events(file)

    assert events[0] == MessageEvent(seconds=0.5, message="from scratch")
    assert [epoch.epoch for epoch in epochs_of(events)] == [1]


def test_a_file_that_ends_well_is_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    file.write_text(f"{epoch_line(1)}\n{epoch_line(2)}\n", encoding="utf-8")

    assert [epoch.epoch for epoch in epochs_of(read_training_events(file))] == [1, 2]


def test_the_best_epoch_is_the_first_with_the_highest_map() -> None:
    epochs = [
        EpochMetrics(seconds=1, epoch=number, epochs=4, map50_95=value)
        for number, value in ((1, None), (2, 0.4), (3, 0.4), (4, 0.1))
    ]

    best = best_epoch(epochs)

    assert best is not None
    assert best.epoch == 2


def test_of_several_stages_the_best_is_looked_for_in_the_last() -> None:
    epochs = [
        EpochMetrics(seconds=1, stage=stage, epoch=1, epochs=1, map50_95=value)
        for stage, value in (("pretrain", 0.9), ("finetune", 0.4))
    ]

    best = best_epoch(epochs)

    assert best is not None
    assert best.stage == "finetune"
    assert best_epoch([]) is None


def test_an_epoch_that_was_told_twice_counts_once_and_keeps_its_place(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    again = epoch_line(1, map50=0.7)
    file.write_text(f"{epoch_line(1)}\n{epoch_line(2)}\n{again}\n", encoding="utf-8")

    epochs = epochs_of(read_training_events(file))

    assert [(epoch.epoch, epoch.map50) for epoch in epochs] == [(1, 0.7), (2, None)]

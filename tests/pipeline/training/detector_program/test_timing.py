"""What is told of the time that is left."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.training.detector_program.recording import timing
from pipeline.training.detector_program.recording.timing import StepClock, StepTime, TimeLeft


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def perf_counter(self) -> float:
        return self.now


class Trainer:
    """A trainer whose optimizer takes a fixed time."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock, self.seconds = clock, seconds

    def optimizer_step(self) -> None:
        self.clock.now += self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(timing, "time", made)
    return made


def step(clock: Clock, of: StepClock, trainer: Trainer, load: float, layers: float) -> None:
    clock.now += load
    of.step_begins()
    clock.now += layers
    trainer.optimizer_step()
    of.step_ends()


def test_the_parts_of_a_step(clock: Clock) -> None:
    trainer, steps = Trainer(clock, 0.25), StepClock()
    steps.watch(trainer)
    steps.epoch_begins(0.5)
    for layers in (40.0, 9.0, 1.0, 1.0, 1.0, 30.0):
        step(clock, steps, trainer, 0.125, layers)
    found = steps.typical()
    assert (found.load, found.layers, found.optimizer) == (0.125, 2.0, 0.25)


def test_the_first_step_counts_until_there_are_others(clock: Clock) -> None:
    trainer, steps = Trainer(clock, 0.5), StepClock()
    steps.watch(trainer)
    steps.epoch_begins(1.0)
    step(clock, steps, trainer, 1.0, 40.0)
    assert steps.typical().layers == 40.0
    step(clock, steps, trainer, 1.0, 9.0)
    step(clock, steps, trainer, 1.0, 2.0)
    assert steps.typical().layers == 2.0


SECONDS = st.floats(0.001, 10.0)


@given(
    areas=st.lists(st.floats(0.1, 1.0), min_size=1, max_size=20).map(sorted),
    batches=st.integers(1, 50),
    parts=st.tuples(SECONDS, SECONDS, SECONDS),
    end=SECONDS,
    data=st.data(),
)
def test_what_is_left_is_what_comes(
    areas: list[float], batches: int, parts: tuple[float, ...], end: float, data: Any
) -> None:
    """Against a training that is gone through step by step."""
    load, layers, optimizer = parts
    epoch = data.draw(st.integers(0, len(areas) - 1))
    batch = data.draw(st.integers(0, batches))
    expected = 0.0
    for later in range(epoch, len(areas)):
        for _ in range(batch if later == epoch else 0, batches):
            expected += load + layers * areas[later] + optimizer
        expected += end
    expected += end
    left = TimeLeft(areas, batches, 4.0, end)
    found = left.seconds(StepTime(1.0, load, layers, optimizer), epoch, batch)
    assert found == pytest.approx(expected)


def test_before_the_first_validation_it_is_guessed_from_the_steps() -> None:
    left = TimeLeft([1.0], 10, 4.0)
    assert left.seconds(StepTime(1.0, 0.0, 1.0, 0.0), 0, 10) == pytest.approx(4.0)

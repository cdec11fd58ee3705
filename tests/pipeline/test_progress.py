"""How a duration is said, and what is left of one."""

import pytest

from pipeline.progress import Progress, seconds_in_words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (41.4, "41 s"),
        (60, "1 min 0 s"),
        (119.7, "2 min 0 s"),
        (3599.9, "1 h 0 min"),
        (7_320, "2 h 2 min"),
    ],
)
def test_a_duration_is_said_in_words(seconds: float, words: str) -> None:
    assert seconds_in_words(seconds) == words


def test_what_is_left_is_told_by_the_pace_unless_something_better_is_known() -> None:
    """The first steps of a training are no pace: PyTorch is loaded, images grow later."""
    assert str(Progress("drawing", 0, 10, 0.0)) == "drawing: 0/10"
    assert str(Progress("drawing", 5, 10, 20.0)) == "drawing: 5/10, 20 s left"
    assert str(Progress("drawing", 1, 10, 20.0)) == "drawing: 1/10, 3 min 0 s left"
    assert str(Progress("training", 1, 10, 20.0, 65.2)) == "training: 1/10, 1 min 5 s left"

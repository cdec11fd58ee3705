"""How a duration is said."""

import pytest

from pipeline.progress import seconds_in_words


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

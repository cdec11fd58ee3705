"""Single choices by chance: within their ends, all of them possible, the same for the same seed."""

from collections import Counter

import numpy as np
import pytest

from pipeline.scenes.planning.random_stream import RandomStream


def test_the_same_seed_chooses_the_same() -> None:
    one, other = (RandomStream(np.random.default_rng(3)) for _ in range(2))
    assert [one.one() for _ in range(500)] == [other.one() for _ in range(500)]


def test_a_count_takes_both_ends_and_all_between_equally_often() -> None:
    stream = RandomStream(np.random.default_rng(1))
    found = Counter(stream.count((2, 5)) for _ in range(8000))
    assert set(found) == {2, 3, 4, 5}
    assert min(found.values()) > 0.9 * 2000
    assert {stream.count((7, 7)) for _ in range(50)} == {7}


def test_a_number_lies_below_its_stop() -> None:
    stream = RandomStream(np.random.default_rng(2))
    assert {stream.below(3) for _ in range(500)} == {0, 1, 2}
    assert {stream.below(1) for _ in range(50)} == {0}


def test_a_value_lies_anywhere_between_its_ends() -> None:
    stream = RandomStream(np.random.default_rng(4))
    values = [stream.between((-1.0, 3.0)) for _ in range(5000)]
    assert -1.0 <= min(values) < -0.99
    assert 2.99 < max(values) <= 3.0
    assert np.mean(values) == pytest.approx(1.0, abs=0.05)

"""Demonstrations come back from files as they were, and what is damaged is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.play.demonstrations import Demonstration
from pipeline.play.stored_demonstrations import (
    ARRAYS,
    ENDING,
    StoredDemonstrationError,
    read_demonstrations,
    write_demonstration,
)


def made(name: str, ticks: int = 30) -> Demonstration:
    rng = np.random.default_rng(ticks)
    return Demonstration(
        name=name,
        player="person",
        entities=rng.integers(-1, 900, (ticks, 7, 12), np.int16),
        status=rng.integers(0, 99, (ticks, 4), np.int32),
        actions=rng.integers(-1, 99, (ticks, 5), np.int32),
        goals=rng.integers(-1, 5, ticks, np.int8),
        targets=rng.integers(-1, 7, ticks, np.int16),
        scores=rng.integers(0, 99, (ticks + 1, 2), np.int32),
        outcome=-1,
    )


def test_they_come_back_as_they_were_in_the_order_of_their_names(tmp_path: Path) -> None:
    shown = [made("zu später Stunde", 5), made("a", 30)]
    for one in shown:
        write_demonstration(one, tmp_path)
    found = read_demonstrations(tmp_path)
    assert [one.name for one in found] == ["a", "zu später Stunde"]
    for one, other in zip(found, shown[::-1], strict=True):
        assert (one.player, one.outcome) == (other.player, other.outcome)
        for name in ARRAYS:
            array = getattr(one, name)
            assert array.dtype == getattr(other, name).dtype
            np.testing.assert_array_equal(array, getattr(other, name))


def test_equal_ones_are_one_file(tmp_path: Path) -> None:
    files = {write_demonstration(made("a"), tmp_path / side) for side in ("x", "y")}
    one, other = files
    assert one.name == other.name
    assert one.read_bytes() == other.read_bytes()
    assert write_demonstration(made("b"), tmp_path / "x").name != one.name


@pytest.mark.parametrize("kept", [0, 40, -30])
def test_what_is_damaged_is_refused(tmp_path: Path, kept: int) -> None:
    file = write_demonstration(made("a"), tmp_path)
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(StoredDemonstrationError, match=ENDING) as told:
        read_demonstrations(tmp_path)
    assert "Materialize" in told.value.fix


def test_any_byte_that_is_another_one_is_noticed(tmp_path: Path) -> None:
    """What a damaged archive raises depends on the byte; some of them it does not notice."""
    file = write_demonstration(made("a", 3), tmp_path)
    content = file.read_bytes()
    for place in range(0, len(content), 40):
        other = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        file.write_bytes(other)
        with pytest.raises(StoredDemonstrationError):
            read_demonstrations(tmp_path)

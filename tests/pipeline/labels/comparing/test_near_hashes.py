from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.labels.comparing import near_hashes
from pipeline.labels.comparing.near_hashes import HashIndex, as_numbers


@pytest.fixture(autouse=True, scope="module", params=[0, near_hashes.FEW_PAIRS])
def few_pairs(request: pytest.FixtureRequest) -> Iterator[int]:
    """The index as it is for many hashes, and for few."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_hashes, "FEW_PAIRS", request.param)
        yield request.param


hashes = st.integers(0, 2**64 - 1)
flips = st.lists(st.integers(0, 63), max_size=13, unique=True)


def turned(value: int, bits: list[int]) -> int:
    for bit in bits:
        value ^= 1 << bit
    return value


@settings(deadline=None, max_examples=60)
@given(
    st.lists(hashes, min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(0, 4), flips), max_size=8),
    st.integers(0, 11),
)
def test_exactly_the_near_pairs_are_found(
    known: list[int], near: list[tuple[int, list[int]]], bits: int
) -> None:
    asked = [turned(known[index % len(known)], flipped) for index, flipped in near]
    index = HashIndex(np.array(known, np.uint64))
    found = {
        (int(i), int(j), int(b))
        for pairs in index.pairs(np.array(asked, np.uint64), bits)
        for i, j, b in zip(*pairs, strict=True)
    }
    assert found == {
        (i, j, (a ^ b).bit_count())
        for i, a in enumerate(asked)
        for j, b in enumerate(known)
        if (a ^ b).bit_count() <= bits
    }


def test_many_of_one_hash_come_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_hashes, "AT_ONCE", 100)
    monkeypatch.setattr(near_hashes, "FEW_PAIRS", 0)
    same = np.zeros(40, np.uint64)
    blocks = list(HashIndex(same).pairs(same, 0))
    assert max(len(block.first) for block in blocks) <= 120
    pairs = {(int(i), int(j)) for block in blocks for i, j in zip(*block[:2], strict=True)}
    assert len(pairs) == 1600


def test_what_is_done_gets_no_more_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_hashes, "FEW_PAIRS", 0)
    values = np.arange(3, dtype=np.uint64)
    done = np.array([False, True, False])
    found = {int(i) for block in HashIndex(values).pairs(values, 11, done) for i in block.first}
    assert found == {0, 2}


def test_hashes_are_read_as_numbers() -> None:
    assert as_numbers(["00000000000000ff", "f" * 16]).tolist() == [255, 2**64 - 1]

from __future__ import annotations

from itertools import permutations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detector_runtime.tracking.assignment import assign


def best_sum(matrix: np.ndarray, gate: float) -> float:
    """Least sum over all one-to-one choices, an unmatched row costing `gate`."""
    rows, columns = matrix.shape
    padded = np.full((rows, columns + rows), gate)
    padded[:, :columns] = np.minimum(matrix, gate)
    return min(
        sum(padded[row, column] for row, column in enumerate(choice))
        for choice in permutations(range(columns + rows), rows)
    )


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(1, 4),
    columns=st.integers(1, 4),
    gate=st.floats(0.1, 0.9),
)
def test_no_other_choice_is_cheaper(seed: int, rows: int, columns: int, gate: float) -> None:
    matrix = np.random.default_rng(seed).random((rows, columns))
    a, b = np.nonzero(matrix < 0.8)
    chosen_rows, chosen_columns = assign(a, b, matrix[a, b], gate)
    assert len(set(chosen_rows.tolist())) == len(chosen_rows)
    assert len(set(chosen_columns.tolist())) == len(chosen_columns)
    costs = matrix[chosen_rows, chosen_columns]
    assert (costs < gate).all()
    got = costs.sum() + gate * (rows - len(costs))
    allowed = np.where(matrix < 0.8, matrix, gate)
    assert abs(got - best_sum(allowed, gate)) < 1e-9


def test_a_hopeless_pair_does_not_push_a_good_one_aside() -> None:
    # On raw costs 0.6 + 0.65 beats 0.1 + 5: but 0.1 alone is what is wanted.
    rows, columns = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    costs = np.array([0.1, 0.6, 0.65, 5.0])
    a, b = assign(rows, columns, costs, 0.62)
    assert list(zip(a.tolist(), b.tolist(), strict=True)) == [(0, 0)]


def test_nothing_to_choose_from() -> None:
    none = np.empty(0, np.intp)
    assert [len(each) for each in assign(none, none, np.empty(0), 0.5)] == [0, 0]
    one = np.array([0])
    assert len(assign(one, one, np.array([0.9]), 0.5)[0]) == 0

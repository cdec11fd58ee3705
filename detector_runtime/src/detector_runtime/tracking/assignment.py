"""Which track goes with which detection: an assignment of least cost on the possible pairs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.intp]
Solver = Callable[[NDArray[np.float64]], tuple[Indices, Indices]]

logger = logging.getLogger("detector_runtime")


def assign(
    rows: Indices, columns: Indices, costs: NDArray[np.floating[Any]], gate: float
) -> tuple[Indices, Indices]:
    """The best one-to-one choice among the pairs `(rows[k], columns[k])` of cost `costs[k]`.

    A pair that costs `gate` or more is never chosen, and leaving a row unmatched costs `gate`: so a
    pair is only taken where that lowers the sum. Pairs must be distinct.
    """
    possible = costs < gate
    rows, columns, costs = rows[possible], columns[possible], costs[possible]
    if len(rows) == 0:
        return rows, columns
    alone = (np.bincount(rows)[rows] == 1) & (np.bincount(columns)[columns] == 1)
    chosen_rows, chosen_columns = [rows[alone]], [columns[alone]]
    contested = ~alone
    for part in _components(rows[contested], columns[contested]):
        row, column = _solve(
            rows[contested][part], columns[contested][part], costs[contested][part], gate
        )
        chosen_rows.append(row)
        chosen_columns.append(column)
    return np.concatenate(chosen_rows), np.concatenate(chosen_columns)


def _solve(
    rows: Indices, columns: Indices, costs: NDArray[np.floating[Any]], gate: float
) -> tuple[Indices, Indices]:
    row_names, row_index = np.unique(rows, return_inverse=True)
    column_names, column_index = np.unique(columns, return_inverse=True)
    if len(row_names) == 1 or len(column_names) == 1:
        best = int(np.argmin(costs))
        return rows[best : best + 1], columns[best : best + 1]
    # Clamped before solving: otherwise a hopeless pair could push a good one aside.
    matrix = np.full((len(row_names), len(column_names)), gate)
    matrix[row_index, column_index] = costs
    row, column = _solver()(matrix)
    taken = matrix[row, column] < gate
    return row_names[row[taken]], column_names[column[taken]]


def _components(rows: Indices, columns: Indices) -> list[Indices]:
    """Index groups of pairs that compete, directly or through others."""
    parent: dict[int, int] = {}

    def root(node: int) -> int:
        while (above := parent.setdefault(node, node)) != node:
            parent[node] = node = parent[above]
        return node

    ends = list(zip(rows.tolist(), (~columns).tolist()))  # noqa: B905
    for row, column in ends:
        parent[root(row)] = root(column)
    groups: dict[int, list[int]] = {}
    for index, (row, _) in enumerate(ends):
        groups.setdefault(root(row), []).append(index)
    return [np.array(group, np.intp) for group in groups.values()]


@lru_cache(maxsize=1)
def _solver() -> Solver:
    try:
        from scipy.optimize import linear_sum_assignment
    except ImportError:
        logger.warning("scipy is not installed: tracks are matched greedily, ids change more often")
        return greedy
    solve: Solver = linear_sum_assignment
    return solve


def greedy(matrix: NDArray[np.float64]) -> tuple[Indices, Indices]:
    """Takes the cheapest pair that is left until none is: not always the best sum."""
    rows, columns = [], []
    used_rows, used_columns = set[int](), set[int]()
    for flat in np.argsort(matrix, axis=None, kind="stable").tolist():
        row, column = divmod(flat, matrix.shape[1])
        if row not in used_rows and column not in used_columns:
            rows.append(row)
            columns.append(column)
            used_rows.add(row)
            used_columns.add(column)
    return np.array(rows, np.intp), np.array(columns, np.intp)

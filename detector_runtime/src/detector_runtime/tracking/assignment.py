"""Which track goes with which detection: an assignment of least cost on the possible pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.intp]


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
    from scipy.optimize import linear_sum_assignment

    # Clamped before solving: otherwise a hopeless pair could push a good one aside.
    matrix = np.full((len(row_names), len(column_names)), gate)
    matrix[row_index, column_index] = costs
    row, column = linear_sum_assignment(matrix)
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

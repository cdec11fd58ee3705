"""The Muon update of ultralytics' MuSGD, for processors: each shape batched, precision by choice.

Upstream pads matrices of one width to the tallest of them and multiplies in bfloat16. On YOLO26n
the padding makes 2.3 times the work; bfloat16, where the processor emulates it, ten times.

Formula: K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024), with
the coefficients of `ultralytics.optim.muon`.
"""

from __future__ import annotations

import functools
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

from .data_parallel import Workers

if TYPE_CHECKING:
    from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
EPSILON = 1e-7
CALL_OPERATIONS = 10_000_000
"""What the calls for the matrices of one shape cost, in multiplications (0.4 ms on a processor
that multiplies bfloat16)."""


def muon_update(
    gradients: list[Tensor], momenta: list[Tensor], beta: float, nesterov: bool, dtype: Any
) -> list[Tensor]:
    """Update the momenta in place, and return what to subtract from each weight, orthogonalized.

    Args:
        gradients: of two or more dimensions, float32; the first dimension counts as rows.
        momenta: one for each gradient, of its shape.
        beta: share of the momentum that is kept, 0 to 1.
        nesterov: whether the gradient is added once more.
        dtype: that the orthogonalization multiplies in, `torch.float32` or `torch.bfloat16`.
    """
    import torch

    torch._foreach_mul_(momenta, beta)
    torch._foreach_add_(momenta, gradients, alpha=1 - beta)
    updates = list(momenta)
    if nesterov:
        updates = list(torch._foreach_mul(momenta, beta))
        torch._foreach_add_(updates, gradients, alpha=1 - beta)
    matrices = [as_matrix(update) for update in updates]
    for group in groups_of([matrix.shape for matrix in matrices]):
        stacked = torch.stack([matrices[index] for index in group])
        for index, matrix in zip(group, orthogonalize(stacked, dtype), strict=True):
            scale = max(1.0, gradients[index].size(-2) / gradients[index].size(-1)) ** 0.5
            updates[index] = as_weight(matrix.mul_(scale), gradients[index])
    return updates


def step_in_parallel(optimizer: Any, workers: Workers) -> None:
    """Have the weights of a MuSGD updated by several threads, each a share of them.

    A share is the optimizer again with fewer weights in its groups: the same settings, as the
    schedule changes them, and the same momenta.
    """
    step = type(optimizer).step

    @functools.wraps(optimizer.step)
    def step_of_all() -> None:
        workers.map(step, optimizers_of_shares(optimizer, workers.count))

    optimizer.step = step_of_all


def optimizers_of_shares(optimizer: Any, count: int) -> list[Any]:
    """A MuSGD `count` times, each with other weights, which together are all of them."""
    import torch

    groups: list[list[dict[str, Any]]] = [[] for _ in range(count)]
    for group in optimizer.param_groups:
        weights = group["params"]
        shapes = [(len(weight), weight[0].numel()) for weight in map(torch.atleast_1d, weights)]
        for share, indices in zip(groups, even_shares(shapes, count), strict=True):
            share.append({**group, "params": [weights[index] for index in indices]})
    shares: list[Any] = [object.__new__(type(optimizer)) for _ in groups]
    for share, of_share in zip(shares, groups, strict=True):
        # Its own way of copying leaves out what a checkpoint does not hold.
        share.__dict__ = {**optimizer.__dict__, "param_groups": of_share}
    return shares


def groups_of(shapes: Sequence[Hashable]) -> list[list[int]]:
    """The positions of equal shapes, in the order in which the shapes are met."""
    groups: dict[Hashable, list[int]] = {}
    for position, shape in enumerate(shapes):
        groups.setdefault(shape, []).append(position)
    return list(groups.values())


def even_shares(shapes: Sequence[tuple[int, int]], count: int) -> list[list[int]]:
    """Positions of matrices in `count` shares that take about as long.

    Matrices of one shape stay together, because one call for all of them is faster; only so many
    of them that they would take half of a share's time are parted. What takes longest is given
    out first, each time to whoever has least.
    """
    most = sum(map(operations, shapes)) / (2 * count)
    parts = [part for group in groups_of(shapes) for part in _parted(group, shapes, most)]

    def time_of(part: list[int]) -> int:
        return CALL_OPERATIONS + sum(operations(shapes[position]) for position in part)

    shares: list[list[int]] = [[] for _ in range(count)]
    times = [0] * count
    for part in sorted(parts, key=time_of, reverse=True):
        least = times.index(min(times))
        shares[least] += part
        times[least] += time_of(part)
    return shares


def operations(shape: tuple[int, int]) -> int:
    """Multiplications of one step of the iteration."""
    short, long = sorted(shape)
    return 2 * short**2 * long + short**3


def _parted(group: list[int], shapes: Sequence[tuple[int, int]], most: float) -> list[list[int]]:
    """Matrices of one shape in as few parts as keep each below so many operations."""
    each = max(1, int(most / operations(shapes[group[0]])))
    return [group[start : start + each] for start in range(0, len(group), each)]


def as_matrix(weight: Tensor) -> Tensor:
    """A weight as rows and columns: the order of columns is that of channels_last memory.

    Orthogonalization does not mind the order, and so a weight in that format is not copied.
    """
    return weight.permute(0, 2, 3, 1).flatten(1) if weight.ndim == 4 else weight.flatten(1)


def as_weight(matrix: Tensor, like: Tensor) -> Tensor:
    """What `as_matrix` made a matrix of, in the shape of `like`."""
    if like.ndim != 4:
        return matrix.reshape(like.shape)
    outputs, inputs, height, width = like.shape
    return matrix.reshape(outputs, height, width, inputs).permute(0, 3, 1, 2)


def orthogonalize(matrices: Tensor, dtype: Any) -> Tensor:
    """Bring all singular values near 1, by five steps of a Newton-Schulz iteration.

    Args:
        matrices: shape (n, rows, columns), float32.
        dtype: that is multiplied in.

    Returns:
        Shape (n, rows, columns), float32; singular values of about 0.7 to 1.2.
    """
    import torch

    first, third, fifth = COEFFICIENTS
    tall = matrices.size(-2) > matrices.size(-1)
    x = (matrices.mT if tall else matrices).to(dtype)
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + EPSILON)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        polynomial = torch.baddbmm(gram, gram, gram, beta=third, alpha=fifth)
        x = torch.baddbmm(x, polynomial, x, beta=first)
    return (x.mT if tall else x).to(torch.float32)

"""The Muon update of ultralytics' MuSGD, for processors: each shape batched, precision by choice.

Upstream pads matrices of one width to the tallest of them and multiplies in bfloat16. On YOLO26n
the padding makes 2.3 times the work; bfloat16, where the processor emulates it, ten times.

Formula: K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024), with
the coefficients of `ultralytics.optim.muon`.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

from .data_parallel import Workers

if TYPE_CHECKING:
    from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
EPSILON = 1e-7


def muon_update(
    gradients: list[Tensor],
    momenta: list[Tensor],
    beta: float,
    nesterov: bool,
    dtype: Any,
    workers: Workers | None = None,
) -> list[Tensor]:
    """Update the momenta in place, and return what to subtract from each weight, orthogonalized.

    Args:
        gradients: of two or more dimensions, float32; the first dimension counts as rows.
        momenta: one for each gradient, of its shape.
        beta: share of the momentum that is kept, 0 to 1.
        nesterov: whether the gradient is added once more.
        dtype: that the orthogonalization multiplies in, `torch.float32` or `torch.bfloat16`.
        workers: that share the matrices.
    """
    import torch

    torch._foreach_mul_(momenta, beta)
    torch._foreach_add_(momenta, gradients, alpha=1 - beta)
    updates = list(momenta)
    if nesterov:
        updates = list(torch._foreach_mul(momenta, beta))
        torch._foreach_add_(updates, gradients, alpha=1 - beta)
    matrices = [as_matrix(update) for update in updates]

    def orthogonalize_all(indices: list[int]) -> None:
        for group in groups_of([matrices[index].shape for index in indices]):
            chosen = [indices[position] for position in group]
            stacked = torch.stack([matrices[index] for index in chosen])
            for index, matrix in zip(chosen, orthogonalize(stacked, dtype), strict=True):
                rows, columns = gradients[index].shape[-2:]
                scale = max(1.0, rows / columns) ** 0.5
                updates[index] = as_weight(matrix.mul_(scale), gradients[index])

    if workers is None:
        orthogonalize_all(list(range(len(matrices))))
    else:
        shapes = [tuple(matrix.shape) for matrix in matrices]
        workers.map(torch.no_grad()(orthogonalize_all), even_shares(shapes, workers.count))
    return updates


def groups_of(shapes: Sequence[Hashable]) -> list[list[int]]:
    """The positions of equal shapes, in the order in which the shapes are met."""
    groups: dict[Hashable, list[int]] = {}
    for position, shape in enumerate(shapes):
        groups.setdefault(shape, []).append(position)
    return list(groups.values())


def even_shares(shapes: Sequence[tuple[int, int]], count: int) -> list[list[int]]:
    """Positions of matrices, shared out by the multiplications that they take.

    Matrices of one shape are spread over all shares, and what is left of them, the largest first,
    goes to whoever has least.
    """
    shares: list[list[int]] = [[] for _ in range(count)]
    left = []
    for group in groups_of(shapes):
        each = len(group) // count
        for number, share in enumerate(shares):
            share += group[number * each : (number + 1) * each]
        left += group[each * count :]
    work = [0] * count
    for position in sorted(left, key=lambda position: -_work(shapes[position])):
        least = work.index(min(work))
        shares[least].append(position)
        work[least] += _work(shapes[position])
    return shares


def _work(shape: tuple[int, int]) -> int:
    return min(shape) ** 2 * max(shape)


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

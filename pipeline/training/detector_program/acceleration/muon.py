"""The Muon update of ultralytics' MuSGD, for processors: each shape batched, precision by choice.

Upstream pads matrices of one width to the tallest of them and multiplies in bfloat16. On YOLO26n
the padding makes 2.3 times the work; bfloat16, where the processor emulates it, ten times.

Formula: K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024), with
the coefficients of `ultralytics.optim.muon`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    groups: dict[tuple[int, int, float], list[int]] = {}
    matrices = [as_matrix(update) for update in updates]
    for index, matrix in enumerate(matrices):
        rows, columns = matrix.shape
        scale = max(1.0, gradients[index].size(-2) / gradients[index].size(-1)) ** 0.5
        groups.setdefault((rows, columns, scale), []).append(index)
    for (_, _, scale), indices in groups.items():
        stacked = torch.stack([matrices[index] for index in indices])
        turned = orthogonalize(stacked, dtype).mul_(scale)
        for index, matrix in zip(indices, turned, strict=True):
            updates[index] = as_weight(matrix, gradients[index])
    return updates


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

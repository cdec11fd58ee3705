"""Data parallelism in one process: a thread takes its share of the images through all layers.

A layer of a small network is little work. Threads that share each layer wait for each other a
thousand times in a step, and beside other programs each time may cost a time slice; here they wait
twice. As in `torch.nn.DataParallel`, each part is normalized by statistics of its own images, the
loss is that of the whole batch, and gradients are added. Running statistics are means over the
parts.
"""

from __future__ import annotations

import copy
import threading
import types
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Loss = tuple[Any, dict[str, Any]]
"""The loss for backpropagation, shape (3,), and its items by name, as ultralytics returns them."""

LEAST_IMAGES = 8
"""Of a part: batch normalization takes its statistics from them."""


class Workers:
    """Threads that compute side by side, each on cores of its own."""

    def __init__(self, count: int, cores: int) -> None:
        """`count` threads, which share `cores` cores evenly."""
        import torch

        self.count = count
        before = torch.get_num_threads()
        all_started = threading.Barrier(count + 1)

        def start() -> None:
            # A thread's first question takes over the last number that was set anywhere.
            torch.get_num_threads()
            torch.set_num_threads(max(1, cores // count))
            all_started.wait()

        self._pool = ThreadPoolExecutor(count, "data-parallel")
        for _ in range(count):
            self._pool.submit(start)
        all_started.wait()
        torch.set_num_threads(before)

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """The results in the order of the items, once all are there; the first error is raised."""
        return list(self._pool.map(function, items))


def workers_for(batch_size: int, cores: int) -> Workers | None:
    """As many as there are cores and as a batch has parts; None where that is one."""
    count = min(cores, batch_size // LEAST_IMAGES)
    return Workers(count, cores) if count > 1 else None


class DataParallel:
    """Takes the parts of a batch through the layers of a detection model of ultralytics at once."""

    def __init__(self, workers: Workers) -> None:
        self.workers = workers
        self._replicas: list[Any] = []

    def take_over(self, model: Any) -> None:
        """Have a model's `loss` go through here while it trains.

        As a method, which a copy of the model binds to itself.
        """

        def loss(model: Any, batch: dict[str, Any], preds: Any = None) -> Loss:
            parts = min(self.workers.count, len(batch["img"]) // LEAST_IMAGES)
            if preds is not None or parts < 2 or not model.training:
                whole: Loss = type(model).loss(model, batch, preds)
                return whole
            return self._loss(model, batch, parts)

        model.loss = types.MethodType(loss, model)

    def _loss(self, model: Any, batch: dict[str, Any], parts: int) -> Loss:
        """The loss of the whole batch; its backward pass is done, too.

        What is returned is a leaf, and what `backward` does to it changes nothing.
        """
        if not self._replicas or self._replicas[0] is not model:
            others = range(1, self.workers.count)
            self._replicas = [model, *(replica_of(model) for _ in others)]
        replicas = self._replicas[:parts]
        share_statistics(replicas)
        pairs = list(zip(replicas, batch["img"].tensor_split(parts), strict=True))
        predicted = self.workers.map(lambda pair: pair[0].forward(pair[1]), pairs)
        joined: list[Joined] = []
        loss, items = type(model).loss(model, batch, join(predicted, joined))
        loss.sum().backward()
        used = [each for each in joined if each.whole.grad is not None]
        self.workers.map(lambda part: backward_of_part(used, part), range(parts))
        add_gradients(replicas)
        average_statistics(replicas)
        return loss.detach().requires_grad_(), items


class Joined(NamedTuple):
    """A tensor of predictions for all images, shape (n, ...), and those that it was joined from."""

    whole: Any
    parts: list[Any]


def join(predicted: Sequence[Any], joined: list[Joined]) -> Any:
    """Join what a model predicts for the parts of a batch, along the images.

    Args:
        predicted: for each part tensors in dictionaries, lists and tuples, nested alike.
        joined: receives every tensor; those that are joined are leaves, which keep gradients.
    """
    import torch

    first = predicted[0]
    if isinstance(first, dict):
        return {name: join([part[name] for part in predicted], joined) for name in first}
    if isinstance(first, list | tuple):
        same = zip(*predicted, strict=True)
        return type(first)(join(of_parts, joined) for of_parts in same)
    whole = torch.cat([part.detach() for part in predicted])
    joined.append(Joined(whole.requires_grad_(first.requires_grad), list(predicted)))
    return whole


def backward_of_part(joined: Sequence[Joined], part: int) -> None:
    """Take the gradients of joined predictions back through the layers that a part went through."""
    import torch

    tensors = [each.parts[part] for each in joined]
    gradients = [each.whole.grad.split([len(p) for p in each.parts])[part] for each in joined]
    torch.autograd.backward(tensors, gradients)


def replica_of(model: Any) -> Any:
    """A copy of a model with the same memory for its weights, but gradients of its own."""
    import torch

    shared = {
        id(weight): torch.nn.Parameter(weight.detach(), weight.requires_grad)
        for weight in model.parameters()
    }
    return copy.deepcopy(model, shared)


def add_gradients(replicas: list[Any]) -> None:
    """Add the gradients of the others to those of the first, one after the other."""
    own = list(replicas[0].parameters())
    for replica in replicas[1:]:
        for weight, other in zip(own, replica.parameters(), strict=True):
            if other.grad is None:
                continue
            weight.grad = other.grad if weight.grad is None else weight.grad.add_(other.grad)
            other.grad = None


def share_statistics(replicas: list[Any]) -> None:
    """Give all replicas the running statistics of the first."""
    import torch

    own = statistics_of(replicas[0])
    for replica in replicas[1:]:
        torch._foreach_copy_(statistics_of(replica), own)


def average_statistics(replicas: list[Any], weights: Sequence[int] | None = None) -> None:
    """Make the running statistics of the first the mean of all.

    Args:
        weights: how much each counts, one of them at least more than 0; None for alike.
    """
    import torch

    weights = weights or [1] * len(replicas)
    own = statistics_of(replicas[0])
    torch._foreach_mul_(own, weights[0])
    for replica, weight in zip(replicas[1:], weights[1:], strict=True):
        torch._foreach_add_(own, statistics_of(replica), alpha=weight)
    torch._foreach_div_(own, sum(weights))


def statistics_of(model: Any) -> list[Any]:
    """The running means and variances of batch normalization."""
    return [buffer for buffer in model.buffers() if buffer.is_floating_point()]

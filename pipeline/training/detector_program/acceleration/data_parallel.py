"""Data parallelism in one process: a thread takes its share of the images through all layers.

A layer of a small network is little work. Threads that share each layer wait for each other a
thousand times in a step, and beside other programs each time may cost a time slice; here they wait
once. Each part of a batch is normalized by its own statistics and its own number of objects, and
gradients are added, as `torch.nn.parallel.DistributedDataParallel` has it. Running statistics are
means over the parts.
"""

from __future__ import annotations

import copy
import threading
import types
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

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
    """Computes the training loss of a detection model of ultralytics by parts of the batch."""

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
            return self._loss(model, parts_of(batch, parts))

        model.loss = types.MethodType(loss, model)

    def renew_replicas(self) -> None:
        """Copy the model again before the next step: its criterion and its modes have changed."""
        self._replicas = []

    def _loss(self, model: Any, parts: list[dict[str, Any]]) -> Loss:
        """The backward pass is done too: who is through with his part need not wait for the rest.

        What `backward` of the returned loss does to it, which is a leaf, changes nothing.
        """
        if not self._replicas or self._replicas[0] is not model:
            others = range(1, self.workers.count)
            self._replicas = [model, *(replica_of(model) for _ in others)]
        replicas = self._replicas[: len(parts)]
        share_statistics(replicas)
        losses = self.workers.map(_forward_and_backward, zip(replicas, parts, strict=True))
        add_gradients(replicas)
        average_statistics(replicas)
        images = sum(len(part["img"]) for part in parts)
        items = {
            name: sum(
                of_part[name] * (len(part["img"]) / images)
                for part, (_, of_part) in zip(parts, losses, strict=True)
            )
            for name in losses[0][1]
        }
        return sum(loss for loss, _ in losses).requires_grad_(), items


def parts_of(batch: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """Split the images of a batch, and what the loss needs of their labels.

    Args:
        batch: "img" of the shape (n, channels, height, width); "cls" (m, 1), "bboxes" (m, 4) and
            "batch_idx" (m,), the number of an object's image from 0.
        count: of the parts, at most n; their numbers of images differ by one at most.
    """
    parts = []
    first = 0
    for images in batch["img"].tensor_split(count):
        end = first + len(images)
        inside = (batch["batch_idx"] >= first) & (batch["batch_idx"] < end)
        labels = {name: batch[name][inside] for name in ("cls", "bboxes")}
        parts.append({"img": images, **labels, "batch_idx": batch["batch_idx"][inside] - first})
        first = end
    return parts


def replica_of(model: Any) -> Any:
    """A copy of a model with the same memory for its weights, but gradients of its own."""
    import torch

    shared = {
        id(weight): torch.nn.Parameter(weight.detach(), weight.requires_grad)
        for weight in model.parameters()
    }
    return copy.deepcopy(model, shared)


def _forward_and_backward(replica_and_part: tuple[Any, dict[str, Any]]) -> Loss:
    replica, part = replica_and_part
    loss, items = type(replica).loss(replica, part)
    loss.sum().backward()
    return loss.detach(), items


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


def average_statistics(replicas: list[Any]) -> None:
    """Make the running statistics of the first the mean of all."""
    import torch

    own = statistics_of(replicas[0])
    for replica in replicas[1:]:
        torch._foreach_add_(own, statistics_of(replica))
    torch._foreach_div_(own, len(replicas))


def statistics_of(model: Any) -> list[Any]:
    """The running means and variances of batch normalization."""
    return [buffer for buffer in model.buffers() if buffer.is_floating_point()]

"""One step of a training: a batch through all layers and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import Any

from pipeline.training.detector_program.acceleration.data_parallel import (
    LEAST_IMAGES,
    Workers,
    add_gradients,
    average_statistics,
    replica_of,
    share_statistics,
)
from pipeline.training.detector_program.acceleration.depthwise import speed_up_depthwise

from .images import as_input
from .networks import features_of, head_of, normalized, set_training

DROPOUT = 0.2
"""Share of the features that a step leaves out of each image."""
AT_ONCE = 64
"""Images of one forward pass without a backward pass."""


def focal_losses(logits: Any, labels: Any, gamma: float) -> Any:
    """Cross-entropy that counts less the surer the right answer is, float32 [n] (Lin et al.,
    Focal Loss for Dense Object Detection, 2017)."""
    from torch.nn import functional

    losses = functional.cross_entropy(logits.float(), labels, reduction="none")
    return (1 - (-losses).exp()) ** gamma * losses


def answers(network: Any, images: Any, frozen: int = 0, kept: Any = 1.0) -> Any:
    """Logits of images of 0 to 1, float32 [n, names].

    Args:
        frozen: as of `features_of`.
        kept: what features are multiplied by, as `dropout` draws it.
    """
    return head_of(network)(features_of(network, normalized(images), frozen) * kept)


def dropout(images: int, features: int, generator: Any) -> Any:
    """What features are multiplied by in a step, float32 [images, features]: 0, or what keeps their
    mean (Srivastava et al., Dropout, 2014).

    Drawn for a whole batch before threads share it: torch's own layer draws from numbers that all
    threads share, so that no training would be like another.
    """
    import torch

    kept = torch.empty(images, features).bernoulli_(1 - DROPOUT, generator=generator)
    return kept / (1 - DROPOUT)


class Steps:
    """Forward and backward passes: on a GPU a batch at once, on a processor a part on each core.

    Of one small layer, two cores together are hardly faster than one, and beside other programs
    slower; each takes a share of the images through all layers instead, as the detector's training
    does it.
    """

    def __init__(
        self, network: Any, gamma: float, workers: Workers | None, frozen: int = 0
    ) -> None:
        """`workers` share each batch; `frozen` is as of `features_of`."""
        import torch

        self.network, self.gamma, self.frozen = network, gamma, frozen
        self.on_gpu = next(network.parameters()).is_cuda
        if not self.on_gpu:
            speed_up_depthwise(network)
        self.workers = workers
        others = workers.count - 1 if workers else 0
        self.replicas = [network, *(replica_of(network) for _ in range(others))]
        self.precision = torch.autocast("cuda", dtype=torch.bfloat16, enabled=self.on_gpu)

    def step(self, images: Any, labels: Any, generator: Any) -> Any:
        """Add the gradients of the batch's mean loss; the losses, float32 [n]."""
        import torch

        features = head_of(self.network).in_features
        kept = dropout(len(labels), features, generator).to(images.device)
        batch = images, labels, kept
        parts = min(len(self.replicas), len(labels) // LEAST_IMAGES)
        if self.workers is None or parts < 2:
            return self._part(self.network, batch, len(labels))
        replicas = self.replicas[:parts]
        share_statistics(replicas)
        shares = zip(*(tensor.tensor_split(parts) for tensor in batch), strict=True)
        losses = self.workers.map(
            lambda pair: self._part(*pair, len(labels)), zip(replicas, shares, strict=True)
        )
        add_gradients(replicas)
        average_statistics(replicas)
        return torch.cat(losses)

    def measure_statistics(self, batches: Iterable[Any]) -> None:
        """Make the running statistics of batch normalization their means over some batches.

        Args:
            batches: images of 0 to 1, two or more in each; workers take one each at a time.
        """
        self.train()
        waiting, seen = iter(batches), [0] * len(self.replicas)
        with ExitStack() as stack:
            for replica in self.replicas:
                stack.enter_context(counting_alike(replica))
            while few := list(islice(waiting, len(self.replicas))):
                pairs = list(zip(self.replicas, few, strict=False))
                if self.workers is None:
                    self._look(*pairs[0])
                else:
                    self.workers.map(lambda pair: self._look(*pair), pairs)
                seen = [count + (number < len(few)) for number, count in enumerate(seen)]
        average_statistics(self.replicas, seen)

    def train(self) -> None:
        """Have batch normalization work as in training."""
        for replica in self.replicas:
            set_training(replica, self.frozen)

    def _look(self, network: Any, images: Any) -> None:
        import torch

        # A thread begins with gradients.
        with torch.no_grad(), self.precision:
            features_of(network, normalized(images))

    def _part(self, network: Any, share: tuple[Any, Any, Any], whole: int) -> Any:
        images, labels, kept = share
        with self.precision:
            logits = answers(network, images, self.frozen, kept)
        losses = focal_losses(logits, labels, self.gamma)
        (losses.sum() / whole).backward()
        return losses.detach()


@contextmanager
def counting_alike(network: Any) -> Iterator[None]:
    """Begin the running statistics of batch normalization anew, as means over the batches within,
    each counting alike."""
    import torch

    layers = [
        layer
        for layer in network.modules()
        if isinstance(layer, torch.nn.BatchNorm2d) and layer.training
    ]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None
    yield
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def batches_of(images: Any, device: Any) -> Iterator[Any]:
    """Images as networks take them, in parts of `AT_ONCE`.

    Args:
        images: uint8 [n, 3, height, width].
    """
    for start in range(0, len(images), AT_ONCE):
        yield as_input(images[start : start + AT_ONCE].to(device))


def without_gradients(
    function: Callable[[Any, Any], Any],
    network: Any,
    batches: Iterable[Any],
    workers: Workers | None = None,
) -> Any:
    """What a function of a network says of images, joined, on the CPU.

    Args:
        function: of the network and a batch.
        batches: at least one; those that change images change them one after the other.
        workers: take a batch each.
    """
    import torch

    network.eval()

    def said(batch: Any) -> Any:
        # A thread begins with gradients.
        with torch.inference_mode():
            return function(network, batch).float().cpu()

    if workers is None:
        return torch.cat([said(batch) for batch in batches])
    waiting, found = iter(batches), []
    # As many as compute, so that no more images than these are in memory as numbers.
    while few := list(islice(waiting, workers.count)):
        found += workers.map(said, few)
    return torch.cat(found)

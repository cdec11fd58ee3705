"""One step of a training: a batch through all layers and back."""

from __future__ import annotations

from typing import Any

from pipeline.training.detector_program.acceleration.data_parallel import (
    LEAST_IMAGES,
    Workers,
    add_gradients,
    average_statistics,
    replica_of,
    share_statistics,
    workers_for,
)

from .images import as_input
from .networks import features_of, head_of, normalized, set_training

AT_ONCE = 128
"""Images of one forward pass without a backward pass."""


def focal_losses(logits: Any, labels: Any, gamma: float) -> Any:
    """Cross-entropy that counts less the surer the right answer is, float32 [n] (Lin et al.,
    Focal Loss for Dense Object Detection, 2017)."""
    from torch.nn import functional

    losses = functional.cross_entropy(logits.float(), labels, reduction="none")
    return (1 - (-losses).exp()) ** gamma * losses


def answers(network: Any, images: Any, frozen: int = 0) -> Any:
    """Logits of images of 0 to 1, float32 [n, names]; `frozen` as of `features_of`."""
    return head_of(network)(features_of(network, normalized(images), frozen))


class Steps:
    """Forward and backward passes: on a GPU a batch at once, on a processor a part on each core.

    Of one small layer, two cores together are hardly faster than one, and beside other programs
    slower; each takes a share of the images through all layers instead, as the detector's training
    does it.
    """

    def __init__(self, network: Any, chosen: dict[str, Any], cores: int, frozen: int = 0) -> None:
        """`chosen` are hyperparameters; `frozen` is as of `features_of`."""
        import torch

        batch, self.gamma = chosen["batch"], chosen["gamma"]
        self.network, self.frozen = network, frozen
        self.on_gpu = next(network.parameters()).is_cuda
        self.workers: Workers | None = None if self.on_gpu else workers_for(batch, cores)
        others = self.workers.count - 1 if self.workers else 0
        self.replicas = [network, *(replica_of(network) for _ in range(others))]
        self.precision = torch.autocast("cuda", dtype=torch.bfloat16, enabled=self.on_gpu)

    def step(self, images: Any, labels: Any) -> Any:
        """Add the gradients of the batch's mean loss; the losses, float32 [n]."""
        import torch

        parts = min(len(self.replicas), len(labels) // LEAST_IMAGES)
        if self.workers is None or parts < 2:
            return self._part(self.network, images, labels, len(labels))
        replicas = self.replicas[:parts]
        share_statistics(replicas)
        shares = zip(replicas, images.tensor_split(parts), labels.tensor_split(parts), strict=True)
        losses = self.workers.map(lambda share: self._part(*share, len(labels)), shares)
        add_gradients(replicas)
        average_statistics(replicas)
        return torch.cat(losses)

    def train(self) -> None:
        """Have dropout and batch normalization work as in training."""
        for replica in self.replicas:
            set_training(replica, self.frozen)

    def _part(self, network: Any, images: Any, labels: Any, whole: int) -> Any:
        with self.precision:
            logits = answers(network, images, self.frozen)
        losses = focal_losses(logits, labels, self.gamma)
        (losses.sum() / whole).backward()
        return losses.detach()


def without_gradients(function: Any, network: Any, images: Any, device: Any) -> Any:
    """What a function of a network says of images, joined, on the CPU.

    Args:
        function: of the network and a batch of 0 to 1.
        images: uint8 [n, 3, height, width].
    """
    import torch

    network.eval()
    found = []
    with torch.inference_mode():
        for start in range(0, len(images), AT_ONCE):
            batch = as_input(images[start : start + AT_ONCE].to(device))
            found.append(function(network, batch).float().cpu())
    return torch.cat(found)

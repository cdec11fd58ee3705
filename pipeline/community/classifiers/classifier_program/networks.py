"""The two networks, as torchvision builds them, and what is between their layers and the names."""

from __future__ import annotations

from typing import Any

from .constants import DEVIATION, MEAN

HEAD_DEVIATION = 0.01
"""Of the weights with which a last layer begins: every name is about as likely."""


class NoTorchvisionError(RuntimeError):
    """A host without torchvision."""


def build_network(architecture: str, classes: int) -> Any:
    """A network with fresh weights.

    Stochastic depth is off: it pays over hundreds of epochs, and this has ten. Dropout is off, too:
    `steps` draws what it leaves out, from numbers that two threads do not share.

    Raises:
        NoTorchvisionError: the host has none.
    """
    import torch

    makers = torchvision_models()
    if architecture == "efficientnet_b0":
        network = makers.efficientnet_b0(
            num_classes=classes, dropout=0.0, stochastic_depth_prob=0.0
        )
    elif architecture == "mobilenet_v3_small":
        network = makers.mobilenet_v3_small(num_classes=classes, dropout=0.0)
    else:
        raise ValueError(f"no architecture {architecture!r}")
    # torchvision's last layer is the larger the fewer names there are: of twenty, the first answers
    # would be sure and wrong, and many steps would pass until they are not.
    torch.nn.init.normal_(head_of(network).weight, 0, HEAD_DEVIATION)
    torch.nn.init.zeros_(head_of(network).bias)
    return network


def torchvision_models() -> Any:
    """torchvision's models, which a host brings with its torch."""
    try:
        from torchvision import models
    except ImportError as error:
        raise NoTorchvisionError(
            "this host has torch without torchvision; choose an image that has both"
        ) from error
    return models


def head_of(network: Any) -> Any:
    """The last layer: features to one value for each name."""
    return network.classifier[-1]


def features_of(network: Any, images: Any, frozen: int = 0) -> Any:
    """What the last layer gets: float32 [n, features].

    Args:
        images: normalized.
        frozen: blocks at the beginning that no gradient goes back through.
    """
    import torch

    with torch.set_grad_enabled(torch.is_grad_enabled() and frozen == 0):
        for block in network.features[:frozen]:
            images = block(images)
    for block in network.features[frozen:]:
        images = block(images)
    pooled = network.avgpool(images).flatten(1)
    for layer in network.classifier[:-1]:
        pooled = layer(pooled)
    return pooled


def set_training(network: Any, frozen: int) -> None:
    """Have a network's layers work as in training, but for frozen blocks at its beginning."""
    network.train()
    network.features[:frozen].eval()


def freeze(network: Any, frozen: int) -> None:
    """Let the weights of blocks at the beginning be as they are."""
    for weight in network.features[:frozen].parameters():
        weight.requires_grad_(False)


def normalized(images: Any) -> Any:
    """Images of 0 to 1 as networks expect them."""
    import torch

    mean, deviation = (
        torch.tensor(values, device=images.device).view(1, 3, 1, 1) for values in (MEAN, DEVIATION)
    )
    return (images - mean) / deviation

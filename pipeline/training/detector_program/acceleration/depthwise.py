"""Depthwise convolutions of small maps, trained on a processor.

Of maps with a few pixels a side, oneDNN 3 takes over twenty times as long for the gradient of a
depthwise kernel as for all else of that layer, and the last layers of small networks see no others.
The same gradient is a sum of products for each weight of the kernel, which takes next to nothing.
"""

from __future__ import annotations

import types
from functools import cache
from typing import Any

LARGEST_SIDE = 8
"""Pixels of a map that counts as small: of larger ones oneDNN is as fast."""


def speed_up_depthwise(network: Any) -> None:
    """Have depthwise convolutions compute the gradients of small maps in the faster way.

    In training alone; results are the same but for rounding.
    """
    for layer in network.modules():
        if is_depthwise(layer):
            # As a method, which a copy of the layer binds to itself.
            layer.forward = types.MethodType(forward, layer)


def is_depthwise(layer: Any) -> bool:
    """Whether a layer convolves each channel alone and keeps maps as large, but for the stride."""
    import torch

    if not isinstance(layer, torch.nn.Conv2d) or layer.bias is not None or layer.groups == 1:
        return False
    size, centred = layer.kernel_size[0], (layer.kernel_size[0] // 2,) * 2
    is_square = layer.kernel_size == (size, size) and layer.stride[0] == layer.stride[1]
    is_each_alone = layer.groups == layer.in_channels == layer.out_channels
    is_same_size = layer.padding == centred and layer.dilation == (1, 1)
    return bool(is_each_alone and is_square and is_same_size)


def forward(layer: Any, images: Any) -> Any:
    """What a layer of `is_depthwise` says of float32 [n, channels, height, width]."""
    side = max(images.shape[2:])
    if not layer.training or side > LARGEST_SIDE:
        return type(layer).forward(layer, images)
    size = layer.kernel_size[0]
    # What lies further out in the kernel than the map is wide meets nothing but padding.
    reach = min(layer.padding[0], side - 1)
    used = slice(size // 2 - reach, size // 2 + reach + 1)
    return small_maps().apply(images, layer.weight[:, :, used, used], layer.stride[0], reach)


@cache
def small_maps() -> Any:
    """The function of images, weight, stride and padding, with its gradients."""
    import torch
    from torch.nn import functional, grad

    class SmallMaps(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, images: Any, weight: Any, stride: int, padding: int) -> Any:
            ctx.save_for_backward(images, weight)
            ctx.stride, ctx.padding = stride, padding
            return functional.conv2d(images, weight, None, stride, padding, groups=len(weight))

        @staticmethod
        def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:
            images, weight = ctx.saved_tensors
            (gradient,), stride, padding = gradients, ctx.stride, ctx.padding
            to_images = grad.conv2d_input(
                images.shape, weight, gradient, stride, padding, groups=len(weight)
            )
            size = weight.shape[-1]
            return to_images, weight_gradient(images, gradient, size, stride), None, None

    return SmallMaps


def weight_gradient(images: Any, gradient: Any, size: int, stride: int) -> Any:
    """The gradient of a depthwise kernel of odd size, padded by half of it.

    Args:
        images: float32 [n, channels, height, width].
        gradient: of what comes out, float32 [n, channels, rows, columns].

    Returns:
        float32 [channels, 1, size, size].
    """
    import torch

    # Channels last: that is how they lie in memory.
    inside, out = images.permute(0, 2, 3, 1), gradient.permute(0, 2, 3, 1)
    offsets = range(-(size // 2), size // 2 + 1)
    rows, columns = (
        [overlap(offset, inside.shape[axis], out.shape[axis], stride) for offset in offsets]
        for axis in (1, 2)
    )
    sums = [
        (out[:, there_y, there_x] * inside[:, here_y, here_x]).sum(dim=(0, 1, 2))
        for there_y, here_y in rows
        for there_x, here_x in columns
    ]
    return torch.stack(sums, dim=1).view(-1, 1, size, size)


def overlap(offset: int, side: int, outputs: int, stride: int) -> tuple[slice, slice]:
    """Which outputs a weight reaches the map from, and where it meets the map.

    Args:
        offset: of the weight from the middle of its kernel.
        side: of the map.
        outputs: along the same axis.
    """
    first = max(0, -(offset // stride))
    last = min(outputs - 1, (side - 1 - offset) // stride)
    count = max(0, last - first + 1)
    start = first * stride + offset
    return slice(first, first + count), slice(start, start + count * stride, stride)

"""Gradients of small depthwise convolutions: torch's own, but for rounding, and faster."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.training.detector_program.acceleration import depthwise
from pipeline.training.detector_program.acceleration.depthwise import (
    LARGEST_SIDE,
    is_depthwise,
    speed_up_depthwise,
)


def layer_of(channels: int, size: int, stride: int = 1) -> torch.nn.Conv2d:
    return torch.nn.Conv2d(
        channels, channels, size, stride, size // 2, groups=channels, bias=False
    ).double()


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, LARGEST_SIDE),
    width=st.integers(1, LARGEST_SIDE),
    size=st.sampled_from([3, 5, 7]),
    stride=st.integers(1, 3),
    seed=st.integers(0, 9),
)
def test_outputs_and_gradients_are_those_of_torch(
    height: int, width: int, size: int, stride: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    plain = layer_of(3, size, stride)
    fast = copy.deepcopy(plain)
    speed_up_depthwise(fast)
    images = torch.rand(2, 3, height, width, generator=generator, dtype=torch.float64)
    found = []
    for layer in (plain, fast):
        given_images = images.clone().requires_grad_()
        said = layer(given_images)
        wanted = torch.arange(said.numel(), dtype=torch.float64).view_as(said).sin()
        (said * wanted).sum().backward()
        found.append((said, given_images.grad, layer.weight.grad))
    for theirs, ours in zip(*found, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sides of the kernels that went through our function."""
    seen: list[int] = []

    class Noted:
        @staticmethod
        def apply(
            images: torch.Tensor, weight: torch.Tensor, stride: int, padding: int
        ) -> torch.Tensor:
            seen.append(weight.shape[-1])
            return torch.nn.functional.conv2d(images, weight, None, stride, padding, 1, len(weight))

    monkeypatch.setattr(depthwise, "small_maps", Noted)
    return seen


def test_large_maps_and_networks_that_do_not_train_go_the_usual_way(used: list[int]) -> None:
    layer = layer_of(2, 5)
    speed_up_depthwise(layer)
    layer(torch.zeros(1, 2, LARGEST_SIDE + 1, 4, dtype=torch.float64))
    layer.eval()(torch.zeros(1, 2, 4, 4, dtype=torch.float64))
    assert used == []
    layer.train()(torch.zeros(1, 2, LARGEST_SIDE, 4, dtype=torch.float64))
    assert used == [5]


@pytest.mark.parametrize(("side", "size"), [(1, 1), (2, 3), (3, 5), (4, 5)])
def test_of_a_kernel_only_that_part_counts_which_meets_the_map(
    used: list[int], side: int, size: int
) -> None:
    layer = layer_of(2, 5)
    speed_up_depthwise(layer)
    layer(torch.zeros(1, 2, side, side, dtype=torch.float64))
    assert used == [size]


def test_only_layers_that_take_each_channel_alone_are_changed() -> None:
    conv = torch.nn.Conv2d
    assert is_depthwise(conv(4, 4, 3, 2, 1, groups=4, bias=False))
    others = (
        conv(4, 4, 3, 1, 1, groups=4),
        conv(4, 8, 3, 1, 1, groups=4, bias=False),
        conv(4, 4, 3, 1, 1, groups=2, bias=False),
        conv(4, 4, 3, 1, 0, groups=4, bias=False),
        conv(4, 4, 3, 1, 2, dilation=2, groups=4, bias=False),
        conv(1, 1, 3, 1, 1, bias=False),
        torch.nn.BatchNorm2d(4),
    )
    assert not any(map(is_depthwise, others))


def test_a_copy_computes_with_its_own_weights() -> None:
    layer = layer_of(2, 3)
    speed_up_depthwise(layer)
    other = copy.deepcopy(layer)
    torch.nn.init.zeros_(other.weight)
    images = torch.ones(1, 2, 4, 4, dtype=torch.float64)
    assert other(images).abs().max() == 0
    assert layer(images).abs().max() > 0

"""The Muon update for processors does what that of ultralytics does."""

import threading

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ultralytics.nn.tasks import DetectionModel
from ultralytics.optim import muon as upstream

from pipeline.training.detector_program.acceleration.cpu import CpuPrecision
from pipeline.training.detector_program.acceleration.data_parallel import Workers
from pipeline.training.detector_program.acceleration.muon import (
    as_matrix,
    as_weight,
    even_shares,
    operations,
    orthogonalize,
    step_in_parallel,
)
from pipeline.training.detector_program.ultralytics_patches import patch_muon

SHAPES = [(16, 3, 3, 3), (32, 16, 3, 3), (32, 16, 3, 3), (64, 32, 1, 1), (8, 1, 3, 3), (24, 40)]


def parameters(memory_format: torch.memory_format) -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(7)
    made = []
    for shape in SHAPES:
        weight = torch.randn(shape, generator=generator)
        if weight.ndim == 4:
            weight = weight.contiguous(memory_format=memory_format)
        made.append(torch.nn.Parameter(weight))
    return made


def trained(
    memory_format: torch.memory_format, steps: int = 3, workers: Workers | None = None
) -> list[torch.Tensor]:
    """Weights after some steps of MuSGD, whose learning rate changes meanwhile."""
    weights = parameters(memory_format)
    chosen = {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}
    groups = [
        {"params": weights[:-1], "lr": 0.02, "use_muon": True, **chosen},
        {"params": weights[-1:], "lr": 0.01, "use_muon": False, **chosen},
    ]
    optimizer = upstream.MuSGD(groups)
    if workers is not None:
        step_in_parallel(optimizer, workers)
    generator = torch.Generator().manual_seed(8)
    for _ in range(steps):
        for weight in weights:
            gradient = torch.randn(weight.shape, generator=generator)
            weight.grad = torch.empty_like(weight).copy_(gradient)
        optimizer.step()
        for group in optimizer.param_groups:
            group["lr"] *= 0.8
    return [weight.detach() for weight in weights]


def difference(found: list[torch.Tensor], expected: list[torch.Tensor]) -> float:
    """Relative, of all that a training changed in the weights."""
    start = [weight.detach() for weight in parameters(torch.contiguous_format)]
    off = sum((a - b).square().sum() for a, b in zip(found, expected, strict=True))
    moved = sum((b - s).square().sum() for b, s in zip(expected, start, strict=True))
    return float((off / moved).sqrt())


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.slow
def test_in_bfloat16_weights_train_as_upstreams_do(memory_format: torch.memory_format) -> None:
    expected = trained(memory_format)
    patch_muon(CpuPrecision("bfloat16", "bfloat16", ""))
    assert difference(trained(memory_format), expected) < 4e-3


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_in_float32_weights_train_nearer_to_the_exact_ones(
    monkeypatch: pytest.MonkeyPatch, memory_format: torch.memory_format
) -> None:
    rounded = trained(memory_format)

    def exact(gradients: torch.Tensor, eps: float = 1e-7) -> torch.Tensor:
        return orthogonalize(gradients.double(), torch.float64)

    monkeypatch.setattr(upstream, "zeropower_via_newtonschulz5", exact)
    expected = trained(memory_format)
    patch_muon(CpuPrecision("float32", "float32", ""))
    ours = difference(trained(memory_format), expected)
    assert ours < 1e-4 < difference(rounded, expected)


def test_both_memory_formats_train_alike() -> None:
    patch_muon(CpuPrecision("float32", "float32", ""))
    found = [trained(of) for of in (torch.contiguous_format, torch.channels_last)]
    assert difference(*found) < 1e-4


def test_workers_that_share_the_matrices_train_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    patch_muon(CpuPrecision("float32", "float32", ""))
    expected = trained(torch.channels_last)
    threads = []
    update = upstream.muon_update

    def noted(*arguments: object, **options: object) -> object:
        threads.append(threading.current_thread().name)
        return update(*arguments, **options)

    monkeypatch.setattr(upstream, "muon_update", noted)
    found = trained(torch.channels_last, workers=Workers(2, cores=2))
    assert difference(found, expected) < 1e-4
    assert len(threads) == 6, "three steps in two shares"
    assert all(name.startswith("data-parallel") for name in threads)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), max_size=40), st.integers(2, 5))
def test_each_matrix_is_in_one_share(shapes: list[tuple[int, int]], count: int) -> None:
    shares = even_shares(shapes, count)
    assert len(shares) == count
    assert sorted(position for share in shares for position in share) == [*range(len(shapes))]


@pytest.mark.parametrize("count", [2, 4])
def test_shares_of_a_network_take_as_long_and_few_calls(count: int) -> None:
    """Of YOLO26n: a shape is parted only where it would keep one worker busy for long."""
    weights = DetectionModel("yolo26n.yaml", nc=16, verbose=False).parameters()
    shapes = [(len(weight), weight[0].numel()) for weight in weights if weight.ndim >= 2]

    shares = even_shares(shapes, count)

    work = [sum(operations(shapes[position]) for position in share) for share in shares]
    assert max(work) < 1.1 * min(work)
    calls = sum(len({shapes[position] for position in share}) for share in shares)
    assert calls <= len(set(shapes)) + 2 * count


@settings(deadline=None, max_examples=60)
@given(
    count=st.integers(1, 4),
    rows=st.integers(1, 40),
    columns=st.integers(1, 40),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
    seed=st.integers(0, 2**31),
)
def test_singular_values_come_near_one(
    count: int, rows: int, columns: int, scale: float, seed: int
) -> None:
    """Those that are not tiny beside the largest: five steps lift by at most 3.4445 each."""
    generator = torch.Generator().manual_seed(seed)
    matrices = torch.randn((count, rows, columns), generator=generator) * scale
    values = torch.linalg.svdvals(orthogonalize(matrices, torch.float32))
    before = torch.linalg.svdvals(matrices)
    share = before / before.norm(dim=-1, keepdim=True)
    assert values.max() < 1.3
    assert (values[share > 0.02] > 0.6).all()


def test_a_gradient_of_zeros_changes_nothing() -> None:
    zeros = torch.zeros(2, 5, 7)
    assert torch.equal(orthogonalize(zeros, torch.float32), zeros)


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 3, 5), (4, 6, 2)])
def test_a_weight_is_a_matrix_and_back(shape: tuple[int, ...]) -> None:
    weight = torch.arange(torch.tensor(shape).prod().item()).float().reshape(shape)
    matrix = as_matrix(weight)
    assert matrix.shape[0] == shape[0]
    assert torch.equal(as_weight(matrix, weight), weight)


def test_a_channels_last_weight_is_not_copied() -> None:
    weight = torch.randn(8, 4, 3, 3).contiguous(memory_format=torch.channels_last)
    assert as_matrix(weight).data_ptr() == weight.data_ptr()

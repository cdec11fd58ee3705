"""Parts of a batch are trained on at once, and what is learned is what a whole batch teaches."""

import copy
import threading
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ultralytics.cfg import get_cfg
from ultralytics.nn.tasks import DetectionModel

from pipeline.training.detector_program.acceleration.data_parallel import (
    LEAST_IMAGES,
    DataParallel,
    Joined,
    Workers,
    backward_of_part,
    join,
    statistics_of,
    workers_for,
)

CLASSES = 3


@pytest.fixture(scope="module")
def workers() -> Workers:
    return Workers(2, cores=2)


@pytest.fixture(scope="module")
def untrained() -> DetectionModel:
    torch.manual_seed(3)
    model = DetectionModel("yolo26n.yaml", nc=CLASSES, verbose=False)
    model.args = get_cfg(overrides={"nms": False})
    return model.train()


@pytest.fixture
def model(untrained: DetectionModel) -> DetectionModel:
    return copy.deepcopy(untrained)


def batch_of(images: torch.Tensor, objects: int = 4) -> dict[str, Any]:
    """Each image has the same objects."""
    generator = torch.Generator().manual_seed(5)
    centres = torch.rand(objects, 2, generator=generator) * 0.6 + 0.2
    boxes = torch.cat([centres, torch.full((objects, 2), 0.3)], dim=1)
    count = len(images)
    return {
        "img": images,
        "cls": (torch.arange(objects) % CLASSES).float().repeat(count)[:, None],
        "bboxes": boxes.repeat(count, 1),
        "batch_idx": torch.arange(count).repeat_interleave(objects).float(),
    }


def noise(count: int, seed: int = 1) -> torch.Tensor:
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(seed))


def learned(model: DetectionModel, batch: dict[str, Any]) -> tuple[list[torch.Tensor], Any, Any]:
    """Gradients, loss and its items of one step, as the trainer asks for them."""
    model.zero_grad()
    loss, items = model(batch)
    loss.sum().backward()
    gradients = [weight.grad.clone() for weight in model.parameters() if weight.grad is not None]
    return gradients, loss.detach(), items


def relative(found: list[torch.Tensor], expected: list[torch.Tensor]) -> float:
    off = sum((a - b).square().sum() for a, b in zip(found, expected, strict=True))
    return float((off / sum(b.square().sum() for b in expected)).sqrt())


def test_two_equal_halves_teach_what_the_whole_batch_does(
    model: DetectionModel, workers: Workers
) -> None:
    """Their statistics and their number of objects are those of the whole."""
    batch = batch_of(noise(8).repeat(2, 1, 1, 1))
    split = copy.deepcopy(model)
    DataParallel(workers).take_over(split)

    expected, whole_loss, whole_items = learned(model, batch)
    found, loss, items = learned(split, batch)

    assert len(found) == len(expected) > 100
    assert relative(found, expected) < 1e-3
    assert torch.allclose(loss, whole_loss, rtol=1e-4)
    assert items.keys() == whole_items.keys()
    assert all(torch.allclose(items[name], whole_items[name], rtol=1e-4) for name in items)


def test_apart_from_statistics_parts_teach_exactly_what_the_whole_does(
    model: DetectionModel, workers: Workers
) -> None:
    """Of any size: the loss is that of the whole batch."""
    batch = batch_of(noise(17))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    split = copy.deepcopy(model)
    DataParallel(workers).take_over(split)

    expected, whole_loss, whole_items = learned(model, batch)
    found, loss, items = learned(split, batch)

    assert relative(found, expected) < 1e-3
    assert torch.allclose(loss, whole_loss, rtol=1e-4)
    assert all(torch.allclose(items[name], whole_items[name], rtol=1e-4) for name in items)


def test_running_statistics_are_means_over_all_images(
    model: DetectionModel, workers: Workers
) -> None:
    """Each step goes on from the mean of the one before."""
    expected = copy.deepcopy(model)
    DataParallel(workers).take_over(model)
    for step in range(2):
        images = noise(16, step)
        halves = [copy.deepcopy(expected) for _ in range(2)]
        for half, part in zip(halves, images.split(8), strict=True):
            half(part)
        means = [(a + b) / 2 for a, b in zip(*map(statistics_of, halves), strict=True)]
        for own, mean in zip(statistics_of(expected), means, strict=True):
            own.copy_(mean)

        model(batch_of(images))

    for found, mean in zip(statistics_of(model), statistics_of(expected), strict=True):
        assert torch.allclose(found, mean, rtol=1e-4, atol=1e-6)


def test_what_is_changed_in_the_models_statistics_holds_for_its_replicas(
    model: DetectionModel, workers: Workers
) -> None:
    """As when ultralytics restores a checkpoint after a loss that is no number."""
    batch = batch_of(noise(16))
    DataParallel(workers).take_over(model)
    model(batch)
    for own in statistics_of(model):
        own.fill_(1.0)

    model(batch)

    # Of the new values, 97% are left in either part: momentum is 0.03.
    assert all(float(own.min()) > 0.9 for own in statistics_of(model)[1::2])


def test_training_twice_gives_the_same_weights(model: DetectionModel, workers: Workers) -> None:
    """In whatever order threads end, and over steps whose gradients are accumulated."""

    def trained() -> list[torch.Tensor]:
        copied = copy.deepcopy(model)
        DataParallel(workers).take_over(copied)
        optimizer = torch.optim.SGD(copied.parameters(), lr=0.01, momentum=0.9)
        for step in range(4):
            loss, _ = copied(batch_of(noise(16, step)))
            loss.sum().backward()
            if step % 2:
                optimizer.step()
                optimizer.zero_grad()
        return list(copied.state_dict().values())

    assert all(torch.equal(a, b) for a, b in zip(trained(), trained(), strict=True))


def test_replicas_train_on_the_weights_of_the_model(
    model: DetectionModel, workers: Workers
) -> None:
    batch = batch_of(noise(16))
    DataParallel(workers).take_over(model)
    learned(model, batch)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(0.9)
    fresh = copy.deepcopy(model)
    DataParallel(workers).take_over(fresh)

    assert relative(learned(model, batch)[0], learned(fresh, batch)[0]) < 1e-5


def test_a_copy_of_the_model_learns_by_itself(model: DetectionModel, workers: Workers) -> None:
    batch = batch_of(noise(16))
    DataParallel(workers).take_over(model)
    learned(model, batch)
    copied = copy.deepcopy(model)
    model.zero_grad()

    gradients, _, _ = learned(copied, batch)

    assert gradients
    assert all(weight.grad is None for weight in model.parameters())


def test_a_frozen_layer_stays_frozen(model: DetectionModel, workers: Workers) -> None:
    for weight in model.model[0].parameters():
        weight.requires_grad_(False)
    DataParallel(workers).take_over(model)

    learned(model, batch_of(noise(16)))

    assert all(weight.grad is None for weight in model.model[0].parameters())
    assert all(weight.grad is not None for weight in model.model[1].parameters())


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch, workers: Workers) -> list[str]:
    """Names of the threads that took images through the layers."""
    names: list[str] = []
    predict = DetectionModel.predict

    def noted(self: Any, *arguments: Any) -> Any:
        names.append(threading.current_thread().name)
        return predict(self, *arguments)

    monkeypatch.setattr(DetectionModel, "predict", noted)
    return names


def test_each_part_has_a_thread_of_its_own(
    model: DetectionModel, workers: Workers, used: list[str]
) -> None:
    DataParallel(workers).take_over(model)

    model(batch_of(noise(16)))

    assert len(used) == 2
    assert all(name.startswith("data-parallel") for name in used)


def test_validation_and_small_batches_are_not_split(
    model: DetectionModel, workers: Workers, used: list[str]
) -> None:
    DataParallel(workers).take_over(model)
    here = threading.current_thread().name

    model(batch_of(noise(2 * LEAST_IMAGES - 1)))
    batch = batch_of(noise(16))
    model.loss(batch, model.predict(batch["img"]))

    assert used == [here, here]


def test_an_error_of_a_part_is_that_of_the_step(model: DetectionModel, workers: Workers) -> None:
    """ultralytics halves the batch when memory runs out, which is a RuntimeError."""

    def out_of_memory(*_: Any) -> None:
        raise RuntimeError("out of memory")

    DataParallel(workers).take_over(model)
    model.model[5].forward = out_of_memory

    with pytest.raises(RuntimeError, match="out of memory"):
        model(batch_of(noise(16)))


def test_threads_share_the_cores_and_leave_the_others_theirs() -> None:
    before = torch.get_num_threads()

    workers = Workers(2, cores=6)

    assert workers.map(lambda _: torch.get_num_threads(), range(2)) == [3, 3]
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("batch", "cores", "count"),
    [(16, 2, 2), (16, 1, None), (15, 8, None), (64, 4, 4), (32, 16, 4), (1, 2, None)],
)
def test_there_are_as_many_parts_as_cores_and_images_allow(
    batch: int, cores: int, count: int | None
) -> None:
    workers = workers_for(batch, cores)
    assert (workers and workers.count) == count


TENSORS = st.recursive(
    st.tuples(st.integers(1, 3), st.booleans()),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3),
        st.dictionaries(st.text(max_size=3), inner, min_size=1, max_size=3),
    ),
    max_leaves=6,
)


@given(TENSORS, st.lists(st.integers(1, 4), min_size=2, max_size=3))
@settings(deadline=None)
def test_predictions_are_joined_in_the_order_of_the_images(shape: Any, sizes: list[int]) -> None:
    """Nested in any way; gradients of the joined ones come back to the parts' layers."""
    weights = []

    def made(shape: Any, size: int, first: int) -> Any:
        if isinstance(shape, dict):
            return {name: made(inner, size, first) for name, inner in shape.items()}
        if isinstance(shape, list):
            return [made(inner, size, first) for inner in shape]
        columns, learns = shape
        rows = torch.arange(first, first + size).float()[:, None].repeat(1, columns)
        if not learns:
            return rows
        weights.append(torch.ones(1, requires_grad=True))
        return rows * weights[-1]

    firsts = [sum(sizes[:index]) for index in range(len(sizes))]
    parts = [made(shape, size, first) for size, first in zip(sizes, firsts, strict=True)]
    joined: list[Joined] = []

    whole = join(parts, joined)

    assert same_nesting(whole, shape)
    total = sum(sizes)
    for each in joined:
        assert torch.equal(each.whole.detach()[:, 0], torch.arange(total).float())
    learning = [each for each in joined if each.whole.requires_grad]
    for each in learning:
        each.whole.sum().backward()
    for part in range(len(sizes)):
        backward_of_part(learning, part)
    expected = [sum(range(first, first + size)) for size, first in zip(sizes, firsts, strict=True)]
    per_part = len(weights) // len(sizes)
    columns = [each.whole.shape[1] for each in learning]
    for number, weight in enumerate(weights):
        part, tensor = divmod(number, per_part)
        assert float(weight.grad) == expected[part] * columns[tensor]


def same_nesting(value: Any, shape: Any) -> bool:
    if isinstance(shape, dict):
        return value.keys() == shape.keys() and all(
            same_nesting(value[name], inner) for name, inner in shape.items()
        )
    if isinstance(shape, list):
        return len(value) == len(shape) and all(map(same_nesting, value, shape))
    return isinstance(value, torch.Tensor)

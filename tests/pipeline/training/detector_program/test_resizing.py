"""Images that grow over a training."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.training.detector_program.acceleration.resizing import ProgressiveResizing


def test_the_sizes_of_a_training() -> None:
    resizing = ProgressiveResizing(0.6, 0.25, 16, 320)
    sides = [resizing.side(epoch, 320) for epoch in range(16)]
    assert sides == [192, 192, 224, 224, 224, 256, 256, 256, 288, 288, 288, 320, 320, 320, 320, 320]
    assert [resizing.side(epoch, 256) for epoch in (0, 8, 15)] == [160, 224, 256]


@given(
    scale=st.floats(0.05, 1.0),
    fraction=st.floats(0.0, 1.0),
    epochs=st.integers(1, 300),
    steps=st.integers(1, 60),
)
def test_sizes_grow_to_the_full_one_in_steps_of_the_stride(
    scale: float, fraction: float, epochs: int, steps: int
) -> None:
    resizing = ProgressiveResizing(scale, fraction, epochs, steps * 32)
    sides = [resizing.side(epoch, steps * 32) for epoch in range(epochs + 1)]
    assert sides == sorted(sides)
    assert all(side % 32 == 0 and 32 <= side <= steps * 32 for side in sides)
    at_full_size = int(epochs * fraction)
    assert sides[epochs - at_full_size :] == [steps * 32] * (at_full_size + 1)
    assert all(0 < resizing.area(epoch) <= 1 for epoch in range(epochs))


def test_without_it_images_stay_as_they_are() -> None:
    resizing = ProgressiveResizing(1.0, 0.25, 10, 320)
    batch = {"img": torch.rand(2, 3, 256, 320)}
    assert all(resizing.resized(batch, epoch) is batch for epoch in range(10))


def test_labels_stay_and_images_show_the_same() -> None:
    image = torch.zeros(1, 3, 256, 320)
    image[..., 128:, :] = 1.0
    boxes = torch.tensor([[0.5, 0.75, 1.0, 0.5]])
    batch = ProgressiveResizing(0.5, 0.0, 10, 320).resized({"img": image, "bboxes": boxes}, 0)
    assert batch["img"].shape == (1, 3, 128, 160)
    assert batch["bboxes"] is boxes
    assert batch["img"][..., :63, :].max() == 0.0
    assert batch["img"][..., 65:, :].min() == 1.0

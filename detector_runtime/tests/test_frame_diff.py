from __future__ import annotations

import numpy as np
import pytest

from detector_runtime import ConfigurationError, FrameDiffer, ImageError

WIDTH, HEIGHT = 1512, 836


def screen(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(60, 180, (HEIGHT // 12 + 1, WIDTH // 12 + 1, 3))
    return np.kron(coarse, np.ones((12, 12, 1), int))[:HEIGHT, :WIDTH].astype(np.uint8)


def with_units(image: np.ndarray, count: int, seed: int) -> np.ndarray:
    changed = image.copy()
    for x, y in np.random.default_rng(seed).integers(60, (1400, 780), (count, 2)).tolist():
        changed[y : y + 28, x : x + 20] = (200, 40, 40)
    return changed


def differ(reference: np.ndarray) -> FrameDiffer:
    made = FrameDiffer()
    made.update(reference)
    return made


def test_the_first_frame_is_new() -> None:
    made = FrameDiffer()
    assert made.has_changed(screen())
    made.update(screen())
    assert not made.has_changed(screen())
    made.reset()
    assert made.has_changed(screen())


def test_moving_units_are_noticed() -> None:
    ground = screen()
    assert differ(with_units(ground, 30, 1)).has_changed(with_units(ground, 30, 2))
    assert differ(ground).has_changed(with_units(ground, 1, 3))


def test_a_pan_of_ten_pixels_is_noticed() -> None:
    ground = screen()
    assert differ(ground).has_changed(np.roll(ground, 10, axis=1))


def test_noise_and_the_resource_bar_are_not() -> None:
    ground = screen()
    noise = np.random.default_rng(0).normal(0, 3, ground.shape)
    noisy = (ground + noise).clip(0, 255).astype(np.uint8)
    noisy[: int(HEIGHT * 0.04)] = 255
    assert not differ(ground).has_changed(noisy)
    assert differ(ground).difference(noisy) < 0.001


def test_slow_changes_add_up_while_nothing_is_looked_at() -> None:
    ground = screen().astype(int)
    made = differ(ground.astype(np.uint8))
    steps = [made.has_changed((ground + 2 * step).astype(np.uint8)) for step in range(10)]
    assert steps == sorted(steps)
    assert steps[0] is False
    assert steps[-1] is True


def test_another_size_is_a_change_and_colour_orders_agree() -> None:
    ground = screen()
    assert differ(ground).has_changed(ground[:400])
    assert not differ(ground).has_changed(ground[:, :, ::-1].copy(), color="bgr")
    assert differ(ground).has_changed(np.roll(ground, 1, axis=2))


def test_bad_input_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        FrameDiffer(threshold=3)
    made = differ(screen())
    with pytest.raises(ImageError):
        made.update(np.zeros((4, 4)))
    assert not made.has_changed(screen())

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from detector_runtime.images import Frame
from detector_runtime.tracking.camera import CameraMotion, WorldView

SCREEN = (1280, 720)


def world(seed: int = 0, size: tuple[int, int] = (3200, 1800)) -> np.ndarray:
    """Ground with structure at several scales, as terrain has."""
    rng = np.random.default_rng(seed)
    ground = np.full((size[1], size[0]), 110.0, np.float32)
    for scale, strength in ((1, 6), (4, 14), (30, 20), (150, 25)):
        coarse = rng.normal(0, 1, (size[1] // scale + 2, size[0] // scale + 2))
        grown = Image.fromarray(coarse.astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
        ground += np.asarray(grown) * strength
    return np.repeat(ground.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


GROUND = world()


def shot(x: int, y: int, units: int = 0, seed: int = 0) -> Frame:
    """A screenshot with the camera at (x, y): ground, units anywhere, an interface that stays."""
    width, height = SCREEN
    pixels = GROUND[y : y + height, x : x + width].copy()
    rng = np.random.default_rng(seed)
    for left, top in rng.integers(0, (width - 30, height - 40), (units, 2)).tolist():
        pixels[top : top + 40, left : left + 30] = rng.integers(0, 255, 3)
    pixels[:28] = 40
    pixels[580:] = np.random.default_rng(1).integers(0, 90, (140, 1, 3))
    return Frame(pixels)


@pytest.mark.parametrize(
    "moved", [(1, 0), (10, 0), (-7, 13), (64, -32), (200, 90), (-500, 40), (550, -120)]
)
@pytest.mark.parametrize("units", [0, 30])
def test_a_pan_is_found_to_the_pixel(moved: tuple[int, int], units: int) -> None:
    camera = CameraMotion()
    assert camera.shift(shot(900, 500, units, seed=1)) == (0.0, 0.0)
    assert camera.shift(shot(900 + moved[0], 500 + moved[1], units, seed=2)) == moved


def test_units_that_move_do_not_move_the_camera() -> None:
    camera = CameraMotion()
    camera.shift(shot(900, 500, 40, seed=1))
    assert camera.shift(shot(900, 500, 40, seed=2)) == (0.0, 0.0)


def test_noise_does_not_move_the_camera() -> None:
    camera = CameraMotion()
    frame = shot(900, 500)
    camera.shift(frame)
    noise = np.random.default_rng(0).normal(0, 3, frame.pixels.shape)
    noisy = (frame.pixels + noise).clip(0, 255).astype(np.uint8)
    assert camera.shift(Frame(noisy)) == (0.0, 0.0)


def test_another_place_or_zoom_is_no_shift() -> None:
    camera = CameraMotion()
    camera.shift(shot(0, 0))
    assert camera.shift(shot(1900, 1000)) is None
    zoomed = Image.fromarray(shot(1900, 1000).pixels).resize((1536, 864)).crop((0, 0, *SCREEN))
    assert camera.shift(Frame(np.asarray(zoomed))) is None
    assert camera.shift(Frame(np.zeros((100, 100, 3), np.uint8))) is None


@pytest.mark.parametrize("seed", range(8))
def test_a_shift_is_right_or_none(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, (1900, 1050), (2, 2)).tolist()
    camera = CameraMotion()
    camera.shift(shot(*first, units=20, seed=1))
    found = camera.shift(shot(*second, units=20, seed=2))
    assert found in (None, (second[0] - first[0], second[1] - first[1]))


def test_without_texture_nothing_is_claimed() -> None:
    camera = CameraMotion()
    for grey in (100, 140, 90):
        assert camera.shift(Frame(np.full((720, 1280, 3), grey, np.uint8))) == (0.0, 0.0)


@pytest.mark.parametrize("size", [(320, 256), (64, 64), (20, 10), (2, 2)])
def test_small_images_are_no_trouble(size: tuple[int, int]) -> None:
    camera = CameraMotion(WorldView(bottom=1.0))
    for offset in (0, 6, 12):
        pixels = GROUND[offset : offset + size[1], 500 : 500 + size[0]]
        moved = camera.shift(Frame(pixels))
    assert moved == ((0.0, 6.0) if min(size) >= 64 else (0.0, 0.0))


def test_shifts_add_up_on_the_way_there_and_back() -> None:
    camera = CameraMotion()
    way = [(900, 500), (960, 480), (1300, 400), (1100, 600), (900, 500)]
    total = np.sum([camera.shift(shot(*place)) for place in way], axis=0)
    assert total.tolist() == [0, 0]
    camera.reset()
    assert camera.shift(shot(0, 0)) == (0.0, 0.0)

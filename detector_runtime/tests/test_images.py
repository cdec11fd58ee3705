from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from detector_runtime import ImageError
from detector_runtime.images import decode_image, load_frame


def test_arrays_are_taken_without_a_copy() -> None:
    pixels = np.zeros((4, 6, 3), np.uint8)
    frame = load_frame(pixels, "bgr")
    assert frame.pixels is pixels
    assert (frame.width, frame.height, frame.color) == (6, 4, "bgr")


def test_array_pil_and_file_agree(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 9, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    image.save(tmp_path / "a.png")
    for source in (pixels, image, tmp_path / "a.png", str(tmp_path / "a.png")):
        np.testing.assert_array_equal(load_frame(source).rgb(), pixels)
    np.testing.assert_array_equal(load_frame(pixels[:, :, ::-1], "bgr").rgb(), pixels)
    assert load_frame(image.convert("RGBA")).pixels.shape == (12, 9, 3)
    np.testing.assert_array_equal(decode_image((tmp_path / "a.png").read_bytes()).pixels, pixels)


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (np.zeros((4, 4), np.uint8), "three channels"),
        (np.zeros((4, 4, 4), np.uint8), "alpha"),
        (np.zeros((3, 40, 40), np.uint8), "transpose"),
        (np.zeros((1, 4, 4, 3), np.uint8), "no single picture"),
        (np.zeros((0, 4, 3), np.uint8), "empty"),
        (np.zeros((1, 40, 3), np.uint8), "40x1"),
        (np.zeros((4, 4, 3), np.float32), "255"),
        (np.full((4, 4, 3), np.nan), "NaN"),
        (np.full((4, 4, 3), 200.0), "clip"),
        (np.zeros((4, 4, 3), np.int64), "int64"),
        (np.zeros((4, 4, 3), object), "object"),
        ([[1, 2, 3]], "list"),
        (None, "NoneType"),
        ("nowhere.png", "nowhere.png"),
        ("x" * 5000, "too long|no picture"),
        (np.zeros((4, 4, 3), bool), "bool"),
        (np.full((4, 4, 3), np.inf, np.float32), "infinite"),
        (b"bytes", "bytes"),
    ],
)
def test_what_is_no_picture_is_refused_with_the_fix(image: object, says: str) -> None:
    with pytest.raises(ImageError, match=says) as caught:
        load_frame(image)  # type: ignore[arg-type]
    assert caught.value.fix


def test_a_wrong_colour_order_is_refused() -> None:
    with pytest.raises(ImageError, match="hsv"):
        load_frame(np.zeros((4, 4, 3), np.uint8), "hsv")  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp"])
@pytest.mark.parametrize("keep", [0.0, 0.02, 0.5, 0.9])
def test_a_damaged_file_is_an_image_error(tmp_path: Path, suffix: str, keep: float) -> None:
    path = tmp_path / f"a.{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(ImageError, match=r"read|decoded"):
        load_frame(path)


def test_formats_that_run_other_programs_are_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (8, 8)).save(path, "EPS")
    with pytest.raises(ImageError, match="cannot be read"):
        load_frame(path)


def test_sixteen_bit_pictures_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((8, 8), np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(ImageError, match="8 bits"):
        load_frame(tmp_path / "deep.png")

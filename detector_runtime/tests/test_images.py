from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from detector_runtime import ImageError
from detector_runtime.images import ORIENTATION, decode_image, load_frame, upright, upright_size

# What Exif says of each orientation: where the stored pixels' row 0 and column 0 are when shown.
SHOWN = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: stored.transpose(1, 0, 2)[:, ::-1],
    7: lambda stored: stored.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda stored: stored.transpose(1, 0, 2)[::-1],
}
LOSSLESS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 100, "subsampling": 0},
    "PNG": {},
    "TIFF": {},
    "WEBP": {"lossless": True},
}
XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="{}"/></rdf:RDF></x:xmpmeta>"""


def stored(kind: str, orientation: int, pixels: np.ndarray) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return saved(kind, pixels, exif=exif)


def saved(kind: str, pixels: np.ndarray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **LOSSLESS[kind], **options)
    return buffer.getvalue()


def patches(width: int = 7, height: int = 4) -> np.ndarray:
    """Even squares of 8 pixels, so that JPEG keeps them within a few levels."""
    coarse = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return np.kron(coarse, np.ones((8, 8, 1), np.uint8))


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


@pytest.mark.parametrize("kind", sorted(LOSSLESS))
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_file_is_turned_as_its_exif_says_however_it_is_passed(
    tmp_path: Path, kind: str, orientation: int
) -> None:
    content = stored(kind, orientation, patches())
    path = tmp_path / "shot"
    path.write_bytes(content)
    shown = SHOWN[orientation](patches()).astype(int)
    with Image.open(path) as lazy, Image.open(path) as loaded:
        loaded.load()
        assert upright_size(lazy) == shown.shape[1::-1]
        sources = (path, str(path), lazy, loaded, loaded.convert("RGB"), upright(loaded))
        frames = [decode_image(content), *map(load_frame, sources)]
    for frame in frames:
        assert frame.pixels.shape == shown.shape
        assert abs(frame.pixels - shown).max() <= (4 if kind == "JPEG" else 0)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_orientation_in_xmp_counts_where_exif_has_none(kind: str) -> None:
    key = {"JPEG": "xmp", "PNG": "pnginfo", "WEBP": "xmp"}[kind]
    value: Any = XMP.format(6).encode()
    if kind == "PNG":
        from PIL.PngImagePlugin import PngInfo

        value = PngInfo()
        value.add_itxt("XML:com.adobe.xmp", XMP.format(6))
    frame = decode_image(saved(kind, patches(), **{key: value}))
    assert abs(frame.pixels - SHOWN[6](patches()).astype(int)).max() <= 4


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("block", [b"Exif\0\0garbage", b"Exif\0\0MM\0*\0\0\0\x08\0\x05", b"Exif"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_metadata_that_is_damaged_does_not_make_the_pixels_unreadable(
    kind: str, block: bytes
) -> None:
    frame = decode_image(saved(kind, patches(), exif=block))
    assert abs(frame.pixels - patches().astype(int)).max() <= 4


@pytest.mark.parametrize("orientation", [0, 9, 274])
def test_an_orientation_that_does_not_exist_turns_nothing(orientation: int) -> None:
    frame = decode_image(stored("PNG", orientation, patches()))
    np.testing.assert_array_equal(frame.pixels, patches())


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (np.zeros((4, 4), np.uint8), "three channels"),
        (np.zeros((4, 4, 4), np.uint8), "alpha"),
        (np.zeros((3, 40, 40), np.uint8), "transpose"),
        (np.zeros((1, 4, 4, 3), np.uint8), "not a single image"),
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
        ("x" * 5000, "too long|not an image"),
        (np.zeros((4, 4, 3), bool), "bool"),
        (np.full((4, 4, 3), np.inf, np.float32), "infinite"),
        (b"bytes", "bytes"),
    ],
)
def test_what_is_no_image_is_refused_with_the_fix(image: object, says: str) -> None:
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


def test_sixteen_bit_images_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((8, 8), np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(ImageError, match="8 bits"):
        load_frame(tmp_path / "deep.png")

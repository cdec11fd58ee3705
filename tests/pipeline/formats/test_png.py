"""Images are read whatever their colour mode, and what is not an image says so."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.formats.png import PngError, read_png


@pytest.mark.parametrize("mode", ["RGBA", "RGB", "P", "L", "LA", "1"])
def test_every_colour_mode_becomes_rgba(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (5, 3), 1 if mode in "P1L" else None).save(tmp_path / "a.png")
    pixels = read_png(tmp_path / "a.png")
    assert pixels.shape == (3, 5, 4)
    assert pixels.dtype == np.uint8


def test_a_palette_with_transparency_keeps_it(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "a.png", transparency=0)
    assert read_png(tmp_path / "a.png").tolist() == [[[10, 20, 30, 0], [40, 50, 60, 255]]]


@pytest.mark.parametrize("damage", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_what_is_no_png_is_refused(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "a.png").write_bytes(damage)
    with pytest.raises(PngError, match=r"a\.png"):
        read_png(tmp_path / "a.png")


def test_a_cut_off_file_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(PngError):
        read_png(tmp_path / "a.png")


def test_an_image_far_larger_than_any_of_a_game_is_refused(tmp_path: Path) -> None:
    Image.new("L", (5000, 1)).save(tmp_path / "a.png")
    with pytest.raises(PngError, match="5000 x 1"):
        read_png(tmp_path / "a.png")

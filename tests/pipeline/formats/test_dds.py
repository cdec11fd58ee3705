"""DDS textures of every kind that the game has, and files that only pretend to be one."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.formats import dds
from pipeline.formats.dds import DdsError, read_dds, write_dds

BC7_UNORM = 98


def gradient(side: int = 32) -> np.ndarray:
    rows, columns = np.mgrid[:side, :side] * 255 // side
    return np.dstack((columns, rows, 255 - columns)).astype(np.uint8)


def saved(pixels: np.ndarray, pixel_format: str | None) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "DDS", pixel_format=pixel_format)
    return buffer.getvalue()


def bc7_texture(colour: tuple[int, int, int, int]) -> bytes:
    """A DX10 texture of 4x4 pixels, one BC7 block of mode 6: two ends of seven bits a channel."""
    bits, position = 1 << 6, 7
    for channel in colour:
        for _ in range(2):
            bits |= (channel >> 1) << position
            position += 7
    bits |= 0b11 << position  # the lowest bit of both ends
    header = struct.pack("<4s7I44x", b"DDS ", 124, 0x81007, 4, 4, 16, 0, 0)
    header += struct.pack("<2I4s20x5I", 32, 4, b"DX10", 0x1000, 0, 0, 0, 0)
    header += struct.pack("<5I", BC7_UNORM, 3, 0, 1, 0)
    return header + bits.to_bytes(16, "little")


@pytest.fixture
def texture(tmp_path: Path) -> Path:
    return tmp_path / "g_grs.dds"


def test_what_is_written_is_read_as_bc1(texture: Path) -> None:
    write_dds(texture, gradient())
    pixels = read_dds(texture)
    assert texture.read_bytes()[84:88] == b"DXT1"
    assert (pixels.shape, pixels.dtype) == ((32, 32, 4), np.uint8)
    assert (pixels[..., 3] == 255).all()
    assert np.abs(pixels[..., :3].astype(int) - gradient()).mean() < 6


def test_writing_twice_gives_the_same_bytes(texture: Path) -> None:
    write_dds(texture, gradient())
    once = texture.read_bytes()
    write_dds(texture, gradient())
    assert texture.read_bytes() == once


def test_bc3_keeps_its_alpha(texture: Path) -> None:
    alpha = np.full((32, 32), 77, np.uint8)
    texture.write_bytes(saved(np.dstack((gradient(), alpha)), "DXT5"))
    assert (read_dds(texture)[..., 3] == 77).all()


def test_bc7_behind_a_dx10_header(texture: Path) -> None:
    texture.write_bytes(bc7_texture((201, 101, 51, 255)))
    assert (read_dds(texture) == (201, 101, 51, 255)).all()


@pytest.mark.parametrize("channels", [3, 4])
def test_plain_pixels_come_back_exactly(texture: Path, channels: int) -> None:
    pixels = np.dstack((gradient(), gradient()[..., 0]))[..., :channels]
    texture.write_bytes(saved(np.ascontiguousarray(pixels), None))
    assert np.array_equal(read_dds(texture), pixels)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"DDS " + bytes(10), id="cut off in its header"),
        pytest.param(saved(gradient(), "DXT1")[:200], id="cut off in its pixels"),
        pytest.param(bc7_texture((1, 1, 1, 1)).replace(b"b\0\0\0\3", b"\7\0\0\0\3"), id="format"),
    ],
)
def test_a_damaged_texture_is_named(texture: Path, content: bytes) -> None:
    texture.write_bytes(content)
    with pytest.raises(DdsError, match=r"g_grs\.dds cannot be read"):
        read_dds(texture)


def test_another_image_format_under_this_name_is_refused(texture: Path) -> None:
    Image.fromarray(gradient()).save(texture, "PNG")
    with pytest.raises(DdsError, match="cannot be read as DDS"):
        read_dds(texture)


def test_a_header_that_promises_a_huge_image_costs_nothing(texture: Path) -> None:
    content = bytearray(saved(gradient(), "DXT1"))
    content[12:20] = struct.pack("<2I", 60_000, 60_000)
    texture.write_bytes(content)
    with pytest.raises(DdsError, match=r"large|cannot be read"):
        read_dds(texture)


def test_a_side_beyond_the_limit_is_refused(texture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_dds(texture, gradient())
    monkeypatch.setattr(dds, "MAX_SIDE", 16)
    with pytest.raises(DdsError, match="longer than 16"):
        read_dds(texture)

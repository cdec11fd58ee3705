from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Sequence

import numpy as np
import pytest
from detector_runtime.classify.hashes import perceptual_hash
from doubles.contributions import digest, image_file
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from pipeline.community.receiving.images import SIGNATURE, UploadedImage, check_image
from pipeline.community.receiving.refusals import Refusal
from pipeline.community.staged_crops import CropKind

Chunk = tuple[bytes, bytes]


def png(chunks: Sequence[Chunk]) -> bytes:
    parts = [SIGNATURE]
    for kind, data in chunks:
        checksum = zlib.crc32(kind + data)
        parts += [struct.pack(">I", len(data)), kind, data, struct.pack(">I", checksum)]
    return b"".join(parts)


def header(width: int = 64, height: int = 64, form: bytes = b"\x08\x02\0\0\0") -> Chunk:
    return b"IHDR", struct.pack(">II", width, height) + form


def rows(width: int = 64, height: int = 64) -> bytes:
    return zlib.compress((b"\0" + b"\x10\x80\xf0" * width) * height, 9)


END: Chunk = (b"IEND", b"")


def test_an_image_is_described_by_what_it_is() -> None:
    content = image_file(4)
    with Image.open(io.BytesIO(content)) as image:
        phash = perceptual_hash(image)
    assert check_image(content, "icon") == UploadedImage(digest(content), phash, 64, 64)
    assert isinstance(check_image(png([header(), (b"IDAT", rows()), END]), "icon"), UploadedImage)


@pytest.mark.parametrize(
    ("size", "kind"),
    [
        ((64, 63), "icon"),
        ((128, 128), "icon"),
        ((3, 20), "text"),
        ((1025, 20), "text"),
        ((20, 257), "text"),
        ((100, 31), "screen"),
        ((64, 64), "screen"),
        ((5000, 100), "screen"),
    ],
)
def test_sizes_are_limited(size: tuple[int, int], kind: CropKind) -> None:
    assert check_image(image_file(1, size), kind) is Refusal.WRONG_SIZE


@pytest.mark.parametrize("size", [(60_000, 60_000), (2**31 - 1, 2**31 - 1), (0, 64)])
def test_a_bomb_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    content = png([header(*size), (b"IDAT", rows()), END])
    for kind in ("icon", "text", "screen"):
        assert check_image(content, kind) is Refusal.WRONG_SIZE  # type: ignore[arg-type]


def test_pixels_that_would_fill_the_memory_are_not_decompressed() -> None:
    """A header of 64 by 64 pixels, and 20 KB that would become 20 MB."""
    bomb = zlib.compress(bytes(20_000_000), 9)
    content = png([header(), (b"IDAT", bomb), END])
    tracemalloc.start()
    found = check_image(content, "icon")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found is Refusal.DAMAGED
    assert peak < 1_000_000


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"tEXt", b"iCCP", b"eXIf", b"tIME", b"acTL"])
def test_only_pixels_are_taken(kind: bytes) -> None:
    content = png([header(), (kind, b"Author\0Jane Doe"), (b"IDAT", rows()), END])
    assert check_image(content, "icon") is Refusal.MORE_THAN_PIXELS


def test_a_text_among_what_is_harmless_is_too_long() -> None:
    content = png([header(), (b"pHYs", b"Jane Doe" * 9), (b"IDAT", rows()), END])
    assert check_image(content, "icon") is Refusal.MORE_THAN_PIXELS


def test_nothing_follows_the_end_not_even_what_is_harmless_before_it() -> None:
    content = png([header(), (b"IDAT", rows()), END, (b"pHYs", b"Jane Doe.")])
    assert check_image(content, "icon") is Refusal.MORE_THAN_PIXELS


def test_a_file_is_not_an_image_and_an_archive() -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("program.py", "print('hello')")
    assert check_image(image_file(1) + archive.getvalue(), "icon") in (
        Refusal.MORE_THAN_PIXELS,
        Refusal.DAMAGED,
    )


@pytest.mark.parametrize("form", ["JPEG", "GIF", "BMP", "WEBP", "TIFF"])
def test_only_png_is_taken(form: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, form)
    assert check_image(buffer.getvalue(), "icon") is Refusal.NOT_PNG


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "1", "I;16"])
def test_only_rgb_is_taken(mode: str) -> None:
    buffer = io.BytesIO()
    Image.new(mode, (64, 64)).save(buffer, "PNG")
    assert check_image(buffer.getvalue(), "icon") is Refusal.OTHER_PIXELS


def test_texts_within_a_file_of_pillow_are_found() -> None:
    note = PngImagePlugin.PngInfo()
    note.add_text("Author", "Jane Doe")
    assert check_image(image_file(1, pnginfo=note), "icon") is Refusal.MORE_THAN_PIXELS


@pytest.mark.parametrize(
    "chunks",
    [
        [header(), END],
        [header(), (b"IDAT", rows(64, 63)), END],
        [header(), (b"IDAT", rows(64, 65)), END],
        [header(), (b"IDAT", rows() + b"more"), END],
        [header(), (b"IDAT", rows()[:-6]), END],
        [header(), header(), (b"IDAT", rows()), END],
        [(b"IDAT", rows()), header(), END],
        [header(), (b"IDAT", rows())],
        [(b"IHDR", b"short"), (b"IDAT", rows()), END],
        [header(), (b"IDAT", zlib.compress((b"\x09" + b"\0" * 192) * 64)), END],
    ],
    ids=lambda chunks: " ".join(kind.decode() for kind, _ in chunks),
)
def test_damaged_images_are_refused(chunks: list[Chunk]) -> None:
    assert check_image(png(chunks), "icon") is Refusal.DAMAGED


def test_a_large_file_is_not_looked_into() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    assert check_image(buffer.getvalue(), "icon") is Refusal.FILE_TOO_LARGE


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_any_damage_is_refused_and_never_raised(data: st.DataObject) -> None:
    content = bytearray(image_file(5))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] ^= data.draw(st.integers(1, 255))
    found = check_image(bytes(content), "icon")
    assert isinstance(found, Refusal) or bytes(content) == image_file(5)


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_refused(content: bytes) -> None:
    assert isinstance(check_image(content, "icon"), Refusal)
    assert isinstance(check_image(SIGNATURE + content, "screen"), Refusal)

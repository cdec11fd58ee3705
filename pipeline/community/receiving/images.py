"""One uploaded image: whether its bytes are what they must be, found out before it is decoded.

Of PNG (https://www.w3.org/TR/png-3/) only the plainest kind is taken, which every program can
write: 8-bit RGB, without interlacing. Chunks that hold texts, times, profiles or anything else, and
bytes after the end, are refused: they could tell of a person, or be another kind of file as well.
What the compressed pixels come to is known before any decoder sees them, because not a byte more
than the header promises is decompressed.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from detector_runtime.classify.hashes import perceptual_hash
from detector_runtime.contribute.records import ICON_SIDE
from PIL import Image

from pipeline.community.receiving.refusals import MIB, Refusal
from pipeline.community.staged_crops import CropKind

SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEADER = struct.Struct(">IIBBBBB")
PLAIN = (8, 2, 0, 0, 0)
"""Of the header: bits, RGB, deflate, the usual filters, not interlaced."""
HARMLESS = frozenset((b"IHDR", b"IDAT", b"IEND", b"pHYs", b"gAMA", b"sRGB", b"sBIT", b"cHRM"))
"""Pixels, and what many programs write of how they are shown."""
LARGEST_HARMLESS = 32
"""Bytes of the latter; the longest has exactly as many."""


@dataclass(frozen=True)
class ImageLimits:
    """What an image of a kind may be.

    Attributes:
        file_bytes: of the file.
        least, most: width and height in pixels.
    """

    file_bytes: int
    least: tuple[int, int]
    most: tuple[int, int]


IMAGE_LIMITS: Mapping[CropKind, ImageLimits] = {
    # No image is both an icon and a screen: a decision names one by its digest alone.
    "icon": ImageLimits(MIB // 32, (ICON_SIDE, ICON_SIDE), (ICON_SIDE, ICON_SIDE)),
    "text": ImageLimits(MIB, (4, 4), (1024, 256)),
    "screen": ImageLimits(16 * MIB, (ICON_SIDE + 1, 32), (4096, 4096)),
}


@dataclass(frozen=True)
class UploadedImage:
    """What was computed of an image; nothing of it was stated by anybody.

    Attributes:
        phash: see `detector_runtime.classify.hashes`.
    """

    sha256: str
    phash: str
    width: int
    height: int


def check_image(content: bytes, kind: CropKind) -> UploadedImage | Refusal:
    """Whether a file is an image of a kind.

    Args:
        content: anything at all.
    """
    limits = IMAGE_LIMITS[kind]
    if len(content) > limits.file_bytes:
        return Refusal.FILE_TOO_LARGE
    found = _pixels_of(content, limits)
    if isinstance(found, Refusal):
        return found
    size, compressed = found
    if not _has_rows(compressed, size):
        return Refusal.DAMAGED
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            phash = perceptual_hash(image)
    except (OSError, ValueError, SyntaxError):
        return Refusal.DAMAGED
    return UploadedImage(hashlib.sha256(content).hexdigest(), phash, *size)


def _pixels_of(
    content: bytes, limits: ImageLimits
) -> tuple[tuple[int, int], list[bytes]] | Refusal:
    """Width and height, and the compressed pixels."""
    if not content.startswith(SIGNATURE):
        return Refusal.NOT_PNG
    header, compressed, ended = b"", list[bytes](), False
    for kind, data in _chunks(content):
        if ended or (kind not in HARMLESS):
            return Refusal.MORE_THAN_PIXELS
        if (kind == b"IHDR") != (not header) or data is None:
            return Refusal.DAMAGED
        if kind == b"IHDR":
            header = data
            refused = _refused_header(header, limits)
            if refused is not None:
                return refused
        elif kind == b"IDAT":
            compressed.append(data)
        elif kind == b"IEND":
            ended = True
        if kind != b"IDAT" and len(data) > LARGEST_HARMLESS:
            return Refusal.MORE_THAN_PIXELS
    if not ended:
        return Refusal.DAMAGED
    width, height, *_ = HEADER.unpack(header)
    return (width, height), compressed


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes | None]]:
    """Kind and data of each; None for what is cut off or does not match its checksum."""
    place = len(SIGNATURE)
    while place < len(content):
        head = content[place : place + 8]
        if len(head) < 8:
            yield b"IEND", None
            return
        size, kind = int.from_bytes(head[:4]), head[4:]
        end = place + 8 + size
        data, checksum = content[place + 8 : end], content[end : end + 4]
        is_whole = len(checksum) == 4 and zlib.crc32(data, zlib.crc32(kind)) == int.from_bytes(
            checksum
        )
        yield kind, data if is_whole else None
        place = end + 4


def _refused_header(header: bytes, limits: ImageLimits) -> Refusal | None:
    if len(header) != HEADER.size:
        return Refusal.DAMAGED
    width, height, *form = HEADER.unpack(header)
    if tuple(form) != PLAIN:
        return Refusal.OTHER_PIXELS
    (least_width, least_height), (most_width, most_height) = limits.least, limits.most
    if not (least_width <= width <= most_width and least_height <= height <= most_height):
        return Refusal.WRONG_SIZE
    return None


def _has_rows(compressed: list[bytes], size: tuple[int, int]) -> bool:
    """Whether the pixels come to exactly what the header says, each row with its filter's byte."""
    width, height = size
    left = height * (1 + 3 * width)
    inflater = zlib.decompressobj()
    try:
        for data in compressed:
            waiting = data
            while waiting and left >= 0 and not inflater.eof:
                left -= len(inflater.decompress(waiting, min(left + 1, MIB)))
                waiting = inflater.unconsumed_tail
    except zlib.error:
        return False
    return left == 0 and inflater.eof and not inflater.unused_data

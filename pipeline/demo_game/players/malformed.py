"""What no client would upload: each of it must be refused, and harm nothing."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any
from uuid import UUID

import numpy as np
from detector_runtime.contribute.records import crop_key, screen_key

from pipeline.demo_game.captures import stored_png

NO_DIGEST = "0" * 64
BOMB_SIDE = 40000
"""Pixels of an image that says it is large and has no pixels."""


def malformed_objects(install: UUID) -> Iterator[tuple[str, bytes]]:
    """Files by their keys, all below the folder of the install."""
    plain = _plain_image(64)
    folder = f"staging/{install}"
    for content in malformed_images().values():
        yield crop_key(install, sha256(content).hexdigest()), content
    # A digest that is not that of the bytes, and names that are no digests.
    yield crop_key(install, NO_DIGEST), plain
    yield crop_key(install, "etc..passwd"), plain
    yield f"{folder}/crops/{sha256(plain).hexdigest()}.exe", plain
    yield f"{folder}/models/icon_classifier.onnx", b"\x08\x07"
    yield screen_key(install, "NO_SUCH_SCREEN", sha256(plain).hexdigest()), plain
    yield screen_key(install, "cargo", sha256(plain).hexdigest()), plain


def malformed_images() -> Mapping[str, bytes]:
    """Images that are none, or not what they should be, by what is wrong with them."""
    plain = _plain_image(64)
    return {
        "empty": b"",
        "text": b"not an image",
        "cut off": plain[: len(plain) // 2],
        "bytes after its end": plain + b"<script>alert(1)</script>",
        "too large": _plain_image(600),
        "not square": stored_png(np.zeros((64, 48, 3), np.uint8)),
        "bomb": _bomb(),
        "a GIF": b"GIF89a" + bytes(64),
    }


def malformed_lines(install: UUID) -> list[bytes]:
    """Lines of annotations that are none, or say what cannot be."""
    digest = sha256(_plain_image(64)).hexdigest()
    record: dict[str, Any] = {
        "crop_sha256": digest,
        "name": "Ruby",
        "slot": "cargo",
        "ml_name": "",
        "date": "2025-01-06",
    }
    changes: tuple[dict[str, Any], ...] = (
        {"crop_sha256": "../../../etc/passwd"},
        {"crop_sha256": f"{install}/{digest}"},
        {"crop_sha256": "f" * 64},
        {"name": ""},
        {"name": "x" * 5000},
        {"name": "../../models/icon_classifier"},
        {"name": "Excalibur of the Void"},
        {"name": 7},
        {"slot": "warp_core"},
        {"slot": "../crops"},
        {"slot": "ship_name", "name": "The Salty Heron"},
        {"date": "yesterday"},
        {"date": "2999-12-31"},
    )
    lines = [json.dumps({**record, **change}).encode() for change in changes]
    return [
        *lines,
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe\x00",
        json.dumps({"name": "Ruby"}).encode(),
        b"[" * 20000,
        b'{"name": "' + b"A" * 100_000 + b'"}',
    ]


def _plain_image(side: int) -> bytes:
    return stored_png(np.full((side, side, 3), 90, np.uint8))


def _bomb() -> bytes:
    """A PNG whose header promises gigabytes."""
    header = struct.pack(">IIBBBBB", BOMB_SIDE, BOMB_SIDE, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1 << 16), 0)
    chunks = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )

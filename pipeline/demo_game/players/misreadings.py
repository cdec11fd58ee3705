"""What an OCR makes of the built-in game's texts when they are small.

The confusions are those that RapidOCR makes of texts that `inventory.lettering` drew.
"""

from __future__ import annotations

import zlib

CONFUSIONS = (
    ("ll", "l"),
    ("Il", "ll"),
    ("rn", "m"),
    ("l", "1"),
    ("l", "I"),
    ("I", "l"),
    ("i", "l"),
    ("O", "0"),
    ("o", "0"),
    ("0", "O"),
    ("1", "l"),
    ("m", "rn"),
    ("e", "c"),
    ("g", "q"),
    ("t", "f"),
    ("'", ""),
    (" ", ""),
)
"""What is written, and what is read instead."""


def misreadings_of(text: str) -> tuple[str, ...]:
    """Every text that one confusion makes of a text, in an order that is its own."""
    found = {
        text[:at] + read + text[at + len(written) :]
        for written, read in CONFUSIONS
        for at in range(len(text))
        if text.startswith(written, at)
    }
    return tuple(sorted(found - {text}, key=lambda read: (zlib.crc32(read.encode()), read)))

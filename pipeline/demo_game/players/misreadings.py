"""What an OCR makes of the built-in game's texts when they are small.

The confusions are those that RapidOCR 3.10 made of texts that `inventory.lettering` drew with
capitals of 5 and 6 pixels, the most common first.
"""

from __future__ import annotations

CONFUSIONS = (
    ("rn", "m"),
    (" ", ""),
    ("Fl", "F"),
    ("ll", "l"),
    ("a", "o"),
    ("i", "l"),
    ("5", "S"),
    ("l", ""),
    ("C", "O"),
    ("a", "d"),
    ("g", "q"),
    ("rn", "mn"),
    ("l", "i"),
)
"""What is written, and what is read instead."""


def misreadings_of(text: str) -> tuple[str, ...]:
    """Every text that one confusion makes of a text, the likeliest first."""
    found = dict.fromkeys(
        text[:at] + read + text[at + len(written) :]
        for written, read in CONFUSIONS
        for at in range(len(text))
        if text.startswith(written, at)
    )
    return tuple(misread for misread in found if misread != text)

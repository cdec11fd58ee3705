"""Colours that stand for something; those of classes are the runtime's.

See `detector_runtime.tools.palette.class_colour`.
"""

from __future__ import annotations

from detector_runtime.tools.palette import Rgb

SKY_BLUE = "#56b4e9"
GREEN = "#009e73"
YELLOW = "#f0e442"
VERMILION = "#d55e00"
"""Of Okabe and Ito's palette, which people with any colour vision can tell apart."""

GREY: Rgb = (150, 150, 150)
"""What does not count."""


def hex_of(colour: Rgb) -> str:
    """`#rrggbb`, as pages write it."""
    return "#" + "".join(f"{value:02x}" for value in colour)


def readable_on_black(colour: Rgb) -> Rgb:
    """A lighter shade: dark hues cannot be read on a dark ground."""
    red, green, blue = ((value + 255) // 2 for value in colour)
    return red, green, blue

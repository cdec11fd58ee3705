"""The colours of classes: one class has one colour wherever it is drawn."""

from __future__ import annotations

import colorsys

Rgb = tuple[int, int, int]

GOLDEN = 0.618034
"""Steps of this share of the colour circle keep the hues of neighbouring ids far apart."""
BRIGHT = 140
"""Luminance, of 255, from which on black is easier to read on a colour than white."""


def class_colour(class_id: int) -> Rgb:
    """The bright colour of a class; the same every time.

    Hues go round the colour circle; every second one is paler, so that many classes differ.
    """
    hue = class_id * GOLDEN % 1.0
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.75 + 0.25 * (class_id % 2), 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)


def text_colour_on(colour: Rgb) -> Rgb:
    """Black or white: which of them can be read on a colour. Luminance is that of ITU-R BT.601."""
    red, green, blue = colour
    return (0, 0, 0) if 0.299 * red + 0.587 * green + 0.114 * blue >= BRIGHT else (255, 255, 255)

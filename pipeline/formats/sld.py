"""SLD sprite files of Age of Empires II: Definitive Edition, read and written."""

from __future__ import annotations

from pipeline.formats.sld_model import HEADINGS, PlacedLayer, SldError, SldFrame
from pipeline.formats.sld_writer import encode

__all__ = [
    "HEADINGS",
    "PlacedLayer",
    "SldError",
    "SldFrame",
    "encode",
]

"""Which version of the drawing code made something that lies on disk."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

DRAWING = Path(__file__).parent
FORMATS = DRAWING.parent / "formats"


@cache
def drawing_version() -> str:
    """A digest of the code that draws and writes the game; changes when the art may have changed.

    It only decides whether to draw again, and is no part of what is drawn.
    """
    digest = hashlib.sha256()
    for file in [*sorted(DRAWING.rglob("*.py")), *sorted(FORMATS.rglob("*.py"))]:
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()

"""What an asset's page shows: pictures, tables and curves as Dagster metadata.

Pictures go into the event log as data URLs, so they are kept small; the full ones lie in the
artifact's folder.
"""

import base64
from collections.abc import Iterable, Sequence
from io import BytesIO

import dagster as dg
from PIL import Image

LARGEST_PICTURE = (1100, 1400)
"""Width and height in pixels above which a picture is reduced before it is shown."""
LARGEST_JPEG = 1_000_000
"""Bytes above which it is reduced further."""


def picture(encoded: bytes, title: str, most_bytes: int = LARGEST_JPEG) -> dg.MetadataValue[str]:
    """A PNG or JPEG file's bytes, reduced if large, inline."""
    with Image.open(BytesIO(encoded)) as image:
        small = image.convert("RGB")
    small.thumbnail(LARGEST_PICTURE)
    while len(jpeg := _jpeg(small)) > most_bytes:
        small.thumbnail((small.width * 4 // 5, small.height * 4 // 5))
    return _inline(jpeg, "image/jpeg", title)


def curve(svg: str, title: str) -> dg.MetadataValue[str]:
    """An SVG drawing inline."""
    return _inline(svg.encode(), "image/svg+xml", title)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> dg.MetadataValue[str]:
    """A table in markdown."""
    lines = [_row(columns), _row(["---"] * len(columns)), *(_row(row) for row in rows)]
    return dg.MetadataValue.md("\n".join(lines))


def _jpeg(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=82)
    return buffer.getvalue()


def _row(cells: Iterable[object]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _inline(data: bytes, kind: str, title: str) -> dg.MetadataValue[str]:
    encoded = base64.b64encode(data).decode("ascii")
    return dg.MetadataValue.md(f"![{title}](data:{kind};base64,{encoded})")

"""What an asset's page shows: figures, tables and images as Dagster metadata.

All images of a page are one entry, `preview`, which `assets.core.page_images` brings to the
browser.
"""

import io
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
from PIL import Image

LARGEST_KEPT = (1600, 3000)
"""Width and height in pixels above which an image is reduced before it is kept for a page."""
LARGEST_JPEG = 1_000_000
"""Bytes above which it is reduced further."""
SHOWN_WIDTH = 480
"""Pixels that the UI's metadata table has for an image in a window 1600 pixels wide; what is wider
is cut off and takes scrolling."""
SIDES = ("width", "height")
PREVIEW = "preview"
"""Name of the metadata entry that holds a page's images."""


@dataclass(frozen=True)
class ShownImage:
    """One image of an asset's page.

    Attributes:
        title: what is written above it.
        full: the file's bytes.
        small: the same, no wider than the page shows it.
        suffix: of both files, without a dot: jpg, svg or webp.
    """

    title: str
    full: bytes
    small: bytes
    suffix: str


@dataclass(frozen=True)
class LinkedTable:
    """A table on an asset's page whose first cells lead to images.

    Attributes:
        images: one for each row, or None; rows beyond have none.
    """

    columns: Collection[str]
    rows: Sequence[Sequence[object]]
    images: Sequence[ShownImage | None]


def image(encoded: bytes, title: str, most_bytes: int = LARGEST_JPEG) -> ShownImage:
    """A PNG or JPEG file's bytes, reduced if large."""
    with Image.open(io.BytesIO(encoded)) as opened:
        shown = opened.convert("RGB")
    shown.thumbnail(LARGEST_KEPT)
    while len(full := _jpeg(shown)) > most_bytes:
        shown.thumbnail((shown.width * 4 // 5, shown.height * 4 // 5))
    if shown.width <= SHOWN_WIDTH:
        return ShownImage(title, full, full, "jpg")
    shown.thumbnail((SHOWN_WIDTH, shown.height))
    return ShownImage(title, full, _jpeg(shown), "jpg")


def drawing(svg: str, title: str) -> ShownImage:
    """An SVG drawing whose root element says how wide and high it is, in pixels."""
    return ShownImage(title, svg.encode(), _narrowed(svg).encode(), "svg")


def film(encoded: bytes, title: str) -> ShownImage:
    """An animated WebP file, no wider than the page shows it; browsers play it at once."""
    return ShownImage(title, encoded, encoded, "webp")


def table(columns: Collection[str], rows: Iterable[Iterable[object]]) -> dg.MetadataValue[Any]:
    """A table in markdown, or the word none where it would have no rows."""
    lines = [_row(row) for row in rows]
    if not lines:
        return dg.MetadataValue.text("none")
    return dg.MetadataValue.md("\n".join([_row(columns), _row(["---"] * len(columns)), *lines]))


def limited(rows: Sequence[Sequence[object]], total: int) -> Iterator[Sequence[object]]:
    """Rows of a table, and one that says how many there are of which these are the first."""
    yield from rows
    if len(rows) < total:
        yield [f"... {len(rows)} of {total} are shown", *[""] * (len(rows[0]) - 1)]


def literal(text: str) -> str:
    """A text that somebody else wrote, for the cell of a table: nothing in it is markdown.

    An image in markdown would have the reader's browser ask another server for it.
    """
    return re.sub(r"[\\`*_\[\]!&~]", lambda found: f"&#{ord(found[0])};", text)


def _jpeg(shown: Image.Image) -> bytes:
    buffer = io.BytesIO()
    shown.save(buffer, "JPEG", quality=82)
    return buffer.getvalue()


def _narrowed(svg: str) -> str:
    """The same drawing scaled to the width that the page shows."""
    root = svg[: svg.index(">")]
    width, height = (float(re.findall(rf' {side}="([0-9.]+)"', root)[0]) for side in SIDES)
    if width <= SHOWN_WIDTH:
        return svg
    bare = re.sub(r' (width|height|viewBox)="[^"]*"', "", root)
    scaled = f'width="{SHOWN_WIDTH}" height="{height * SHOWN_WIDTH / width:.0f}"'
    return f'{bare} viewBox="0 0 {width:g} {height:g}" {scaled}{svg[len(root) :]}'


def _row(cells: Iterable[object]) -> str:
    return "| " + " | ".join(_cell(str(cell)) for cell in cells) + " |"


def _cell(text: str) -> str:
    """One line, and no HTML: file names may hold anything. Links in markdown stay links."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")

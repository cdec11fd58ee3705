"""How the images of an asset's page come to the browser.

What Dagster's UI 1.13.27 does, read in the source maps of its bundle (`MetadataEntry.tsx`,
`MarkdownWithPlugins.tsx`) and tested in `tests/e2e/test_browser.py`: it shows markdown of less than
1,000 characters at once and hides longer markdown behind "[Show Markdown]"; images in it may be
http, data or relative addresses; the run's log hides all markdown. An image as data: address has
always more characters.

So the images lie where Dagster's own server reads the logs of steps, and the markdown refers to
them by address: `/logs/images/<digest>/jpg` is the file `images/<digest>.jpg` of the folder of a
`LocalComputeLogManager`. This needs no server but Dagster's, whoever starts it, and keeps the event
log small. Where logs are kept otherwise, the entry holds the images themselves and takes a click.
"""

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager

from assets.core.metadata import PREVIEW, LinkedTable, ShownImage, table
from pipeline.files import replacing

SHOWN_AT_ONCE = 1000
"""Characters of markdown from which on the UI wants a click."""
FOLDER = "images"
DIGITS = 16
TITLE_LENGTH = 32
"""Characters of a title; with more, six images have no room."""
ADDRESS = re.compile(rf"/logs/{FOLDER}/([0-9a-f]{{{DIGITS}}})/([a-z]+)")
MARKS_IN_CELLS = "\\`*_[]!#~"
MARKS = f"{MARKS_IN_CELLS}<>|"
"""What means something in markdown; of a table's cells, `table` escapes the rest."""
MEDIA_TYPES = {"jpg": "image/jpeg", "svg": "image/svg+xml", "webp": "image/webp"}


def with_images_served(
    instance: dg.DagsterInstance, metadata: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Metadata whose images can be seen without a click, where the instance allows it.

    Args:
        metadata: `preview`, if it is there, holds a sequence of `ShownImage`. A `LinkedTable`
            becomes a table, without links where its images cannot be served.
    """
    folder = images_folder(instance)
    metadata = {
        name: _linked(value, folder) if isinstance(value, LinkedTable) else value
        for name, value in metadata.items()
    }
    images: Sequence[ShownImage] = metadata.get(PREVIEW, ())
    text = None if folder is None else served_markdown(images)
    if not images or folder is None or text is None:
        return with_images_inside(metadata)
    for shown in images:
        _serve(shown, folder)
    return {**metadata, PREVIEW: dg.MetadataValue.md(text)}


def with_images_inside(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    """Metadata that carries its images in itself, seen after a click wherever it is shown."""
    images: Sequence[ShownImage] = metadata.get(PREVIEW, ())
    if not images:
        return {name: value for name, value in metadata.items() if name != PREVIEW}
    text = "\n\n".join(_paragraph(_title(shown), _data_address(shown)) for shown in images)
    return {**metadata, PREVIEW: dg.MetadataValue.md(text)}


def images_folder(instance: dg.DagsterInstance) -> Path | None:
    """Where images are put for Dagster's server; None where it would not find them."""
    manager = instance.compute_log_manager
    if not isinstance(manager, LocalComputeLogManager):
        return None
    return Path(manager.get_captured_local_path([FOLDER, "any"], "jpg")).parent


def images_named_in(metadata: Mapping[str, dg.MetadataValue[Any]]) -> Iterator[str]:
    """File names in the images folder that a materialization's metadata refers to."""
    for entry in metadata.values():
        if isinstance(entry, dg.MarkdownMetadataValue):
            for digest, suffix in ADDRESS.findall(entry.md_str or ""):
                yield f"{digest}.{suffix}"


def served_markdown(images: Sequence[ShownImage]) -> str | None:
    """Markdown that the UI shows at once; None where there are too many images for it.

    There is room for six images whatever their titles are.
    """
    for length, linked in ((TITLE_LENGTH, True), (TITLE_LENGTH, False), (TITLE_LENGTH // 2, False)):
        text = "\n\n".join(_served(shown, length, linked=linked) for shown in images)
        if len(text) < SHOWN_AT_ONCE:
            return text
    return None


def _linked(shown: LinkedTable, folder: Path | None) -> dg.MetadataValue[Any]:
    rows = [list(row) for row in shown.rows]
    for row, one in zip(rows, shown.images, strict=False):
        if folder is not None and one is not None:
            _serve(one, folder)
            row[0] = f"[{_literal(str(row[0]), MARKS_IN_CELLS)}]({_address(one.full, one.suffix)})"
    return table(shown.columns, rows)


def _serve(shown: ShownImage, folder: Path) -> None:
    for data in (shown.full, shown.small):
        _write(folder / f"{_digest(data)}.{shown.suffix}", data)


def _address(data: bytes, suffix: str) -> str:
    return f"/logs/{FOLDER}/{_digest(data)}/{suffix}"


def _served(shown: ShownImage, length: int, *, linked: bool) -> str:
    """An image by address; a click on one that was reduced saves the full one."""
    small, full = (_address(data, shown.suffix) for data in (shown.small, shown.full))
    return _paragraph(_title(shown, length), small, full if linked and full != small else None)


def _paragraph(title: str, address: str, full: str | None = None) -> str:
    markdown = f"![{title}]({address})"
    return f"{title}\n\n{markdown if full is None else f'[{markdown}]({full})'}"


def _title(shown: ShownImage, length: int = TITLE_LENGTH) -> str:
    return _literal(shown.title if len(shown.title) <= length else f"{shown.title[: length - 1]}…")


def _literal(text: str, marks: str = MARKS) -> str:
    """Markdown that says just this text."""
    return re.sub(f"([{re.escape(marks)}])", r"\\\1", " ".join(text.split()))


def _data_address(shown: ShownImage) -> str:
    encoded = base64.b64encode(shown.full).decode("ascii")
    return f"data:{MEDIA_TYPES[shown.suffix]};base64,{encoded}"


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest()[:DIGITS]


def _write(file: Path, data: bytes) -> None:
    """Write a file whose name says what it holds; another process may write the same."""
    if file.is_file() and file.stat().st_size == len(data):
        file.touch()
        return
    with replacing(file) as fresh:
        fresh.write_bytes(data)

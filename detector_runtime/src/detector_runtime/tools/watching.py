"""Looks at images as they appear in a folder."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp"})


def new_images(folder: Path, interval: float) -> Iterator[Path]:
    """Images that appear in the folder, oldest first, each once it is wholly written.

    An image counts as written when its size did not change from one look at the folder to the
    next. An image that is written anew is given again.
    """
    done: dict[Path, tuple[int, int]] = {}
    before: dict[Path, tuple[int, int]] = {}
    while True:
        now = _listing(folder)
        for path, state in now.items():
            if before.get(path) == state and done.get(path) != state:
                done[path] = state
                yield path
        done = {path: state for path, state in done.items() if path in now}
        before = now
        time.sleep(interval)


def present_images(folder: Path) -> list[Path]:
    """Images in the folder now, oldest first."""
    return list(_listing(folder))


def _listing(folder: Path) -> dict[Path, tuple[int, int]]:
    """Modification time in ns and size of each image, oldest first."""
    found = {}
    for path in folder.iterdir():
        if path.suffix.lower() in IMAGE_SUFFIXES:
            try:
                state = path.stat()
            except FileNotFoundError:
                continue
            found[path] = (state.st_mtime_ns, state.st_size)
    return dict(sorted(found.items(), key=lambda item: (item[1][0], item[0].name)))

"""Sprites of single files kept from run to run, so that a game is never extracted twice."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.files import replacing
from pipeline.sprites.library import PIXELS, Sprite
from pipeline.sprites.take import FileSprites

SUFFIX = ".npz"
DRAFT_SECONDS = 24 * 3600.0
"""After which a file that never got its name is left over."""
PAIRS = ("hotspot", "shadow_offset")
DAMAGED = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile)
"""What reading an entry raises when it was cut off or is from elsewhere."""


class FileSpritesCache:
    """Results by key, one file each. Safe to use from several processes at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __contains__(self, key: str) -> bool:
        return self._file(key).is_file()

    def store(self, key: str, taken: FileSprites) -> None:
        """Keep a result; it is there as a whole or not at all."""
        arrays: dict[str, Any] = {}
        facts = []
        for number, sprite in enumerate(taken.sprites):
            facts.append(sprite.facts)
            for name in PIXELS:
                if (pixels := getattr(sprite, name)) is not None:
                    arrays[f"{name}{number}"] = pixels
        text = json.dumps({"blank": taken.blank, "sprites": facts})
        buffer = io.BytesIO()
        np.savez(buffer, facts=np.frombuffer(text.encode(), np.uint8), **arrays)
        with replacing(self._file(key)) as fresh:
            fresh.write_bytes(buffer.getvalue())

    def load(self, key: str) -> FileSprites | None:
        """A result, or None where there is no whole one."""
        try:
            with np.load(self._file(key), allow_pickle=False) as arrays:
                kept = {name: arrays[name] for name in arrays.files}
            content = json.loads(kept.pop("facts").tobytes())
            sprites = tuple(
                _sprite(facts, number, kept) for number, facts in enumerate(content["sprites"])
            )
            return FileSprites(sprites, blank=content["blank"])
        except DAMAGED:
            return None

    def keep_only(self, keys: Collection[str]) -> None:
        """Forget everything else, leftovers of writing that was interrupted a day ago included."""
        if self._folder.is_dir():
            for file in self._folder.iterdir():
                if file.name.removesuffix(SUFFIX) not in keys and not _is_being_written(file):
                    file.unlink(missing_ok=True)

    def _file(self, key: str) -> Path:
        return self._folder / f"{key}{SUFFIX}"


def _is_being_written(file: Path) -> bool:
    """Whether another process may still write a file before it gets its name."""
    with suppress(FileNotFoundError):
        return file.suffix == ".tmp" and time.time() - file.stat().st_mtime < DRAFT_SECONDS
    return False


def _sprite(facts: dict[str, Any], number: int, arrays: dict[str, Any]) -> Sprite:
    pairs = {name: tuple(facts[name]) for name in PAIRS}
    pixels = {name: arrays.get(f"{name}{number}") for name in PIXELS}
    if pixels["rgba"] is None:
        raise KeyError("rgba")
    return Sprite(**(facts | pairs | pixels))

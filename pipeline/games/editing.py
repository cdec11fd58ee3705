"""Changing single values of a pack's YAML, with comments, order and spelling of all else kept."""

from __future__ import annotations

import copy
import io
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline.files import replacing
from pipeline.formats.yaml_text import parse_yaml
from pipeline.games.pack import PACKS_FOLDER, PackError, load_pack, pack_folder

PACK_FILE = "pack.yaml"
SECTION, KEY = "thresholds", "per_class"
LONGEST_LINE = 1 << 20
"""No line is ever broken."""


@dataclass(frozen=True)
class PackEdit:
    """A file of a pack before and after a change that has not been made yet."""

    file: Path
    before: bytes
    after: bytes

    def write(self) -> None:
        """Make the change: the file is there whole, as it was or as it will be.

        Raises:
            PackError: somebody has changed the file meanwhile, or it cannot be written.
        """
        try:
            if self.file.read_bytes() != self.before:
                raise PackError(
                    f"{self.file} has been changed meanwhile; nothing was written.",
                    "Run the command again, and look at what is different now.",
                )
            mode = stat.S_IMODE(self.file.stat().st_mode)
            with replacing(self.file) as written:
                written.write_bytes(self.after)
                written.chmod(mode)
        except OSError as error:
            raise _not_writable(self.file, str(error)) from error


def edit_thresholds(name_or_path: str | Path, per_class: Mapping[str, float]) -> PackEdit:
    """Plan to write thresholds of single classes into a pack; those of other classes stay.

    Args:
        name_or_path: of the pack.
        per_class: by the names of its classes, from 0 to 1.

    Raises:
        PackError: the pack comes with Outpost, cannot be read or written, or its YAML cannot be
            changed without changing more than this.
    """
    folder = pack_folder(name_or_path).resolve()
    load_pack(folder)
    # Linked from elsewhere, it is the file that is replaced, not the link.
    file = (folder / PACK_FILE).resolve()
    _require_writable(folder, file)
    before = file.read_bytes()
    text = before.decode("utf-8")
    after = _edited(text, per_class, file).encode()
    wanted = copy.deepcopy(parse_yaml(text))
    section = wanted.setdefault(SECTION, {})
    section[KEY] = {**section.get(KEY, {}), **per_class}
    if _parsed(after) != wanted:
        raise _by_hand(file, "more than its thresholds would change")
    return PackEdit(file, before, after)


def _edited(text: str, per_class: Mapping[str, float], file: Path) -> str:
    """Lines end as they did: in LF, or in CRLF."""
    # Not above: only who changes a pack needs it.
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError
    from ruamel.yaml.util import load_yaml_guess_indent

    editor = YAML()
    editor.preserve_quotes = True
    editor.width = LONGEST_LINE
    try:
        lines = text.replace("\r\n", "\n")
        _, indent, offset = load_yaml_guess_indent(lines)
        if indent is not None:
            editor.indent(mapping=2, sequence=indent, offset=offset)
        document: Any = editor.load(lines)
        section = document.setdefault(SECTION, {})
        section.setdefault(KEY, {}).update(per_class)
        stream = io.StringIO()
        editor.dump(document, stream)
    except (YAMLError, ValueError) as error:
        raise _by_hand(file, str(error)) from error
    written = stream.getvalue()
    return written if lines == text else written.replace("\n", "\r\n")


def _parsed(content: bytes) -> Any:
    """The document; None where it is none any more."""
    try:
        return parse_yaml(content.decode())
    except yaml.YAMLError:
        return None


def _require_writable(folder: Path, file: Path) -> None:
    if folder.is_relative_to(PACKS_FOLDER.resolve()):
        raise PackError(
            f"The pack '{folder.name}' comes with Outpost, which replaces it with every update.",
            f"Copy {folder} to a folder of your own, and name that folder with --game.",
        )
    # A file that is marked as read-only could be replaced all the same, where the folder allows.
    marked = not file.stat().st_mode & stat.S_IWUSR
    if marked or not os.access(file, os.W_OK) or not os.access(file.parent, os.W_OK):
        raise _not_writable(file, "it is read-only")


def _not_writable(file: Path, why: str) -> PackError:
    return PackError(
        f"{file} cannot be written: {why}.", "Make the file and its folder writable, and try again."
    )


def _by_hand(file: Path, why: str) -> PackError:
    return PackError(
        f"{file} cannot be changed by itself: {why}.",
        f"Write the thresholds into it by hand, under {SECTION}.{KEY}.",
    )

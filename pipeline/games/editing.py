"""Changing single values of a pack's YAML, with comments, order and spelling of all else kept."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

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
    wanted = parse_yaml(text)
    section = wanted.setdefault(SECTION, {})
    section[KEY] = {**section.get(KEY, {}), **per_class}
    if _parsed(after) != wanted:
        raise _by_hand(file, "more than its thresholds would change")
    return PackEdit(file, before, after)


def _edited(text: str, per_class: Mapping[str, float], file: Path) -> str:
    """The text with these values replaced or added, all its other characters as they are."""
    root = _mapping(yaml.compose(text, Loader=yaml.SafeLoader), file)
    section = _value_of(root, SECTION)
    if section is None:
        return _with(text, [_addition(text, root, {SECTION: {KEY: dict(per_class)}})])
    rules = _mapping(section, file)
    table = _value_of(rules, KEY)
    if table is None:
        return _with(text, [_addition(text, rules, {KEY: dict(per_class)})])
    thresholds = _mapping(table, file)
    there = {name: _value_of(thresholds, name) for name in per_class}
    changes = [
        _Change(value.start_mark.index, value.end_mark.index, _dumped(per_class[name]))
        for name, value in there.items()
        if value is not None
    ]
    new = {name: per_class[name] for name, value in there.items() if value is None}
    return _with(text, [*changes, *([_addition(text, thresholds, new)] if new else [])])


class _Change(NamedTuple):
    """Characters of a text, and what stands there instead."""

    start: int
    end: int
    new: str


def _with(text: str, changes: Sequence[_Change]) -> str:
    # From the end on, so that the places of the others stay.
    for one in sorted(changes, reverse=True):
        text = text[: one.start] + one.new + text[one.end :]
    return text


def _mapping(node: yaml.Node | None, file: Path) -> yaml.MappingNode:
    """A mapping, each of whose keys is there once."""
    if not isinstance(node, yaml.MappingNode):
        raise _by_hand(file, "it holds no keys where thresholds belong")
    keys = {str(key.value) for key, _ in node.value}
    if len(keys) < len(node.value):
        line = node.start_mark.line + 1
        raise _by_hand(file, f"among the keys from line {line} on, one stands there twice")
    return node


def _value_of(mapping: yaml.MappingNode, key: str) -> yaml.Node | None:
    """The value of a key; None where it is not there."""
    return next((value for one, value in mapping.value if one.value == key), None)


def _addition(text: str, mapping: yaml.MappingNode, new: dict[str, Any]) -> _Change:
    """More keys behind the last one of a mapping, before comments that may belong to the next."""
    if mapping.flow_style:
        inside = ", ".join(_dumped({name: value})[1:-1] for name, value in new.items())
        place = _end_of(mapping.value[-1][1]) if mapping.value else mapping.start_mark.index + 1
        return _Change(place, place, f", {inside}" if mapping.value else inside)
    place = _end_of(mapping.value[-1][1])
    line_end = re.compile(r"\r?\n|\Z").search(text, len(text[:place].rstrip("\r\n")))
    assert line_end is not None  # A text ends somewhere.
    newline = line_end[0] or ("\r\n" if "\r\n" in text else "\n")
    margin = " " * mapping.value[0][0].start_mark.column
    lines = yaml.safe_dump(new, sort_keys=False, width=LONGEST_LINE).splitlines()
    added = "".join(f"{newline}{margin}{line}" for line in lines)
    return _Change(line_end.start(), line_end.start(), added)


def _end_of(node: yaml.Node) -> int:
    """Where its last character is, plus one: a block ends where the next key begins."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end_of(last[1] if isinstance(node, yaml.MappingNode) else last)
    return int(node.end_mark.index)


def _dumped(value: object) -> str:
    """In one line, as it stands within others."""
    text = yaml.safe_dump(value, default_flow_style=True, width=LONGEST_LINE)
    return text.removesuffix("\n").removesuffix("\n...")


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

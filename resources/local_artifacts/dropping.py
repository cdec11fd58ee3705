"""Which copies of artifacts are dropped so that a store does not exceed a size, and how.

The least recently used go first: the time of a folder is when it was last opened (`opened_now`),
which works where the file system keeps no access times. A copy is renamed out of its place and then
removed, so that there is the whole of it or none at any time, also after a kill.
"""

from __future__ import annotations

import os
import stat
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from resources.files import remove_tree
from resources.local_artifacts.in_use import nobody_begins_to_use

DROPPED = "dropped"
"""What the names of folders begin with that are being removed."""

FileId = tuple[int, int]
"""Of a file whatever its name: device, number. One of several names has no bytes of its own."""


@dataclass(frozen=True)
class LocalCopy:
    """A folder of the store.

    Attributes:
        used_at: when it was last opened, in seconds since the epoch.
        files: bytes of each.
    """

    folder: Path
    used_at: float
    files: Mapping[FileId, int]

    @classmethod
    def at(cls, folder: Path) -> LocalCopy | None:
        """None where it disappears meanwhile."""
        try:
            found = [path.lstat() for path in folder.rglob("*")]
            regular = (one for one in found if stat.S_ISREG(one.st_mode))
            files = {(one.st_dev, one.st_ino): one.st_size for one in regular}
            return cls(folder, folder.stat().st_mtime, files)
        except FileNotFoundError:
            return None


def opened_now(folder: Path) -> None:
    """Make a folder the most recently used one, where it is there."""
    # In another user's store that is not ours to say.
    with suppress(FileNotFoundError, PermissionError):
        os.utime(folder)


def copies_of(folders: Iterable[Path]) -> tuple[LocalCopy, ...]:
    """Without those that disappear meanwhile."""
    found = (LocalCopy.at(folder) for folder in folders)
    return tuple(copy for copy in found if copy is not None)


def bytes_of(copies: Iterable[LocalCopy]) -> int:
    """Of all their files together."""
    files: dict[FileId, int] = {}
    for copy in copies:
        files.update(copy.files)
    return sum(files.values())


def drop_least_used(
    root: Path,
    folders: Iterable[Path],
    limit: int,
    may_go: Callable[[Path], bool],
) -> int:
    """Remove folders that nobody uses and that may go, until the others have at most some bytes.

    Args:
        root: of the store.
        limit: bytes; more stay where too little may go.
        may_go: asked of as few folders as need be.

    Returns:
        Bytes that were freed.

    Raises:
        StoreLockedError: another process holds the store's lock, and does not go on.
        OutpostError: what `may_go` raises; nothing was removed.
    """
    _remove_leftovers(root)
    copies = copies_of(folders)
    if bytes_of(copies) <= limit:
        return 0
    with nobody_begins_to_use(root) as used:
        pass
    if used is None:
        return 0
    unused = [copy for copy in copies if copy.folder not in used]
    chosen = choose(copies, unused, limit, may_go)
    with nobody_begins_to_use(root) as used:
        gone = [copy for copy in chosen if used is not None and copy.folder not in used]
        moved = [copy for copy in gone if _moved_away(copy.folder)]
    _remove_leftovers(root)
    stayed = [copy for copy in copies if copy not in moved]
    return bytes_of(copies) - bytes_of(stayed)


def choose(
    copies: Iterable[LocalCopy],
    droppable: Iterable[LocalCopy],
    limit: int,
    may_go: Callable[[Path], bool],
) -> tuple[LocalCopy, ...]:
    """Those to drop, the least recently used first, until the others have at most some bytes."""
    names: Counter[FileId] = Counter()
    total = 0
    for copy in copies:
        total += sum(size for file, size in copy.files.items() if not names[file])
        names.update(copy.files.keys())
    chosen = []
    for copy in sorted(droppable, key=lambda one: (one.used_at, one.folder)):
        if total <= limit:
            break
        if may_go(copy.folder):
            chosen.append(copy)
            names.subtract(copy.files.keys())
            total -= sum(size for file, size in copy.files.items() if not names[file])
    return tuple(chosen)


def _moved_away(folder: Path) -> bool:
    """Whether it is out of its place; Windows refuses where somebody has a file of it open."""
    target = folder.parent / "staging" / f"{DROPPED}-{uuid.uuid4().hex[:12]}"
    with suppress(OSError):
        target.parent.mkdir(exist_ok=True)
        folder.replace(target)
        return True
    return False


def _remove_leftovers(root: Path) -> None:
    """Also those of processes that were killed over it."""
    for folder in root.glob(f"*/*/staging/{DROPPED}-*"):
        with suppress(OSError):  # another process removes it too, or Windows has it open
            remove_tree(folder)

"""A folder, such as one on a share, as a place for contributions."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from detector_runtime.contribute.stores.base import Replacement, StoredFile
from detector_runtime.errors import ContributionStoreError
from detector_runtime.system.files import TEMPORARY, flush, replace


class ContributionFolder:
    """See `ContributionStore`. The folder is made when it is first written to."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def place(self) -> str:
        """See `ContributionStore`."""
        return str(self._root)

    def get(self, key: str) -> StoredFile | None:
        """See `ContributionStore`."""
        with self._explained():
            try:
                content = (self._root / key).read_bytes()
            except FileNotFoundError:
                return None
        return StoredFile(content, _tag(content))

    def publish(self, new: Mapping[str, bytes], replaced: Replacement | None) -> str | None:
        """See `ContributionStore`. Only one program replaces a file: the install's own."""
        with self._explained():
            for key, content in new.items():
                if not (self._root / key).exists():
                    _write(self._root / key, content)
            if replaced is None:
                return ""
            found = self.get(replaced.key)
            if (found.tag if found else None) != replaced.tag:
                return None
            _write(self._root / replaced.key, replaced.content)
        return _tag(replaced.content)

    def keys(self, prefix: str) -> Sequence[str]:
        """See `ContributionStore`."""
        with self._explained():
            below = (self._root / prefix.rpartition("/")[0]).rglob("*")
            found = (file.relative_to(self._root).as_posix() for file in below if file.is_file())
            return sorted(key for key in found if key.startswith(prefix))

    def delete(self, keys: Sequence[str]) -> None:
        """See `ContributionStore`."""
        with self._explained():
            for key in keys:
                file = self._root / key
                file.unlink(missing_ok=True)
                for folder in file.relative_to(self._root).parents:
                    # Empty ones go too: their names are an install's id.
                    with suppress(OSError):
                        (self._root / folder).rmdir()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ContributionStoreError(
                f"the folder {self._root} cannot be used: {error.strerror or error}",
                "Check that the disk or share is there and that you may write to it.",
            ) from error


def _write(file: Path, content: bytes) -> None:
    """Whole or not at all; what a kill leaves is hidden, so that it counts as no contribution."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{uuid.uuid4().hex}{TEMPORARY}")
    try:
        with temporary.open("xb") as stream:
            stream.write(content)
            flush(stream)
        replace(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)


def _tag(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

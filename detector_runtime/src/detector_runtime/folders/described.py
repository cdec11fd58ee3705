"""Folders of models that describe themselves: a JSON file with the digests of the others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from detector_runtime.bundle import FileDigest, check_runtime
from detector_runtime.errors import ModelLoadError

LARGEST_DESCRIPTION = 1 << 20
"""Bytes."""
SCHEMA_VERSION = 1

_Description = TypeVar("_Description", bound=BaseModel)


@dataclass(frozen=True)
class Described(Generic[_Description]):
    """How the folders of one kind of models describe themselves.

    Attributes:
        file: that describes, by name.
        content: what it holds.
        called: the kind, for messages: community model.
        error: what is raised.
        fetch_again: what to do about a folder that is not whole.
    """

    file: str
    content: type[_Description]
    called: str
    error: type[ModelLoadError]
    fetch_again: str

    def read(self, folder: Path) -> _Description:
        """What a folder says of itself; nothing is verified yet.

        Raises:
            ModelLoadError: `error`: absent, damaged, or made for a newer runtime.
        """
        file = folder / self.file
        values = self._values(file)
        check_runtime(
            str(file),
            values.get("schema_version"),
            SCHEMA_VERSION,
            values.get("min_runtime"),
            self.error,
        )
        try:
            return self.content.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the whole"
            raise self.error(
                f"{file} is not valid: {where}: {first['msg']}", self.fetch_again
            ) from error

    def contents(self, folder: Path, files: Mapping[str, FileDigest]) -> dict[str, bytes]:
        """The bytes of files, verified, by name.

        Raises:
            ModelLoadError: `error`: one is absent, or altered.
        """
        return {name: self._verified(folder / name, one) for name, one in files.items()}

    def _values(self, file: Path) -> dict[str, Any]:
        try:
            if file.stat().st_size > LARGEST_DESCRIPTION:
                raise ValueError(f"it has more than {LARGEST_DESCRIPTION} bytes")
            values: Any = json.loads(file.read_bytes())
            if not isinstance(values, dict):
                raise ValueError("it is not an object")
        except (OSError, ValueError, RecursionError) as error:
            raise self.error(
                f"{file.parent} holds no {self.called}: {error!s:.200}", self.fetch_again
            ) from error
        return values

    def _verified(self, file: Path, expected: FileDigest) -> bytes:
        size = file.stat().st_size if file.is_file() else None
        if size is None:
            raise self.error(f"there is no {file}", self.fetch_again)
        # Its size comes before anything is read.
        content = file.read_bytes() if size == expected.size else b""
        if size != expected.size or hashlib.sha256(content).hexdigest() != expected.sha256:
            raise self.error(
                f"{file} is not the file that came with the {self.called}", self.fetch_again
            )
        return content

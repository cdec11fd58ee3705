"""The registry of trained models: by game, purpose and version, in a folder of small files.

    <folder>/<game>/<purpose>/<version>.json

Each entry is a file of its own that appears whole, so several processes can write at once without
waiting for each other: the file system itself lets only one of them create a version.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import AwareDatetime, Field, ValidationError

from pipeline.errors import OutpostError
from pipeline.files import replacing, write_once
from pipeline.manifests import Record, sha256_of

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"


class RegistryError(OutpostError, ValueError):
    """An entry that cannot be made: its names, its version or its file will not do."""


class NotRegisteredError(OutpostError, KeyError):
    """An entry that does not exist."""


class RegisteredFileError(OutpostError, FileNotFoundError):
    """A registered file that is gone, or that is no longer what was registered."""


class RegistryEntry(Record):
    """One registered model."""

    game: str = Field(pattern=NAME_PATTERN)
    purpose: str = Field(pattern=NAME_PATTERN, description="For example 'detector', 'pretrain'.")
    version: str = Field(pattern=NAME_PATTERN, description="A number where none was asked for.")
    path: str = Field(description="Of the file, absolute.")
    sha256: str
    metrics: dict[str, float | None] = Field({}, description="For example map50_95, in 0..1.")
    run_id: str = Field("", description="Of the training that made it.")
    registered_at: AwareDatetime = Field(description="UTC.")

    def open(self) -> Path:
        """The registered file, after a look at its digest.

        Raises:
            RegisteredFileError: it is gone, or another one lies there.
        """
        file = Path(self.path)
        if not file.is_file():
            raise RegisteredFileError(
                f"{self} is registered as {file}, where nothing is.",
                "Bring the file back, or remove the entry.",
            )
        if sha256_of(file) != self.sha256:
            raise RegisteredFileError(
                f"{file} is not the file that was registered as {self}: its digest differs.",
                "Bring the registered file back, or register this one as another version.",
            )
        return file

    def __str__(self) -> str:
        return f"{self.game}/{self.purpose} {self.version}"


class ModelRegistry:
    """Models on this disk, by game, purpose and version."""

    def __init__(self, folder: Path) -> None:
        """`folder` need not exist yet."""
        self.folder = folder

    def register(
        self,
        game: str,
        purpose: str,
        path: Path,
        *,
        version: str | None = None,
        metrics: Mapping[str, float | None] | None = None,
        run_id: str = "",
        overwrite: bool = False,
    ) -> RegistryEntry:
        """Enter a file.

        Args:
            version: None takes the next number, whoever else registers at the same time.
            overwrite: replace an entry of the same version instead of refusing.

        Raises:
            RegistryError: the version is taken, a name will not do, or there is no such file.
        """
        if not path.is_file():
            raise RegistryError(f"There is no file at {path} to register.", "Correct the path.")
        digest = sha256_of(path)
        asked = [version] if version is not None else self._next_versions(game, purpose)
        for candidate in asked:
            entry = _entry(
                game=game,
                purpose=purpose,
                version=candidate,
                path=str(path.resolve()),
                sha256=digest,
                metrics=dict(metrics or {}),
                run_id=run_id,
                registered_at=self._moment(),
            )
            if self._write(entry, overwrite and version is not None):
                return entry
        raise RegistryError(
            f"{game}/{purpose} {version} is registered already.",
            "Choose another version, leave it out to take the next number, or overwrite it.",
        )

    def get(self, game: str, purpose: str, version: str) -> RegistryEntry:
        """One entry.

        Raises:
            NotRegisteredError: there is none; the text names those that there are.
        """
        found = {entry.version: entry for entry in self.list(game, purpose)}
        if version not in found:
            known = ", ".join(found) or "none at all"
            raise NotRegisteredError(
                f"There is no {game}/{purpose} {version} in {self.folder}.",
                f"Known versions: {known}.",
            )
        return found[version]

    def list(
        self, game: str | None = None, purpose: str | None = None
    ) -> tuple[RegistryEntry, ...]:
        """Entries, of one game or purpose where asked for, in the order of their registration."""
        files = self.folder.glob(f"{game or '*'}/{purpose or '*'}/*.json")
        entries = [entry for file in files if (entry := _read(file)) is not None]
        # Those that two processes entered in the same microsecond go by version, 9 before 10.
        return tuple(sorted(entries, key=lambda e: (e.registered_at, len(e.version), e.version)))

    def latest(self, game: str, purpose: str) -> RegistryEntry:
        """The entry that was registered last.

        Raises:
            NotRegisteredError: there is none.
        """
        return self._some(game, purpose)[-1]

    def best(self, game: str, purpose: str, metric: str = "map50_95") -> RegistryEntry:
        """The entry with the highest figure, the earliest of equals.

        Raises:
            NotRegisteredError: there is none with that figure.
        """
        measured = [e for e in self._some(game, purpose) if e.metrics.get(metric) is not None]
        if not measured:
            known = sorted({name for e in self.list(game, purpose) for name in e.metrics})
            raise NotRegisteredError(
                f"No {game}/{purpose} is registered with the figure '{metric}'.",
                f"Known figures: {', '.join(known) or 'none'}.",
            )
        return max(measured, key=lambda entry: entry.metrics[metric] or 0.0)

    def remove(self, game: str, purpose: str, version: str) -> None:
        """Take an entry out; the file that it names stays.

        Raises:
            NotRegisteredError: there is none.
        """
        self._file(self.get(game, purpose, version)).unlink(missing_ok=True)

    def _some(self, game: str, purpose: str) -> tuple[RegistryEntry, ...]:
        entries = self.list(game, purpose)
        if not entries:
            known = sorted({f"{entry.game}/{entry.purpose}" for entry in self.list()})
            raise NotRegisteredError(
                f"Nothing is registered as {game}/{purpose} in {self.folder}.",
                f"Registered there: {', '.join(known) or 'nothing'}.",
            )
        return entries

    def _next_versions(self, game: str, purpose: str) -> Iterator[str]:
        """Numbers from the next free one on; another process may take it in the meantime."""
        taken = [entry.version for entry in self.list(game, purpose)]
        number = max((int(version) for version in taken if version.isdecimal()), default=0)
        while True:
            number += 1
            yield str(number)

    def _moment(self) -> datetime:
        """Now, or just after the newest entry where the clock has not moved, or was set back."""
        after = [entry.registered_at + timedelta(microseconds=1) for entry in self.list()]
        return max([datetime.now(UTC), *after])

    def _file(self, entry: RegistryEntry) -> Path:
        return self.folder / entry.game / entry.purpose / f"{entry.version}.json"

    def _write(self, entry: RegistryEntry, overwrite: bool) -> bool:
        """Write an entry whole; False when its version is taken."""
        file = self._file(entry)
        file.parent.mkdir(parents=True, exist_ok=True)
        content = f"{entry.model_dump_json(indent=1)}\n".encode()
        if not overwrite:
            return write_once(file, content, private=False)
        with replacing(file) as fresh:
            fresh.write_bytes(content)
        return True


def _read(file: Path) -> RegistryEntry | None:
    """An entry, or None when it was removed, or has only just been created and is empty."""
    with suppress(FileNotFoundError):
        text = file.read_text(encoding="utf-8")
        if not text:
            return None
        try:
            return RegistryEntry.model_validate_json(text)
        except ValidationError as error:
            raise RegistryError(
                f"{file} is not an entry of the registry: {error}", "Correct it or remove it."
            ) from error
    return None


def _entry(**fields: object) -> RegistryEntry:
    try:
        return RegistryEntry.model_validate(fields)
    except ValidationError as error:
        wrong = error.errors()[0]
        raise RegistryError(
            f"'{wrong['loc'][0]}' of an entry cannot be {wrong['input']!r}.",
            "Use letters, digits, '.', '_' and '-', beginning with a letter or a digit.",
        ) from error

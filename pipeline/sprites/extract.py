"""A game's files to a sprite library."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import OutpostError
from pipeline.files import read_json, write_json
from pipeline.games.files import Overlay, files_in, first_folder, has_suffix
from pipeline.games.index import GameFolderError, how_to_point_at
from pipeline.games.matching import FileMatches
from pipeline.games.pack import GamePack
from pipeline.manifests import digest_of, sha256_of
from pipeline.processes import results_of
from pipeline.progress import Progress, Report, silent, track
from pipeline.provenance import code_version_of
from pipeline.sprites.cache import FileSpritesCache
from pipeline.sprites.library import DISTRACTOR, Sprite, SpriteLibraryError, folder_of
from pipeline.sprites.select import SpriteTask, select_files
from pipeline.sprites.take import FileSprites, take_sprites

REPORT_FILE = "extraction.json"
STAGE = "extracting sprites"
KEEPING_STAGE = "keeping sprites"
CODE = ("pipeline.formats", "pipeline.sprites")
"""What decides the sprites of a file, besides its bytes and the pack."""
FEWEST_FOR_PROCESSES = 64
"""Files for which starting processes takes less time than they save."""
MODS = "mods"
"""Begins the path of a mod's file in records; the mod's name follows, and the path in it."""
SHARE = 8
"""Files that a worker takes at a time."""


class ExtractionReport(BaseModel):
    """What became of a game's sprite files. Paths are relative to the game's folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: dict[str, int] = Field(description="Files taken, by class, `distractor` included.")
    sprites: dict[str, int] = Field(description="Sprites made, by class.")
    missing: tuple[str, ...] = Field(description="Classes for which no file was found.")
    empty: tuple[str, ...] = Field(description="Classes whose files gave no sprite.")
    annotated_only: tuple[str, ...] = Field(description="Classes that need no sprites.")
    failed: dict[str, str] = Field(description="What is wrong with a file that was left out.")
    blank: dict[str, int] = Field(description="Chosen frames without a visible pixel, by file.")
    conflicts: dict[str, tuple[str, ...]] = Field(
        description="Files left out because the rules of several classes claim them."
    )
    lacking: dict[str, tuple[str, ...]] = Field(
        description="Parts that no file matches, by the file whose sprite is drawn without them."
    )
    apart: dict[str, int] = Field(description="Files that the pack leaves aside, by group.")
    unmatched: int = Field(description="Files of which the pack says nothing.")

    @classmethod
    def open(cls, folder: Path) -> ExtractionReport:
        """Read what `write` wrote.

        Raises:
            SpriteLibraryError: there is no report, or one of another version.
        """
        return read_json(folder / REPORT_FILE, cls, _no_report)

    def write(self, folder: Path) -> None:
        """Write the report beside the library that was extracted."""
        write_json(folder / REPORT_FILE, self.model_dump(mode="json"))

    @property
    def problems(self) -> tuple[str, ...]:
        """What a person should look at, one line each."""
        return (
            *(f"{name}: no file of the game matches its rules" for name in self.missing),
            *(f"{name}: its files gave no sprite" for name in self.empty),
            *(f"{path}: {problem}" for path, problem in self.failed.items()),
            *(
                f"{name}: claimed by {' and '.join(classes)}, so it serves neither"
                for name, classes in self.conflicts.items()
            ),
            *(
                f"{name}: drawn without {' and '.join(parts)}, which no file matches"
                for name, parts in self.lacking.items()
            ),
            *(f"{path}: {count} chosen frames are blank" for path, count in self.blank.items()),
        )


def _no_report(file: Path, why: Exception) -> SpriteLibraryError:
    return SpriteLibraryError(
        f"{file} is not the report of an extraction: {why}", "Materialize the sprites again."
    )


class ExtractionError(OutpostError):
    """Extraction that ended before its time."""


@dataclass(frozen=True)
class ExtractionOptions:
    """How extraction works; nothing here changes what comes out.

    Attributes:
        workers: processes, where there is enough to do for several.
        cache: folder in which the sprites of each file are kept from run to run, so that only new
            and changed files are read; None keeps nothing.
        digest: SHA-256 of a file.
    """

    workers: int = 1
    cache: Path | None = None
    digest: Callable[[Path], str] = sha256_of


def extract_library(
    game_folder: Path,
    pack: GamePack,
    keep: Callable[[Sprite], None],
    report: Report = silent,
    options: ExtractionOptions | None = None,
    overlays: Sequence[Overlay] = (),
) -> ExtractionReport:
    """Take the sprites of all classes from an installed game.

    A file that cannot be read is reported and does not stop the rest. Interrupted, it goes on where
    it was if there is a cache. However large the game, the sprites of one file at a time are in
    memory: they wait on disk until all files are read.

    Args:
        pack: says which files show which class, and how many headings and steps to take.
        keep: given every sprite, in an order that does not depend on `options`.
        options: one process and no cache unless it says otherwise.
        overlays: mods whose files stand in the place of the game's own, the strongest first.

    Raises:
        GameFolderError: the folder is missing, or holds no sprite files where the pack expects
            them.
        ExtractionError: a worker was killed, or the cache cannot be written.
        Whatever `keep` raises.
    """
    tasks, matches = select_files(_sprite_files(game_folder, pack, overlays), pack.sprites)
    options = options or ExtractionOptions()
    tally = _Tally()
    with nullcontext(options.cache) if options.cache else TemporaryDirectory() as folder:
        jobs = [
            _job_of(task, _path_in_records(task.file, game_folder, overlays), options)
            for task in tasks
        ]
        cache = FileSpritesCache(Path(folder))
        with _explain_write_errors(Path(folder)):
            failed = _take_new(jobs, cache, options.workers, report)
        for job in track(jobs, len(jobs), KEEPING_STAGE, report):
            with _explain_write_errors(Path(folder)):
                taken = failed.get(job.key) or cache.load(job.key) or job.take(cache)
            tally.add(job.path, taken)
            for sprite in taken.sprites:
                keep(sprite)
        cache.keep_only({job.key for job in jobs})
    return _report(pack, matches, tally)


@dataclass
class _Tally:
    """How many sprites there are of each class, and what went wrong, by file."""

    made: Counter[str] = field(default_factory=Counter)
    failed: dict[str, str] = field(default_factory=dict)
    blank: Counter[str] = field(default_factory=Counter)

    def add(self, path: str, taken: FileSprites) -> None:
        self.made.update(folder_of(sprite) for sprite in taken.sprites)
        if taken.failed is not None:
            self.failed[path] = taken.failed
        if taken.blank:
            self.blank[path] += taken.blank


def _sprite_files(
    game_folder: Path, pack: GamePack, overlays: Sequence[Overlay]
) -> dict[str, Path]:
    rules = pack.sprites
    found = files_in(game_folder, rules, overlays).items()
    files = {name: file for name, file in found if has_suffix(name, rules.suffix)}
    if not files:
        first = first_folder(rules)
        raise GameFolderError(
            f"There are no {rules.suffix} files in {game_folder / first}.", how_to_point_at(pack)
        )
    return files


@contextmanager
def _explain_write_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ExtractionError(
            f"Sprites cannot be written to {folder}: {error}.",
            "Free some space, or make the folder writable, and run again.",
        ) from error


def _take_new(
    jobs: Sequence[_Job], cache: FileSpritesCache, workers: int, report: Report
) -> dict[str, FileSprites]:
    """Do the jobs that the cache does not know; returns those that failed, by key."""
    new = [job for job in jobs if job.key not in cache]
    began = time.monotonic()
    done = len(jobs) - len(new)
    report(Progress(STAGE, done, len(jobs), 0.0))
    failed: dict[str, FileSprites] = {}
    for key, failure in _outcomes(new, cache, workers):
        done += 1
        report(Progress(STAGE, done, len(jobs), time.monotonic() - began))
        if failure is not None:
            failed[key] = failure
    return failed


@dataclass(frozen=True)
class _Job:
    """A task with the key under which its result is kept."""

    task: SpriteTask
    path: str
    sha256: str
    key: str

    def take(self, cache: FileSpritesCache) -> FileSprites:
        """Read the file and keep what it gave; failures are not kept, as they may pass."""
        taken = take_sprites(self.task, self.path, self.sha256)
        if taken.failed is None:
            cache.store(self.key, taken)
        return taken


def _path_in_records(file: Path, game_folder: Path, overlays: Sequence[Overlay]) -> str:
    """A file's path in the game's folder, or in a mod's."""
    for overlay in overlays:
        if file.is_relative_to(overlay.folder):
            return f"{MODS}/{overlay.name}/{file.relative_to(overlay.folder).as_posix()}"
    return file.relative_to(game_folder).as_posix()


def _job_of(task: SpriteTask, path: str, options: ExtractionOptions) -> _Job:
    """The key states everything that decides a task's sprites."""
    sha256 = _digest(task.file, options)
    pieces = [
        (_digest(piece.file, options), piece.file == task.file, piece.dx, piece.dy)
        for piece in task.pieces
    ]
    rule = task.class_name, task.name, task.headings, task.steps, task.team_shades
    key = digest_of([code_version_of(*CODE), path, sha256, pieces, rule])
    return _Job(task, path, sha256, key)


def _digest(file: Path, options: ExtractionOptions) -> str:
    """Empty for a file that cannot be read: reading it will say why."""
    try:
        return options.digest(file)
    except OSError:
        return ""


def _outcomes(
    jobs: Sequence[_Job], cache: FileSpritesCache, workers: int
) -> Iterator[tuple[str, FileSprites | None]]:
    """Do the jobs, and yield the key of each as it ends, with its result if that is a failure."""
    if workers <= 1 or len(jobs) < FEWEST_FOR_PROCESSES:
        for job in jobs:
            yield from _work([job], cache)
        return
    killed = ExtractionError(
        "A process that read sprites was killed, most often because memory ran out.",
        f"Set `workers` of the resource `game` to fewer than {workers}, or close other programs, "
        "and run again; what was read is kept.",
    )
    shares = [(jobs[at : at + SHARE], cache) for at in range(0, len(jobs), SHARE)]
    for results in results_of(_work, shares, workers, killed):
        yield from results


def _work(jobs: Sequence[_Job], cache: FileSpritesCache) -> list[tuple[str, FileSprites | None]]:
    """Sprites go to the cache, so that only failures travel between processes."""
    results = [(job.key, job.take(cache)) for job in jobs]
    return [(key, taken if taken.failed is not None else None) for key, taken in results]


def _report(pack: GamePack, matches: FileMatches, tally: _Tally) -> ExtractionReport:
    names = (*pack.class_names, DISTRACTOR)
    drawn = [known.name for known in pack.classes if known.has_sprites]
    files = Counter(name for name, stems in matches.by_class.items() for _ in stems)
    return ExtractionReport(
        files={name: files[name] for name in names},
        sprites={name: tally.made[name] for name in names},
        missing=tuple(name for name in drawn if not files[name]),
        empty=tuple(name for name in drawn if files[name] and not tally.made[name]),
        annotated_only=tuple(known.name for known in pack.classes if not known.has_sprites),
        failed=dict(sorted(tally.failed.items())),
        blank=dict(sorted(tally.blank.items())),
        conflicts=dict(matches.conflicts),
        lacking=dict(matches.lacking),
        apart={group: len(stems) for group, stems in matches.apart.items()},
        unmatched=len(matches.unmatched),
    )

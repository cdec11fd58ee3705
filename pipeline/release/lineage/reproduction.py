"""What making a recorded version again has shown, and what explains a difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from pipeline.manifests import Manifest, entry_of, files_below, first_difference, manifest_from
from pipeline.progress import Report, silent, track
from pipeline.provenance import ArtifactVersion, Environment, Provenance

STAGE = "hashing"


@dataclass(frozen=True)
class Reproduction:
    """What became of making a version again.

    Attributes:
        record: how it was made.
        rebuilt: digest of what was made now; None where it could not be made.
        differences: causes first, in the order in which a version follows from them: inputs,
            settings, code, environment, at last the first file. Empty when the digests are equal.
        notes: what is otherwise than then and changed nothing, and what is not known.
        seconds: that making it took now.
    """

    record: Provenance
    rebuilt: str | None
    differences: tuple[str, ...]
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def version(self) -> ArtifactVersion:
        return self.record.version

    @property
    def is_equal(self) -> bool:
        """Whether the same bytes were made again, every one of them."""
        return self.rebuilt == self.record.data_version


@dataclass(frozen=True)
class Here:
    """With what a version is made again."""

    code_version: str
    environment: Environment

    def differences_from(self, record: Provenance) -> tuple[str, ...]:
        """Code and environment, where a record has others."""
        found = []
        if record.recipe.code_version != self.code_version:
            found.append(
                f"the code: version {record.recipe.code_version} of Outpost "
                f"{record.outpost_version} then, {self.code_version} now"
            )
        if record.environment is not None:
            part = record.environment.difference_from(self.environment)
            found += [part] if part else []
        return tuple(found)


def judge(
    record: Provenance,
    recorded: Manifest | None,
    rebuilt: Manifest,
    here: Here,
    changed_inputs: Sequence[str],
    seconds: float,
) -> Reproduction:
    """Compare what was made with what was recorded.

    Args:
        recorded: the version's files; None where the store has lost or changed their list.
        changed_inputs: files of inputs that are not what they were; looked for where digests
            differ.
        seconds: that making it took.
    """
    others = here.differences_from(record)
    unknown = () if record.environment else ("The record does not say which libraries were used.",)
    if rebuilt.digest == record.data_version:
        same = tuple(f"Otherwise than then, with the same bytes: {other}." for other in others)
        return Reproduction(record, rebuilt.digest, (), same, seconds)
    file = first_difference(recorded, rebuilt) if recorded is not None else None
    causes = (*changed_inputs, *others)
    shown = (f"the file {file}",) if file else ("its files, of which the store has no list",)
    if not causes:
        unknown = (*unknown, "Inputs, settings and code are those of the record.")
    return Reproduction(record, rebuilt.digest, (*causes, *shown), unknown, seconds)


def not_rebuilt(record: Provenance, here: Here, why: str) -> Reproduction:
    """Of what cannot be made again, because an input is gone or a setting unknown."""
    return Reproduction(record, None, (why, *here.differences_from(record)))


def refused_setting(error: ValidationError) -> str:
    """The first setting of a record that the code of now does not take."""
    first = error.errors(include_url=False, include_input=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    return f"the setting {name}: {first['msg']}"


def hashed(folder: Path, report: Report = silent) -> Manifest:
    """The manifest of a folder that may hold gigabytes; files are told as they are hashed."""
    files = sorted(files_below(folder))
    return manifest_from(entry_of(file, folder) for file in track(files, len(files), STAGE, report))

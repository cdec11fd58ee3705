"""What policies learn from in a folder, stated in it before anything is learned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from pipeline.errors import OutpostError
from pipeline.files import read_json, replacing, write_json
from pipeline.play.policies.cloning import unwritable

T = TypeVar("T", bound=BaseModel)


class LearningFolderError(OutpostError):
    """A folder into which something else is learned, or that does not say what."""


def claim_folder(file: Path, source: T, verb: str, named: Callable[[T], str]) -> None:
    """State what is learned from; what is learned from two sources is of neither.

    Args:
        file: that states it.
        verb: what the policies do with it: watch, or play.
        named: a source in words, after the verb.

    Raises:
        LearningFolderError: another one was stated, or the file is damaged.
        CloneError: the folder cannot be written to.
    """

    def damaged(file: Path, error: Exception) -> LearningFolderError:
        return LearningFolderError(
            f"{file} cannot be read: {error}",
            f"Remove the folder, and let the policies {verb} again.",
        )

    before = read_json(file, type(source), damaged) if file.is_file() else source
    if before != source:
        raise LearningFolderError(
            f"{file.parent} holds policies that {verb} {named(before)}, not {named(source)}.",
            "Name another folder, or give the same options as before.",
        )
    try:
        with replacing(file) as fresh:
            write_json(fresh, source.model_dump(mode="json"))
    except OSError as error:
        raise unwritable(file.parent, error) from error

"""A file of what a model has answered: nothing is asked twice, and nothing is lost.

A line of JSON for each question, written to the disk as soon as its answer is there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field, ValidationError

from pipeline.files import make_room, replacing, write_text
from pipeline.manifests import Record
from pipeline.play.corrections.lines import Correction, written
from resources.chat.settings import ChatModelError

BEGINNING = b'{"question":'
"""Of every line, also of one that is torn."""


class KeptAnswer(Record):
    """What came of one question."""

    question: str = Field(description="Digest of all that was asked, and of whom.")
    model: str
    line: Correction | None = Field(None, description="Where another goal is right.")
    problem: str | None = Field(None, description="Why nothing can be learned from the answer.")
    question_tokens: int = Field(ge=0)
    answer_tokens: int = Field(ge=0)


class AnswerFile:
    """Answers by question; those of earlier runs too."""

    def __init__(self, file: Path, model: str) -> None:
        """Read a file, where there is one.

        A line that is torn because its writer was killed is left out: its question is asked again.

        Raises:
            ChatModelError: it cannot be read, is something else, or of another model.
        """
        self.file = file
        self._answers: dict[str, KeptAnswer] = {}
        try:
            content = file.read_bytes() if file.exists() else b""
        except OSError as error:
            raise _unusable(file, str(error)) from error
        self._whole = content.rfind(b"\n") + 1
        torn = content[self._whole :]
        if not (torn.startswith(BEGINNING) or BEGINNING.startswith(torn)):
            raise _unusable(file, "its last line is no answer")
        for number, line in enumerate(content[: self._whole].splitlines(), start=1):
            answer = _read(file, number, line)
            if answer.model != model:
                raise ChatModelError(
                    f"{file} holds answers of {answer.model}, not of {model}.",
                    "Name another file for those of another model: --written.",
                )
            self._answers[answer.question] = answer

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, question: str) -> KeptAnswer | None:
        """What was answered, if it was asked."""
        return self._answers.get(question)

    def add(self, answer: KeptAnswer) -> None:
        """Keep an answer, on the disk too.

        Raises:
            ChatModelError: it cannot be written.
        """
        line = answer.model_dump_json().encode() + b"\n"
        try:
            make_room(self.file)
            with self.file.open("r+b" if self.file.exists() else "wb") as stream:
                stream.truncate(self._whole)
                stream.seek(self._whole)
                stream.write(line)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise _unwritable(self.file, error) from error
        self._whole += len(line)
        self._answers[answer.question] = answer

    def write_lines(self, lines: Path) -> None:
        """Write all corrections of these answers to a file, in place of those that are there.

        Raises:
            ChatModelError: it cannot be written.
        """
        text = "".join(self._lines())
        if not text:
            return
        try:
            with replacing(lines) as fresh:
                write_text(fresh, text)
        except OSError as error:
            raise _unwritable(lines, error) from error

    def holds_all_of(self, lines: Path) -> bool:
        """Whether a file of corrections has none but those that are here.

        Raises:
            ChatModelError: it cannot be read.
        """
        try:
            there = lines.read_bytes().splitlines(keepends=True)
        except OSError as error:
            raise _unwritable(lines, error) from error
        return {*there} <= {line.encode() for line in self._lines()}

    def _lines(self) -> Iterator[str]:
        return (written(one.line) for one in self._answers.values() if one.line is not None)


def _read(file: Path, number: int, line: bytes) -> KeptAnswer:
    try:
        return KeptAnswer.model_validate_json(line)
    except ValidationError as error:
        told = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise _unusable(file, f"line {number}: {told['msg']}") from error


def _unusable(file: Path, why: str) -> ChatModelError:
    return ChatModelError(
        f"{file} cannot be read as answers of a model: {why}",
        "Name another file: --written. Or remove the line; its question is then asked again.",
    )


def _unwritable(file: Path, error: OSError) -> ChatModelError:
    return ChatModelError(
        f"What a model answers cannot be written to {file}: {error}",
        "Name a file in a folder that you may write to: --written.",
    )

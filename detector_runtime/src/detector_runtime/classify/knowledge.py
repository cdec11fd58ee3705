"""Names that people agreed on, by the perceptual hash of the image: `knowledge.json`.

{"schema_version": 1, "names": {"802adda64bb74a97": {"name": ..., "votes": 5, ...}}}
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from detector_runtime.errors import ModelLoadError

MOST_HASHES = 500_000
LARGEST_FILE = 128 << 20

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


class KnownName(BaseModel):
    """What an image of one hash shows, as people said.

    Attributes:
        votes: how many people said so.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str = Field(min_length=1, max_length=200)
    votes: int = Field(ge=1)
    confidence: float = Field(0.95, ge=0.0, le=1.0, description="Probability that it is right.")


class Knowledge(BaseModel):
    """The content of `knowledge.json`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: Literal[1] = 1
    names: dict[Hash, KnownName] = Field({}, max_length=MOST_HASHES)

    @classmethod
    def load(cls, file: Path | str) -> Knowledge:
        """Reads the names of a file.

        Raises:
            ModelLoadError: absent, damaged, or of a newer kind.
        """
        file = Path(file)
        try:
            if file.stat().st_size > LARGEST_FILE:
                raise ValueError(f"it has more than {LARGEST_FILE} bytes")
            content = file.read_bytes()
        except (OSError, ValueError) as error:
            raise _unreadable(str(file), error) from error
        return cls.read(content, str(file))

    @classmethod
    def read(cls, content: bytes, where: str) -> Knowledge:
        """The names in the bytes of a file; `where` is for messages.

        Raises:
            ModelLoadError: damaged, or of a newer kind.
        """
        try:
            return cls.model_validate_json(content)
        except ValidationError as error:
            raise _unreadable(where, error) from error


def _unreadable(where: str, error: Exception) -> ModelLoadError:
    reason = str(error).partition("\n")[0]
    return ModelLoadError(
        f"{where} holds no known names: {reason}", "Fetch the community model again."
    )

"""What a job ran on, as its program saw it: `environment.json` among its outputs."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.jobs.program.constants import ENVIRONMENT_FILE

HOST_FILE = "host.json"
"""Among the outputs, but written by whoever runs a job on another host: what that is like, with its
driver and all of its packages."""


class JobEnvironment(BaseModel):
    """The part that every program tells; a program may tell more, which is kept."""

    model_config = ConfigDict(frozen=True, extra="allow")

    device: str = Field(description="For people: the GPU, or the CPU with its cores.")
    gpu: str | None = Field(None, description="As torch names it; None for a job on the CPU.")

    @classmethod
    def of(cls, outputs: Path) -> JobEnvironment | None:
        """The environment among a job's outputs; None where the program never came to it."""
        try:
            return cls.model_validate_json((outputs / ENVIRONMENT_FILE).read_bytes())
        except (OSError, ValidationError):
            return None

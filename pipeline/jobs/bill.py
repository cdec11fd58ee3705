"""What a job has cost, and where it ran: `lease.json` among its outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import OutpostError
from pipeline.files import replacing, write_json
from pipeline.jobs.events import OnLog

BILL_FILE = "lease.json"

CostIs = Literal["billed", "estimated"]


class BillError(OutpostError):
    """A bill that cannot be read."""


class LeaseCost(BaseModel):
    """One of the leases that a job took."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    lease: str
    gpu: str
    place: str
    usd_per_hour: float
    seconds: float
    usd: float
    usd_is: CostIs = Field(description="See `Bill`.")
    ended_because: str = Field(description="For people.")


class Bill(BaseModel):
    """What a job has cost."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    provider: str
    host: str = Field(description="The last one: a pod's id, or the name of a machine.")
    gpu: str | None = Field(description="As torch names it; None for a job on the CPU.")
    usd_per_hour: float = Field(description="Of the last host.")
    seconds: float = Field(description="Paid for, of all hosts.")
    usd: float = Field(description="What they cost.")
    usd_is: CostIs = Field(
        "estimated",
        description="'billed' when their cloud has said so; 'estimated' from price and time, never "
        "less than what is billed.",
    )
    leases: tuple[LeaseCost, ...] = Field(
        (), description="What was rented, in order; none where the machine is one's own."
    )

    def write_if_possible(self, outputs: Path, on_log: OnLog) -> None:
        """Write it among the outputs of the job, where it appears whole.

        Where the disk is full, only say so: how the job ended matters more.
        """
        try:
            with replacing(outputs / BILL_FILE) as neighbour:
                write_json(neighbour, self.model_dump(mode="json"))
        except OSError as error:
            on_log(f"The bill could not be written: {error}")

    @classmethod
    def of(cls, outputs: Path) -> Bill | None:
        """The bill among a job's outputs; None where no host was had.

        Raises:
            BillError: it cannot be read.
        """
        file = outputs / BILL_FILE
        if not file.is_file():
            return None
        try:
            return cls.model_validate_json(file.read_bytes())
        except ValidationError as error:
            raise BillError(
                f"{file} is not the bill of a job: {error}",
                "Restore the file, or delete it: only the cost is lost.",
            ) from error

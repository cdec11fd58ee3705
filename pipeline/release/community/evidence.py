"""How good a community model is, as it travels with a version for the gates to look at."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from pipeline.errors import OutpostError
from pipeline.files import read_json
from pipeline.manifests import Record

EVIDENCE_FILE = "community_evaluation.json"


class CommunityEvidenceError(OutpostError):
    """A version that does not say how good it is."""


class NameResult(Record):
    """How one name of an icon fares on images of people from whom nothing was learned."""

    name: str
    right: int = Field(ge=0)
    images: int = Field(ge=1)


class AccuracyInterval(Record):
    """A share of right answers with its 95% interval; without one where it cannot be told."""

    value: float = Field(ge=0.0, le=1.0)
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.value:.3f}"
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


class PairedVerdict(Record):
    """The new classifier of icons beside the one that everybody had, on the same images."""

    champion_sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Of that ONNX file.")
    passes: bool
    explanation: str


class CommunityEvidence(Record):
    """What `community_evaluation.json` holds, of the classifier of icons."""

    images: int = Field(ge=0, description="That judged it.")
    accuracy: AccuracyInterval | None = Field(description="None where no image could judge.")
    per_name: tuple[NameResult, ...] = ()
    beside_champion: PairedVerdict | None = Field(
        None, description="None where there was none, or no image could judge both."
    )

    @classmethod
    def read(cls, folder: Path) -> CommunityEvidence:
        """What a version or an artifact says.

        Raises:
            CommunityEvidenceError: nothing that can be read.
        """
        return read_json(folder / EVIDENCE_FILE, CommunityEvidence, _damaged)


def _damaged(file: Path, why: Exception) -> CommunityEvidenceError:
    return CommunityEvidenceError(
        f"There is no readable {file.name}: {why}", "Materialize community_model again."
    )

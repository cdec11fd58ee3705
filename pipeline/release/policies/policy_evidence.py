"""How well policies play, as it travels with a version for the gates to look at."""

from __future__ import annotations

from pathlib import Path

from detector_runtime.updates.documents import ScoreInterval
from pydantic import Field

from pipeline.errors import OutpostError
from pipeline.files import read_json
from pipeline.manifests import Record

POLICY_EVIDENCE_FILE = "policy_evaluation.json"


class PolicyEvidenceError(OutpostError):
    """A version that does not say how well it plays."""


class ReturnLead(Record):
    """By how much returns are above another player's in the same games, with the 95% interval."""

    mean: float
    low: float | None = Field(description="None of too few games.")
    high: float | None


class PolicyEvidence(Record):
    """What `policy_evaluation.json` holds."""

    opponent: str = Field(description="Whom they met.")
    games: int = Field(ge=1)
    win_rate: ScoreInterval
    ahead_of_random: ReturnLead

    @classmethod
    def read(cls, folder: Path) -> PolicyEvidence:
        """What a version or an artifact says.

        Raises:
            PolicyEvidenceError: nothing that can be read.
        """
        return read_json(folder / POLICY_EVIDENCE_FILE, PolicyEvidence, _damaged)


def _damaged(file: Path, why: Exception) -> PolicyEvidenceError:
    return PolicyEvidenceError(
        f"There is no readable {file.name}: {why}", "Materialize play/policy_package again."
    )

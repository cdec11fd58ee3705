"""Policies to publish, as an artifact: the folder that programs open, and how well they play."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from detector_runtime.errors import DetectorError
from detector_runtime.policies.networks import FEATURES_VERSION, FILES, PolicyNetworks
from detector_runtime.policies.policy_model import (
    POLICIES_FILE,
    GameRules,
    PolicyManifest,
    PolicyModel,
)

from pipeline.errors import OutpostError
from pipeline.files import write_json, write_text
from pipeline.links import link_file
from pipeline.release.policies.policy_evidence import POLICY_EVIDENCE_FILE, PolicyEvidence
from pipeline.release.version import MODEL_FOLDER, digests_of

TRAIN_AGAIN = "Materialize play/policies again, then play/policy_package."


class PolicyPackageError(OutpostError):
    """A folder that holds no policies to publish, or some that the runtime would not take."""


@dataclass(frozen=True)
class PolicyParts:
    """All that is said of three policies.

    Attributes:
        networks: the folder with the ONNX files.
        name: under which they are published: demo-policies.
        version: that tells two of them apart.
        plays: what they must have been trained to play.
        goals: in the order of the strategist's answers.
        trained_at: with a time zone.
        sessions: that they learned from.
        minutes: of play in these.
        lineage: asset to data version.
    """

    networks: Path
    name: str
    version: str
    plays: GameRules
    goals: tuple[str, ...]
    trained_at: datetime
    sessions: int
    minutes: float
    lineage: Mapping[str, str]


@dataclass(frozen=True)
class PolicyPackage:
    """The artifact of `play/policy_package`.

    model/                   what programs open: see `policies.policy_model` of the runtime
    policy_evaluation.json   how well they play
    """

    folder: Path
    manifest: PolicyManifest
    evidence: PolicyEvidence

    @classmethod
    def open(cls, folder: Path) -> PolicyPackage:
        """Read what `write` wrote; every file of the policies is verified.

        Raises:
            PolicyPackageError: they are missing or damaged.
            PolicyEvidenceError: what is said of them is.
        """
        return cls(folder, _opened(folder / MODEL_FOLDER), PolicyEvidence.read(folder))

    @classmethod
    def write(cls, folder: Path, parts: PolicyParts, evidence: PolicyEvidence) -> PolicyPackage:
        """Put policies together in an empty folder, and open them as a program would.

        Raises:
            PolicyPackageError: the runtime would not take them, or they play something else.
        """
        model = folder / MODEL_FOLDER
        model.mkdir()
        for name in FILES.values():
            link_file(parts.networks / name, model / name)
        write_text(model / POLICIES_FILE, _manifest(model, parts).to_json())
        write_json(folder / POLICY_EVIDENCE_FILE, evidence.model_dump(mode="json"))
        return cls(folder, _opened(model), evidence)

    @property
    def model(self) -> Path:
        """The folder that programs open."""
        return self.folder / MODEL_FOLDER


def _manifest(model: Path, parts: PolicyParts) -> PolicyManifest:
    try:
        networks = PolicyNetworks.load(model)
    except DetectorError as error:
        raise PolicyPackageError(error.problem, TRAIN_AGAIN) from error
    found = (networks.game, networks.rules)
    networks.close()
    if found != (parts.plays.game, parts.plays.rules):
        trained = f"{found[0]} by the rules {found[1][:12]}" if all(found) else "an unnamed game"
        raise PolicyPackageError(
            f"The policies were trained for {trained}, and now there is {parts.plays}.",
            TRAIN_AGAIN,
        )
    return PolicyManifest(
        name=parts.name,
        version=parts.version,
        plays=parts.plays,
        features=FEATURES_VERSION,
        delay=networks.delay,
        goals=parts.goals,
        trained_at=parts.trained_at,
        sessions=parts.sessions,
        minutes=parts.minutes,
        files=digests_of({name: model / name for name in FILES.values()}),
        lineage=dict(sorted(parts.lineage.items())),
    )


def _opened(model: Path) -> PolicyManifest:
    try:
        policies = PolicyModel.load(model)
    except DetectorError as error:
        raise PolicyPackageError(error.problem, TRAIN_AGAIN) from error
    policies.close()
    return policies.manifest

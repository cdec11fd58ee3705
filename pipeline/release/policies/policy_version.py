"""Policies as a version that is published, like one of a detector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from detector_runtime.policies.policy_model import POLICIES_FILE
from detector_runtime.updates.documents import Manifest, ReleaseMetrics, classes_digest

from pipeline.release.policies.policy_evidence import POLICY_EVIDENCE_FILE
from pipeline.release.policies.policy_package import PolicyPackage
from pipeline.release.version import digests_of
from pipeline.release.wheel import MODEL_LICENCE

POLICIES_SUFFIX = "-policies"
"""What the name of a game's policies has after the game's."""


def policies_name(game: str) -> str:
    """Under which name a game's policies are published: they have keys of their own."""
    return f"{game}{POLICIES_SUFFIX}"


@dataclass(frozen=True)
class NewPolicyVersion:
    """What is to be published.

    Attributes:
        package: its policies and its evidence travel.
        lineage: asset to data version, of everything that they were made from: each session too.
        record_signers: of these, the assets whose records trusted keys have signed, to the key.
        created_at: when the package was made, so that a second publication has the same bytes.
    """

    package: PolicyPackage
    lineage: Mapping[str, str]
    record_signers: Mapping[str, str]
    created_at: datetime

    @property
    def files(self) -> dict[str, Path]:
        """Every file but the manifest, by the name under which it travels."""
        model = self.package.model
        names = (POLICIES_FILE, *self.package.manifest.files)
        evidence = self.package.folder / POLICY_EVIDENCE_FILE
        return {**{name: model / name for name in names}, POLICY_EVIDENCE_FILE: evidence}

    def manifest(self, sequence: int, previous: str | None) -> Manifest:
        """What is signed of it.

        Args:
            sequence: its number among the versions of the policies.
            previous: the version before.
        """
        said = self.package.manifest
        return Manifest(
            name=said.name,
            kind="policies",
            plays=said.plays,
            version=said.version,
            sequence=sequence,
            created_at=self.created_at,
            trained_at=said.trained_at,
            files=digests_of(self.files),
            classes=said.goals,
            classes_sha256=classes_digest(said.goals),
            input={"features": said.features, "delay": said.delay},
            lineage=dict(self.lineage),
            record_signers=dict(self.record_signers),
            licence=MODEL_LICENCE,
            metrics=ReleaseMetrics(win_rate=self.package.evidence.win_rate),
            previous=previous,
            min_runtime=said.min_runtime,
        )

"""A community model as a version that is published, like one of a detector."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from detector_runtime.classify.classifier import Classifier
from detector_runtime.classify.community_model import MODEL_VERSION_FILE
from detector_runtime.updates.documents import (
    Manifest,
    ReleaseMetrics,
    ScoreInterval,
    classes_digest,
)

from pipeline.release.community.evidence import EVIDENCE_FILE, CommunityEvidence
from pipeline.release.community.package import CommunityPackage
from pipeline.release.version import digests_of

COMMUNITY_SUFFIX = "-community"
"""What the name of a game's community model has after the game's."""
DATA_LICENCE = "LicenseRef-contributions"
"""Of what players contributed: whatever they agreed to with the game's publisher of models."""


def community_name(game: str) -> str:
    """Under which name a game's community model is published: it has keys of its own."""
    return f"{game}{COMMUNITY_SUFFIX}"


@dataclass(frozen=True)
class NewCommunityVersion:
    """What is to be published.

    Attributes:
        package: its model and its evidence travel.
        lineage: asset to data version, of everything that the model was made from.
        record_signers: of these, the assets whose records trusted keys have signed, to the key.
        created_at: when the package was made, so that a second publication has the same bytes.
    """

    package: CommunityPackage
    lineage: Mapping[str, str]
    record_signers: Mapping[str, str]
    created_at: datetime

    @property
    def files(self) -> dict[str, Path]:
        """Every file but the manifest, by the name under which it travels."""
        model = self.package.model
        names = (MODEL_VERSION_FILE, *self.package.manifest.files)
        evidence = self.package.folder / EVIDENCE_FILE
        return {**{name: model / name for name in names}, EVIDENCE_FILE: evidence}

    def manifest(self, sequence: int, previous: str | None) -> Manifest:
        """What is signed of it.

        Args:
            sequence: its number among the versions of the model.
            previous: the version before.
        """
        said = self.package.manifest
        with closing(Classifier.load(self.package.icons)) as classifier:
            icons = classifier.facts
        return Manifest(
            name=said.name,
            kind="community",
            version=said.version,
            sequence=sequence,
            created_at=self.created_at,
            trained_at=said.trained_at,
            files=digests_of(self.files),
            classes=icons.classes,
            classes_sha256=classes_digest(icons.classes),
            input={"icon_size": list(icons.input_size)},
            lineage=dict(self.lineage),
            record_signers=dict(self.record_signers),
            licence=DATA_LICENCE,
            metrics=_metrics(self.package.evidence),
            previous=previous,
            min_runtime=said.min_runtime,
        )


def _metrics(evidence: CommunityEvidence) -> ReleaseMetrics:
    found = evidence.accuracy
    if found is None:
        return ReleaseMetrics()
    low = 0.0 if found.low is None else found.low
    high = 1.0 if found.high is None else found.high
    return ReleaseMetrics(icon_accuracy=ScoreInterval(value=found.value, low=low, high=high))

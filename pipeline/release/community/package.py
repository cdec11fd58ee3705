"""The community model as an artifact: the folder that programs open, and how good it is."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from detector_runtime.classify.classifier import Classifier, ClassifierKind
from detector_runtime.classify.community_model import (
    CORRECTIONS_FILE,
    ICON_CLASSIFIER_FILE,
    ICON_META_FILE,
    KNOWLEDGE_FILE,
    LABEL_MAP_FILE,
    MODEL_VERSION_FILE,
    SCREEN_CLASSIFIER_FILE,
    SCREEN_LABELS_FILE,
    TRAINING_MANIFEST_FILE,
    CommunityManifest,
    CommunityModel,
)
from detector_runtime.classify.knowledge import Knowledge
from detector_runtime.errors import DetectorError

from pipeline.errors import OutpostError
from pipeline.files import write_json, write_text
from pipeline.links import link_file
from pipeline.release.community.evidence import EVIDENCE_FILE, CommunityEvidence
from pipeline.release.version import MODEL_FOLDER, digests_of

PACKAGE_AGAIN = "Materialize community_model again."


class CommunityPackageError(OutpostError):
    """A folder that holds no community model, or one that the runtime would not take."""


@dataclass(frozen=True)
class ClassifierPart:
    """A classifier as it goes into a community model.

    Attributes:
        onnx: the model.
        meta: JSON about how it came to be.
        manifest: JSON with the digests of the crops that were used.
        trained_at: with a time zone.
        accuracy: on people it has learned nothing from, 0 to 1; None where nothing judged it.
        images: that were used.
        contributors: whose images were used.
    """

    onnx: Path
    meta: Path
    manifest: Path
    trained_at: datetime
    accuracy: float | None
    images: int
    contributors: int


@dataclass(frozen=True)
class CommunityParts:
    """All that a community model is put together from.

    Attributes:
        name: of the model: demo-community.
        version: that tells two models apart.
        screens: None where there are too few screens.
        corrections: by slot, what each reading is to be replaced by.
        lineage: asset to data version.
    """

    name: str
    version: str
    icons: ClassifierPart
    screens: ClassifierPart | None
    corrections: Mapping[str, Mapping[str, str]]
    knowledge: Knowledge
    lineage: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CommunityPackage:
    """The artifact of `community_model`.

    model/                      what programs open: see `classify.community_model` of the runtime
    community_evaluation.json   how good it is
    """

    folder: Path
    manifest: CommunityManifest
    evidence: CommunityEvidence

    @classmethod
    def open(cls, folder: Path) -> CommunityPackage:
        """Read what `write` wrote; every file of the model is verified.

        Raises:
            CommunityPackageError: the model is missing or damaged.
            CommunityEvidenceError: what is said of it is.
        """
        return cls(folder, _opened(folder / MODEL_FOLDER), CommunityEvidence.read(folder))

    @classmethod
    def write(
        cls, folder: Path, parts: CommunityParts, evidence: CommunityEvidence
    ) -> CommunityPackage:
        """Put a model together in an empty folder, and open it as a program would.

        Raises:
            CommunityPackageError: the runtime would not take it.
        """
        model = folder / MODEL_FOLDER
        model.mkdir()
        icon_files = (ICON_CLASSIFIER_FILE, LABEL_MAP_FILE)
        names_of_icons = _put_classifier(model, parts.icons, "icon", icon_files)
        if parts.screens is not None:
            names = (SCREEN_CLASSIFIER_FILE, SCREEN_LABELS_FILE)
            _put_classifier(model, parts.screens, "screen", names)
        shutil.copyfile(parts.icons.meta, model / ICON_META_FILE)
        shutil.copyfile(parts.icons.manifest, model / TRAINING_MANIFEST_FILE)
        corrections = {
            slot: dict(sorted(texts.items())) for slot, texts in sorted(parts.corrections.items())
        }
        write_json(model / CORRECTIONS_FILE, corrections)
        write_json(model / KNOWLEDGE_FILE, parts.knowledge.model_dump(mode="json"))
        write_text(model / MODEL_VERSION_FILE, _manifest(model, parts, names_of_icons).to_json())
        write_json(folder / EVIDENCE_FILE, evidence.model_dump(mode="json"))
        return cls(folder, _opened(model), evidence)

    @property
    def model(self) -> Path:
        """The folder that programs open."""
        return self.folder / MODEL_FOLDER

    @property
    def icons(self) -> Path:
        """The ONNX file of the classifier of icons."""
        return self.model / ICON_CLASSIFIER_FILE

    def opened(self) -> CommunityModel:
        """The model, as a program has it.

        Raises:
            CommunityModelError: it is damaged.
        """
        return CommunityModel.load(self.model)


def _put_classifier(
    model: Path, part: ClassifierPart, kind: ClassifierKind, names: tuple[str, str]
) -> int:
    """Put model and labels into the folder; how many names it knows."""
    try:
        classifier = Classifier.load(part.onnx, kind=kind)
    except DetectorError as error:
        raise CommunityPackageError(
            error.problem, f"Materialize {kind}_classifier again."
        ) from error
    labels = {str(index): name for index, name in enumerate(classifier.facts.classes)}
    classifier.close()
    link_file(part.onnx, model / names[0])
    write_json(model / names[1], labels)
    return len(labels)


def _manifest(model: Path, parts: CommunityParts, names_of_icons: int) -> CommunityManifest:
    icons, screens = parts.icons, parts.screens
    return CommunityManifest(
        name=parts.name,
        version=parts.version,
        trained_at=icons.trained_at,
        n_classes=names_of_icons,
        val_acc=icons.accuracy,
        n_samples=icons.images,
        n_users=icons.contributors,
        screen_trained_at=screens.trained_at if screens else None,
        screen_val_acc=screens.accuracy if screens else None,
        screen_n_samples=screens.images if screens else None,
        files=digests_of({file.name: file for file in sorted(model.iterdir())}),
        lineage=dict(sorted(parts.lineage.items())),
    )


def _opened(model: Path) -> CommunityManifest:
    try:
        community = CommunityModel.load(model)
    except DetectorError as error:
        raise CommunityPackageError(error.problem, PACKAGE_AGAIN) from error
    community.close()
    return community.manifest

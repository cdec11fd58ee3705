from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from detector_runtime.classify.community_model import CommunityModel
from doubles.classifiers import COLOURS, SCREENS, write_classifier
from doubles.community_releases import NOON, community_version

from pipeline.release.community.evidence import CommunityEvidence, CommunityEvidenceError
from pipeline.release.community.package import (
    CommunityPackage,
    CommunityPackageError,
    CommunityParts,
)


def test_what_is_written_is_what_a_program_opens_and_says_all_that_is_known(
    tmp_path: Path,
) -> None:
    written = community_version(tmp_path / "a").package
    package = CommunityPackage.open(written.folder)
    assert package == written
    said = package.manifest
    assert (said.n_classes, said.n_users, said.val_acc) == (3, 8, 1.0)
    assert said.n_samples == 48
    assert (said.trained_at, said.screen_trained_at) == (NOON, None)
    model = CommunityModel.load(package.model)
    assert len(model.overrides) == 48
    assert model.corrections == {"ship_type": {"F1eet": "Fleet"}}
    assert package.evidence.accuracy is not None
    assert {one.name for one in package.evidence.per_name} <= set(COLOURS)


def test_the_same_parts_give_the_same_bytes(tmp_path: Path) -> None:
    first = community_version(tmp_path / "x" / "v").package
    second = community_version(tmp_path / "y" / "v").package
    files = sorted(file.name for file in first.model.iterdir())
    for name in files:
        assert (first.model / name).read_bytes() == (second.model / name).read_bytes()


def parts_of(folder: Path) -> CommunityParts:
    """Of a package whose icons are a classifier of colours."""
    package = community_version(folder).package
    from pipeline.release.community.known_names import known_names
    from pipeline.release.community.package import ClassifierPart

    part = ClassifierPart(
        onnx=package.icons,
        meta=package.model / "icon_classifier_meta.json",
        manifest=package.model / "training_manifest.json",
        trained_at=NOON,
        accuracy=0.9,
        images=30,
        contributors=4,
    )
    return CommunityParts("demo-community", "1.0.0+b", part, None, {}, known_names([]))


def test_a_classifier_of_screens_goes_along(tmp_path: Path) -> None:
    parts = parts_of(tmp_path / "a")
    screens = write_classifier(tmp_path / "s.onnx", SCREENS, changes={"kind": "screen"})
    folder = tmp_path / "out"
    folder.mkdir()
    whole = replace(parts, screens=replace(parts.icons, onnx=screens, images=12))
    evidence = CommunityEvidence(images=0, accuracy=None)
    package = CommunityPackage.write(folder, whole, evidence)
    assert package.manifest.has_screens
    assert (package.manifest.screen_n_samples, package.manifest.screen_trained_at) == (12, NOON)


def test_a_classifier_of_another_kind_is_refused(tmp_path: Path) -> None:
    parts = parts_of(tmp_path / "a")
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(CommunityPackageError):
        CommunityPackage.write(
            folder, replace(parts, screens=parts.icons), CommunityEvidence(images=0, accuracy=None)
        )


@pytest.mark.parametrize("name", ["model/knowledge.json", "model/icon_classifier.onnx"])
def test_a_damaged_model_is_refused(tmp_path: Path, name: str) -> None:
    package = community_version(tmp_path / "a").package
    (package.folder / name).unlink()
    (package.folder / name).write_bytes(b"damaged")
    with pytest.raises(CommunityPackageError):
        CommunityPackage.open(package.folder)


def test_without_what_is_said_of_it_it_is_refused(tmp_path: Path) -> None:
    package = community_version(tmp_path / "a").package
    (package.folder / "community_evaluation.json").write_bytes(b"[]")
    with pytest.raises(CommunityEvidenceError):
        CommunityPackage.open(package.folder)

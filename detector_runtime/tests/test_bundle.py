from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from detector_runtime import BundleError, ClassListError, get_detector, open_detector
from detector_runtime.bundle import Bundle, BundleManifest, installed_bundles, is_bundle


def zipped(folder: Path) -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in folder.iterdir():
            archive.write(file, file.name)
    return path


def changed(folder: Path, **values: object) -> Path:
    path = folder / "bundle.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    return folder


def test_folder_and_zip_hold_the_same_bundle(make_bundle: Callable[..., Path]) -> None:
    folder = make_bundle()
    assert Bundle.load(folder) == Bundle.load(zipped(folder))
    assert is_bundle(folder)
    assert is_bundle(zipped(folder))


def test_a_bundle_brings_classes_thresholds_and_its_name(
    make_bundle: Callable[..., Path],
) -> None:
    detector = open_detector(make_bundle())
    assert str(detector.source) == "bundle blocks 1.2.0"
    image = np.zeros((64, 64, 3), np.uint8)
    image[:16, :16, 0] = 0.3 * 255
    image[:16, 32:48, :2] = (0.4 * 255, 255)
    found = detector.detect_fast(image)
    assert [entity.class_name for entity in found] == ["sheep"]
    assert found.source.kind == "bundle"


def test_the_manifest_survives_its_text(make_bundle: Callable[..., Path]) -> None:
    text = (make_bundle() / "bundle.json").read_text()
    assert BundleManifest.model_validate_json(text).to_json() == text


@pytest.mark.parametrize("keep", [0.5, 1.1])
def test_a_model_of_another_size_is_refused(make_bundle: Callable[..., Path], keep: float) -> None:
    folder = make_bundle()
    content = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes((content + content)[: int(len(content) * keep)])
    for place in (folder, zipped(folder)):
        with pytest.raises(BundleError, match="bytes, not"):
            Bundle.load(place)


def test_one_changed_byte_is_refused(make_bundle: Callable[..., Path]) -> None:
    folder = make_bundle()
    content = bytearray((folder / "model.onnx").read_bytes())
    content[100] ^= 1
    (folder / "model.onnx").write_bytes(content)
    for place in (folder, zipped(folder)):
        with pytest.raises(BundleError, match="altered"):
            Bundle.load(place)


def test_missing_pieces_are_named(make_bundle: Callable[..., Path], tmp_path: Path) -> None:
    folder = make_bundle()
    (folder / "model.onnx").unlink()
    for place in (folder, zipped(folder)):
        with pytest.raises(BundleError, match=r"no model\.onnx"):
            Bundle.load(place)
    (folder / "bundle.json").unlink()
    with pytest.raises(BundleError, match=r"no bundle\.json"):
        Bundle.load(folder)
    with pytest.raises(BundleError, match="there is no bundle"):
        Bundle.load(tmp_path / "nowhere")
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(BundleError, match="zip"):
        Bundle.load(tmp_path / "x.zip")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"schema_version": 2}, "upgrade"),
        ({"min_runtime": "99.0"}, "needs detector_runtime 99"),
        ({"min_runtime": "99\x1b[2J"}, "needs detector_runtime of a newer kind"),
        ({"classes": []}, "classes"),
        ({"classes": ["a", "a", "b"]}, "twice"),
        ({"model": "other.onnx"}, "other.onnx"),
        ({"thresholds": {"per_class": {"cow": 0.5}}}, "cow"),
        ({"thresholds": {"default": 3}}, "default"),
        ({"files": {"../model.onnx": {"sha256": "0" * 64, "size": 1}}}, "out of the bundle"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_wrong_manifest_is_refused_with_the_reason(
    make_bundle: Callable[..., Path], values: dict[str, object], says: str
) -> None:
    with pytest.raises(BundleError, match=says):
        Bundle.load(changed(make_bundle(), **values))


def test_a_manifest_that_is_no_json_is_refused(make_bundle: Callable[..., Path]) -> None:
    folder = make_bundle()
    for text in ("{", "[]", "[" * 100_000):
        (folder / "bundle.json").write_text(text)
        with pytest.raises(BundleError):
            Bundle.load(folder)


def test_names_must_agree_between_bundle_and_model(make_bundle: Callable[..., Path]) -> None:
    folder = make_bundle(classes=("villager", "sheep", "town_center"))
    with pytest.raises(ClassListError, match="class 0 is 'sheep'"):
        Bundle.load(folder).open()


@pytest.mark.parametrize(
    "io", [{"input_size": (32, 32)}, {"output_shape": (300, 6)}, {"input_name": "frames"}]
)
def test_the_contract_must_fit_the_model(
    make_bundle: Callable[..., Path], io: dict[str, object]
) -> None:
    with pytest.raises(BundleError, match="differs from its manifest"):
        Bundle.load(make_bundle(io=io)).open()


def test_stretching_is_done_only_where_the_bundle_says_so(
    make_bundle: Callable[..., Path],
) -> None:
    boxed = Bundle.load(make_bundle("boxed")).open()
    stretched = Bundle.load(make_bundle("stretched", io={"preprocess": "stretch"})).open()
    assert boxed.fit((640, 320)).content == (64, 32)
    assert stretched.fit((640, 320)).content == (64, 64)


def test_an_installed_bundle_is_found(
    make_bundle: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    make_bundle("site/blocks_detector")
    (site / "blocks_detector" / "__init__.py").write_text("")
    info = site / "blocks_detector-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: blocks-detector\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[detector_runtime.bundles]\nblocks = blocks_detector\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(site)])
    assert installed_bundles() == {"blocks": site / "blocks_detector"}
    assert get_detector().source.name == "blocks"
    (site / "blocks_detector" / "bundle.json").unlink()
    with pytest.raises(BundleError, match="holds none"):
        installed_bundles()

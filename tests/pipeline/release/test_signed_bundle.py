"""A bundle that is handed over: signed, whole, and still a bundle."""

from __future__ import annotations

import errno
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from detector_runtime.bundle import Bundle
from detector_runtime.errors import BundleError, SignatureError
from detector_runtime.updates.documents import Manifest, parse
from detector_runtime.updates.signatures import SigningKey, verify
from doubles.releases import new_version

from pipeline.manifests import sha256_of
from pipeline.release.signed_bundle import SigningError, sign_bundle

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
KEY = SigningKey(bytes(32))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return new_version(tmp_path / "made").package.bundle


def test_a_signed_bundle_is_a_bundle_with_a_signature(bundle: Path, tmp_path: Path) -> None:
    signed = tmp_path / "signed"
    sign_bundle(bundle, signed, "demo", KEY, b"keys", NOON)
    assert Bundle.load(signed).manifest == Bundle.load(bundle).manifest
    found = parse((signed / "manifest.json").read_bytes(), Manifest, "here")
    assert verify(found, {KEY.id: KEY.public}) == KEY.id
    assert {name: sha256_of(signed / name) for name in found.document.files} == {
        name: sha256_of(bundle / name) for name in ("bundle.json", "model.onnx")
    }
    assert (signed / "keys.json").read_bytes() == b"keys"
    other = SigningKey(bytes([1] * 32))
    with pytest.raises(SignatureError):
        verify(found, {other.id: other.public})


def test_a_disk_that_is_full_at_the_end_leaves_nothing(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "place"
    place.mkdir()

    def full(_file: Path, _target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(SigningError, match="No space left"):
        sign_bundle(bundle, place / "new", "demo", KEY, b"", NOON)
    assert list(place.iterdir()) == []


def test_what_cannot_be_signed_leaves_nothing(bundle: Path, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    with pytest.raises(SigningError, match="is there already"):
        sign_bundle(bundle, place, "demo", KEY, b"", NOON)
    with pytest.raises(SigningError, match="keys of aoe2"):
        sign_bundle(bundle, place / "new", "aoe2", KEY, b"", NOON)
    damaged = shutil.copytree(bundle, tmp_path / "damaged")
    (damaged / "model.onnx").chmod(0o600)
    (damaged / "model.onnx").write_bytes(b"cut")
    with pytest.raises(BundleError):
        sign_bundle(damaged, place / "new", "demo", KEY, b"", NOON)
    (place / "file").write_bytes(b"")
    with pytest.raises(SigningError, match="cannot be written"):
        sign_bundle(bundle, place / "file" / "new", "demo", KEY, b"", NOON)
    assert [path.name for path in place.iterdir()] == ["file"]

"""What is signed here, and nothing else, the verifier of OpenSSF Model Signing accepts."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from detector_runtime.updates.signatures import SigningKey
from doubles.releases import new_version

from pipeline.release.openssf import SIGNATURE_FILE, OpenssfKey, signature_of
from pipeline.release.signed_bundle import sign_bundle

REFERENCE = ("model-signing==1.1.1", "pyopenssl==26.4.0")  # it imports pyOpenSSL, and asks for none
UNREACHABLE = ("error sending request", "Failed to fetch", "network was disabled", "dns error")
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)

Verify = Callable[[Path, Path], subprocess.CompletedProcess[str]]


def payload_in(content: bytes) -> dict[str, Any]:
    envelope = json.loads(content)["dsseEnvelope"]
    found: dict[str, Any] = json.loads(base64.b64decode(envelope["payload"]))
    return found


def folder_of(place: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    return place


def test_every_file_is_named_with_its_digest_in_order(tmp_path: Path) -> None:
    # As text, "sub-x" would come before "sub/b"; and the signature is none of the files.
    names = ["a", "sub/b", "sub/model.sig", "sub-x", "\u00e4 b"]
    files = {name: name.encode() for name in names}
    folder = folder_of(tmp_path / "folder", {**files, SIGNATURE_FILE: b"old"})
    key = OpenssfKey.generate()
    content = signature_of(folder, "demo", key)
    statement = payload_in(content)
    resources = statement["predicate"]["resources"]
    assert [one["name"] for one in resources] == names
    digests = [hashlib.sha256(name.encode()) for name in names]
    assert [one["digest"] for one in resources] == [one.hexdigest() for one in digests]
    together = hashlib.sha256(b"".join(one.digest() for one in digests)).hexdigest()
    assert statement["subject"] == [{"name": "demo", "digest": {"sha256": together}}]
    assert signature_of(folder, "demo", key) == content, "same files and key, same bytes"


def test_a_key_shows_itself_by_its_id_alone() -> None:
    key = OpenssfKey.generate()
    assert "private" not in repr(key)
    assert key.fingerprint == hashlib.sha256(key.public_pem.encode()).hexdigest()
    assert key.fingerprint.startswith(key.id)


@pytest.fixture(scope="module")
def verify(tmp_path_factory: pytest.TempPathFactory) -> Verify:
    """The reference verifier, in an environment of its own."""
    place, uv = tmp_path_factory.mktemp("reference"), shutil.which("uv")
    assert uv is not None, "uv makes the environment of the reference verifier"
    subprocess.run([uv, "venv", "--quiet", "--python", "3.11", place / "venv"], check=True)
    python = place / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    install = [uv, "pip", "install", "--quiet", "--python", python, *REFERENCE]
    done = subprocess.run(install, capture_output=True, text=True)
    if any(sign in done.stderr for sign in UNREACHABLE):
        pytest.skip(f"the registry cannot be reached: {done.stderr.strip()[-300:]}")
    assert done.returncode == 0, done.stderr

    def run(folder: Path, public_key: Path) -> subprocess.CompletedProcess[str]:
        words = ["verify", "key", folder, "--signature", folder / SIGNATURE_FILE]
        words += ["--no-ignore-git-paths", "--public_key", public_key]
        command = [python, "-m", "model_signing", *words]
        return subprocess.run(command, capture_output=True, text=True, cwd=place)

    return run


@pytest.fixture
def key() -> OpenssfKey:
    return OpenssfKey.generate()


@pytest.fixture
def public_key(tmp_path: Path, key: OpenssfKey) -> Path:
    file = tmp_path / "demo.pub"
    file.write_text(key.public_pem)
    return file


@pytest.fixture
def signed(tmp_path: Path, key: OpenssfKey) -> Path:
    bundle = new_version(tmp_path / "made").package.bundle
    folder = tmp_path / "signed"
    sign_bundle(bundle, folder, "demo", SigningKey(bytes(32)), b"keys", NOON, key)
    return folder


@pytest.mark.slow
def test_the_reference_verifier_accepts_a_signed_bundle_wherever_it_lies(
    verify: Verify, signed: Path, public_key: Path
) -> None:
    assert {path.name for path in signed.iterdir()} == {
        *("bundle.json", "keys.json", "manifest.json", "model.onnx", SIGNATURE_FILE)
    }
    moved = shutil.copytree(signed, signed.with_name("another name"))
    for folder in (signed, moved):
        done = verify(folder, public_key)
        assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_reference_verifier_accepts_any_names(
    verify: Verify, tmp_path: Path, key: OpenssfKey, public_key: Path
) -> None:
    names = ["B", "a", "sub/b", "sub/model.sig", "sub-x", "sub.y/z", "\u00e4 b", '"\n', ".hidden"]
    folder = folder_of(tmp_path / "folder", {name: name.encode() for name in names})
    (folder / SIGNATURE_FILE).write_bytes(signature_of(folder, "", key))
    done = verify(folder, public_key)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: (folder / "keys.json").write_bytes(b"kEys"), "Hash mismatch"),
        (lambda folder: (folder / "keys.json").unlink(), "Missing files"),
        (lambda folder: (folder / "new").write_bytes(b""), "Extra files"),
        (lambda folder: (folder / ".gitignore").write_bytes(b""), "Extra files"),
        (lambda folder: (folder / "link").symlink_to("keys.json"), "symlink"),
    ],
    ids=["changed", "missing", "additional", "of Git", "link"],
)
def test_the_reference_verifier_refuses_other_files(
    verify: Verify, signed: Path, public_key: Path, change: Callable[[Path], object], said: str
) -> None:
    # As tools leave them: they are not to be written to.
    (signed / "keys.json").chmod(0o644)
    change(signed)
    done = verify(signed, public_key)
    assert done.returncode == 1
    assert said in done.stderr


@pytest.mark.slow
def test_the_reference_verifier_refuses_other_signatures(
    verify: Verify, signed: Path, public_key: Path
) -> None:
    file, stranger = signed / SIGNATURE_FILE, OpenssfKey.generate()
    own = file.read_bytes()
    file.write_bytes(signature_of(signed, "demo", stranger))
    assert "Key mismatch" in verify(signed, public_key).stderr
    document, foreign = json.loads(own), json.loads(file.read_bytes())
    document["dsseEnvelope"] = foreign["dsseEnvelope"]
    file.write_text(json.dumps(document))
    assert verify(signed, public_key).returncode == 1

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from resources.keys.private_keys import PrivateKeyError, PrivateKeys
from resources.state import PROJECT_ROOT


@pytest.fixture
def keys(tmp_path: Path) -> PrivateKeys:
    return PrivateKeys(tmp_path / "keys")


def test_the_newest_key_that_counts_signs(keys: PrivateKeys) -> None:
    old, new = keys.add("demo", "release"), keys.add("demo", "release")
    os.utime(keys.folder / "demo" / f"release-{old.id}.pem", (0, 0))
    assert keys.find("demo", "release", [old.id, new.id]) == new
    assert keys.find("demo", "release", [old.id]) == old
    with pytest.raises(PrivateKeyError, match="None of the private"):
        keys.find("demo", "root", [old.id])
    with pytest.raises(PrivateKeyError, match="None of the private"):
        keys.find("other", "release", [old.id])


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_nobody_else_can_read_a_key(keys: PrivateKeys) -> None:
    key = keys.add("demo", "root")
    file = keys.folder / "demo" / f"root-{key.id}.pem"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    file.chmod(0o644)
    with pytest.raises(PrivateKeyError, match="Others can read") as raised:
        keys.find("demo", "root", [key.id])
    assert f"chmod 600 {file}" in raised.value.fix


def test_a_key_that_cannot_be_read_is_told(keys: PrivateKeys) -> None:
    key = keys.add("demo", "release")
    folder = keys.folder / "demo"
    (folder / "release-folder.pem").mkdir(mode=0o700)
    with pytest.raises(PrivateKeyError, match="cannot be read"):
        keys.find("demo", "release", [key.id])
    (folder / "release-folder.pem").rmdir()
    (folder / "release-lost.pem").symlink_to(folder / "nothing")
    with pytest.raises(PrivateKeyError, match="cannot be read"):
        keys.find("demo", "release", [key.id])


def test_openssl_reads_a_key(keys: PrivateKeys) -> None:
    key = keys.add("demo", "release")
    file = keys.folder / "demo" / f"release-{key.id}.pem"
    shown = subprocess.run(
        ["openssl", "pkey", "-in", file, "-noout", "-text"], capture_output=True, text=True
    )
    assert "ED25519" in shown.stdout


def test_a_variable_may_hold_the_key(keys: PrivateKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    key = keys.add("demo", "release")
    text = (keys.folder / "demo" / f"release-{key.id}.pem").read_text()
    monkeypatch.setenv("OUTPOST_RELEASE_KEY", text)
    elsewhere = PrivateKeys(keys.folder / "nowhere")
    assert elsewhere.find("demo", "release", [key.id]) == key
    monkeypatch.setenv("OUTPOST_RELEASE_KEY", text.replace("M", "?"))
    with pytest.raises(PrivateKeyError, match="OUTPOST_RELEASE_KEY holds no") as raised:
        elsewhere.find("demo", "release", [key.id])
    secret = text.splitlines()[1]
    assert secret not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def put(keys: PrivateKeys, name: str, key: Any, encryption: Any = None) -> None:
    """Somebody puts a key of the game demo there by hand."""
    from cryptography.hazmat.primitives import serialization

    content = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        encryption or serialization.NoEncryption(),
    )
    file = keys.folder / "demo" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(0o600)
    file.write_bytes(content)


def test_keys_of_another_kind_are_refused(keys: PrivateKeys) -> None:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

    put(keys, "root-0.pem", generate_private_key(SECP256R1()))
    with pytest.raises(PrivateKeyError, match="another kind than Ed25519"):
        list(keys.all("demo", "root"))


def test_openssf_keys_of_another_curve_are_refused(keys: PrivateKeys) -> None:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key

    put(keys, "openssf-0.pem", generate_private_key(SECP384R1()))
    with pytest.raises(PrivateKeyError, match="another kind than ECDSA on P-256"):
        keys.openssf("demo")


def test_a_key_with_a_password_is_refused(keys: PrivateKeys) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption

    put(keys, "root-0.pem", Ed25519PrivateKey.generate(), BestAvailableEncryption(b"secret"))
    with pytest.raises(PrivateKeyError, match="no readable private key"):
        list(keys.all("demo", "root"))


def test_no_openssf_key_is_made_that_would_not_sign(
    keys: PrivateKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its public key would be handed out, and verify nothing."""
    key = keys.add_openssf("demo")
    text = (keys.folder / "demo" / f"openssf-{key.id}.pem").read_text()
    monkeypatch.setenv("OUTPOST_OPENSSF_KEY", text)
    with pytest.raises(PrivateKeyError, match="OUTPOST_OPENSSF_KEY signs"):
        keys.add_openssf("demo")
    assert len(list((keys.folder / "demo").iterdir())) == 1


def test_the_newest_openssf_key_signs(keys: PrivateKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    assert keys.openssf("demo") is None
    old, new = keys.add_openssf("demo"), keys.add_openssf("demo")
    file = keys.folder / "demo" / f"openssf-{old.id}.pem"
    os.utime(file, (0, 0))
    found = keys.openssf("demo")
    assert found is not None
    assert found.id == new.id
    if os.name != "nt":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        (keys.folder / "demo" / f"openssf-{new.id}.pem").chmod(0o640)
        with pytest.raises(PrivateKeyError, match="Others can read"):
            keys.openssf("demo")
    monkeypatch.setenv("OUTPOST_OPENSSF_KEY", file.read_text())
    found = keys.openssf("demo")
    assert found is not None
    assert found.id == old.id
    release = keys.add("demo", "release")
    text = (keys.folder / "demo" / f"release-{release.id}.pem").read_text()
    monkeypatch.setenv("OUTPOST_OPENSSF_KEY", text)
    with pytest.raises(PrivateKeyError, match="another kind than ECDSA on P-256"):
        keys.openssf("demo")


def test_keys_never_lie_in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTPOST_KEYS", str(PROJECT_ROOT / "keys"))
    with pytest.raises(PrivateKeyError, match="lies in the repository"):
        PrivateKeys.of_this_user()
    monkeypatch.delenv("OUTPOST_KEYS")
    folder = PrivateKeys.of_this_user().folder
    assert not folder.is_relative_to(PROJECT_ROOT)

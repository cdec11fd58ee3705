"""Private keys: PEM files in the user's own folder, or environment variables.

    <folder>/<model>/root-<id>.pem       signs sets of keys; best kept elsewhere between two uses
    <folder>/<model>/release-<id>.pem    signs versions and channels
    <folder>/<model>/openssf-<id>.pem    signs what is handed over, for tools of others
    <folder>/record-<id>.pem             signs records of how artifacts were made, of any game

The folder is where the system keeps a user's settings, or where OUTPOST_KEYS says. For machines
that have no such folder, OUTPOST_RELEASE_KEY, OUTPOST_ROOT_KEY, OUTPOST_OPENSSF_KEY and
OUTPOST_RECORD_KEY hold the text of a PEM file.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import platformdirs
from detector_runtime.updates.signatures import SigningKey

from pipeline.errors import OutpostError
from pipeline.files import write_once
from pipeline.release.openssf import OpenssfKey
from resources.state import PROJECT_ROOT, is_checkout

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

Role = Literal["root", "release", "record"]
Kind = Role | Literal["openssf"]

FOLDER_VARIABLE = "OUTPOST_KEYS"
KEY_VARIABLES: dict[Kind, str] = {
    "root": "OUTPOST_ROOT_KEY",
    "release": "OUTPOST_RELEASE_KEY",
    "openssf": "OUTPOST_OPENSSF_KEY",
    "record": "OUTPOST_RECORD_KEY",
}
RESTORE = "Restore it from a copy; it begins with -----BEGIN PRIVATE KEY-----."


class PrivateKeyError(OutpostError):
    """A private key that is missing, unreadable, or readable for others."""


@dataclass(frozen=True)
class PrivateKeys:
    """The private keys of this user. Nothing here is logged, and keys show their id alone.

    A model is the one that a key is for; None where it is for no single one, as those that sign
    records are.
    """

    folder: Path

    @classmethod
    def of_this_user(cls) -> PrivateKeys:
        """In the folder that OUTPOST_KEYS names, else in the user's own.

        Raises:
            PrivateKeyError: it lies in the checkout, from where it would be committed some day.
        """
        configured = os.environ.get(FOLDER_VARIABLE)
        default = platformdirs.user_config_path("outpost", appauthor=False) / "keys"
        folder = Path(configured).expanduser().absolute() if configured else default
        if is_checkout() and folder.resolve().is_relative_to(PROJECT_ROOT):
            raise PrivateKeyError(
                f"{folder} lies in the repository, from which private keys get into everybody's "
                "hands.",
                f"Set {FOLDER_VARIABLE} to a folder outside {PROJECT_ROOT}.",
            )
        return cls(folder)

    def add(self, model: str | None, role: Role) -> SigningKey:
        """Make a new key, and keep it: readable for this user alone.

        Raises:
            PrivateKeyError: it cannot be written.
        """
        key = SigningKey.generate()
        self._keep(model, f"{role}-{key.id}", _to_pem(key))
        return key

    def add_openssf(self, model: str) -> OpenssfKey:
        """Make a new key for signatures of OpenSSF, and keep it likewise.

        Raises:
            PrivateKeyError: it cannot be written, or would not be used.
        """
        if os.environ.get(KEY_VARIABLES["openssf"]):
            raise PrivateKeyError(
                f"The key in {KEY_VARIABLES['openssf']} signs, and a new one would not.",
                f"Unset {KEY_VARIABLES['openssf']}; the new key's text can be put there later.",
            )
        key = OpenssfKey.generate()
        self._keep(model, f"openssf-{key.id}", _pem_of(key.private))
        return key

    def find(self, model: str, role: Role, counting: Iterable[str]) -> SigningKey:
        """The newest key of which the public half counts.

        Args:
            counting: ids.

        Raises:
            PrivateKeyError: none is here, or one can be read by others.
        """
        wanted = sorted(counting)
        for key in self.all(model, role):
            if key.id in wanted:
                return key
        raise PrivateKeyError(
            f"None of the private {role} keys of {model} that count is here: {', '.join(wanted)}.",
            f"Copy {role}-<id>.pem into {self._folder_of(model)}, or put its text into "
            f"{KEY_VARIABLES[role]}.",
        )

    def all(self, model: str | None, role: Role) -> Iterator[SigningKey]:
        """Every key of a role that is here: the environment's, then files, the newest first.

        Raises:
            PrivateKeyError: one is unreadable, or can be read by others.
        """
        for content, where in self._contents(model, role):
            yield _from_pem(content, where)

    def openssf(self, model: str) -> OpenssfKey | None:
        """The newest key for signatures of OpenSSF; None where none is here.

        Raises:
            PrivateKeyError: it is unreadable, or can be read by others.
        """
        found = next(self._contents(model, "openssf"), None)
        return None if found is None else _openssf_from_pem(*found)

    def _contents(self, model: str | None, kind: Kind) -> Iterator[tuple[bytes, str]]:
        """PEM texts and where they are: the environment's, then files, the newest first."""
        if text := os.environ.get(KEY_VARIABLES[kind]):
            yield text.encode(), KEY_VARIABLES[kind]
        for file in self._files(model, kind):
            yield _read_private(file), str(file)

    def _keep(self, model: str | None, name: str, content: bytes) -> None:
        file = self._folder_of(model) / f"{name}.pem"
        with self.written():
            file.parent.mkdir(mode=0o700, exist_ok=True)
            write_once(file, content, private=True)

    @contextmanager
    def written(self) -> Iterator[None]:
        """Makes the folder, for this user alone, for a block that writes into it.

        Raises:
            PrivateKeyError: something cannot be written.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            yield
        except OSError as error:
            raise PrivateKeyError(
                f"{self.folder} cannot be written: {error.strerror or error}.",
                f"Give yourself write access, or set {FOLDER_VARIABLE} to another folder.",
            ) from error

    def _files(self, model: str | None, kind: Kind) -> list[Path]:
        """Those of a kind, the newest first."""
        folder = self._folder_of(model)
        try:
            found = [(file.lstat().st_mtime_ns, file) for file in folder.glob(f"{kind}-*.pem")]
        except OSError as error:
            raise _unreadable(folder, error) from error
        return [file for _, file in sorted(found, reverse=True)]

    def _folder_of(self, model: str | None) -> Path:
        return self.folder if model is None else self.folder / model


def _read_private(file: Path) -> bytes:
    try:
        _require_private(file)
        return file.read_bytes()
    except OSError as error:
        raise _unreadable(file, error) from error


def _unreadable(place: Path, error: OSError) -> PrivateKeyError:
    return PrivateKeyError(
        f"The private key {place} cannot be read: {error.strerror or error}.",
        "Give yourself alone read access, or move it away if it is none.",
    )


def _require_private(file: Path) -> None:
    if os.name != "nt" and file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise PrivateKeyError(
            f"Others can read the private key {file}.",
            f"Run `chmod 600 {file}`; if others have had the chance to, revoke it.",
        )


def _to_pem(key: SigningKey) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return _pem_of(Ed25519PrivateKey.from_private_bytes(key.seed))


def _pem_of(key: Ed25519PrivateKey | EllipticCurvePrivateKey) -> bytes:
    """PKCS 8, as openssl reads and writes it."""
    from cryptography.hazmat.primitives import serialization

    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _from_pem(content: bytes, where: str) -> SigningKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = _loaded(content, where)
    if not isinstance(key, Ed25519PrivateKey):
        raise _other_kind(where, "Ed25519")
    return SigningKey(key.private_bytes_raw())


def _openssf_from_pem(content: bytes, where: str) -> OpenssfKey:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey

    key = _loaded(content, where)
    if not (isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1)):
        raise _other_kind(where, "ECDSA on P-256")
    return OpenssfKey(key)


def _loaded(content: bytes, where: str) -> PrivateKeyTypes:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # Its text might say what it was made from: the cause is not shown.
        raise PrivateKeyError(f"{where} holds no readable private key.", RESTORE) from None


def _other_kind(where: str, expected: str) -> PrivateKeyError:
    return PrivateKeyError(f"{where} holds a private key of another kind than {expected}.", RESTORE)

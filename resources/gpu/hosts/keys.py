"""The private key that opens a host: from a file, or kept by the SSH agent.

Formats: OpenSSH's own (PROTOCOL.key), PEM of PKCS#1 and SEC 1, and PKCS#8, each with or without a
passphrase. A key with a passphrase is used through the agent if that holds it, else it is opened
with `PASSPHRASE_VARIABLE`. A key in hardware (FIDO, PROTOCOL.u2f) never leaves it, so only the
agent can sign with it.
"""

from __future__ import annotations

import base64
import binascii
import io
import os
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from pipeline.files import write_once
from resources.gpu.hosts.host_keys import SshError

PASSPHRASE_VARIABLE = "OUTPOST_GPU_SSH_PASSPHRASE"
"""Read when a key is; neither configuration nor a log has it."""
MAGIC = b"openssh-key-v1\0"
HARDWARE = "sk-"
"""First letters of the kinds of key that a security key holds."""
_OPENSSH = "-----BEGIN OPENSSH PRIVATE KEY-----"
_LOCKED = ("-----BEGIN ENCRYPTED PRIVATE KEY-----", "Proc-Type: 4,ENCRYPTED")
_CLASSES: Sequence[tuple[type, type[paramiko.PKey]]] = (
    (Ed25519PrivateKey, paramiko.Ed25519Key),
    (RSAPrivateKey, paramiko.RSAKey),
    (EllipticCurvePrivateKey, paramiko.ECDSAKey),
)


class SshKeyError(SshError):
    """A private key that cannot be used."""


@dataclass(frozen=True)
class _KeyFile:
    """What a file tells without a passphrase.

    Attributes:
        locked: whether it takes a passphrase.
        kind: the kind of key, where that is told.
        public: the public half as it goes over the line, where that is known.
    """

    file: Path
    text: str
    locked: bool
    kind: str
    public: bytes | None


class AgentKey(paramiko.PKey):
    """A key that the SSH agent signs with; the agent is asked anew each time."""

    def __init__(self, public: bytes) -> None:
        """`public` is the public half as it goes over the line."""
        self.public = public
        self.kind: str = paramiko.Message(public).get_text()

    def get_name(self) -> str:
        return self.kind

    def asbytes(self) -> bytes:
        return self.public

    @property
    def _fields(self) -> tuple[str, bytes]:
        return self.kind, self.public

    def can_sign(self) -> bool:
        """Always: that the agent holds it was seen."""
        return True

    def sign_ssh_data(self, data: bytes, algorithm: str | None = None) -> Any:
        """The agent's signature, in bytes.

        Raises:
            SshKeyError: the agent has gone, was locked, or refuses.
        """
        try:
            with closing(paramiko.Agent()) as agent:
                for key in agent.get_keys():
                    if key.blob == self.public:
                        return key.sign_ssh_data(data, algorithm)
        except paramiko.SSHException as error:
            raise SshKeyError(
                f"The SSH agent did not sign with its {self.kind} key: {error}",
                "Touch the security key when it blinks, or confirm the agent's question, in time.",
            ) from None
        raise SshKeyError(
            f"The SSH agent does not hold the {self.kind} key any more.",
            "Start it, unlock it (ssh-add -X) or add the key again (ssh-add FILE).",
        )


def own_key(file: Path) -> paramiko.PKey:
    """The key that opens the hosts that Outpost rents; made on first use, for its owner alone.

    Raises:
        SshKeyError: what lies there cannot be used.
    """
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_once(file, _as_openssh(Ed25519PrivateKey.generate()).encode(), private=True)
    return read_key(file)


def read_key(file: Path) -> paramiko.PKey:
    """A private key, or one that the SSH agent signs with for it.

    Args:
        file: a private key; or a public one, whose private half the agent holds.

    Raises:
        SshKeyError: it cannot be used; says what to do about it.
    """
    found = _look_at(file)
    if found.locked or not found.text or found.kind.startswith(HARDWARE):
        if found.public is not None and _agent_holds(found.public):
            return AgentKey(found.public)
        _require_agent_or_passphrase(found)
    return _with_certificate(_opened(found), file)


def public_line(key: paramiko.PKey) -> str:
    """The public half as one line of `authorized_keys`."""
    return f"{key.get_name()} {key.get_base64()} outpost"


def _look_at(file: Path) -> _KeyFile:
    try:
        text = file.read_bytes().decode("utf-8-sig").replace("\r\n", "\n").strip() + "\n"
    except (OSError, UnicodeDecodeError) as error:
        raise _no_key(file, str(error)) from error
    if (public := _public_of(text)) is not None:
        return _KeyFile(file, "", False, paramiko.Message(public).get_text(), public)
    if text.startswith("PuTTY-User-Key-File"):
        raise SshKeyError(
            f"{file} is a key in PuTTY's format.",
            f"Convert it: puttygen {file} -O private-openssh -o {file.with_suffix('')}",
        )
    if _OPENSSH in text:
        cipher, public = _openssh_header(file, text)
        return _KeyFile(file, text, cipher != b"none", paramiko.Message(public).get_text(), public)
    locked = any(mark in text for mark in _LOCKED)
    return _KeyFile(file, text, locked, "", _public_beside(file))


def _opened(found: _KeyFile) -> paramiko.PKey:
    passphrase = os.environ.get(PASSPHRASE_VARIABLE, "").encode() if found.locked else None
    load: Any = serialization.load_pem_private_key
    if _OPENSSH in found.text:
        load = serialization.load_ssh_private_key
    try:
        private = load(found.text.encode(), passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        if passphrase:
            raise SshKeyError(
                f"The passphrase in {PASSPHRASE_VARIABLE} does not open {found.file}.",
                f"Correct the variable, or try the passphrase: ssh-keygen -y -f {found.file}",
            ) from None
        raise _no_key(found.file, str(error)) from error
    for kind, key_class in _CLASSES:
        if isinstance(private, kind):
            with suppress(ValueError, UnsupportedAlgorithm):  # curves that SSH does not have
                return key_class.from_private_key(io.StringIO(_as_openssh(private)))
    raise SshKeyError(
        f"{found.file} holds a key of a kind that SSH cannot use: "
        f"{type(private).__name__.strip('_').removesuffix('PrivateKey')}.",
        "Make one that is: ssh-keygen -t ed25519",
    )


def _as_openssh(private: Any) -> str:
    content: bytes = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    return content.decode("ascii")


def _with_certificate(key: paramiko.PKey, file: Path) -> paramiko.PKey:
    """As OpenSSH does it: a certificate lies beside its key."""
    certificate = file.with_name(f"{file.name}-cert.pub")
    if certificate.is_file():
        try:
            key.load_certificate(str(certificate))
        except (OSError, ValueError, paramiko.SSHException) as error:
            raise SshKeyError(
                f"{certificate} is not the certificate of {file.name}: {error}",
                "Remove it, or have a new one issued for this key.",
            ) from error
    return key


def _require_agent_or_passphrase(found: _KeyFile) -> None:
    """Raise unless the passphrase is at hand."""
    has_agent = os.environ.get("SSH_AUTH_SOCK")
    asked = "the SSH agent does not hold it" if has_agent else "no SSH agent answers"
    add = f"ssh-add {found.file}, in the shell that starts Outpost"
    if found.kind.startswith(HARDWARE):
        raise SshKeyError(
            f"{found.file} stands for a key in hardware ({found.kind}), which only an SSH agent "
            f"can use, and {asked}.",
            f"Add it to the agent: {add}.",
        )
    if not found.text:
        raise SshKeyError(
            f"{found.file} is a public key, whose private half an SSH agent has to hold, and "
            f"{asked}.",
            "Name the private key (the same without .pub), or add it to the agent: ssh-add FILE.",
        )
    if not os.environ.get(PASSPHRASE_VARIABLE):
        raise SshKeyError(
            f"{found.file} has a passphrase, and {asked}.",
            f"Add it to the agent ({add}), or set {PASSPHRASE_VARIABLE} to the passphrase.",
        )


def _agent_holds(public: bytes) -> bool:
    with suppress(paramiko.SSHException), closing(paramiko.Agent()) as agent:
        return any(key.blob == public for key in agent.get_keys())
    return False


def _openssh_header(file: Path, text: str) -> tuple[bytes, bytes]:
    """Cipher and public half of a key in OpenSSH's format; neither is encrypted."""
    body = text.partition(_OPENSSH)[2].partition("-----END")[0]
    try:
        content = base64.b64decode("".join(body.split()), validate=True)
        if not content.startswith(MAGIC):
            raise ValueError("it does not begin as such keys do")
        message = paramiko.Message(content[len(MAGIC) :])
        cipher = message.get_string()
        message.get_string()
        message.get_string()
        if message.get_int() != 1:
            raise ValueError("it does not hold exactly one key")
        return cipher, message.get_string()
    except (ValueError, IndexError) as error:
        raise _no_key(file, f"it is damaged ({error})") from error


def _public_of(text: str) -> bytes | None:
    """The public half that a line of `authorized_keys` holds; None for anything else."""
    words = text.split(None, 2)
    if len(words) < 2 or not words[0].startswith(("ssh-", "ecdsa-", HARDWARE)):
        return None
    try:
        public = base64.b64decode(words[1], validate=True)
    except (ValueError, binascii.Error):
        return None
    return public if paramiko.Message(public).get_text() == words[0] else None


def _public_beside(file: Path) -> bytes | None:
    """The public half as `ssh-keygen` leaves it beside the private one."""
    with suppress(OSError, UnicodeDecodeError):
        return _public_of(file.with_name(f"{file.name}.pub").read_text(encoding="utf-8"))
    return None


def _no_key(file: Path, why: str) -> SshKeyError:
    return SshKeyError(
        f"{file} is not a private SSH key that can be used: {why}",
        "Name a key that `ssh-keygen -y -f FILE` can read, or make one: ssh-keygen -t ed25519",
    )

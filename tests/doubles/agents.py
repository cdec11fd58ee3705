"""SSH agents: OpenSSH's own, and one with security keys of software.

A security key signs what FIDO defines (digests of application and message, flags, a counter), so
that a real server verifies it as one that was touched.
Source: openssh-portable, PROTOCOL.u2f and PROTOCOL.agent (draft-ietf-sshm-ssh-agent).
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import socketserver
import struct
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

APPLICATION = b"ssh:"
TOUCHED = 1

needs_agent = pytest.mark.skipif(
    shutil.which("ssh-agent") is None, reason="needs ssh-agent: apt-get install openssh-client"
)


def text(content: bytes) -> bytes:
    """A string as SSH writes it."""
    return struct.pack(">I", len(content)) + content


def whole(number: int) -> bytes:
    """A positive number as SSH writes it (mpint)."""
    return text(number.to_bytes(number.bit_length() // 8 + 1, "big"))


@dataclass
class SecurityKey:
    """A security key of one of the two kinds that OpenSSH knows.

    Attributes:
        kind: "sk-ssh-ed25519@openssh.com" or "sk-ecdsa-sha2-nistp256@openssh.com".
        touched: whether somebody touches it when it is asked to sign.
    """

    kind: str
    touched: bool = True
    counter: int = 0
    private: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey = field(init=False)

    def __post_init__(self) -> None:
        ed = "ed25519" in self.kind
        self.private = (
            ed25519.Ed25519PrivateKey.generate() if ed else ec.generate_private_key(ec.SECP256R1())
        )

    @property
    def public(self) -> bytes:
        """The public half as it goes over the line."""
        public = self.private.public_key()
        if isinstance(public, ed25519.Ed25519PublicKey):
            point = text(public.public_bytes_raw())
        else:
            form = serialization.PublicFormat.UncompressedPoint
            raw = public.public_bytes(serialization.Encoding.X962, form)
            point = text(b"nistp256") + text(raw)
        return text(self.kind.encode()) + point + text(APPLICATION)

    @property
    def line(self) -> str:
        """For `authorized_keys`."""
        return f"{self.kind} {base64.b64encode(self.public).decode()} security key"

    def write(self, file: Path) -> Path:
        """What `ssh-keygen -t ed25519-sk` leaves on the disk: the public half, and a handle."""
        check = os.urandom(4) * 2
        private = check + self.public + bytes([TOUCHED]) + text(os.urandom(64)) + text(b"")
        private += text(b"security key")
        private += bytes(range(1, -len(private) % 8 + 1))
        content = b"openssh-key-v1\0" + text(b"none") + text(b"none") + text(b"")
        content += struct.pack(">I", 1) + text(self.public) + text(private)
        body = base64.encodebytes(content).decode()
        file.write_text(
            f"-----BEGIN OPENSSH PRIVATE KEY-----\n{body}-----END OPENSSH PRIVATE KEY-----\n"
        )
        return file

    def sign(self, message: bytes) -> bytes:
        """A signature as it goes over the line."""
        self.counter += 1
        state = bytes([TOUCHED]) + struct.pack(">I", self.counter)
        application = hashlib.sha256(APPLICATION).digest()
        signed = application + state + hashlib.sha256(message).digest()
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            signature = self.private.sign(signed)
        else:
            der = self.private.sign(signed, ec.ECDSA(hashes.SHA256()))
            signature = b"".join(map(whole, utils.decode_dss_signature(der)))
        return text(self.kind.encode()) + text(signature) + state


class _Conversation(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while len(head := self.rfile.read(4)) == 4:
            message = self.rfile.read(struct.unpack(">I", head)[0])
            self.wfile.write(text(self._answer(message)))

    def _answer(self, message: bytes) -> bytes:
        keys: list[SecurityKey] = self.server.keys  # type: ignore[attr-defined]
        if message[0] == 11:
            listed = b"".join(text(key.public) + text(b"") for key in keys)
            return b"\x0c" + struct.pack(">I", len(keys)) + listed
        if message[0] == 13:
            (size,) = struct.unpack(">I", message[1:5])
            public, rest = message[5 : 5 + size], message[5 + size :]
            (length,) = struct.unpack(">I", rest[:4])
            for key in keys:
                if key.public == public and key.touched:
                    return b"\x0e" + text(key.sign(rest[4 : 4 + length]))
        return b"\x05"


class _Refusal(_Conversation):
    def _answer(self, message: bytes) -> bytes:
        return b"\x05"


def agent_with_security_keys(socket: Path, *keys: SecurityKey) -> AbstractContextManager[None]:
    """An agent at a socket, for the time of a block."""
    return _agent(socket, _Conversation, keys)


def agent_that_refuses(socket: Path) -> AbstractContextManager[None]:
    """An agent that answers whatever it is asked with its failure."""
    return _agent(socket, _Refusal, ())


@contextmanager
def _agent(
    socket: Path, conversation: type[_Conversation], keys: Sequence[SecurityKey]
) -> Iterator[None]:
    with socketserver.ThreadingUnixStreamServer(str(socket), conversation) as server:
        server.keys = keys  # type: ignore[attr-defined]
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def ssh_agent(socket: Path) -> Iterator[None]:
    """OpenSSH's own agent at a socket, without keys, for the time of a block."""
    with subprocess.Popen(
        ["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL
    ) as process:
        try:
            while not socket.exists():
                if process.poll() is not None:
                    raise RuntimeError("ssh-agent did not start")
            yield
        finally:
            process.terminate()


def add_to_agent(socket: Path, key: Path, passphrase: str = "") -> None:
    """What a user does by `ssh-add`, typing the passphrase."""
    asks = key.with_name("askpass")
    asks.write_text(f"#!/bin/sh\necho '{passphrase}'\n")
    asks.chmod(0o700)
    environment = {
        **os.environ,
        "SSH_AUTH_SOCK": str(socket),
        "SSH_ASKPASS": str(asks),
        "SSH_ASKPASS_REQUIRE": "force",
    }
    subprocess.run(["ssh-add", "-q", str(key)], env=environment, check=True, capture_output=True)
